import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { StepHook } from '../../connectors/memory/options.ts'
import { DEFAULT_LIMITS } from '../../src/engine/settings.ts'
import { Fixture, mail, nonZero } from './fixture.ts'

/** One lane, two mailboxes (First, then INBOX), and what happened in which order. `First` is appended in one batch. */
function twoMailboxes(): { fixture: Fixture; order: string[] } {
  const fixture = new Fixture()
  fixture.settings = { limits: { ...DEFAULT_LIMITS, accounts: 1, lanes: 1 } }
  for (let n = 0; n < 20; n++) {
    fixture.alice.add(['First'], mail(`first ${n}`))
    fixture.alice.add(['INBOX'], mail(`inbox ${n}`))
  }
  const order: string[] = []
  fixture.sourceOptions = {
    pageMessages: 2,
    onStep: async ({ op, mailbox, phase }) => {
      await nextTurn()
      if (phase === 'before' && (op === 'page' || op === 'fetch')) order.push(`${op} ${String(mailbox)}`)
    },
  }
  return { fixture, order }
}

/** The first append waits until the second mailbox is being listed; it goes on after a while in any case. */
function slowAppend(order: string[], fault: 'lose-reply' | null): StepHook {
  let appends = 0
  return async ({ op, phase, mailbox }) => {
    if (op !== 'append') return
    if (phase === 'before' && ++appends === 1) {
      for (let turn = 0; turn < 500 && !order.includes('page INBOX'); turn++) await nextTurn()
      if (fault !== null) return { fault, stored: 0 }
    }
    if (phase === 'after') order.push(`appended ${String(mailbox)}`)
  }
}

it('the next mailbox is listed while the last slice of the one before is appended', async () => {
  const { fixture, order } = twoMailboxes()
  fixture.destinationOptions = { onStep: slowAppend(order, null) }
  const outcome = await fixture.run()
  expect(nonZero(outcome.totals)).toEqual({ source: 40, landed: 40 })
  expect(order.indexOf('page INBOX')).toBeGreaterThan(order.indexOf('fetch First'))
  expect(order.indexOf('page INBOX')).toBeLessThan(order.indexOf('appended First'))
  expect(order.indexOf('fetch INBOX')).toBeGreaterThan(order.indexOf('appended First'))
})

it('where that slice has trouble, the source is asked again once the listing is through', async () => {
  const { fixture, order } = twoMailboxes()
  fixture.destinationOptions = { onStep: slowAppend(order, 'lose-reply') }
  const outcome = await fixture.run()
  expect(nonZero(outcome.totals)).toEqual({ source: 40, landed: 40 })
  expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
  expect(order.filter((step) => step === 'fetch First').length).toBeGreaterThan(1)
  const again = order.indexOf('fetch First', order.indexOf('fetch First') + 1)
  expect(again).toBeGreaterThan(order.lastIndexOf('page INBOX'))
})
