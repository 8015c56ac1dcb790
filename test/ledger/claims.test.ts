import { describe, expect, it } from 'vitest'
import type { Adoption } from '../../src/core/ledger.ts'
import type { Candidate } from '../../src/core/mail.ts'
import { thrownBy } from '../thrown-by.ts'
import { claim, createFixture, deliver, digestsOf, intent, list, POSITION } from './fixture.ts'

function candidate(key: string, messageId: string | null): Candidate {
  return { key, bytes: 10, internalDate: 5, flags: ['\\Seen'], messageId }
}

function adoption(id: number, key: string, content = 'mail'): Adoption {
  return { id, key, digests: digestsOf(content), messageId: null, appliedFlags: [] }
}

describe('claims', () => {
  it('say who holds a key under a validity', () => {
    const { ledger, inbox } = createFixture()
    const [id = 0] = list(ledger, inbox.id, ['1'])
    deliver(ledger, id, '7')
    const { id: destinationId } = inbox.destination
    expect(ledger.claimant(destinationId, 'A', '7')?.id).toBe(id)
    expect(ledger.claimant(destinationId, 'B', '7')).toBeNull()
    expect(ledger.claimant(destinationId + 1, 'A', '7')).toBeNull()
    expect(ledger.unclaimed(destinationId, 'A', ['9', '7', '8'])).toEqual(['9', '8'])
    expect(ledger.unclaimed(destinationId, 'B', ['7'])).toEqual(['7'])
  })

  it('say who holds a copy anywhere in the account, and what was there before us', () => {
    const { ledger, inbox, pairId } = createFixture()
    const work = ledger.openMailbox(pairId, ['Work'], null, ['Work'])
    const elsewhere = ledger.openMailbox(ledger.openPair('b', 'b@new.example').id, ['INBOX'], 'inbox', ['INBOX'])
    const [id = 0, later = 0] = list(ledger, inbox.id, ['1', '2'])
    const digests = { ...digestsOf('mail'), fingerprint: new Uint8Array(128) }
    ledger.intend([{ id, digests, messageId: null, appliedFlags: [] }], POSITION)
    ledger.land([claim(id, 'k')])
    expect(ledger.copyHolder(work.destination.id, 'k')).toMatchObject({ id, mergedKey: null })
    expect(ledger.copyHolder(elsewhere.destination.id, 'k')).toBeNull()
    ledger.intend([{ id: later, digests, messageId: null, appliedFlags: [] }], POSITION)
    ledger.land([{ ...claim(later, null), mergedKey: 'k' }])
    expect(ledger.message(later)).toMatchObject({ state: 'landed', destinationKey: null, mergedKey: 'k' })
    expect(ledger.totals({ pairId })).toMatchObject({ landed: 2, merged: 1 })
    ledger.addCandidates(work.destination.id, [candidate('old', null)])
    const was = (id: number, inAccount: boolean): boolean => ledger.wasThere(id, 'old', inAccount)
    expect([work, inbox].map(({ destination }) => was(destination.id, false))).toEqual([true, false])
    expect([inbox, elsewhere].map(({ destination }) => was(destination.id, true))).toEqual([true, false])
    expect(ledger.wasThere(inbox.destination.id, 'k', true)).toBe(false)
  })

  it('go stale when the destination’s validity changes, and are made again', () => {
    const { ledger, inbox } = createFixture()
    const { id: destinationId } = inbox.destination
    const [a = 0, b = 0, keyless = 0, later = 0] = list(ledger, inbox.id, ['1', '2', '3', '4'])
    deliver(ledger, a, '7')
    deliver(ledger, b, '8')
    deliver(ledger, keyless, null)
    const stale = (): number[] => ledger.staleClaims(destinationId, 0, 10).map((row) => row.id)
    ledger.setValidity(destinationId, 'A')
    expect(stale()).toEqual([])
    ledger.setValidity(destinationId, 'B')
    ledger.setValidity(destinationId, 'B')
    expect(ledger.mailbox(inbox.id).destination.validity).toBe('B')
    expect(stale()).toEqual([a, b, keyless])
    expect(ledger.staleClaims(destinationId, a, 1).map((row) => row.id)).toEqual([b])
    ledger.intend([intent(later)], { validity: 'B', next: '1' })
    ledger.land([claim(later, '3', 'B')])
    ledger.reclaim([claim(a, '1', 'B'), claim(keyless, '2', 'B')])
    ledger.reclaim([claim(a, '1', 'B'), claim(keyless, '2', 'B')])
    expect(stale()).toEqual([b])
    expect(thrownBy(() => ledger.reclaim([claim(b, '3', 'B')])).kind).toBe('bug')
    ledger.reclaim([claim(b, null, 'B')])
    expect(stale()).toEqual([])
    expect(ledger.message(b)).toMatchObject({ state: 'landed', destinationKey: null })
    expect(ledger.message(a)).toMatchObject({ destinationKey: '1', destinationValidity: 'B' })
    ledger.setValidity(destinationId, 'C')
    ledger.setValidity(destinationId, 'B')
    expect(stale()).toEqual([])
    expect(thrownBy(() => ledger.setValidity(99, 'A')).kind).toBe('bug')
  })

  it('that come in late under the old validity are stale from the start', () => {
    const { ledger, inbox } = createFixture()
    const { id: destinationId } = inbox.destination
    const [id = 0] = list(ledger, inbox.id, ['1'])
    ledger.intend([intent(id)], POSITION)
    ledger.setValidity(destinationId, 'B')
    ledger.land([claim(id, '7', 'A')])
    expect(ledger.staleClaims(destinationId, 0, 9)).toHaveLength(1)
  })
})

