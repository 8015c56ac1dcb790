/**
 * `npm run bench [-- --only W1,W3] [--runs 5] [--scale 1] [--json]`: Sealpost and every other tool that is installed, in
 * turn, on the same mail between the same two servers; what the servers alone need, in the same run. Quote medians and
 * ratios of one run: an absolute time says more about the machine than about the program.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setArena, type Arena, type Bout, type Network } from './arena.ts'
import { backups, sealing } from './backup-cases.ts'
import { measure, median, type Measured } from './measure.ts'
import { printReport, type Row } from './report.ts'
import {
  doveadmBackup,
  imapsync,
  mbsync,
  offlineimap,
  openHome,
  sealpostTool,
  type Home,
  type Tool,
} from './tools.ts'
import { WORKLOADS, type Workload } from './workloads.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    runs: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    peers: { type: 'string', default: 'all' },
    json: { type: 'boolean', default: false },
  },
})
const runs = Number(values.runs)
const scale = Number(values.scale)
const rows: Row[] = []

/** Tools that take minutes run once: their place is clear without a median. */
const SLOW: ReadonlySet<string> = new Set(['offlineimap', 'imapsync'])
const PEERS: readonly Tool[] = [mbsync, doveadmBackup, offlineimap, imapsync]

/** The cases of docs/performance.md. `first`: everything is moved; `second`: all has been moved before. */
const CASES: Readonly<Record<string, () => Promise<void>>> = {
  W1: () => compare('W1', named('large'), null),
  W2: () => compare('W2', named('small'), null),
  W3: () => compare('W3', named('large'), { roundTrip: 40 }),
  W4: () => compare('W4', named('small'), { roundTrip: 40 }),
  W5: () => compare('W5', named('one'), { roundTrip: 40 }),
  W6: () => secondPasses(named('many')),
  W7: () => compare('W7', named('huge'), null),
  W8: () => longMailbox(named('endless')),
  compress: () => compressing(named('large')),
  verify: () => fullVerify(named('large')),
  seal: () => sealing(runs, note),
  backup: () => backups(scale, note),
}

function named(name: string): Workload {
  const workload = WORKLOADS[name]
  if (workload === undefined) throw new Error(name)
  return { ...workload, messages: Math.max(workload.mailboxes, Math.round(workload.messages * scale)) }
}

async function inArena(
  workload: Workload,
  network: Network | null,
  work: (arena: Arena, home: Home) => Promise<void>,
  destinationSettings = '',
): Promise<void> {
  const arena = await setArena(workload, network, destinationSettings)
  try {
    const home = openHome(arena)
    try {
      await work(arena, home)
    } finally {
      home.close()
    }
  } finally {
    await arena.stop()
  }
}

function mustHaveWorked(tool: string, used: Measured): Measured {
  if (used.exitCode !== 0) throw new Error(`${tool}: exit code ${used.exitCode}\n${used.stdout}\n${used.stderr}`)
  return used
}

function note(row: Row): void {
  rows.push(row)
  if (!values.json)
    process.stderr.write(`${row.name} ${row.tool}: ${row.seconds.map((s) => s.toFixed(2)).join(' ')} s\n`)
}

