import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Totals } from '../../src/core/states.ts'
import { ProgressState } from '../../src/cli/terminal/progress-state.ts'
import { accountLine, cut, progressBlock, totalLine } from '../../src/cli/terminal/progress-text.ts'

const NOTHING: Totals = {
  source: 0,
  discovered: 0,
  appending: 0,
  landed: 0,
  existing: 0,
  skipped: 0,
  quarantined: 0,
  expunged: 0,
  merged: 0,
  sourceBytes: 0,
  landedBytes: 0,
}

function begin(totals: Partial<Totals>, names = ['anna', 'bert']): ProgressState {
  const state = new ProgressState(
    names.map((name, index) => ({ id: index + 1, name })),
    () => ({ ...NOTHING, ...totals }),
  )
  state.take({ event: 'run-started', pairs: names.length })
  return state
}

function lineOf(state: ProgressState, index: number): string {
  const account = state.accounts[index]
  return account === undefined ? 'no such account' : accountLine(account)
}

describe('progress', () => {
  it('adds up what lands, what is adopted and what is quarantined', () => {
    const state = begin({ source: 100, discovered: 90, landed: 10, sourceBytes: 1000, landedBytes: 100 })
    state.take({ event: 'pair-started', pair: 1 })
    state.take({ event: 'batch-landed', pair: 1, mailbox: 1, messages: 20, bytes: 200, adopted: 5 })
    state.take({ event: 'message-quarantined', pair: 1, mailbox: 1, message: 7 })
    expect(state.accounts[0]).toEqual({
      pair: 1,
      name: 'anna',
      phase: 'working',
      messages: 100,
      bytes: 1000,
      doneMessages: 36,
      doneBytes: 300,
      quarantined: 1,
      note: null,
      lanes: null,
    })
    expect(state.accounts[1]?.phase).toBe('queued')
  })

  it('believes the ledger when an account has ended', () => {
    const state = begin({ source: 4 })
    state.take({ event: 'pair-started', pair: 1 })
    state.take({ event: 'batch-landed', pair: 1, mailbox: 1, messages: 9, bytes: 9, adopted: 0 })
    const totals = { ...NOTHING, source: 4, landed: 2, existing: 1, skipped: 1, sourceBytes: 40, landedBytes: 20 }
    state.take({ event: 'pair-finished', pair: 1, totals })
    expect(state.accounts[0]).toMatchObject({ phase: 'done', messages: 4, doneMessages: 4, doneBytes: 40 })
  })

  it('says why an account waits, until it goes on', () => {
    const state = begin({ source: 4 })
    state.take({ event: 'pair-started', pair: 1 })
    state.take({ event: 'waiting', pair: 1, reason: 'throttled', milliseconds: 500 })
    expect(lineOf(state, 0)).toContain('waiting: throttled')
    expect(totalLine(state)).toContain('1 waiting (throttled)')
    state.take({ event: 'batch-landed', pair: 1, mailbox: 1, messages: 1, bytes: 1, adopted: 0 })
    expect(lineOf(state, 0)).not.toContain('waiting')
    expect(totalLine(state)).not.toContain('waiting')
    state.take({ event: 'pair-failed', pair: 2, kind: 'auth', message: 'the login was refused' })
    expect(lineOf(state, 1)).toContain('failed: the login was refused')
  })

  it('takes the median rate, which one pause or one giant does not move', () => {
    const state = begin({ source: 1000, sourceBytes: 100_000 }, ['anna'])
    state.take({ event: 'pair-started', pair: 1 })
    state.sample(0)
    for (const [second, messages] of [10, 10, 0, 10, 500, 10, 10].entries()) {
      state.take({ event: 'batch-landed', pair: 1, mailbox: 1, messages, bytes: messages * 100, adopted: 0 })
      state.sample((second + 1) * 1000)
    }
    expect(state.rate).toEqual({ messages: 10, bytes: 1000 })
    // 450 messages and 45,000 bytes are left.
    expect(state.timeLeft).toBe(45_000)
  })

  it('knows a rate where a batch lands every few seconds only', () => {
    const state = begin({ source: 1000, sourceBytes: 100_000 }, ['anna'])
    state.take({ event: 'pair-started', pair: 1 })
    state.sample(0)
    for (let second = 1; second <= 40; second++) {
      if (second % 4 === 0)
        state.take({ event: 'batch-landed', pair: 1, mailbox: 1, messages: 40, bytes: 4000, adopted: 0 })
      state.sample(second * 1000)
    }
    expect(state.rate.messages).toBeGreaterThanOrEqual(8)
    expect(state.rate.messages).toBeLessThanOrEqual(16)
    expect(state.timeLeft).not.toBeNull()
  })

  it('tells no time left before anything has landed', () => {
    const state = begin({ source: 10 })
    state.take({ event: 'pair-started', pair: 1 })
    state.sample(0)
    state.sample(1000)
    expect(state.timeLeft).toBeNull()
    expect(totalLine(state)).toBe('accounts 0/2  messages 0/10 0%  0 B')
  })

  it('shows everything on one line', () => {
    const state = begin({ source: 12_345, landed: 5000, sourceBytes: 50_000_000, landedBytes: 20_000_000 }, [
      'anna',
    ])
    state.take({ event: 'pair-started', pair: 1 })
    state.sample(0)
    state.take({ event: 'batch-landed', pair: 1, mailbox: 1, messages: 1000, bytes: 4_000_000, adopted: 0 })
    state.sample(2000)
    state.take({ event: 'message-quarantined', pair: 1, mailbox: 1, message: 3 })
    expect(totalLine(state)).toBe(
      'accounts 0/1  messages 6,001/12,345 48%  22.9 MiB  500/s  1.91 MiB/s  1 quarantined  13 s left',
    )
  })

  it('fits the terminal, whatever the names are and however many accounts work', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 20, max: 200 }),
        fc.integer({ min: 2, max: 50 }),
        (names, columns, lines) => {
          const state = begin({ source: 5, landed: 1 }, names)
          for (const index of names.keys()) state.take({ event: 'pair-started', pair: index + 1 })
          const block = progressBlock(state, columns, lines)
          expect(block.length).toBeLessThanOrEqual(lines)
          for (const line of block) expect(Array.from(line).length).toBeLessThan(columns)
          expect(block.at(-1)).toMatch(/^accounts/)
        },
      ),
    )
  })

  it('cuts between characters', () => {
    expect([cut('abc', 3), cut('abcd', 3), cut('😀😀😀', 2)]).toEqual(['abc', 'ab…', '😀…'])
  })
})
