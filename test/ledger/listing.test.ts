import { describe, expect, it } from 'vitest'
import { openLedger } from '../../src/ledger/open-ledger.ts'
import { thrownBy } from '../thrown-by.ts'
import {
  claim,
  createFixture,
  deliver,
  digestsOf,
  intent,
  list,
  newRow,
  pendingIds,
  POSITION,
  REASON,
} from './fixture.ts'

describe('pairs and mailboxes', () => {
  it('are found again as they were decided first', () => {
    const { ledger, pairId, inbox } = createFixture()
    expect(ledger.openPair('anna@old.example', 'anna@new.example').id).toBe(pairId)
    expect(ledger.openMailbox(pairId, ['INBOX'], 'inbox', ['Elsewhere'])).toEqual(inbox)
    const nested = ledger.openMailbox(pairId, ['Arbeit', 'a/b "c"'], null, ['Work', 'a_b'])
    expect(ledger.mailbox(nested.id)).toEqual(nested)
    expect(nested.sourcePath).toEqual(['Arbeit', 'a/b "c"'])
    expect(nested.destination).toMatchObject({ path: ['Work', 'a_b'], validity: null, surveyed: false })
    expect(ledger.mailboxes(pairId)).toEqual([inbox, nested])
    expect(ledger.openPair('a', 'b').id).not.toBe(pairId)
    expect(ledger.pairs().map((pair) => pair.source)).toEqual(['anna@old.example', 'a'])
    expect(thrownBy(() => ledger.mailbox(99)).kind).toBe('bug')
    expect(thrownBy(() => ledger.openMailbox(99, ['A'], null, ['A'])).kind).toBe('bug')
  })

  it('share a destination mailbox when they are mapped to one, also from another pair', () => {
    const { ledger, pairId, inbox } = createFixture()
    const old = ledger.openMailbox(pairId, ['Old'], null, ['INBOX'])
    const info = ledger.openPair('info@old.example', 'anna@new.example')
    const infoInbox = ledger.openMailbox(info.id, ['INBOX'], 'inbox', ['INBOX'])
    const other = ledger.openPair('info@old.example', 'berta@new.example')
    const otherInbox = ledger.openMailbox(other.id, ['INBOX'], 'inbox', ['INBOX'])
    expect(old.destination.id).toBe(inbox.destination.id)
    expect(infoInbox.destination.id).toBe(inbox.destination.id)
    expect(otherInbox.destination.id).not.toBe(inbox.destination.id)
    const [a = 0] = list(ledger, inbox.id, ['1'])
    const [b = 0] = list(ledger, infoInbox.id, ['1'])
    deliver(ledger, a, '7')
    ledger.intend([intent(b)], POSITION)
    expect(thrownBy(() => ledger.land([claim(b, '7')])).kind).toBe('bug')
  })
})