/** A first pass by every tool in turn, so often as asked, each into an account of its own. */
async function compare(name: string, workload: Workload, network: Network | null): Promise<void> {
  await inArena(workload, network, async (arena, home) => {
    const peers =
      values.peers === 'all' ? PEERS : PEERS.filter((tool) => values.peers.split(',').includes(tool.name))
    const tools = [sealpostTool(home), ...peers].filter((tool) => tool.why() === null)
    const results = new Map<string, Measured[]>()
    const servers = new Map<string, number[]>()
    const floors = new Map<string, number[]>()
    const noteFloor = (what: string, seconds: number): void =>
      void floors.set(what, [...(floors.get(what) ?? []), seconds])
    // The first round warms the servers' caches and is not counted.
    for (let round = 0; round <= runs; round++) {
      for (const tool of tools) {
        if (SLOW.has(tool.name) ? round !== 1 : round === 0 && tool.name !== 'sealpost') continue
        const bout = arena.newBout()
        const command = tool.prepare(arena, bout)
        const before = await arena.serverSeconds()
        const used = mustHaveWorked(tool.name, await measure(command))
        const after = await arena.serverSeconds()
        const fault = arena.faultOf(bout, tool.keepsBytes && round <= 1)
        if (fault !== null) throw new Error(`${name} ${tool.name}: ${fault}`)
        if (round === 0) continue
        results.set(tool.name, [...(results.get(tool.name) ?? []), used])
        servers.set(tool.name, [...(servers.get(tool.name) ?? []), after - before])
      }
      if (round === 0) continue
      noteFloor('bare reading', await floor(arena, arena.newBout(), ['read']))
      noteFloor('bare appending', await floor(arena, arena.newBout(), ['append']))
      noteFloor('both at once', await floor(arena, arena.newBout(), ['read', 'append']))
    }
    const facts = { name, messages: workload.messages, bytes: arena.bytes }
    for (const [tool, used] of results)
      note({ ...facts, tool, ...figures(used), serverSeconds: median(servers.get(tool) ?? []) })
    for (const [tool, seconds] of floors) note({ ...facts, tool, seconds, cpuSeconds: null, peakBytes: null })
  })
}

function figures(used: readonly Measured[]): Pick<Row, 'seconds' | 'cpuSeconds' | 'peakBytes'> {
  return {
    seconds: used.map(({ seconds }) => seconds),
    cpuSeconds: median(used.map(({ cpuSeconds }) => cpuSeconds)),
    peakBytes: median(used.map(({ peakBytes }) => peakBytes)),
  }
}

