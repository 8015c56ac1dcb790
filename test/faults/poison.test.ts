import { describe, expect, it } from 'vitest'
import type { RunOutcome } from '../../src/engine/run-project.ts'
import { isLong } from '../long.ts'
import { writeTally } from '../reporter/tally.ts'
import { whyNoDovecot } from '../servers/dovecot.ts'
import { plainMail } from './mail.ts'
import { counts, difference, FAULTS, useStage, type Project } from './stage.ts'

/** `npm run test:faults` moves 5,000 messages; `npm test` 500. */
const all = isLong('faults')
const MESSAGES = all ? 5_000 : 500
const POISONED = [37, Math.floor(MESSAGES / 2) + 3, Math.floor(MESSAGES * 0.85)]
const MARKER = 'kills-the-connection'
const mark = (index: number): string => (POISONED.includes(index) ? MARKER : '')
const sizes = { mailboxes: [['INBOX']], scale: all ? 20 : 1 }
/** In its batch, in two parts of that, alone, and alone once more. */
const DEATHS = 6
/** Runs without and with the poison, taken in turn; their medians are compared. */
const ROUNDS = all ? 3 : 1

describe.skipIf(whyNoDovecot() !== null)('messages that kill the connection', () => {
  const stage = useStage()

  it(`at the destination: 3 of ${MESSAGES} are quarantined, in bounded attempts; the others arrive`, async () => {
    const timed = async (marked: boolean): Promise<{ project: Project; outcome: RunOutcome }> => {
      const mail = plainMail(MESSAGES, marked ? { ...sizes, mark } : sizes)
      const project = await stage.project(mail, { lanes: 4 })
      return { project, outcome: await project.run() }
    }
    const cleanSeconds: number[] = []
    const seconds: number[] = []
    // What comes before the last round is for the clock alone.
    for (let round = 1; round < ROUNDS; round++) {
      cleanSeconds.push((await timed(false)).outcome.seconds)
      const armed = stage.proxies.destination.poison({ marker: MARKER, direction: 'to-server' })
      seconds.push((await timed(true)).outcome.seconds)
      armed.mend()
    }
    const before = stage.proxies.destination.count('APPEND')
    cleanSeconds.push((await timed(false)).outcome.seconds)
    const cleanAppends = stage.proxies.destination.count('APPEND') - before
    const poison = stage.proxies.destination.poison({ marker: MARKER, direction: 'to-server' })
    const { project, outcome } = await timed(true)
    const { totals, pairs } = outcome
    seconds.push(outcome.seconds)
    const ratio = median(seconds) / median(cleanSeconds)
    const note = `${MESSAGES} messages, 3 of which kill the connection: ${median(cleanSeconds).toFixed(1)} s clean, ${median(seconds).toFixed(1)} s with them (${ratio.toFixed(2)} times; medians of ${ROUNDS})`
    console.log(note)
    writeTally('faults', FAULTS, { note }, 'poison')
    // Noted, not asserted (less than 1.5 times is the aim): a test must not depend on how busy the machine is.
    expect(pairs[0]?.error).toBeNull()
    expect(counts(totals)).toEqual({ source: MESSAGES, landed: MESSAGES - 3, quarantined: 3 })
    expect(poison.fired).toBeLessThanOrEqual(3 * DEATHS)
    expect(project.reconnects('destination')).toBeLessThanOrEqual(3 * DEATHS)
    const parts = 50
    const appends = stage.proxies.destination.count('APPEND') - before - cleanAppends
    expect(appends).toBeLessThanOrEqual(cleanAppends + 3 * parts)

    const exceptions = project.ledger.exceptions(null, 0, 10)
    expect(exceptions.map(({ messageId }) => messageId)).toEqual(POISONED.map((n) => `m${n}@example.com`))
    for (const { reason } of exceptions) expect(reason?.code).toBe('connection-died')
    const mail = await project.sourceMail()
    const healthy = mail.filter(({ bytes }) => !bytes.includes(MARKER))
    expect(difference(healthy, await project.destinationMail())).toMatchObject({ missing: [], extra: [] })

    poison.mend()
    expect(project.ledger.requeue(project.pairs()[0]?.id ?? 0, null)).toBe(3)
    expect(counts((await project.run()).totals)).toEqual({ source: MESSAGES, landed: MESSAGES })
    await project.expectMoved()
  }, 600_000)

  it('at the source: the same', async () => {
    const project = await stage.project(
      plainMail(300, { ...sizes, mark: (n) => (n === 44 || n === 201 ? MARKER : '') }),
    )
    const poison = stage.proxies.source.poison({ marker: MARKER, direction: 'to-client' })
    const { totals, pairs } = await project.run()
    expect(pairs[0]?.error).toBeNull()
    expect(counts(totals)).toEqual({ source: 300, landed: 298, quarantined: 2 })
    expect(poison.fired).toBeLessThanOrEqual(2 * DEATHS)
    poison.mend()
    expect(project.ledger.requeue(project.pairs()[0]?.id ?? 0, null)).toBe(2)
    expect(counts((await project.run()).totals)).toEqual({ source: 300, landed: 300 })
    await project.expectMoved()
  })

  // It waits longer after each death, as it should, and so only the long form has the time.
  it.runIf(all)(
    'all of them: the server is the one that is ill, nothing is quarantined, and it is left alone soon',
    async () => {
      const project = await stage.project(plainMail(60, { mark: () => MARKER }))
      const poison = stage.proxies.destination.poison({ marker: MARKER, direction: 'to-server' })
      const { totals, pairs } = await project.run()
      expect(pairs[0]?.error?.kind).toMatch(/transient|unknown-outcome/)
      expect(totals.quarantined).toBe(0)
      expect(poison.fired).toBeLessThanOrEqual(15)
      poison.mend()
      await project.run()
      await project.expectMoved()
    },
  )
})

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}
