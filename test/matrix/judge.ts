import type { RawImap, RawMessage } from '../fakes/raw-imap.ts'
import type { Finding, Ledger, MessageRecord, Pair } from '../../src/core/ledger.ts'
import { caseKey, type Filled } from './fill.ts'
import { wireName, type ServerKind } from './servers.ts'

/** What became of one case on its way between two servers. */
export type CaseResult =
  | { readonly kind: 'same' }
  | { readonly kind: 'altered'; readonly how: string }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'untaken'; readonly why: string }

/** The verdict on a pair of servers. */
export interface Verdict {
  readonly results: ReadonlyMap<string, CaseResult>
  /** What should not be: each is a fault of the program. Empty where all is well. */
  readonly wrong: readonly string[]
}

/** What is looked at. */
export interface Scene {
  readonly source: { readonly kind: ServerKind; readonly client: RawImap; readonly filled: Filled }
  readonly destination: { readonly kind: ServerKind; readonly client: RawImap }
  readonly ledger: Ledger
  readonly pair: Pair
  readonly findings: readonly Finding[]
}

/**
 * Reads both accounts over connections of its own and holds them against what the program says: every message is the
 * same, or altered and listed so (explained by a rule, or open where content was lost), or an exception with the
 * reason; nothing is there that should not be.
 */
export async function judge(scene: Scene): Promise<Verdict> {
  const { source, destination, ledger, pair } = scene
  const results = new Map<string, CaseResult>()
  const wrong: string[] = []
  for (const [name, why] of source.filled.untaken) results.set(name, { kind: 'untaken', why })
  const rows = rowsByMailbox(ledger, pair)
  const findings = new Map<number, Finding[]>()
  for (const finding of scene.findings) {
    if (finding.messageId !== null) {
      findings.set(finding.messageId, [...(findings.get(finding.messageId) ?? []), finding])
    } else if (!finding.actual.startsWith('refused: ')) {
      wrong.push(`a finding about a mailbox: ${finding.check}, ${finding.actual}`)
    }
  }
  const names = new Set((await source.client.mailboxes()).map(({ name }) => name))
  const used = new Set(ledger.mailboxes(pair.id).map((record) => wireName(record.sourcePath, source.kind)))
  const delivered = new Map<string, number>()
  const held = new Map<string, Map<number, RawMessage>>()
  for (const record of ledger.mailboxes(pair.id)) {
    const from = nameAt(record.sourcePath, source.kind, names, used)
    const to = wireName(record.destination.path, destination.kind)
    held.set(to, held.get(to) ?? byUid(await destination.client.messages(to).catch(() => [])))
    const messages = await source.client.messages(from).catch((error: unknown) => {
      wrong.push(`${from}: ${String(error)}`)
      return []
    })
    for (const message of messages) {
      const name = source.filled.cases.get(caseKey(from, message.uid)) ?? `unknown message ${from} ${message.uid}`
      const row = rows.get(record.id)?.get(String(message.uid))
      if (row === undefined) {
        wrong.push(`${name}: no row`)
        continue
      }
      if (row.state === 'quarantined' || row.state === 'skipped') {
        results.set(name, { kind: 'refused', why: row.reason?.serverText ?? row.reason?.text ?? '' })
        if (row.reason === null || row.reason.text === '') wrong.push(`${name}: an exception without a reason`)
        continue
      }
      delivered.set(to, (delivered.get(to) ?? 0) + 1)
      const copy = held.get(to)?.get(Number(row.destinationKey))
      if (row.state !== 'landed' || copy === undefined) {
        wrong.push(`${name}: ${row.state}, and its copy is not there`)
        continue
      }
      results.set(name, compare(name, message, copy, findings.get(row.id) ?? [], wrong))
    }
  }
  for (const [mailbox, messages] of held) {
    const expected = delivered.get(mailbox) ?? 0
    if (messages.size !== expected) wrong.push(`${mailbox}: ${messages.size} messages instead of ${expected}`)
  }
  return { results, wrong }
}

function compare(
  name: string,
  message: RawMessage,
  copy: RawMessage,
  findings: readonly Finding[],
  wrong: string[],
): CaseResult {
  const how: string[] = []
  const expect = (check: string, isSame: boolean): void => {
    const finding = findings.find((each) => each.check === check)
    if (isSame && finding !== undefined) wrong.push(`${name}: ${check} is the same, but there is a finding`)
    if (!isSame && finding === undefined) wrong.push(`${name}: ${check} differs, and nothing says so`)
    if (!isSame) how.push(`${check}: ${finding?.rule ?? 'open'}`)
  }
  expect('digest', message.bytes.equals(copy.bytes))
  expect('internal-date', message.internalDate === copy.internalDate)
  const kept = new Set(copy.flags.map((flag) => flag.toLowerCase()))
  const lost = message.flags.filter((flag) => !kept.has(flag.toLowerCase()))
  expect('flags', lost.length === 0)
  const had = new Set(message.flags.map((flag) => flag.toLowerCase()))
  const added = copy.flags.filter((flag) => !had.has(flag.toLowerCase()))
  if (added.length > 0) wrong.push(`${name}: flags that nobody set: ${added.join(' ')}`)
  return how.length === 0 ? { kind: 'same' } : { kind: 'altered', how: how.join('; ') }
}

/** A name that is no valid one stands for itself as its path's only level, made printable: it is the one left over. */
function nameAt(
  path: readonly string[],
  kind: ServerKind,
  names: ReadonlySet<string>,
  used: ReadonlySet<string>,
): string {
  const usual = wireName(path, kind)
  if (names.has(usual)) return usual
  return [...names].find((name) => !used.has(name) && name.length === path[0]?.length) ?? usual
}

function rowsByMailbox(ledger: Ledger, pair: Pair): Map<number, Map<string, MessageRecord>> {
  const rows = new Map<number, Map<string, MessageRecord>>()
  const add = (row: MessageRecord): void => {
    rows.set(row.mailboxId, (rows.get(row.mailboxId) ?? new Map<string, MessageRecord>()).set(row.key, row))
  }
  for (const { id } of ledger.mailboxes(pair.id)) for (const row of ledger.delivered(id, 0, 10_000)) add(row)
  for (const row of ledger.exceptions(pair.id, 0, 10_000)) add(row)
  return rows
}

function byUid(messages: readonly RawMessage[]): Map<number, RawMessage> {
  return new Map(messages.map((message) => [message.uid, message]))
}
