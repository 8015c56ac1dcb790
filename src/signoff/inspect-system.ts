import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { NOT_READABLE, type EnvironmentFinding } from '../core/certificate.ts'

/** How this process was started; what only the composition root knows. */
export interface ProcessFacts {
  /** Version of Node, without a `v`. */
  readonly node: string
  /** It came with the program in one archive, and is replaced with it alone. */
  readonly nodeIsPacked: boolean
  /** The umask that the process was given, before it set its own; null where the system has none. */
  readonly umask: number | null
  /** Options that Node was started with, on its command line and in NODE_OPTIONS. */
  readonly options: readonly string[]
  /** Variables of the environment that bring foreign code or authorities into the process, by name. */
  readonly variables: readonly string[]
}

const COMMAND_TIMEOUT_MS = 5000

/** Last day of security updates of the even releases of Node (nodejs.org, release schedule). */
const NODE_ENDS: Readonly<Record<number, number>> = {
  20: Date.UTC(2026, 3, 30),
  22: Date.UTC(2027, 3, 30),
  24: Date.UTC(2028, 3, 30),
}

/** Whether others may enter the program's own folders. Folders that are not there yet are passed over. */
export async function permissionFinding(folders: readonly string[]): Promise<EnvironmentFinding> {
  const code = 'permissions'
  const own = process.getuid?.()
  if (own === undefined) return { code, state: 'unknown', text: `permissions of the folders: ${NOT_READABLE}` }
  const open: string[] = []
  for (const folder of folders) {
    const facts = await stat(folder).catch(() => null)
    if (facts !== null && ((facts.mode & 0o077) !== 0 || facts.uid !== own)) open.push(folder)
  }
  if (open.length === 0) {
    return { code, state: 'good', text: 'only this user may enter the folders of workspace and project' }
  }
  return { code, state: 'adverse', text: `others may enter, or own: ${open.join(', ')}` }
}

/** Whether files that other programs write here can be changed by others. This program makes its own files private. */
export function umaskFinding(umask: number | null): EnvironmentFinding {
  const code = 'umask'
  if (umask === null) return { code, state: 'unknown', text: `umask: ${NOT_READABLE}` }
  const octal = umask.toString(8).padStart(4, '0')
  return (umask & 0o002) === 0
    ? {
        code,
        state: 'adverse',
        text: `the umask is ${octal}: what other programs write can be changed by everybody`,
      }
    : { code, state: 'good', text: `the umask is ${octal}; files of this program are made private whatever it is` }
}

/** Whether this machine answers calls from the network. */
export async function listenerFinding(): Promise<EnvironmentFinding> {
  const code = 'listeners'
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8').catch(() => null)),
  )
  if (tables.every((table) => table === null)) {
    return { code, state: 'unknown', text: `listening ports: ${NOT_READABLE}` }
  }
  const ports = [...new Set(tables.flatMap((table) => openPorts(table ?? '')))].sort((a, b) => a - b)
  if (ports.length === 0) return { code, state: 'good', text: 'no TCP port is open to the network' }
  const shown = ports.slice(0, 12).join(', ')
  const more = ports.length > 12 ? ` and ${ports.length - 12} more` : ''
  return { code, state: 'adverse', text: `TCP ports are open to the network, a firewall aside: ${shown}${more}` }
}

/** Ports of a table of /proc/net/tcp (proc(5)) that listen on more than the loopback. */
export function openPorts(table: string): readonly number[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local, , state] = line.trim().split(/\s+/)
      const [address, port] = (local ?? '').split(':')
      if (state !== '0A' || address === undefined || port === undefined) return []
      const isLoopback = /^(?:.{6}7F|0{24}01000000|0{16}FFFF0000.{6}7F)$/.test(address)
      return isLoopback ? [] : [Number.parseInt(port, 16)]
    })
}

/** Whether something keeps this machine's clock right. */
export async function clockFinding(): Promise<EnvironmentFinding> {
  const code = 'clock'
  const said = (await answerOf('timedatectl', ['show', '--property', 'NTPSynchronized', '--value']))?.trim()
  const chrony = said === 'yes' ? null : await answerOf('chronyc', ['-n', 'tracking'])
  if (said === 'yes' || (chrony !== null && /^Leap status\s*:\s*Normal/m.test(chrony))) {
    return { code, state: 'good', text: 'the clock is kept by a time service' }
  }
  if (said === 'no' || chrony !== null) {
    return {
      code,
      state: 'adverse',
      text: 'the clock is not kept by a time service: dates in documents may be wrong',
    }
  }
  return { code, state: 'unknown', text: 'whether a time service keeps the clock is unknown' }
}

/** Whether Node was told to load, show or trust more than it does by itself. What is dangerous is refused at the start already. */
export function runtimeFinding({ options, variables }: ProcessFacts): EnvironmentFinding {
  const code = 'runtime'
  const set = [...options, ...variables]
  if (set.length === 0) return { code, state: 'good', text: 'Node runs without options of its own' }
  return { code, state: 'adverse', text: `Node was started with ${set.join(', ')}` }
}

/** Whether this release of Node gets security updates still. */
export function versionFinding({ node, nodeIsPacked }: ProcessFacts, now: number): EnvironmentFinding {
  const code = 'versions'
  const major = Number(node.split('.', 1)[0])
  const end = NODE_ENDS[major]
  const name = `Node ${node}${nodeIsPacked ? ' (packed with sealpost)' : ''}`
  if (end === undefined)
    return { code, state: 'unknown', text: `${name}: how long it gets updates is not known here` }
  const day = new Date(end).toISOString().slice(0, 10)
  return now > end + 86_400_000
    ? { code, state: 'adverse', text: `${name} has had no security updates since ${day}` }
    : { code, state: 'good', text: `${name}, with security updates until ${day}` }
}

function answerOf(command: string, words: readonly string[]): Promise<string | null> {
  const options = {
    timeout: COMMAND_TIMEOUT_MS,
    windowsHide: true,
    env: { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  }
  return new Promise((resolve) => {
    execFile(command, [...words], options, (error, stdout) => resolve(error === null ? stdout : null))
  })
}
