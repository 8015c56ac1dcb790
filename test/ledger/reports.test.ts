import { copyFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Finding } from '../../src/core/ledger.ts'
import { isBalanced } from '../../src/core/states.ts'
import { MIGRATIONS } from '../../src/ledger/schema.ts'
import { openLedger, openLedgerReader } from '../../src/ledger/open-ledger.ts'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { thrownBy } from '../thrown-by.ts'
import { claim, createFixture, deliver, digestsOf, intent, list, POSITION, REASON } from './fixture.ts'

function finding(mailboxId: number, pairId: number, more: Partial<Finding> = {}): Finding {
  return {
    class: 'open',
    check: 'missing',
    pairId,
    mailboxId,
    messageId: null,
    sourceKey: '1',
    destinationKey: null,
    expected: 'one copy',
    actual: 'none',
    rule: null,
    ...more,
  }
}

describe('totals', () => {
  it('count by mailbox, by pair and in all, and balance when all has ended', () => {
    const { ledger, inbox, pairId } = createFixture()
    const sent = ledger.openMailbox(pairId, ['Sent'], 'sent', ['Sent'])
    const other = ledger.openPair('x', 'y')
    const otherInbox = ledger.openMailbox(other.id, ['INBOX'], 'inbox', ['INBOX'])
    const [a = 0, b = 0, c = 0, d = 0] = list(ledger, inbox.id, ['1', '2', '3', '4'])
    list(ledger, sent.id, ['1'])
    list(ledger, otherInbox.id, ['1', '2'])
    deliver(ledger, a, '7', 'seven..')
    ledger.quarantine(b, REASON)
    ledger.skip(c, REASON)
    ledger.adopt(inbox.destination.id, 'A', [
      { id: d, key: '9', digests: digestsOf('nine.....'), messageId: null, appliedFlags: [] },
    ])
    const totals = ledger.totals({ mailboxId: inbox.id })
    expect(totals).toEqual({
      source: 4,
      discovered: 0,
      appending: 0,
      landed: 1,
      existing: 1,
      skipped: 1,
      quarantined: 1,
      expunged: 0,
      merged: 0,
      sourceBytes: 7 + 9 + 200,
      landedBytes: 7,
    })
    expect(isBalanced(totals)).toBe(true)
    expect(ledger.totals({ pairId })).toMatchObject({ source: 5, discovered: 1, sourceBytes: 316 })
    expect(isBalanced(ledger.totals({ pairId }))).toBe(false)
    expect(ledger.totals({}).source).toBe(7)
    expect(ledger.totals({ pairId: 99 })).toMatchObject({ source: 0, sourceBytes: 0 })
  })

  it('come from counters that equal a count of the rows', () => {
    const { ledger, inbox, path, key } = createFixture()
    const ids = list(
      ledger,
      inbox.id,
      Array.from({ length: 50 }, (_, i) => String(i + 1)),
    )
    for (const [i, id] of ids.entries()) {
      if (i % 3 !== 0) continue
      ledger.intend([intent(id, `body ${i}`)], POSITION)
      ledger.land([{ ...claim(id, String(i)), ...(i % 9 === 0 ? { mergedKey: String(i) } : {}) }])
    }
    ledger.setVerified(
      ids.filter((_, i) => i % 6 === 0),
      9,
    )
    for (const [i, fidelity] of (['identical', 'equivalent', 'altered', 'missing'] as const).entries())
      ledger.setFidelity(
        ids.filter((_, at) => at % 3 === 0 && at % 4 === i),
        fidelity,
      )
    ledger.markGone(inbox.id, ['1', '2', '5'])
    ledger.beginEpoch(inbox.id)
    const fresh = list(ledger, inbox.id, ['1', '2', '3'])
    ledger.inherit(fresh[0] ?? 0, digestsOf('body 6'))
    ledger.close()
    const fidelities = ['identical', 'equivalent', 'altered', 'missing']
      .map((name) => `count(iif(fidelity = '${name}', 1, NULL)) AS ${name}`)
      .join(', ')
    const db = openDatabase(path, key, { migrations: MIGRATIONS })
    try {
      const counted = db
        .prepare(
          `SELECT mailbox_id, state, count(*) AS messages, sum(bytes) AS bytes, count(verified_at) AS verified,
             count(merged_key) AS merged, ${fidelities}
           FROM message GROUP BY mailbox_id, state ORDER BY state`,
        )
        .all()
      expect(counted.length).toBeGreaterThan(2)
      expect(db.prepare('SELECT * FROM counter WHERE messages <> 0 ORDER BY state').all()).toEqual(counted)
    } finally {
      db.close()
    }
  })
})