describe('a listing', () => {
  it('adds what is new and brings flags up to date, twice too', () => {
    const { ledger, inbox } = createFixture()
    const listing = ledger.beginListing(inbox.id)
    expect(ledger.addListed(inbox.id, listing, [newRow('1', ['\\SEEN', '\\Recent', 'B', 'a']), newRow('2')])).toBe(
      2,
    )
    expect(ledger.addListed(inbox.id, listing, [newRow('1', ['\\SEEN', 'B', 'a']), newRow('2')])).toBe(0)
    const [id = 0] = pendingIds(ledger, inbox.id)
    expect(ledger.message(id)).toMatchObject({
      key: '1',
      flags: ['B', '\\Seen', 'a'],
      bytes: 100,
      state: 'discovered',
    })
    ledger.addListed(inbox.id, ledger.beginListing(inbox.id), [newRow('1', ['\\Flagged'])])
    expect(ledger.message(id).flags).toEqual(['\\Flagged'])
    ledger.setSourceFlags(inbox.id, [
      { key: '1', flags: ['x y', '100%'] },
      { key: 'unknown', flags: [] },
    ])
    expect(ledger.message(id).flags).toEqual(['100%', 'x y'])
  })

  it('that is complete marks as gone what it did not name', () => {
    const { ledger, inbox } = createFixture()
    const ids = list(ledger, inbox.id, ['1', '2', '3', '4', '5', '6'])
    const [landed = 0, , quarantined = 0, flying = 0] = ids
    deliver(ledger, landed, '7')
    ledger.quarantine(quarantined, REASON)
    ledger.intend([intent(flying)], POSITION)
    const listing = ledger.beginListing(inbox.id)
    ledger.addListed(inbox.id, listing, [newRow('5')])
    ledger.markPresent(inbox.id, listing, ['6', 'unknown'])
    ledger.endListing(inbox.id, listing, 'c1', false)
    expect(ledger.mailbox(inbox.id).cursor).toBe('c1')
    expect(ledger.totals({}).expunged).toBe(0)
    ledger.endListing(inbox.id, listing, 'c2', true)
    ledger.endListing(inbox.id, listing, 'c2', true)
    expect(ledger.mailbox(inbox.id).cursor).toBe('c2')
    const rows = ids.map((id) => ledger.message(id))
    expect(rows.map((row) => row.state)).toEqual([
      'landed',
      'expunged',
      'expunged',
      // It may have landed: reconcile decides.
      'appending',
      'discovered',
      'discovered',
    ])
    expect(rows.map((row) => row.gone)).toEqual([true, true, true, true, false, false])
    expect(ledger.totals({}).expunged).toBe(2)
  })

  it('does not hold against a row that a later listing has seen it', () => {
    const { ledger, inbox } = createFixture()
    const first = ledger.beginListing(inbox.id)
    const second = ledger.beginListing(inbox.id)
    ledger.addListed(inbox.id, second, [newRow('1')])
    ledger.endListing(inbox.id, first, 'c', true)
    expect(pendingIds(ledger, inbox.id)).toHaveLength(1)
    expect(thrownBy(() => ledger.endListing(inbox.id, second + 1, 'c', true)).kind).toBe('bug')
    expect(thrownBy(() => ledger.addListed(inbox.id, 0, [])).kind).toBe('bug')
  })

  it('lets a row in flight that vanished be decided, and then be gone', () => {
    const { ledger, inbox } = createFixture()
    const [id = 0] = list(ledger, inbox.id, ['1'])
    ledger.intend([intent(id)], POSITION)
    ledger.markGone(inbox.id, ['1'])
    ledger.revert([id])
    expect(ledger.message(id)).toMatchObject({ state: 'discovered', gone: true })
    ledger.endListing(inbox.id, ledger.beginListing(inbox.id), 'c', true)
    expect(ledger.message(id).state).toBe('expunged')
  })

  it('brings back what was thought gone', () => {
    const { ledger, inbox } = createFixture()
    const [landed = 0, expunged = 0, present = 0, skipped = 0] = list(ledger, inbox.id, ['1', '2', '3', '4'])
    deliver(ledger, landed, '7')
    ledger.markGone(inbox.id, ['1', '2', '3', '4', 'unknown'])
    ledger.markGone(inbox.id, ['1', '2', '3', '4'])
    expect(ledger.totals({}).expunged).toBe(3)
    const listing = ledger.beginListing(inbox.id)
    ledger.addListed(inbox.id, listing, [newRow('1'), newRow('2'), newRow('4', [], REASON)])
    ledger.markPresent(inbox.id, listing, ['3'])
    expect(ledger.message(landed)).toMatchObject({ state: 'landed', gone: false })
    expect(pendingIds(ledger, inbox.id)).toEqual([expunged, present])
    expect(ledger.message(skipped)).toMatchObject({ state: 'skipped', reason: REASON })
  })
})

