import { Option, type Command } from 'commander'
import type { AuditEntry, AuditFinding } from '../../core/audit.ts'
import { counted } from '../../core/counted.ts'
import { SealpostError } from '../../core/errors.ts'
import type { WorkspaceBooks } from '../books/open-books.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { momentOption, outOption, reasonOption, repeatedOption, toCount } from '../options.ts'
import { table } from '../terminal/table.ts'

interface ShowOptions {
  readonly of?: string
  readonly action?: readonly string[]
  readonly since?: number
  readonly until?: number
  readonly last?: number
  readonly personal?: boolean
}

interface VerifyOptions {
  readonly against?: readonly string[]
  readonly key?: readonly string[]
}

interface ProveOptions {
  readonly checkpoint?: string
  readonly out?: string
}

const DEFAULT_LAST = 50

/** `audit`: the tamper-evident log of the workspace. */
export function addAudit(program: Command, start: Start): void {
  const group = program.command('audit').description('the log of who did what, in which no change stays hidden')
  group
    .command('show')
    .description('print entries of the log; names and reasons only with --personal')
    .option('--of <project>', 'only those of this project (its id)')
    .addOption(repeatedOption('--action <word>', 'only this action, such as run-finished; may be repeated'))
    .addOption(momentOption('--since <moment>', 'only from this moment on'))
    .addOption(momentOption('--until <moment>', 'only before this moment'))
    .addOption(
      new Option('--last <n>', `only the last so many (default: ${DEFAULT_LAST}; 0: all)`).argParser(toCount),
    )
    .option('--personal', 'open what is sealed: names, accounts, reasons')
    .action((options: ShowOptions) => start((context) => show(options, context)))
  group
    .command('verify')
    .description('look for edits, deletions, reordering, truncation and a rollback; changes nothing')
    .addOption(
      repeatedOption(
        '--against <file>',
        'compare with the checkpoints in a certificate, page or other document as well',
      ),
    )
    .addOption(repeatedOption('--key <vkey>', 'believe checkpoints under this verifier key as well'))
    .action((options: VerifyOptions) => start((context) => verify(options, context)))
  group
    .command('prove')
    .description('write the proof that an entry is in the log (c2sp.org/tlog-proof)')
    .argument('<index>', 'number of the entry', toCount)
    .option('--checkpoint <file>', 'against the checkpoint in this document (default: one signed now)')
    .addOption(outOption('where to write the proof (default: the screen)'))
    .action((index: number, options: ProveOptions) => start((context) => prove(index, options, context)))
  group
    .command('restart')
    .description('keep a damaged log as it is, and begin a new one that names it')
    .addOption(reasonOption('what is known of the damage').makeOptionMandatory())
    .action((options: { readonly reason: string }) => start((context) => restart(options.reason, context)))
}

async function show(options: ShowOptions, context: CommandContext): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  const { output } = context
  return atDesk(context, { project: options.of ?? null }, async (books) => {
    const entries = await readEntries(books, options, context)
    const rows = entries.map(({ entry, fields }) => [
      String(entry.index),
      entry.at,
      entry.by.name ?? '-',
      entry.action,
      entry.outcome,
      entry.project?.slice(0, 8) ?? '-',
      [entry.object ?? '', ...describe(entry.facts), ...describe(fields ?? {})].filter(Boolean).join('  '),
    ])
    if (rows.length === 0) output.line('The log holds no such entry.')
    else for (const line of table(['#', 'at', 'by', 'action', 'outcome', 'project', ''], rows)) output.line(line)
    output.document({
      entries: entries.map(({ entry: { by, ...entry }, fields }) => ({
        ...entry,
        by: by.name,
        role: by.role,
        factor: by.factor,
        personal: fields,
      })),
    })
    return EXIT.complete
  })
}

/** The entries asked for; those whose content was erased are not among them. */
async function readEntries(
  books: WorkspaceBooks,
  options: ShowOptions,
  context: CommandContext,
): Promise<readonly { readonly entry: AuditEntry; readonly fields: Readonly<Record<string, string>> | null }[]> {
  const last = options.last ?? DEFAULT_LAST
  const found: AuditEntry[] = []
  for await (const { entry } of books.log.entries(context.stop)) {
    if (entry === null || !isWanted(entry, options)) continue
    found.push(entry)
    if (last > 0 && found.length > last) found.shift()
  }
  const fields = new Map<number, Readonly<Record<string, string>>>()
  if (options.personal === true) {
    const wanted = new Set(found.map(({ index }) => index))
    await books.withOpener(async (opener) => {
      for await (const opened of books.log.personal(opener, context.stop)) {
        if (wanted.has(opened.entry.index)) fields.set(opened.entry.index, opened.fields)
      }
    })
  }
  return found.map((entry) => ({ entry, fields: fields.get(entry.index) ?? null }))
}

function isWanted({ at, action, project }: AuditEntry, options: ShowOptions): boolean {
  const time = Date.parse(at)
  if (options.of !== undefined && project !== options.of) return false
  if (options.action !== undefined && !options.action.includes(action)) return false
  return time >= (options.since ?? -Infinity) && time < (options.until ?? Infinity)
}

