import { describe, expect, it } from 'vitest'
import type { MemoryOp } from '../../connectors/memory/options.ts'
import { SealpostError } from '../../src/core/errors.ts'
import { ledgerCode } from '../../src/cli/outcome.ts'
import { Fixture, mail, nonZero, openFindings } from './fixture.ts'

const NAMES = ['Archive', 'INBOX', 'Sent', 'Zoo']
/** More than the connections that may die in a row. */
const MESSAGES = 40

/** A destination that fails over `bad` each time it is asked for `op`. */
function withFailing(op: MemoryOp, bad: readonly string[], code: string): Fixture {
  const fixture = new Fixture()
  for (const name of NAMES) {
    for (let n = 0; n < MESSAGES; n++) fixture.alice.add([name], mail(`${name} ${n}`))
  }
  fixture.destinationOptions = {
    onStep: (step) => {
      if (step.op === op && step.phase === 'before' && bad.includes(step.mailbox ?? ''))
        throw new SealpostError('transient', 'imap: the server failed', { code, serverText: 'Internal error' })
    },
  }
  return fixture
}

it('two mailboxes that the destination fails over side by side keep no other from being moved', async () => {
  const bad = ['Archive', 'INBOX']
  const fixture = withFailing('position', bad, 'SERVERBUG')
  const { pairs, totals } = await fixture.run()
  expect(pairs[0]?.error).toBeNull()
  expect(nonZero(totals)).toEqual({ source: 4 * MESSAGES, landed: 2 * MESSAGES, discovered: 2 * MESSAGES })
  const findings = bad.map((name) => `mailbox: ${name} / failed each time: Internal error`)
  expect(openFindings({ findings: fixture.ledger.findings(null) }).sort()).toEqual(findings)
})

describe.each(['position', 'append'] as const)(
  'a mailbox over which the destination fails each time it is asked for %s',
  (op) => {
    it.each(['Archive', 'Sent', 'Zoo'])('keeps no other from being moved, and is a finding (%s)', async (bad) => {
      const fixture = withFailing(op, [bad], 'SERVERBUG')
      const { pairs, totals } = await fixture.run()
      expect(pairs[0]?.error).toBeNull()
      const moved = 3 * MESSAGES
      expect(nonZero(totals)).toEqual({ source: moved + MESSAGES, landed: moved, discovered: MESSAGES })
      const finding = `mailbox: ${bad} / failed each time: Internal error`
      expect(openFindings({ findings: fixture.ledger.findings(null) })).toEqual([finding])
      expect(ledgerCode(fixture.ledger, fixture.pairs())).toBe(1)

      fixture.destinationOptions = {}
      expect(nonZero((await fixture.run()).totals)).toEqual({ source: 4 * MESSAGES, landed: 4 * MESSAGES })
      expect(fixture.ledger.findings(null)).toEqual([])
      expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
    })

    it('is not the mailbox where it fails over all: the account ends with what the server says', async () => {
      const fixture = withFailing(op, NAMES, 'SERVERBUG')
      const { pairs, totals } = await fixture.run()
      expect(pairs[0]?.error).toMatchObject({ kind: 'transient', code: 'SERVERBUG' })
      expect(totals.landed + totals.quarantined).toBe(0)
      const left = fixture.ledger.findings(null).filter(({ check }) => check === 'mailbox')
      expect(left.length).toBeLessThan(2)
    })

    it('is not the mailbox where a connection fails', async () => {
      const fixture = withFailing(op, ['Archive'], 'LOST')
      const { pairs } = await fixture.run()
      expect(pairs[0]?.error).toMatchObject({ kind: 'transient', code: 'LOST' })
      expect(fixture.ledger.findings(null)).toEqual([])
    })
  },
)