describe('verification', () => {
  it('counts what was never verified, by pair', () => {
    const { ledger, inbox, pairId } = createFixture()
    const [a = 0, b = 0, c = 0] = list(ledger, inbox.id, ['1', '2', '3'])
    deliver(ledger, a, '7')
    deliver(ledger, b, null)
    expect(ledger.unverified(pairId)).toBe(2)
    expect(ledger.delivered(inbox.id, 0, 9).map((row) => row.id)).toEqual([a, b])
    expect(ledger.delivered(inbox.id, a, 9).map((row) => row.id)).toEqual([b])
    ledger.setVerified([a], 1_700_000_000_000)
    ledger.setVerified([a], 1_700_000_000_000)
    expect(ledger.message(a).verifiedAt).toBe(1_700_000_000_000)
    expect([ledger.unverified(pairId), ledger.unverified(null), ledger.unverified(99)]).toEqual([1, 1, 0])
    expect(ledger.message(c).state).toBe('discovered')
  })

  it('finds rows whose flags are still to be merged', () => {
    const { ledger, inbox } = createFixture()
    const [a = 0, b = 0] = list(ledger, inbox.id, ['1', '2'])
    ledger.setSourceFlags(inbox.id, [{ key: '1', flags: ['\\Seen'] }])
    ledger.intend([intent(a, 'x', ['\\Seen'])], POSITION)
    ledger.land([{ id: a, key: '7', validity: 'A' }])
    deliver(ledger, b, '8')
    expect(ledger.flagWork(inbox.id, 0, 9)).toEqual([])
    ledger.setSourceFlags(inbox.id, [
      { key: '1', flags: [] },
      { key: '2', flags: ['$Work', '\\DELETED'] },
    ])
    expect(ledger.flagWork(inbox.id, 0, 9).map((row) => row.id)).toEqual([a, b])
    expect(ledger.flagWork(inbox.id, a, 9).map((row) => row.id)).toEqual([b])
    ledger.setAppliedFlags([
      { id: a, flags: [] },
      { id: b, flags: ['\\Deleted', '$Work'] },
    ])
    expect(ledger.flagWork(inbox.id, 0, 9)).toEqual([])
  })
})

describe('findings', () => {
  it('are replaced by mailbox and group, and come back as they were', () => {
    const { ledger, inbox, pairId } = createFixture()
    const sent = ledger.openMailbox(pairId, ['Sent'], 'sent', ['Sent'])
    const first = finding(inbox.id, pairId, {
      rule: 'line ends',
      class: 'explained',
      messageId: 3,
      destinationKey: '9',
    })
    const second = finding(inbox.id, pairId, { check: 'late-landing' })
    const third = finding(sent.id, pairId, { sourceKey: null })
    ledger.replaceFindings(inbox.id, 'verify', [first])
    ledger.replaceFindings(inbox.id, 'run', [second])
    ledger.replaceFindings(sent.id, 'verify', [third])
    ledger.replaceFindings(sent.id, 'verify', [third])
    expect(ledger.findings(null)).toEqual([first, second, third])
    ledger.replaceFindings(inbox.id, 'verify', [])
    expect(ledger.findings(pairId)).toEqual([second, third])
    expect(ledger.findings(pairId + 1)).toEqual([])
    expect(thrownBy(() => ledger.replaceFindings(sent.id, 'verify', [second])).kind).toBe('bug')
    expect(ledger.findings(pairId)).toEqual([second, third])
  })

  it('follow their row into a new epoch', () => {
    const { ledger, inbox, pairId } = createFixture()
    const [old = 0] = list(ledger, inbox.id, ['1'])
    deliver(ledger, old, '7', 'mail')
    ledger.replaceFindings(inbox.id, 'verify', [finding(inbox.id, pairId, { messageId: old })])
    ledger.beginEpoch(inbox.id)
    const [fresh = 0] = list(ledger, inbox.id, ['1'])
    ledger.inherit(fresh, digestsOf('mail'))
    expect(ledger.findings(null)[0]?.messageId).toBe(fresh)
  })
})

