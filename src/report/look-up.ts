import { createHash, randomBytes } from 'node:crypto'

/** What became of a message, in the order of the bytes that stand for it in a look-up. */
export const LOOK_UP_OUTCOMES = [
  'landed',
  'identical',
  'equivalent',
  'altered',
  'missing',
  'existing',
  'skipped',
  'quarantined',
] as const

/** What became of a message. */
export type LookUpOutcome = (typeof LOOK_UP_OUTCOMES)[number]

/** Hash, outcome and mailbox of one message. */
export const LOOK_UP_ENTRY_BYTES = 11
const HASH_BYTES = 8
const SALT_BYTES = 16
const MOST_MAILBOXES = 65_535

/**
 * What answers "where is this message?" for who has its Message-ID, and tells nobody else any: 8 bytes of SHA-256 over a
 * salt of this report and the Message-ID, without its angle brackets, in UTF-8; a byte for the outcome; two for the mailbox.
 */
export class LookUpIndex {
  readonly salt = randomBytes(SALT_BYTES)
  readonly #entries: Buffer[] = []

  /** How many messages it knows. */
  get size(): number {
    return this.#entries.length
  }

  /** Adds one message. `mailbox` is an index into the page's list of mailboxes. */
  add(messageId: string, outcome: LookUpOutcome, mailbox: number): void {
    const entry = Buffer.alloc(LOOK_UP_ENTRY_BYTES)
    createHash('sha256').update(this.salt).update(messageId, 'utf8').digest().copy(entry, 0, 0, HASH_BYTES)
    entry[HASH_BYTES] = LOOK_UP_OUTCOMES.indexOf(outcome)
    entry.writeUInt16BE(Math.min(mailbox, MOST_MAILBOXES), HASH_BYTES + 1)
    this.#entries.push(entry)
  }

  /** All entries, sorted, so that a page can search by halves. */
  bytes(): Buffer {
    return Buffer.concat(this.#entries.toSorted((a, b) => a.compare(b)))
  }
}
