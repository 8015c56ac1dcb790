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

describe('pending', () => {
  it('keeps to the limits of messages and bytes, the first message aside, and goes on after an id', () => {
    const { ledger, inbox } = createFixture()
    const ids = list(ledger, inbox.id, ['1', '2', '3', '4', '5'])
    const some = (afterId: number, messages: number, bytes: number): readonly number[] =>
      ledger.pending(inbox.id, afterId, messages, bytes).map((row) => row.id)
    expect(some(0, 2, 1e9)).toEqual(ids.slice(0, 2))
    expect(some(0, 9, 300)).toEqual(ids.slice(0, 3))
    expect(some(0, 9, 299)).toEqual(ids.slice(0, 2))
    expect(some(0, 9, 1)).toEqual(ids.slice(0, 1))
    expect(some(ids[2] ?? 0, 9, 1e9)).toEqual(ids.slice(3))
    expect(some(ids[4] ?? 0, 9, 1e9)).toEqual([])
  })

  it('is counted ahead of an id, and no further than asked', () => {
    const { ledger, inbox } = createFixture()
    const ids = list(ledger, inbox.id, ['1', '2', '3', '4', '5'])
    ledger.skip(ids[1] ?? 0, REASON)
    expect(ledger.pendingAhead(inbox.id, 0, 100)).toBe(4)
    expect(ledger.pendingAhead(inbox.id, 0, 3)).toBe(3)
    expect(ledger.pendingAhead(inbox.id, ids[2] ?? 0, 100)).toBe(2)
    expect(ledger.pendingAhead(inbox.id, ids[4] ?? 0, 100)).toBe(0)
  })
})

describe('a message on its way', () => {
  it('is written down before it is sent, with all that reconcile needs, and survives the process', () => {
    const { ledger, inbox, path, key } = createFixture()
    const [id = 0] = list(ledger, inbox.id, ['1'])
    ledger.intend([{ ...intent(id, 'body'), appliedFlags: ['\\seen', 'Work'] }], { validity: '17', next: '99' })
    ledger.close()
    const again = openLedger(path, key)
    expect(again.inDoubt(inbox.id)).toMatchObject([
      {
        id,
        state: 'appending',
        digests: digestsOf('body'),
        bytes: 4,
        messageId: `${id}@old.example`,
        appliedFlags: ['Work', '\\Seen'],
        position: { validity: '17', next: '99' },
        attempts: 1,
      },
    ])
    again.close()
  })

  it('lands with its key, and the same claim twice is nothing', () => {
    const { ledger, inbox } = createFixture()
    const [id = 0] = list(ledger, inbox.id, ['1'])
    deliver(ledger, id, '7')
    const before = ledger.message(id)
    expect(before).toMatchObject({
      state: 'landed',
      destinationKey: '7',
      destinationValidity: 'A',
      position: null,
    })
    ledger.land([claim(id, '7')])
    ledger.land([claim(id, null)])
    expect(ledger.message(id)).toEqual(before)
    expect(thrownBy(() => ledger.land([claim(id, '8')])).kind).toBe('bug')
    expect(ledger.message(id)).toEqual(before)
  })

  it('lands without a key where the server gives none, and gets it later', () => {
    const { ledger, inbox } = createFixture()
    const [id = 0] = list(ledger, inbox.id, ['1'])
    deliver(ledger, id, null)
    expect(ledger.message(id)).toMatchObject({ state: 'landed', destinationKey: null, position: POSITION })
    ledger.land([claim(id, '7')])
    expect(ledger.message(id)).toMatchObject({ state: 'landed', destinationKey: '7', position: null })
  })

  it('gives a key without a validity the one under which the append was begun', () => {
    const { ledger, inbox } = createFixture()
    const [first = 0, second = 0] = list(ledger, inbox.id, ['1', '2'])
    ledger.intend([intent(first), intent(second)], POSITION)
    ledger.land([claim(first, '7', null)])
    expect(ledger.message(first).destinationValidity).toBe('A')
    expect(thrownBy(() => ledger.land([claim(second, '7', null)])).kind).toBe('bug')
  })

  it('does not land on a key that another row holds, and then nothing of the batch does', () => {
    const { ledger, inbox } = createFixture()
    const [first = 0, second = 0, third = 0] = list(ledger, inbox.id, ['1', '2', '3'])
    deliver(ledger, first, '7')
    ledger.intend([intent(second), intent(third)], POSITION)
    const error = thrownBy(() => ledger.land([claim(second, '8'), claim(third, '7')]))
    expect(error).toMatchObject({ kind: 'bug' })
    expect(error.message).toBe(`ledger: land: row ${third}: another row holds its key at the destination`)
    expect([second, third].map((id) => ledger.message(id).state)).toEqual(['appending', 'appending'])
    ledger.land([claim(second, '8'), claim(third, '7', 'B')])
    expect(ledger.message(third).state).toBe('landed')
  })

  it('is pending again after revert, and remembers that it was in doubt', () => {
    const { ledger, inbox } = createFixture()
    const [id = 0] = list(ledger, inbox.id, ['1'])
    expect(thrownBy(() => ledger.revert([id])).kind).toBe('bug')
    expect(thrownBy(() => ledger.doubt([id])).kind).toBe('bug')
    ledger.intend([intent(id, 'x', ['\\Seen'])], POSITION)
    ledger.doubt([id])
    ledger.doubt([id])
    ledger.revert([id])
    ledger.revert([id])
    expect(ledger.message(id)).toMatchObject({
      state: 'discovered',
      position: null,
      appliedFlags: [],
      attempts: 1,
    })
    expect(ledger.doubted(inbox.id).map((row) => row.id)).toEqual([id])
    deliver(ledger, id, '7')
    expect(ledger.message(id).attempts).toBe(2)
    expect(ledger.doubted(inbox.id)).toHaveLength(1)
  })

  it('is not intended twice with other facts, nor by two at once', () => {
    const { ledger, inbox } = createFixture()
    const [id = 0] = list(ledger, inbox.id, ['1'])
    ledger.intend([intent(id)], POSITION)
    ledger.intend([intent(id)], POSITION)
    expect(ledger.message(id).attempts).toBe(1)
    expect(thrownBy(() => ledger.intend([intent(id, 'other')], POSITION)).kind).toBe('bug')
    expect(thrownBy(() => ledger.intend([intent(id)], { ...POSITION, next: '2' })).kind).toBe('bug')
    ledger.land([claim(id, '7')])
    const error = thrownBy(() => ledger.intend([intent(id)], POSITION))
    expect(error.message).toBe(`ledger: intend: row ${id} is landed`)
  })

  it('can only be sent out of one state', () => {
    const { ledger, inbox, pairId } = createFixture()
    const [landed = 0, quarantined = 0, skipped = 0, expunged = 0] = list(ledger, inbox.id, ['1', '2', '3', '4'])
    deliver(ledger, landed, '1')
    ledger.quarantine(quarantined, REASON)
    ledger.skip(skipped, REASON)
    ledger.expunge([expunged])
    for (const id of [landed, quarantined, skipped, expunged]) {
      expect(thrownBy(() => ledger.intend([intent(id)], POSITION)).kind).toBe('bug')
    }
    for (const id of [quarantined, skipped, expunged]) {
      expect(thrownBy(() => ledger.land([claim(id, '9')])).kind).toBe('bug')
      expect(thrownBy(() => ledger.setVerified([id], 1)).kind).toBe('bug')
      expect(thrownBy(() => ledger.setAppliedFlags([{ id, flags: [] }])).kind).toBe('bug')
      expect(thrownBy(() => ledger.reclaim([claim(id, '9')])).kind).toBe('bug')
    }
    expect(thrownBy(() => ledger.quarantine(landed, REASON)).kind).toBe('bug')
    expect(thrownBy(() => ledger.skip(landed, REASON)).kind).toBe('bug')
    expect(thrownBy(() => ledger.expunge([landed])).kind).toBe('bug')
    expect(thrownBy(() => ledger.expunge([999])).message).toBe('ledger: expunge: there is no row 999')
    ledger.quarantine(quarantined, REASON)
    ledger.skip(skipped, REASON)
    ledger.expunge([expunged])
    expect(ledger.totals({ pairId })).toMatchObject({
      source: 4,
      landed: 1,
      quarantined: 1,
      skipped: 1,
      expunged: 1,
    })
  })
})