describe('a survey', () => {
  it('finds unclaimed candidates by their Message-IDs, in the order of the survey', () => {
    const { ledger, inbox } = createFixture()
    const { id: destinationId } = inbox.destination
    ledger.setValidity(destinationId, 'A')
    const all = [candidate('9', 'a@x'), candidate('3', null), candidate('5', 'b@x'), candidate('1', 'a@x')]
    ledger.addCandidates(destinationId, all)
    ledger.addCandidates(destinationId, all)
    const keys = (...ids: (string | null)[]): string[] =>
      ledger.unreadCandidates(destinationId, ids).map((one) => one.key)
    expect(keys('a@x')).toEqual(['9', '1'])
    expect(keys('a@x', 'a@x', 'b@x', 'none@x')).toEqual(['9', '5', '1'])
    expect(keys(null)).toEqual(['3'])
    expect(keys('a@x', null)).toEqual(['9', '3', '1'])
    expect(keys()).toEqual([])
    expect(keys(...Array.from({ length: 5000 }, (_, i) => `${i}@x`), 'b@x')).toEqual(['5'])
    expect(ledger.unreadCandidates(destinationId, [null])).toEqual([
      { ...candidate('3', null), matchDigest: null },
    ])
    const { matchDigest } = digestsOf('mail')
    const equal = (): string[] =>
      ledger.candidates(destinationId, [digestsOf('other').matchDigest, matchDigest]).map((one) => one.key)
    expect(equal()).toEqual([])
    ledger.setCandidateDigest(destinationId, '3', matchDigest)
    expect(keys(null)).toEqual([])
    expect(ledger.candidates(destinationId, [matchDigest])).toEqual([{ ...candidate('3', null), matchDigest }])
    ledger.setCandidateDigest(destinationId, '5', new Uint8Array())
    expect(keys('b@x')).toEqual([])
    ledger.addCandidates(destinationId, [candidate('6', 'b@x')])
    expect(thrownBy(() => ledger.setCandidateDigest(destinationId, '4', Buffer.alloc(32))).kind).toBe('bug')

    const [first = 0, second = 0] = list(ledger, inbox.id, ['1', '2'])
    ledger.adopt(destinationId, 'A', [adoption(first, '9')])
    ledger.adopt(destinationId, 'A', [adoption(first, '9')])
    expect(keys('a@x')).toEqual(['1'])
    ledger.setCandidateDigest(destinationId, '1', matchDigest)
    expect(equal()).toEqual(['3', '1'])
    deliver(ledger, second, '1')
    expect(keys('a@x')).toEqual([])
    expect(equal()).toEqual(['3'])
  })

  it('can be begun anew', () => {
    const { ledger, inbox } = createFixture()
    const { id: destinationId } = inbox.destination
    ledger.addCandidates(destinationId, [candidate('9', 'a@x')])
    ledger.endSurvey(destinationId)
    ledger.endSurvey(destinationId)
    expect(ledger.mailbox(inbox.id).destination.surveyed).toBe(true)
    ledger.clearCandidates(destinationId)
    ledger.clearCandidates(destinationId)
    expect(ledger.mailbox(inbox.id).destination.surveyed).toBe(false)
    expect(ledger.unreadCandidates(destinationId, ['a@x'])).toEqual([])
  })

  it('is not believed under another validity than the one it was made under', () => {
    const { ledger, inbox } = createFixture()
    const { id: destinationId } = inbox.destination
    ledger.addCandidates(destinationId, [candidate('9', 'a@x')])
    ledger.setValidity(destinationId, 'A')
    expect(ledger.unreadCandidates(destinationId, ['a@x'])).toHaveLength(1)
    ledger.addCandidates(destinationId, [candidate('9', 'a@x')])
    const { matchDigest } = digestsOf('mail')
    ledger.setCandidateDigest(destinationId, '9', matchDigest)
    expect(ledger.candidates(destinationId, [matchDigest])).toHaveLength(1)
    ledger.setValidity(destinationId, 'B')
    expect(ledger.candidates(destinationId, [matchDigest])).toEqual([])
    ledger.addCandidates(destinationId, [candidate('9', 'a@x')])
    expect(ledger.unreadCandidates(destinationId, ['a@x'])[0]?.matchDigest).toBeNull()
  })
})

