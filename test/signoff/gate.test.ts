import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { digestWhole } from '../../src/core/digest.ts'
import type { Finding, Ledger, MailboxRecord } from '../../src/core/ledger.ts'
import { openLedger } from '../../src/ledger/open-ledger.ts'
import { judgeDelivery } from '../../src/signoff/gate.ts'
import type { Acceptance } from '../../src/signoff/state.ts'

const ANNA = { source: 'anna', destination: 'anna@new' }
const BEN = { source: 'ben', destination: 'ben@new' }
const digests = digestWhole(Buffer.from('x'))
const position = { validity: '1', next: '1' }

function freshLedger(): Ledger {
  const folder = mkdtempSync(join(tmpdir(), 'sealpost-gate-'))
  const ledger = openLedger(join(folder, 'ledger.db'), randomBytes(32))
  onTestFinished(() => {
    ledger.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return ledger
}

/** An account whose inbox was listed to the end, with these messages. */
function listed(ledger: Ledger, account: typeof ANNA, keys: readonly string[]): MailboxRecord {
  const pair = ledger.openPair(account.source, account.destination)
  const inbox = ledger.openMailbox(pair.id, ['INBOX'], 'inbox', ['INBOX'])
  const listing = ledger.beginListing(inbox.id)
  const rows = keys.map((key) => ({ listed: { key, bytes: 1, internalDate: 0, flags: [] }, skip: null }))
  ledger.addListed(inbox.id, listing, rows)
  ledger.endListing(inbox.id, listing, 'cursor', true)
  return inbox
}

function idsOf(ledger: Ledger, inbox: MailboxRecord): readonly number[] {
  return ledger.pending(inbox.id, 0, 100, 1e9).map(({ id }) => id)
}

function land(ledger: Ledger, ids: readonly number[], verified = true): void {
  ledger.intend(
    ids.map((id) => ({ id, digests, messageId: null, appliedFlags: [] })),
    position,
  )
  ledger.land(ids.map((id) => ({ id, key: `${id}`, validity: '1' })))
  if (verified) ledger.setVerified(ids, 1)
}

function judge(ledger: Ledger, accept: readonly Acceptance[] = [], accounts = [ANNA]): readonly string[] {
  return judgeDelivery(ledger, accounts, null, accept).obstacles.map(({ code, count }) => `${code} ${count}`)
}

function finding(inbox: MailboxRecord, check: string, over: Partial<Finding> = {}): Finding {
  return {
    class: 'open',
    check,
    pairId: inbox.pairId,
    mailboxId: inbox.id,
    messageId: null,
    sourceKey: null,
    destinationKey: null,
    expected: '1',
    actual: '0',
    rule: null,
    ...over,
  }
}

function accept(name: string, mailbox: string | null = null): Acceptance {
  return { class: name, mailbox, reason: `because of ${name}` }
}

describe('the gate', () => {
  test('lets a project through of which everything landed and was verified', () => {
    const ledger = freshLedger()
    land(ledger, idsOf(ledger, listed(ledger, ANNA, ['1', '2'])))
    const { obstacles, accepted, facts } = judgeDelivery(ledger, [ANNA], null, [])
    expect(obstacles).toEqual([])
    expect(accepted).toEqual([])
    expect(facts).toMatchObject({ accounts: 1, mailboxes: 1, neverVerified: 0, openFindings: 0 })
  })

  test.each([
    ['a message still to be moved', 'pending 1', (ledger: Ledger) => void listed(ledger, ANNA, ['1'])],
    [
      'a message in doubt',
      'in-doubt 1',
      (ledger: Ledger) => {
        const ids = idsOf(ledger, listed(ledger, ANNA, ['1']))
        ledger.intend(
          ids.map((id) => ({ id, digests, messageId: null, appliedFlags: [] })),
          position,
        )
      },
    ],
    [
      'a message that landed and was never verified',
      'unverified 2',
      (ledger: Ledger) => land(ledger, idsOf(ledger, listed(ledger, ANNA, ['1', '2'])), false),
    ],
    [
      'a mailbox that was not listed to the end',
      'not-listed 1',
      (ledger: Ledger) => {
        const { pairId } = listed(ledger, ANNA, [])
        ledger.openMailbox(pairId, ['Sent'], 'sent', ['Sent'])
      },
    ],
  ])('stops %s, whatever is accepted', (_, expected, prepare) => {
    const ledger = freshLedger()
    prepare(ledger)
    expect(judge(ledger)).toEqual([expected])
    const { obstacles } = judgeDelivery(ledger, [ANNA], null, [])
    expect(obstacles).toMatchObject([{ acceptAs: null }])
    expect(obstacles[0]?.hint).toMatch(/^sealpost (run|verify)/)
  })

  test('stops accounts that were last worked through under other settings, unless that is accepted', () => {
    const ledger = freshLedger()
    const { pairId } = listed(ledger, ANNA, [])
    listed(ledger, BEN, [])
    const codes = (scope: string | null, acceptances: readonly Acceptance[] = []): readonly string[] =>
      judgeDelivery(ledger, [ANNA, BEN], scope, acceptances).obstacles.map(({ text, code }) => `${code} ${text}`)
    expect(codes('these')).toEqual([])
    ledger.noteScope(pairId, 'those')
    expect(codes('those')).toEqual([])
    expect(codes(null)).toEqual([])
    expect(codes('these')).toEqual([
      'settings-changed anna: not moved since filters or mapping ask for something else',
    ])
    expect(codes('these', [accept('settings-changed', 'anna')])).toEqual([])
    ledger.noteScope(pairId, 'these')
    expect(codes('these')).toEqual([])
  })

  test('names accounts with work left that the list no longer has, since no command comes to them', () => {
    const ledger = freshLedger()
    land(ledger, idsOf(ledger, listed(ledger, ANNA, ['1'])))
    listed(ledger, BEN, ['1'])
    expect(judgeDelivery(ledger, [ANNA, BEN], null, []).obstacles).toMatchObject([{ hint: 'sealpost run' }])
    const { obstacles } = judgeDelivery(ledger, [ANNA], null, [])
    expect(obstacles).toMatchObject([
      { code: 'pending', hint: 'sealpost run; first put back into the list: ben,ben@new' },
    ])
    expect(judge(ledger, [], [BEN])).toEqual(['pending 1'])
  })

  test('stops an account that was never moved, unless that is accepted', () => {
    const ledger = freshLedger()
    land(ledger, idsOf(ledger, listed(ledger, ANNA, ['1'])))
    expect(judge(ledger, [], [ANNA, BEN])).toEqual(['not-moved 1'])
    expect(judge(ledger, [accept('not-moved', 'ben')], [ANNA, BEN])).toEqual([])
    // Known by name alone: a run that failed before it saw a mailbox.
    ledger.openPair(BEN.source, BEN.destination)
    expect(judge(ledger, [], [ANNA, BEN])).toEqual(['not-moved 1'])
  })

  test('stops what was quarantined or skipped until it is accepted, by state or by reason', () => {
    const ledger = freshLedger()
    const ids = idsOf(ledger, listed(ledger, ANNA, ['1', '2', '3']))
    const reason = { code: 'too-large', text: 'too large', serverText: null }
    ledger.quarantine(ids[0] ?? 0, reason)
    ledger.quarantine(ids[1] ?? 0, { ...reason, code: 'refused' })
    ledger.skip(ids[2] ?? 0, reason)
    expect(judge(ledger)).toEqual(['exception 1', 'exception 1', 'exception 1'])
    expect(judge(ledger, [accept('quarantined')])).toEqual(['exception 1'])
    expect(judge(ledger, [accept('too-large')])).toEqual(['exception 1'])
    expect(judge(ledger, [accept('refused', 'ANNA@new'), accept('too-large', 'anna')])).toEqual([])
    expect(judge(ledger, [accept('quarantined'), accept('skipped')])).toEqual([])
    const { accepted } = judgeDelivery(ledger, [ANNA], null, [accept('too-large', 'anna'), accept('quarantined')])
    expect(accepted).toEqual([
      { class: 'too-large', mailbox: 'anna', count: 2, reason: 'because of too-large' },
      { class: 'quarantined', mailbox: 'anna', count: 1, reason: 'because of quarantined' },
    ])
  })

  test('stops an open finding until it is accepted, and no other one', () => {
    const ledger = freshLedger()
    const inbox = listed(ledger, ANNA, ['1'])
    land(ledger, idsOf(ledger, inbox))
    ledger.replaceFindings(inbox.id, 'verify', [
      finding(inbox, 'missing'),
      finding(inbox, 'missing'),
      finding(inbox, 'flags', { class: 'explained', rule: 'x' }),
      finding(inbox, 'count', { class: 'removed-after-check' }),
    ])
    expect(judge(ledger)).toEqual(['finding 2'])
    expect(judge(ledger, [accept('missing')])).toEqual([])
    expect(judgeDelivery(ledger, [ANNA], null, [accept('missing')]).facts.openFindings).toBe(2)
  })

  test.each([
    ['missing', 'missing', (ledger: Ledger, ids: readonly number[]) => ledger.setFidelity(ids, 'missing')],
    ['other content', 'content', (ledger: Ledger, ids: readonly number[]) => ledger.setFidelity(ids, 'altered')],
    ['what cannot be read', 'content', () => undefined],
  ])('lets pass what verification never found as it was sent, once that is accepted: %s', (_, check, find) => {
    const ledger = freshLedger()
    const inbox = listed(ledger, ANNA, ['1', '2'])
    const [id = 0, other = 0] = idsOf(ledger, inbox)
    land(ledger, [id, other], false)
    ledger.setVerified([other], 1)
    find(ledger, [id])
    const found = finding(inbox, check, { messageId: id })
    ledger.replaceFindings(inbox.id, 'verify', [found, found])
    expect(judge(ledger)).toEqual(['finding 2'])
    expect(judge(ledger, [accept(check)])).toEqual([])
    // Nobody says anything of it any more.
    ledger.replaceFindings(inbox.id, 'verify', [])
    expect(judge(ledger)).toEqual(['unverified 1'])
  })

  test('a look at headers alone is no verification, whatever is accepted of it', () => {
    const ledger = freshLedger()
    const inbox = listed(ledger, ANNA, ['1'])
    const [id = 0] = idsOf(ledger, inbox)
    land(ledger, [id], false)
    ledger.replaceFindings(inbox.id, 'verify', [finding(inbox, 'missing', { messageId: id })])
    expect(judge(ledger, [accept('missing')])).toEqual(['unverified 1'])
  })

  test('an acceptance for one account is none for another', () => {
    const ledger = freshLedger()
    for (const account of [ANNA, BEN]) {
      const inbox = listed(ledger, account, [])
      ledger.replaceFindings(inbox.id, 'verify', [finding(inbox, 'missing')])
    }
    const { obstacles } = judgeDelivery(ledger, [ANNA, BEN], null, [accept('missing', 'ben')])
    expect(obstacles).toMatchObject([{ code: 'finding', acceptAs: 'missing:anna' }])
  })

  test('an acceptance that fits nothing is a slip', () => {
    const ledger = freshLedger()
    const inbox = listed(ledger, ANNA, [])
    ledger.replaceFindings(inbox.id, 'verify', [finding(inbox, 'missing')])
    expect(() => judge(ledger, [accept('mising')])).toThrow(/nothing of this class/)
    expect(() => judge(ledger, [accept('missing', 'ben')])).toThrow(/missing:ben/)
  })
})
