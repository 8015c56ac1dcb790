import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { root } from '../../scripts/set-up.mjs'
import { assertPublished } from '../cli/published.ts'

/** What one run of the program left behind. */
export interface Finished {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
  /** The most memory it held at any time (VmHWM), in bytes; null where the system does not say. */
  readonly peakBytes: number | null
}

const PROGRAM = join(root, 'dist', 'src', 'cli', 'main.js')
const SAMPLE_EVERY_MS = 20

/**
 * Starts the built program as a user would and waits for its end. `input` is handed over on descriptor 3. Only
 * `home` of the environment is the program's own. JSON must be as published.
 */
export async function runProgram(
  args: readonly string[],
  place: { readonly folder: string; readonly home: string; readonly input?: string },
): Promise<Finished> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: place.folder,
    env: { PATH: process.env['PATH'], HOME: place.home, SEALPOST_HOME: join(place.home, 'workspace') },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  ;(child.stdio[3] as Writable).end(place.input ?? '')
  const stdout = collect(child.stdout as Readable)
  const stderr = collect(child.stderr as Readable)
  let peakBytes: number | null = null
  const sampling = setInterval(() => {
    peakBytes = peakOf(child.pid) ?? peakBytes
  }, SAMPLE_EVERY_MS)
  try {
    const [exitCode] = (await once(child, 'close')) as [number | null]
    const finished = { exitCode, stdout: await stdout, stderr: await stderr, peakBytes }
    assertPublished(args, finished.stdout)
    return finished
  } finally {
    clearInterval(sampling)
  }
}

async function collect(stream: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces).toString('utf8')
}

function peakOf(pid: number | undefined): number | null {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]
    return kilobytes === undefined ? null : Number(kilobytes) * 1024
  } catch {
    return null
  }
}
