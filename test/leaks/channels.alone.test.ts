import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PASSPHRASE, Place, PROGRAM } from '../cli/program.ts'

const KDF_CHILD = fileURLToPath(new URL('../../vault/kdf-child.mjs', import.meta.url))
const LINUX = process.platform === 'linux'

let place: Place

beforeAll(async () => {
  place = await Place.open()
  await place.init()
})
afterAll(async () => {
  await place.close()
})

/** Inodes of the sockets that a process has open. */
function socketsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
      } catch {
        return []
      }
    })
  } catch {
    return []
  }
}

/** TCP ports on which a process listens; Node's debugger would be one. */
function portsOf(pid: number): readonly number[] {
  const own = new Set(socketsOf(pid))
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
    readFileSync(table, 'utf8')
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const fields = line.trim().split(/\s+/)
        const listens = fields[3] === '0A' && own.has(fields[9] ?? '')
        return listens ? [Number.parseInt(fields[1]?.split(':')[1] ?? '', 16)] : []
      }),
  )
}

/** The process that listens on the socket of an agent below this folder. */
function agentBelow(folder: string): number | null {
  const inode = readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .find((line) => line.includes(folder))
    ?.split(/\s+/)[6]
  if (inode === undefined) return null
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const found = pids.find((pid) => socketsOf(Number(pid)).includes(inode))
  return found === undefined ? null : Number(found)
}

describe('what Node would do by itself is refused before anything is read', () => {
  it.each([
    ['--report-on-signal', 'UNSAFE_RUNTIME'],
    ['--heapsnapshot-signal=SIGUSR2', 'UNSAFE_RUNTIME'],
    ['--heapsnapshot-near-heap-limit=1', 'UNSAFE_RUNTIME'],
    ['--inspect=127.0.0.1:0', 'UNSAFE_RUNTIME'],
    ['--tls-min-v1.0', 'UNSAFE_RUNTIME'],
    ['--tls-keylog=keys', 'UNSAFE_RUNTIME'],
    ['--require ./spy.cjs', 'UNSAFE_RUNTIME'],
  ])('NODE_OPTIONS=%s', async (option, code) => {
    const environment = { NODE_OPTIONS: option === '--require ./spy.cjs' ? '--require node:fs' : option }
    const { exitCode, stdout } = await place.run(['credentials', 'list', '--json'], { environment })
    expect(exitCode).toBe(2)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code } })
    // No dump, no key log: nothing was written here.
    expect(readdirSync(place.project).sort()).toEqual(['.sealpost', 'mailboxes.csv', 'project.yaml'])
  })

  it.each([
    ['NODE_TLS_REJECT_UNAUTHORIZED', '0', 'TLS_NOT_VERIFIED'],
    ['NODE_DEBUG', 'tls', 'UNSAFE_ENVIRONMENT'],
    ['SSLKEYLOGFILE', 'keys', 'UNSAFE_ENVIRONMENT'],
    ['SEALPOST_PASSPHRASE', PASSPHRASE, 'SECRET_IN_ENVIRONMENT'],
  ])('%s=%s', async (name, value, code) => {
    const { exitCode, stdout, stderr } = await place.run(['credentials', 'list', '--json'], {
      environment: { [name]: value },
    })
    expect(exitCode).toBe(2)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code } })
    expect(stdout + stderr).not.toContain(PASSPHRASE)
  })

  it('a secret among the arguments, which is not repeated', async () => {
    const { exitCode, stdout, stderr } = await place.run(['run', '--password=hunter2hunter2'])
    expect(exitCode).toBe(2)
    expect(stdout + stderr).not.toContain('hunter2')
  })
})

describe.skipIf(!LINUX)('a process that holds secrets', () => {
  it('writes no report and no snapshot on a signal', async () => {
    const running = spawn(process.execPath, [...PROGRAM, 'credentials', 'list', '--passphrase-fd', '0'], {
      cwd: place.project,
      env: { PATH: process.env['PATH'], HOME: place.folder, SEALPOST_HOME: place.home },
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    await sleep(1500)
    running.kill('SIGUSR2')
    await once(running, 'exit')
    expect(running.signalCode).toBe('SIGUSR2')
    expect(readdirSync(place.project).sort()).toEqual(['.sealpost', 'mailboxes.csv', 'project.yaml'])
  })

  it('that derives keys opens no debugger on SIGUSR1', async () => {
    const child = spawn(process.execPath, [KDF_CHILD], {
      env: {},
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const told: Buffer[] = []
    const answer: Buffer[] = []
    child.stderr.on('data', (bytes: Buffer) => told.push(bytes))
    child.stdout.on('data', (bytes: Buffer) => answer.push(bytes))
    await sleep(2500)
    child.kill('SIGUSR1')
    await sleep(500)
    expect(portsOf(child.pid ?? 0)).toEqual([])
    const request = { memoryMebibytes: 8, passes: 1, salt: Buffer.alloc(16).toString('base64'), outputBytes: 32 }
    child.stdin.end(`${JSON.stringify(request)}\nsome passphrase`)
    const [code] = (await once(child, 'close')) as [number]
    expect({ code, bytes: Buffer.concat(answer).length, told: Buffer.concat(told).toString() }).toEqual({
      code: 0,
      bytes: 32,
      told: '',
    })
  })

  it('that derives keys takes nothing while a debugger is open already', async () => {
    const open = 'data:text/javascript,import{open}from"node:inspector";open(0,"127.0.0.1")'
    const child = spawn(process.execPath, ['--import', open, KDF_CHILD], {
      env: {},
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    child.stdin.on('error', () => undefined)
    child.stdin.end('{}\nsome passphrase')
    const [code] = (await once(child, 'close')) as [number]
    expect(code).toBe(4)
  })

  it('and stays in the background shows nothing of itself', async () => {
    const runtime = join(place.folder, 'run')
    const environment = { XDG_RUNTIME_DIR: runtime }
    const { exitCode } = await place.run(['unlock'], { environment })
    expect(exitCode).toBe(0)
    const agent = agentBelow(runtime)
    if (agent === null) throw new Error('the agent was not found')
    const read = (name: string): string => readFileSync(`/proc/${agent}/${name}`, 'latin1')
    expect(read('environ')).toBe('')
    expect(read('cmdline')).toMatch(/agent-main\.[jt]s\0$/)
    expect(read('limits')).toMatch(existsSync('/usr/bin/prlimit') ? /^Max core file size\s+1\s+1\s/m : /core/)
    process.kill(agent, 'SIGUSR1')
    await sleep(500)
    expect(portsOf(agent)).toEqual([])
    expect(await place.bare(['credentials', 'list'], { cwd: place.project, environment })).toMatchObject({
      exitCode: 0,
      stderr: '',
    })
    expect((await place.bare(['lock'], { environment })).exitCode).toBe(0)
    for (let look = 0; agentBelow(runtime) !== null && look < 100; look++) await sleep(50)
    expect(agentBelow(runtime)).toBeNull()
  })
})
