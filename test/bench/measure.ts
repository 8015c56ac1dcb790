import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A command and where it runs. */
export interface Command {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** What one run of a command took, as the kernel counted it: the whole process, from its start to its end. */
export interface Measured {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakBytes: number
  readonly exitCode: number
  /** What it printed; the end of it alone where that is much. */
  readonly stdout: string
  readonly stderr: string
}

const KEPT_CHARACTERS = 4_000_000
/** Whatever runs longer hangs. */
const LONGEST_MS = 20 * 60_000

/** Hears a line of a command's output when it comes; `cpuSeconds` is what the command has used until now. */
export type LineListener = (line: string, cpuSeconds: () => number) => void

/** Runs a command to its end. */
export async function measure(command: Command, onLine: LineListener = () => undefined): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'sealpost-measure-'))
  const file = join(folder, 'used.json')
  try {
    const cpuSeconds = (): number => cpuSecondsOf(readFileSync(`${file}.pid`, 'utf8'))
    const child = spawn('python3', [join(import.meta.dirname, 'measure.py'), file, ...command.argv], {
      cwd: command.cwd,
      env: { PATH: process.env['PATH'] ?? '', ...command.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const killing = setTimeout(() => {
      child.kill('SIGKILL')
    }, LONGEST_MS)
    let [stdout, stderr, rest] = ['', '', '']
    child.stdout.on('data', (piece: Buffer) => {
      stdout = (stdout + piece.toString('utf8')).slice(-KEPT_CHARACTERS)
      const lines = (rest + piece.toString('utf8')).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onLine(line, cpuSeconds)
    })
    child.stderr.on(
      'data',
      (piece: Buffer) => (stderr = (stderr + piece.toString('utf8')).slice(-KEPT_CHARACTERS)),
    )
    await new Promise((resolve, reject) => {
      child.on('close', resolve)
      child.on('error', reject)
    })
    clearTimeout(killing)
    if (!existsSync(file)) throw new Error(`${command.argv.join(' ')}: was killed\n${stderr}`)
    const used = JSON.parse(readFileSync(file, 'utf8')) as Omit<Measured, 'stdout' | 'stderr'>
    return { ...used, stdout, stderr }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What the kernel says of a process (proc_pid_stat(5)), times in seconds. */
interface ProcessTimes {
  readonly parent: string
  readonly own: number
  /** Of those that it has started and waited for. */
  readonly waitedFor: number
}

/** User and system time of a living process. */
function cpuSecondsOf(pid: string): number {
  return timesOf(pid)?.own ?? Number.NaN
}

/** Of a process, of all that it has started and that still lives, and of what those have waited for. */
export function secondsOfTree(root: string): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const times = pids.flatMap((pid) => {
    const found = timesOf(pid)
    return found === null ? [] : [{ pid, ...found }]
  })
  const secondsOf = (pid: string): number =>
    times
      .filter(({ pid: each, parent }) => each === pid || parent === pid)
      .reduce((sum, each) => sum + (each.pid === pid ? each.own + each.waitedFor : secondsOf(each.pid)), 0)
  return secondsOf(root)
}

/** Null for a process that has ended. */
function timesOf(pid: string): ProcessTimes | null {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return null
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const seconds = (field: number): number => Number(fields[field - 3] ?? 0) / 100
  return { parent: fields[1] ?? '', own: seconds(14) + seconds(15), waitedFor: seconds(16) + seconds(17) }
}

/** The middle one; of an even number the lower of the two. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN
}
