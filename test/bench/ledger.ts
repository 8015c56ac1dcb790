/**
 * Measures the ledger on a mailbox of many messages: what a batch costs when the mailbox is empty and when it is full.
 *
 *   node --import tsx test/bench/ledger.ts [messages] [folder]
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Digests } from '../../src/core/digest.ts'
import type { Ledger } from '../../src/core/ledger.ts'
import type { Listed } from '../../src/core/mail.ts'
import { openLedger } from '../../src/ledger/open-ledger.ts'

const PAGE = 1000
const BATCH = 200
const total = Number(process.argv[2] ?? 500_000)
const folder = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'ledger-bench-'))
const path = join(folder, 'ledger.db')
const key = randomBytes(32)

try {
  const ledger = openLedger(path, key)
  const pair = ledger.openPair('source', 'destination')
  const mailbox = ledger.openMailbox(pair.id, ['INBOX'], 'inbox', ['INBOX'])
  ledger.setValidity(mailbox.destination.id, '1700000000')
  list(ledger, mailbox.id, 'first listing')
  transfer(ledger, mailbox.id, mailbox.destination.id)
  timed('totals', () => ledger.totals({ pairId: pair.id }), 100)
  timed('unverified', () => ledger.unverified(pair.id), 100)
  timed('flagWork, none', () => ledger.flagWork(mailbox.id, 0, 500), 100)
  timed('moved, none', () => ledger.moved(pair.id, randomBytes(32)), 100)
  timed('delivered at the end, page of 500', () => ledger.delivered(mailbox.id, total - 600, 500), 100)
  list(ledger, mailbox.id, 'second listing, complete')
  timed('beginEpoch', () => ledger.beginEpoch(mailbox.id), 1)
  timed('continueEpoch, a part', () => ledger.continueEpoch(mailbox.id), 1)
  while (!ledger.continueEpoch(mailbox.id));
  timed('endEpochs, a part', () => ledger.endEpochs(mailbox.id), 1)
  while (!ledger.endEpochs(mailbox.id));
  timed('setValidity', () => ledger.setValidity(mailbox.destination.id, '1800000000'), 1)
  timed('staleClaims, page of 500', () => ledger.staleClaims(mailbox.destination.id, total / 2, 500), 20)
  timed('close', () => ledger.close(), 1)
  timed('open', () => openLedger(path, key).close(), 1)
  print('file', `${(statSync(path).size / 2 ** 20).toFixed(0)} MiB`)
  print('memory (RSS)', `${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function list(ledger: Ledger, mailboxId: number, what: string): void {
  const listing = ledger.beginListing(mailboxId)
  const times: number[] = []
  for (let first = 1; first <= total; first += PAGE) {
    const page = Array.from({ length: Math.min(PAGE, total - first + 1) }, (_, i) => listed(first + i))
    times.push(
      measure(() =>
        ledger.addListed(
          mailboxId,
          listing,
          page.map((entry) => ({ listed: entry, skip: null })),
        ),
      ),
    )
  }
  report(`${what}: addListed of ${PAGE}`, times)
  print(`${what}: endListing`, `${measure(() => ledger.endListing(mailboxId, listing, 'c', true)).toFixed(0)} ms`)
}

function transfer(ledger: Ledger, mailboxId: number, destinationId: number): void {
  const times = {
    pending: [] as number[],
    intend: [] as number[],
    unclaimed: [] as number[],
    land: [] as number[],
  }
  const position = { validity: '1700000000', next: '1' }
  let afterId = 0
  for (;;) {
    let rows: ReturnType<Ledger['pending']> = []
    times.pending.push(measure(() => (rows = ledger.pending(mailboxId, afterId, BATCH, 2 ** 40))))
    const last = rows[rows.length - 1]
    if (last === undefined) break
    afterId = last.id
    const intents = rows.map((row) => ({
      id: row.id,
      digests: digests(row.bytes),
      messageId: `${randomBytes(16).toString('hex')}@mail.example`,
      appliedFlags: row.flags,
    }))
    const keys = rows.map((row) => row.key)
    times.intend.push(measure(() => ledger.intend(intents, position)))
    times.unclaimed.push(measure(() => ledger.unclaimed(destinationId, position.validity, keys)))
    const claims = rows.map((row) => ({ id: row.id, key: row.key, validity: position.validity }))
    times.land.push(measure(() => ledger.land(claims)))
  }
  for (const [what, list] of Object.entries(times)) report(`${what} of ${BATCH}`, list)
}

function listed(i: number): Listed {
  return { key: String(i), bytes: 4000 + (i % 900), internalDate: 1.6e12 + i * 1000, flags: ['\\Seen'] }
}

function digests(bytes: number): Digests {
  const digest = randomBytes(32)
  return { digest, matchDigest: digest, bytes, matchBytes: bytes, nul: false, fingerprint: null }
}

function measure(action: () => unknown): number {
  const begun = performance.now()
  action()
  return performance.now() - begun
}

function timed(what: string, action: () => unknown, times: number): void {
  const list = Array.from({ length: times }, () => measure(action))
  print(what, `${median(list).toFixed(2)} ms`)
}

/** Medians of the first and the last tenth, and the slowest. */
function report(what: string, times: readonly number[]): void {
  const tenth = Math.max(1, Math.floor(times.length / 10))
  const start = median(times.slice(0, tenth)).toFixed(2)
  const end = median(times.slice(-tenth)).toFixed(2)
  const sum = times.reduce((a, b) => a + b, 0) / 1000
  const slowest = Math.max(...times).toFixed(0)
  print(what, `${start} ms at the start, ${end} ms at the end, slowest ${slowest} ms, ${sum.toFixed(1)} s in all`)
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
}

function print(what: string, value: string): void {
  console.log(`${what.padEnd(40)} ${value}`)
}