describe('an epoch', () => {
  it('makes new rows of the same keys, and the old ones wait to be matched by content', () => {
    const { ledger, inbox } = createFixture()
    const [old = 0] = list(ledger, inbox.id, ['1'])
    deliver(ledger, old, '7', 'mail')
    ledger.setVerified([old], 5)
    ledger.endListing(inbox.id, 1, 'c', true)
    ledger.beginEpoch(inbox.id)
    expect(ledger.mailbox(inbox.id)).toMatchObject({ epoch: 1, cursor: null })
    const [first = 0, second = 0] = list(ledger, inbox.id, ['1', '2'])
    expect(ledger.inherit(second, digestsOf('other'))).toBe(false)
    expect(ledger.inherit(second, digestsOf('mail'))).toBe(true)
    expect(ledger.inherit(second, digestsOf('mail'))).toBe(true)
    expect(ledger.inherit(first, digestsOf('mail'))).toBe(false)
    expect(ledger.message(second)).toMatchObject({
      state: 'landed',
      key: '2',
      epoch: 1,
      destinationKey: '7',
      destinationValidity: 'A',
      verifiedAt: 5,
      attempts: 1,
      messageId: `${old}@old.example`,
    })
    expect(thrownBy(() => ledger.message(old)).kind).toBe('bug')
    expect(ledger.totals({}).source).toBe(2)
  })

  it('of many rows is seen to in parts, and the next process goes on where one ended', () => {
    const { ledger, path, key, inbox } = createFixture()
    const names = Array.from({ length: 10_500 }, (_, i) => String(i))
    const listing = ledger.beginListing(inbox.id)
    ledger.addListed(
      inbox.id,
      listing,
      names.map((name) => newRow(name)),
    )
    const ids: number[] = []
    for (let after = 0; ids.length < names.length; after = ids.at(-1) ?? 0)
      ids.push(...ledger.pending(inbox.id, after, 1000, 1e12).map((row) => row.id))
    ledger.endListing(inbox.id, listing, 'c', true)
    const last = ids.at(-1) ?? 0
    deliver(ledger, last, '7', 'mail')
    ledger.beginEpoch(inbox.id)
    // Those that were never read are dropped; the last ones have not been looked at.
    expect(ledger.totals({}).source).toBe(500)
    ledger.close()
    const next = openLedger(path, key)
    expect(next.continueEpoch(inbox.id)).toBe(true)
    expect(next.continueEpoch(inbox.id)).toBe(true)
    expect(next.mailbox(inbox.id).epoch).toBe(1)
    expect(next.totals({})).toMatchObject({ source: 1, landed: 1 })
    const [fresh = 0] = list(next, inbox.id, ['1'])
    expect(next.inherit(fresh, digestsOf('mail'))).toBe(true)
    expect(next.endEpochs(inbox.id)).toBe(true)
    expect(next.totals({})).toMatchObject({ source: 1, landed: 1 })
    next.close()
  })

  it('does not hand out rows whose keys mean nothing any more', () => {
    const { ledger, inbox } = createFixture()
    const [sent = 0, never = 0, skipped = 0] = list(ledger, inbox.id, ['1', '2', '3'])
    ledger.skip(skipped, REASON)
    ledger.intend([intent(sent, 'mail')], POSITION)
    ledger.beginEpoch(inbox.id)
    expect(pendingIds(ledger, inbox.id)).toEqual([])
    ledger.doubt([sent])
    ledger.revert([sent])
    expect(pendingIds(ledger, inbox.id)).toEqual([])
    expect(thrownBy(() => ledger.intend([intent(sent, 'mail')], POSITION)).kind).toBe('bug')
    // Nothing could match them, and the new listing names again what is still there.
    for (const id of [never, skipped]) expect(thrownBy(() => ledger.message(id)).kind).toBe('bug')
    const [fresh = 0] = list(ledger, inbox.id, ['1'])
    // Still to be sent, but it is known that it was in doubt.
    expect(ledger.inherit(fresh, digestsOf('mail'))).toBe(false)
    expect(ledger.message(fresh)).toMatchObject({ state: 'discovered', doubted: true, attempts: 1 })
    ledger.endEpochs(inbox.id)
    expect(ledger.totals({})).toMatchObject({ source: 1, discovered: 1 })
  })

  it('adds what the new row has been through to what the old one had', () => {
    const { ledger, inbox } = createFixture()
    const [old = 0] = list(ledger, inbox.id, ['1'])
    deliver(ledger, old, '7', 'mail')
    ledger.beginEpoch(inbox.id)
    const [fresh = 0] = list(ledger, inbox.id, ['1'])
    ledger.intend([intent(fresh, 'mail')], POSITION)
    ledger.doubt([fresh])
    ledger.revert([fresh])
    expect(ledger.inherit(fresh, digestsOf('mail'))).toBe(true)
    expect(ledger.message(fresh)).toMatchObject({ state: 'landed', attempts: 2, doubted: true })
  })

  it('takes landed rows that are still there first, and twins by date and flags', () => {
    const { ledger, inbox } = createFixture()
    const [gone = 0, plain = 0, flagged = 0] = list(ledger, inbox.id, ['1', '2', '3'])
    for (const [id, key] of [
      [gone, '7'],
      [plain, '8'],
      [flagged, '9'],
    ] as const) {
      deliver(ledger, id, key, 'twin')
    }
    ledger.setSourceFlags(inbox.id, [{ key: '3', flags: ['\\Flagged'] }])
    ledger.markGone(inbox.id, ['1'])
    ledger.beginEpoch(inbox.id)
    const listing = ledger.beginListing(inbox.id)
    ledger.addListed(inbox.id, listing, [newRow('1', ['\\Flagged']), newRow('2'), newRow('3')])
    const [a = 0, b = 0, c = 0] = pendingIds(ledger, inbox.id)
    const keys = [a, b, c].map((id) => {
      expect(ledger.inherit(id, digestsOf('twin'))).toBe(true)
      return ledger.message(id).destinationKey
    })
    expect(keys).toEqual(['9', '8', '7'])
    expect(ledger.message(c).gone).toBe(false)
  })

  it('ends: a row in flight that did not land has vanished', () => {
    const { ledger, inbox } = createFixture()
    const [flying = 0, landed = 0] = list(ledger, inbox.id, ['1', '2'])
    ledger.intend([intent(flying)], POSITION)
    deliver(ledger, landed, '7', 'mail')
    ledger.beginEpoch(inbox.id)
    ledger.endEpochs(inbox.id)
    ledger.endEpochs(inbox.id)
    expect(ledger.message(landed)).toMatchObject({ state: 'landed', gone: true })
    expect(ledger.message(flying)).toMatchObject({ state: 'appending', gone: true })
    ledger.revert([flying])
    ledger.revert([flying])
    expect(ledger.message(flying).state).toBe('expunged')
    const [fresh = 0] = list(ledger, inbox.id, ['1'])
    expect(ledger.inherit(fresh, digestsOf('mail'))).toBe(false)
  })
})
