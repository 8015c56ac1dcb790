/**
 * Works on a ledger until it is killed, and says on stdout what is done once the ledger has said so:
 *
 *   node crash-child.mjs PATH KEY
 */
import { writeSync } from 'node:fs'
import { digestWhole } from '../../src/core/digest.ts'
import { openLedger } from '../../src/ledger/open-ledger.ts'
import { CRASH_BATCH, CRASH_PAGE } from './crash-sizes.ts'

/** More than any test lets it live for. */
const MAX_ROUNDS = 20_000

const [path = '', key = ''] = process.argv.slice(2)
const ledger = openLedger(path, Buffer.from(key, 'hex'))
const pair = ledger.openPair('source', 'destination')
const mailbox = ledger.openMailbox(pair.id, ['INBOX'], 'inbox', ['INBOX'])
const left = ledger.inDoubt(mailbox.id).map((row) => row.id)
ledger.doubt(left)
ledger.revert(left)
say('began', 0)

let { source, landed } = ledger.totals({})
for (let round = 0; round < MAX_ROUNDS; round++) {
  const listing = ledger.beginListing(mailbox.id)
  const page = Array.from({ length: CRASH_PAGE }, (_, i) => ({
    listed: { key: String(source + i + 1), bytes: 100, internalDate: round, flags: ['\\Seen'] },
    skip: null,
  }))
  source += ledger.addListed(mailbox.id, listing, page)
  say('listed', source)
  for (let batch = 0; batch < 2; batch++) {
    const rows = ledger.pending(mailbox.id, 0, CRASH_BATCH, 1e9)
    ledger.intend(
      rows.map(({ id }) => ({
        id,
        digests: digestWhole(Buffer.from(`${id}`)),
        messageId: null,
        appliedFlags: [],
      })),
      { validity: 'A', next: String(landed) },
    )
    say('intended', landed + rows.length)
    ledger.land(rows.map(({ id }) => ({ id, key: `k${id}`, validity: 'A' })))
    landed += rows.length
    say('landed', landed)
  }
}

function say(what: string, count: number): void {
  writeSync(1, `${what} ${count}\n`)
}