/** Seconds of what the servers alone need, until the last is done where it is both: they begin together. */
async function floor(arena: Arena, bout: Bout, parts: readonly ('read' | 'append')[]): Promise<number> {
  const processes = parts.map((what) => {
    const end = what === 'read' ? bout.source : bout.destination
    const ca = what === 'read' ? arena.files.sourceCa : arena.files.destinationCa
    const args = [
      what,
      String(end.port),
      ca,
      arena.files.password,
      end.user,
      arena.source.mailFolder(bout.source.user),
    ]
    return fork(join(import.meta.dirname, 'floor.ts'), args, {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
  })
  const ended = processes.map((each, index) => endOf(each, `bare ${parts[index] ?? ''}`))
  await Promise.race([Promise.all(processes.map((each) => once(each, 'message'))), Promise.all(ended)])
  for (const each of processes) each.send('go')
  return Math.max(...(await Promise.all(ended)))
}

async function endOf(child: ChildProcess, what: string): Promise<number> {
  let printed = ''
  child.stdout?.on('data', (piece: Buffer) => (printed += piece.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${what}: exit code ${String(code)}`)
  return (JSON.parse(printed) as { seconds: number }).seconds
}

/** Nothing to do: everything has been moved before. Through relays that count, at the full size and at a tenth of it. */
async function secondPasses(workload: Workload): Promise<void> {
  for (const size of [workload, { ...workload, messages: Math.round(workload.messages / 10) }]) {
    await inArena(size, { roundTrip: 0 }, async (arena, home) => {
      for (const tool of [sealpostTool(home), mbsync].filter((each) => each.why() === null)) {
        const bout = arena.newBout()
        const command = tool.prepare(arena, bout)
        mustHaveWorked(tool.name, await measure(command))
        arena.carried()
        const used: Measured[] = []
        for (let round = 0; round < runs; round++) used.push(mustHaveWorked(tool.name, await measure(command)))
        const wireBytes = Math.round(arena.carried() / runs)
        const facts = { name: 'W6', tool: tool.name, messages: size.messages, bytes: arena.bytes, wireBytes }
        note({ ...facts, ...figures(used) })
      }
    })
  }
}

/** A store that does not slow down by itself when a mailbox is very long, as Maildir does, and the memory that it takes. */
const LONG_MAILBOX = 'mail_location = mdbox:~/mdbox\nservice imap {\n  vsz_limit = 4G\n}\n'

/** One very long mailbox: the processor time that a message costs in the second and in the last tenth of the way. */
async function longMailbox(workload: Workload): Promise<void> {
  const work = async (arena: Arena, home: Home): Promise<void> => {
    const bout = arena.newBout()
    const all = workload.messages
    const reached = new Map<number, { readonly landed: number; readonly cpu: number }>()
    let landed = 0
    const used = await measure(sealpostTool(home).prepare(arena, bout), (line, cpuSeconds) => {
      const event = JSON.parse(line) as { event?: string; messages?: number }
      if (event.event !== 'batch-landed') return
      landed += event.messages ?? 0
      const tenth = Math.floor((10 * landed) / all)
      if (!reached.has(tenth)) reached.set(tenth, { landed, cpu: cpuSeconds() })
    })
    mustHaveWorked('sealpost', used)
    const status = await arena.destination.doveadm(
      'mailbox',
      'status',
      '-u',
      bout.destination.user,
      'messages',
      'INBOX',
    )
    if (!status.includes(`messages=${all}`)) throw new Error(`W8: ${status}`)
    const costOfTenth = (n: number): number => {
      const [from, to] = [reached.get(n - 1), reached.get(n)]
      if (from === undefined || to === undefined) throw new Error(`W8: no tenth ${n}`)
      return (to.cpu - from.cpu) / (to.landed - from.landed)
    }
    note({
      ...{ name: 'W8', tool: 'sealpost', messages: all, bytes: arena.bytes },
      ...figures([used]),
      lastToFirst: costOfTenth(10) / costOfTenth(2),
    })
  }
  await inArena(workload, null, work, LONG_MAILBOX)
}

/** What compression is worth on a line of 20 Mbit/s. */
async function compressing(workload: Workload): Promise<void> {
  await inArena(workload, { roundTrip: 40, bytesPerSecond: 2_500_000, compress: true }, async (arena, home) => {
    const tools = [sealpostTool(home), sealpostTool(home, '  compress: true\n', 'sealpost, compressed')]
    for (const tool of tools) {
      arena.carried()
      const used: Measured[] = []
      for (let round = 0; round < runs; round++) {
        const bout = arena.newBout()
        used.push(mustHaveWorked(tool.name, await measure(tool.prepare(arena, bout))))
        const fault = arena.faultOf(bout, round === 0)
        if (fault !== null) throw new Error(`compress ${tool.name}: ${fault}`)
      }
      const wireBytes = Math.round(arena.carried() / runs)
      const facts = {
        name: 'compress',
        tool: tool.name,
        messages: workload.messages,
        bytes: arena.bytes,
        wireBytes,
      }
      note({ ...facts, ...figures(used) })
    }
  })
}

/** A full verification against bare reading. */
async function fullVerify(workload: Workload): Promise<void> {
  await inArena(workload, null, async (arena, home) => {
    const bout = arena.newBout()
    const command = sealpostTool(home).prepare(arena, bout)
    mustHaveWorked('sealpost', await measure(command))
    const verify = (level: string) => ({
      ...command,
      argv: [...command.argv.slice(0, 2), 'verify', '--level', level, '--json'],
    })
    const used: Measured[] = []
    /** What is no reading: starting, logging in, listing. */
    const counting: Measured[] = []
    const reading: number[] = []
    for (let round = 0; round <= runs; round++) {
      const one = mustHaveWorked('verify', await measure(verify('full')))
      const counted = mustHaveWorked('verify', await measure(verify('counts')))
      const read = await floor(arena, bout, ['read'])
      if (round > 0) {
        used.push(one)
        counting.push(counted)
        reading.push(read)
      }
    }
    const facts = { name: 'verify', messages: workload.messages, bytes: arena.bytes }
    note({ ...facts, tool: 'sealpost', ...figures(used) })
    note({ ...facts, tool: 'sealpost, counting alone', ...figures(counting) })
    note({ ...facts, tool: 'bare reading', seconds: reading, cpuSeconds: null, peakBytes: null })
  })
}

const wanted = values.only?.split(',') ?? Object.keys(CASES)
for (const name of wanted) {
  const run = CASES[name]
  if (run === undefined) throw new Error(`no case ${name}; there are ${Object.keys(CASES).join(', ')}`)
  await run()
}
printReport(rows, values.json)