describe('a second process', () => {
  it('reads what the first has written down so far, and cannot write', () => {
    const { ledger, path, key, pairId, inbox } = createFixture()
    const reader = openLedgerReader(path, key)
    expect(reader.totals({})).toMatchObject({ source: 0 })
    list(ledger, inbox.id, ['1', '2'])
    expect(reader.totals({ pairId })).toMatchObject({ source: 2, discovered: 2 })
    ledger.quarantine(1, REASON)
    expect(reader.exceptions(null, 0, 9)).toEqual([ledger.message(1)])
    expect(reader.pairs()).toEqual(ledger.pairs())
    expect(reader.mailboxes(pairId)).toEqual([ledger.mailbox(inbox.id)])
    expect(Object.keys(reader)).not.toContain('quarantine')
    reader.close()
    list(ledger, inbox.id, ['3'])
    expect(ledger.totals({})).toMatchObject({ source: 3 })
  })

  it('reads the ledger of one that was killed in the middle', () => {
    const { ledger, path, key, inbox } = createFixture()
    list(ledger, inbox.id, ['1', '2'])
    const left = `${path}.left`
    for (const suffix of ['', '-wal']) copyFileSync(path + suffix, left + suffix)
    const reader = openLedgerReader(left, key)
    expect(reader.totals({})).toMatchObject({ source: 2 })
    reader.close()
    const next = openLedger(left, key)
    expect(next.totals({})).toMatchObject({ source: 2 })
    next.close()
  })

  it('is told what pairs wait for; the longer wait counts, and none outlives its run', () => {
    const { ledger, path, key, pairId } = createFixture()
    const reader = openLedgerReader(path, key)
    const run = ledger.beginRun('run', 1)
    ledger.noteWait(pairId, 'throttled', 5_000.2)
    ledger.noteWait(pairId, 'transient', 4_000)
    expect(reader.waits()).toEqual([{ pairId, reason: 'throttled', until: 5_001 }])
    expect(reader.limitsMet()).toEqual([
      { pairId, reason: 'throttled', waits: 1, last: 5_001 },
      { pairId, reason: 'transient', waits: 1, last: 4_000 },
    ])
    ledger.endRun(run, 2, 'complete')
    expect(reader.waits()).toEqual([])
    ledger.noteWait(pairId, 'throttled', 9_000)
    ledger.beginRun('run', 3)
    // Waits end with their run; what was met stays.
    expect(reader.waits()).toEqual([])
    expect(reader.limitsMet()).toContainEqual({ pairId, reason: 'throttled', waits: 2, last: 9_000 })
    reader.close()
  })
})

describe('runs', () => {
  it('leave the slowest append and their numbers to the next', () => {
    const { ledger, path, key } = createFixture()
    expect(ledger.slowestAppend()).toBe(0)
    for (const milliseconds of [12.5, 3, 12.5, Number.NaN]) ledger.noteAppend(milliseconds)
    expect(ledger.slowestAppend()).toBe(12.5)
    const run = ledger.beginRun('run', 1)
    ledger.endRun(run, 2, 'complete')
    ledger.endRun(run, 2, 'complete')
    expect(thrownBy(() => ledger.endRun(run + 1, 2, 'complete')).kind).toBe('bug')
    ledger.close()
    ledger.close()
    const again = openLedger(path, key)
    expect(again.slowestAppend()).toBe(12.5)
    expect(again.beginRun('verify', 3)).toBe(run + 1)
    again.close()
  })
})
