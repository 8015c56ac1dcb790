import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { digestWhole, type Digests } from '../../src/core/digest.ts'
import type { Claim, Intent, Ledger, MailboxRecord, NewRow, Reason } from '../../src/core/ledger.ts'
import { openLedger } from '../../src/ledger/open-ledger.ts'

export const POSITION = { validity: 'A', next: '1' }
export const REASON: Reason = { code: 'refused', text: 'the server refused it', serverText: 'NO' }

export interface Fixture {
  readonly ledger: Ledger
  readonly path: string
  readonly key: Buffer
  readonly pairId: number
  /** `INBOX`, going to `INBOX`. */
  readonly inbox: MailboxRecord
}

/** A ledger in a folder of its own with one pair and one mailbox, closed and removed when the test ends. */
export function createFixture(): Fixture {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-test-'))
  const path = join(folder, 'ledger.db')
  const key = randomBytes(32)
  const ledger = openLedger(path, key)
  onTestFinished(() => {
    ledger.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const pair = ledger.openPair('anna@old.example', 'anna@new.example')
  const inbox = ledger.openMailbox(pair.id, ['INBOX'], 'inbox', ['INBOX'])
  return { ledger, path, key, pairId: pair.id, inbox }
}

export function newRow(key: string, flags: readonly string[] = [], skip: Reason | null = null): NewRow {
  return { listed: { key, bytes: 100, internalDate: 1_600_000_000_000, flags }, skip }
}

/** Lists these keys in a listing of its own and returns the ids of the mailbox's pending rows. */
export function list(ledger: Ledger, mailboxId: number, keys: readonly string[]): readonly number[] {
  const listing = ledger.beginListing(mailboxId)
  ledger.addListed(
    mailboxId,
    listing,
    keys.map((key) => newRow(key)),
  )
  return pendingIds(ledger, mailboxId)
}

export function pendingIds(ledger: Ledger, mailboxId: number): readonly number[] {
  return ledger.pending(mailboxId, 0, 1000, 1e12).map((row) => row.id)
}

export function digestsOf(content: string): Digests {
  return digestWhole(Buffer.from(content))
}

export function intent(id: number, content = `message ${id}`, appliedFlags: readonly string[] = []): Intent {
  return { id, digests: digestsOf(content), messageId: `${id}@old.example`, appliedFlags }
}

export function claim(id: number, key: string | null, validity: string | null = 'A'): Claim {
  return { id, key, validity }
}

/** Intends and lands one row. */
export function deliver(ledger: Ledger, id: number, key: string | null, content?: string): void {
  ledger.intend([intent(id, content)], POSITION)
  ledger.land([claim(id, key)])
}