function describe(facts: Readonly<Record<string, string | number | boolean | null>>): readonly string[] {
  return Object.entries(facts).map(([name, value]) => `${name}=${String(value).replace(/\s*\n\s*/g, ', ')}`)
}

async function verify(options: VerifyOptions, context: CommandContext): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  const { judge, readCheckpointFile } = await import('../books/find-checkpoints.ts')
  const { parseVerifierKey } = await import('../../audit/signed-note.ts')
  const { output, stop } = context
  for (const key of options.key ?? []) parseVerifierKey(key)
  return atDesk(context, { project: null }, async (books) => {
    const keys = [...books.verifierKeys, ...(options.key ?? [])]
    const outside = []
    for (const file of options.against ?? []) outside.push(...(await readCheckpointFile(file, keys)))
    const kept = await books.withRecords(
      (records) =>
        records.list().flatMap(({ project, documents }) => {
          const note = documents?.checkpoint ?? null
          return note === null ? [] : [judge(`record of ${project}`, note, keys)]
        }),
      stop,
    )
    const compared = [...outside, ...kept]
    const heads = compared.filter(({ signature }) => signature !== 'wrong')
    const { intact, origin, size, findings, root } = await books.withOpener((opener) =>
      books.log.verify({ heads, keys, opener }, stop),
    )
    const wrong = compared.filter(({ signature }) => signature === 'wrong')
    const good = intact && wrong.length === 0
    output.line(
      output.paint(
        good ? 'green' : 'red',
        `${origin}: ${counted(size, 'entry', 'entries')}, ${good ? 'intact' : 'DAMAGED'}`,
      ),
    )
    for (const finding of findings) output.line(`  ${findingText(finding)}`)
    for (const { place, origin: of, size: at, signature } of compared) {
      output.line(`  compared with ${place}: ${of}, ${counted(at, 'entry', 'entries')}, ${SIGNATURES[signature]}`)
    }
    if (outside.length === 0) {
      output.warn(
        'compared with nothing that lies outside of this workstation: a log that was rewritten as a whole would not show; give --against with a document that the client has',
      )
    }
    output.document({
      intact: good,
      origin,
      size,
      root: root === null ? null : Buffer.from(root).toString('base64'),
      findings,
      compared: compared.map(({ place, origin: of, size: at, signature }) => ({
        place,
        origin: of,
        size: at,
        signature,
      })),
      keys: books.verifierKeys,
    })
    return good ? EXIT.complete : EXIT.failed
  })
}

const SIGNATURES = {
  known: 'signed by an operator of this workspace',
  unknown: 'signed by nobody that is known here',
  wrong: 'its signature is WRONG: the document was changed',
} as const

function findingText({ kind, severity, from, to, text }: AuditFinding): string {
  return `${severity}: entry ${from === to ? from : `${from} to ${to}`}: ${kind}: ${text}`
}

async function prove(index: number, options: ProveOptions, context: CommandContext): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  const { readCheckpointFile } = await import('../books/find-checkpoints.ts')
  const { writePrivateFile } = await import('../../files/durable.ts')
  const { output, stop } = context
  return atDesk(context, { project: null }, async (books) => {
    const given =
      options.checkpoint === undefined ? [] : await readCheckpointFile(options.checkpoint, books.verifierKeys)
    // The latest one of the document covers most.
    const latest = [...given].sort((a, b) => b.size - a.size)[0]
    const checkpoint = latest?.note ?? (await books.log.checkpoint(books.signer, stop))
    const proof = await books.log.prove(index, checkpoint, stop)
    const leaf = await findLeaf(books, index, stop)
    if (options.out === undefined) for (const line of proof.trimEnd().split('\n')) output.line(line)
    else {
      await writePrivateFile(options.out, Buffer.from(proof, 'utf8'))
      output.line(`Wrote the proof of entry ${index} to ${options.out}`)
    }
    output.document({ index, leafHash: leaf.hash, entry: leaf.entry, proof, file: options.out ?? null })
    return EXIT.complete
  })
}

async function findLeaf(
  books: WorkspaceBooks,
  index: number,
  signal: AbortSignal,
): Promise<{ readonly hash: string; readonly entry: AuditEntry | null }> {
  for await (const one of books.log.entries(signal)) {
    if (one.index === index) return { hash: Buffer.from(one.leafHash).toString('base64'), entry: one.entry }
  }
  throw new SealpostError('config', `the log has no entry ${index}`)
}

async function restart(reason: string, context: CommandContext): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  const { restartAuditLog } = await import('../../audit/audit-restart.ts')
  const { output, stop } = context
  return atDesk(context, { project: null }, async (books) => {
    const { kept } = await restartAuditLog(books.logOptions, books.actor, reason, stop)
    await books.log.checkpoint(books.signer, stop)
    output.line(`A new log has begun; the damaged one is kept in ${kept}`)
    output.document({ restarted: true, kept })
    return EXIT.complete
  })
}