describe('exceptions', () => {
  it('keep their reason, come in order by page, and go back when asked', () => {
    const { ledger, inbox, pairId } = createFixture()
    const [a = 0, b = 0, c = 0] = list(ledger, inbox.id, ['1', '2', '3'])
    ledger.quarantine(a, REASON)
    ledger.skip(b, { code: 'moved-at-source', text: 'moved', serverText: null })
    ledger.quarantine(c, REASON)
    expect(ledger.exceptions(pairId, 0, 9).map((row) => row.reason)).toEqual([
      REASON,
      { code: 'moved-at-source', text: 'moved', serverText: null },
      REASON,
    ])
    expect(ledger.exceptions(null, a, 1).map((row) => row.id)).toEqual([b])
    expect(ledger.exceptions(pairId + 1, 0, 9)).toEqual([])
    expect(ledger.requeue(pairId + 1, null)).toBe(0)
    expect(ledger.requeue(pairId, [a, b])).toBe(1)
    expect(ledger.requeue(pairId, null)).toBe(1)
    expect(ledger.requeue(pairId, null)).toBe(0)
    expect(pendingIds(ledger, inbox.id)).toEqual([a, c])
    expect(ledger.message(a).reason).toBeNull()
  })

  it('are skipped from the start when the listing says so', () => {
    const { ledger, inbox } = createFixture()
    const listing = ledger.beginListing(inbox.id)
    expect(ledger.addListed(inbox.id, listing, [newRow('1', [], REASON), newRow('2')])).toBe(2)
    expect(ledger.totals({ mailboxId: inbox.id })).toMatchObject({ source: 2, skipped: 1, discovered: 1 })
    expect(pendingIds(ledger, inbox.id)).toHaveLength(1)
  })
})