describe('adoption', () => {
  it('makes a row existing with the claim, and no row takes a key that is held', () => {
    const { ledger, inbox } = createFixture()
    const { id: destinationId } = inbox.destination
    const [first = 0, second = 0] = list(ledger, inbox.id, ['1', '2'])
    ledger.adopt(destinationId, 'A', [{ ...adoption(first, '9'), appliedFlags: ['\\Seen'], messageId: 'a@x' }])
    expect(ledger.message(first)).toMatchObject({
      state: 'existing',
      destinationKey: '9',
      destinationValidity: 'A',
      appliedFlags: ['\\Seen'],
      messageId: 'a@x',
      bytes: 4,
      attempts: 0,
    })
    expect(ledger.claimant(destinationId, 'A', '9')?.id).toBe(first)
    expect(thrownBy(() => ledger.adopt(destinationId, 'A', [adoption(second, '9')])).kind).toBe('bug')
    expect(thrownBy(() => ledger.adopt(destinationId, 'A', [adoption(first, '8')])).kind).toBe('bug')
    expect(thrownBy(() => ledger.adopt(destinationId + 1, 'A', [adoption(second, '8')])).kind).toBe('bug')
    expect(ledger.message(second).state).toBe('discovered')
    ledger.intend([intent(second)], POSITION)
    expect(thrownBy(() => ledger.adopt(destinationId, 'A', [adoption(second, '8')])).kind).toBe('bug')
    expect(ledger.totals({})).toMatchObject({ existing: 1, appending: 1, landedBytes: 0 })
  })
})

describe('mail that was moved', () => {
  it('is found by content among what is gone, and the new row takes over', () => {
    const { ledger, inbox, pairId } = createFixture()
    const done = ledger.openMailbox(pairId, ['Done'], null, ['Done'])
    const [old = 0, keyless = 0, there = 0, unsent = 0] = list(ledger, inbox.id, ['1', '2', '3', '4'])
    deliver(ledger, old, '7', 'mail')
    deliver(ledger, keyless, null, 'mail')
    deliver(ledger, there, '8', 'mail')
    ledger.setVerified([old], 5)
    ledger.markGone(inbox.id, ['1', '2', '4'])
    const { matchDigest } = digestsOf('mail')
    expect(ledger.moved(pairId, matchDigest).map((row) => row.id)).toEqual([old])
    expect(ledger.moved(pairId + 1, matchDigest)).toEqual([])
    expect(ledger.moved(pairId, digestsOf('other').matchDigest)).toEqual([])
    const [fresh = 0, sent = 0] = list(ledger, done.id, ['1', '2'])
    deliver(ledger, sent, '9', 'mail')
    for (const [id, from, key] of [
      [fresh, unsent, '1'],
      [sent, old, '9'],
    ] as const) {
      expect(thrownBy(() => ledger.inheritMove(id, from, digestsOf('mail'), claim(id, key))).kind).toBe('bug')
    }
    expect(thrownBy(() => ledger.inheritMove(fresh, there, digestsOf('mail'), claim(fresh, '1'))).kind).toBe('bug')
    // It was about to be sent before it was seen that it had moved.
    ledger.intend([intent(fresh, 'mail')], POSITION)
    ledger.revert([fresh])
    ledger.inheritMove(fresh, old, digestsOf('mail'), claim(fresh, '1'))
    ledger.inheritMove(fresh, old, digestsOf('mail'), claim(fresh, '1'))
    for (const [content, key] of [
      ['mail', '2'],
      ['other', '1'],
    ] as const) {
      const again = (): void => ledger.inheritMove(fresh, old, digestsOf(content), claim(fresh, key))
      expect(thrownBy(again).kind).toBe('bug')
    }
    expect(ledger.message(fresh)).toMatchObject({
      state: 'landed',
      mailboxId: done.id,
      destinationKey: '1',
      attempts: 2,
      // Nobody has looked at it in its new place.
      verifiedAt: null,
    })
    expect(ledger.claimant(done.destination.id, 'A', '1')?.id).toBe(fresh)
    expect(ledger.claimant(inbox.destination.id, 'A', '7')).toBeNull()
    expect(ledger.moved(pairId, matchDigest)).toEqual([])
    expect(ledger.totals({ pairId })).toMatchObject({ source: 5, landed: 4, expunged: 1 })
  })

  it('stays where it is when both mailboxes lead to one', () => {
    const { ledger, inbox, pairId } = createFixture()
    const other = ledger.openMailbox(pairId, ['Other'], null, ['INBOX'])
    const [old = 0] = list(ledger, inbox.id, ['1'])
    deliver(ledger, old, '7', 'mail')
    ledger.markGone(inbox.id, ['1'])
    const [fresh = 0] = list(ledger, other.id, ['1'])
    ledger.inheritMove(fresh, old, digestsOf('mail'), claim(fresh, '7'))
    expect(ledger.claimant(inbox.destination.id, 'A', '7')?.id).toBe(fresh)
  })
})
