import { describe, expect, it } from 'vitest'
import { Board } from '../../src/engine/board.ts'
import { MailboxGate } from '../../src/engine/mailbox-gate.ts'
import { newWork, type MailboxWork } from '../../src/engine/mailbox-work.ts'
import { createFixture, list } from '../ledger/fixture.ts'

const SLICE = { messages: 200, bytes: 1e9 }

describe('how the board deals', () => {
  /** Boxes with so many pending rows each, ready to be moved. */
  function boxes(sizes: readonly number[]) {
    const { ledger, pairId } = createFixture()
    const works = sizes.map((size, n): MailboxWork => {
      const record = ledger.openMailbox(pairId, [`Box ${n}`], null, [`Box ${n}`])
      list(
        ledger,
        record.id,
        Array.from({ length: size }, (_, key) => String(key + 1)),
      )
      const source = { path: [], name: '', specialUse: null, selectable: true, subscribed: false }
      return { ...newWork(record, source, new MailboxGate()), phase: 'moving' }
    })
    return { ledger, works }
  }

  function deal(sizes: readonly number[], lanes: number): number[] {
    const { ledger, works } = boxes(sizes)
    const rules = { lanes: () => lanes, slice: SLICE, listAllFirst: false, exclusive: false, sights: null }
    const board = new Board(ledger, works, rules)
    const slices: number[] = []
    for (let task = board.next(null); task?.kind === 'move'; task = board.next(null)) {
      slices.push(task.rows.length)
    }
    return slices
  }

  it('one mailbox evenly among the lanes', () => {
    expect(deal([1000], 4)).toEqual(Array.from({ length: 8 }, () => 125))
    expect(deal([400], 4)).toEqual([100, 100, 100, 100])
  })

  it('a long mailbox in slices as large as may be', () => {
    const slices = deal([5000], 4)
    expect(slices.slice(0, 15)).toEqual(Array.from({ length: 15 }, () => 200))
    expect(slices.reduce((sum, rows) => sum + rows, 0)).toBe(5000)
  })

  it('a short one in no smaller pieces than are worth a round trip', () => {
    expect(deal([40], 4)).toEqual([25, 15])
  })

  it('mailboxes whole, where there are as many as lanes', () => {
    expect(deal([150, 150, 150, 150], 4)).toEqual([150, 150, 150, 150])
    expect(deal([300], 1)).toEqual([200, 100])
  })
})
