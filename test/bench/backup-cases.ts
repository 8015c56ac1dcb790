import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { measure, median, type Measured } from './measure.ts'
import type { Row } from './report.ts'
import { absent, openHome, PROGRAM, sealpost } from './tools.ts'
import { fillMaildir, type Workload } from './workloads.ts'

/** What sealing has to reach on one core: MB/s. */
const GOAL = 300
const SEALED_BYTES = 512_000_000
/** So much mail, and three times as much. */
const MAILBOX_BYTES = 300_000_000
const MESSAGE_BYTES = 50_000

async function onOneCore(argv: readonly string[]): Promise<Measured> {
  const pinned = absent('taskset') === null ? ['taskset', '-c', '0', ...argv] : argv
  const used = await measure({ argv: pinned, cwd: process.cwd(), env: {} })
  if (used.exitCode !== 0) throw new Error(`${argv.join(' ')}: ${used.stderr}`)
  return used
}

/** Sealing on one core: the payload alone, whole volumes, and the `age` program on as many bytes, in turn. */
export async function sealing(runs: number, note: (row: Row) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sealpost-bench-'))
  try {
    const { stdout } = spawnSync('age-keygen', [], { encoding: 'utf8' })
    const recipient = /public key: (age1\w+)/.exec(stdout)?.[1] ?? ''
    const plain = join(folder, 'plain')
    writeRandom(plain, SEALED_BYTES)
    const times = new Map<string, { readonly seconds: number[]; readonly cpu: number[] }>()
    const keep = (tool: string, seconds: number, cpuSeconds: number): void => {
      const { seconds: before, cpu } = times.get(tool) ?? { seconds: [], cpu: [] }
      times.set(tool, { seconds: [...before, seconds], cpu: [...cpu, cpuSeconds] })
    }
    for (let round = 0; round < runs; round++) {
      for (const what of ['payload', 'archive']) {
        const out = join(folder, `${what}-${round}`)
        mkdirSync(out)
        const script = join(import.meta.dirname, 'seal.ts')
        const words = [process.execPath, '--import', 'tsx', script, what, String(SEALED_BYTES), out, recipient]
        for (const line of (await onOneCore(words)).stdout.trim().split('\n')) {
          const told = JSON.parse(line) as { what: string; seconds: number; cpuSeconds: number }
          keep(told.what, told.seconds, told.cpuSeconds)
        }
        rmSync(out, { recursive: true })
      }
      if (absent('age') !== null) continue
      const out = join(folder, 'sealed.age')
      const { seconds, cpuSeconds } = await onOneCore(['age', '-r', recipient, '-o', out, plain])
      keep('age -r', seconds, cpuSeconds)
      rmSync(out)
    }
    for (const [tool, { seconds, cpu }] of times) {
      const messages = tool.startsWith('volumes') ? Math.ceil(SEALED_BYTES / MESSAGE_BYTES) : 1
      const cpuSeconds = median(cpu)
      const rate = SEALED_BYTES / cpuSeconds / 1e6
      note({
        ...{ name: 'seal', tool, messages, bytes: SEALED_BYTES, seconds, cpuSeconds, peakBytes: null },
        remark: `${rate.toFixed(0)} MB a second of CPU, ${(rate / GOAL).toFixed(2)} x the goal`,
      })
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** One mailbox backed up and verified, and another of three times the size: the peak of memory must not grow with it. */
export async function backups(scale: number, note: (row: Row) => void): Promise<void> {
  const peaks = new Map<string, number>()
  for (const times of [1, 3]) {
    const folder = mkdtempSync(join(tmpdir(), 'sealpost-bench-'))
    try {
      const home = openHome({ folder })
      try {
        const messages = Math.round((times * scale * MAILBOX_BYTES) / MESSAGE_BYTES)
        const project = join(folder, 'project')
        sealpost(['init', project, '--client', 'Bench'], folder, home.env)
        const bytes = fillMailbox({ name: 'backup', messages, mailboxes: 1, size: () => MESSAGE_BYTES }, project)
        const key = join(folder, 'key.txt')
        spawnSync('age-keygen', ['-o', key])
        const { stdout: recipient } = spawnSync('age-keygen', ['-y', key], { encoding: 'utf8' })
        const commands = {
          backup: ['backup', '--recipient', recipient.trim(), '--to', 'out', '--json'],
          'backup, mbox': [
            'backup',
            '--recipient',
            recipient.trim(),
            '--to',
            'mbox',
            '--format',
            'mbox',
            '--json',
          ],
          'backup verify': ['backup', 'verify', '--identity', key],
        }
        let written: readonly string[] = []
        for (const [tool, words] of Object.entries(commands)) {
          const files = tool === 'backup verify' ? written : []
          const argv = [process.execPath, PROGRAM, ...words, ...files]
          const used = await measure({ argv, cwd: project, env: home.env })
          if (used.exitCode !== 0) throw new Error(`${tool}: ${used.stdout}\n${used.stderr}`)
          if (tool === 'backup') written = filesOf(used)
          const before = peaks.get(tool)
          peaks.set(tool, used.peakBytes)
          const { seconds, cpuSeconds, peakBytes } = used
          note({
            ...{ name: 'backup', tool, messages, bytes, seconds: [seconds], cpuSeconds, peakBytes },
            ...(before === undefined
              ? {}
              : { remark: `peak ${(peakBytes / before).toFixed(2)} x that of a third` }),
          })
        }
      } finally {
        home.close()
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

function fillMailbox(workload: Workload, project: string): number {
  writeFileSync(
    join(project, 'project.yaml'),
    'version: 1\nclient: Bench\nsource: { kind: maildir, path: "old/{account}" }\ndestination: { kind: maildir, path: "new/{account}" }\n',
  )
  writeFileSync(join(project, 'mailboxes.csv'), 'source,destination\nanna,anna\n')
  mkdirSync(join(project, 'old'))
  return fillMaildir(workload, join(project, 'old', 'anna'))
}

function filesOf({ stdout }: Measured): readonly string[] {
  const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { volumes: readonly { file: string }[] }
  return last.volumes.map(({ file }) => file)
}

function writeRandom(path: string, bytes: number): void {
  const piece = randomBytes(1 << 20)
  const file = openSync(path, 'w')
  for (let left = bytes; left > 0; left -= piece.length) writeSync(file, piece, 0, Math.min(left, piece.length))
  closeSync(file)
}
