import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createMaildirConnector } from '../../connectors/maildir/maildir-connector.ts'
import { createMemoryConnector } from '../../connectors/memory/connector.ts'
import { createMemoryStore, type MemoryAccount } from '../../connectors/memory/store.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { Connector, DestinationSession, Outcome } from '../../src/core/connector.ts'
import { SealpostError } from '../../src/core/errors.ts'
import { collect, findMailbox, found, quiet } from '../conformance/bench.ts'
import { AWKWARD_BODIES } from '../conformance/corpus.ts'
import { Fixture, mail, nonZero, openFindings } from '../engine/fixture.ts'
import { makeFolder } from './fixture.ts'

/** A project between the fixture's memory source and a Maildir; `appendWith` may spoil appends. */
async function toMaildir(appendWith?: AppendWith): Promise<{ fixture: Fixture; maildir: Connector }> {
  const folder = await makeFolder()
  const fixture = new Fixture()
  const maildir = createMaildirConnector({ path: (account) => join(folder, account), clock: systemClock })
  const spoilt: Connector = {
    ...maildir,
    openDestination: async (account, signal) => spoil(await maildir.openDestination(account, signal), appendWith),
  }
  fixture.connectors = () => ({
    source: createMemoryConnector(fixture.source, { clock: fixture.clock, ...fixture.sourceOptions }),
    destination: spoilt,
  })
  return { fixture, maildir }
}

type AppendWith = (
  session: DestinationSession,
  ...args: Parameters<DestinationSession['append']>
) => Promise<readonly Outcome[]>

function spoil(session: DestinationSession, appendWith: AppendWith | undefined): DestinationSession {
  if (appendWith === undefined) return session
  return new Proxy(session, {
    get: (target, property) => {
      if (property !== 'append') return Reflect.get(target, property) as unknown
      return (...args: Parameters<DestinationSession['append']>) => appendWith(target, ...args)
    },
  })
}

function fill(account: MemoryAccount): void {
  let number = 0
  for (const body of AWKWARD_BODIES.values()) {
    const flags = [['\\Seen'], ['Project-X', '\\Flagged'], [], ['$Forwarded', '\\Answered']][number % 4] ?? []
    account.add(['INBOX'], body, { flags, internalDate: 1_300_000_000_000 + number++ * 1_000_000 })
  }
  account.create(['Ordner'])
  for (let i = 0; i < 30; i++) account.add(['Ordner', 'Ähnlich'], mail(i % 3 === 0 ? 'twin' : `m${i}`))
}

/** What a Maildir holds, read back by a run into a store in memory. */
async function readBack(maildir: Connector): Promise<MemoryAccount> {
  const fixture = new Fixture()
  const store = createMemoryStore()
  fixture.connectors = () => ({
    source: maildir,
    destination: createMemoryConnector(store, { clock: fixture.clock }),
  })
  const { totals } = await fixture.run()
  expect(totals.quarantined + totals.skipped).toBe(0)
  return store.account('alice')
}

describe('the engine with Maildirs', () => {
  it('moves an account into one and out of it again, the same to the bit', async () => {
    const { fixture, maildir } = await toMaildir()
    fill(fixture.alice)
    const { pairs, totals } = await fixture.run()
    expect(pairs[0]?.error).toBeNull()
    expect(nonZero(totals)).toEqual({ source: 52, landed: 52 })
    expect(openFindings(await fixture.verify())).toEqual([])
    expect((await readBack(maildir)).snapshot()).toEqual(fixture.alice.snapshot())
    const again = await fixture.run()
    expect(nonZero(again.totals)).toEqual({ source: 52, landed: 52 })
    expect((await readBack(maildir)).snapshot()).toEqual(fixture.alice.snapshot())
  })

  it('adopts what is there when the ledger is lost', async () => {
    const { fixture, maildir } = await toMaildir()
    fill(fixture.alice)
    await fixture.run()
    fixture.loseLedger()
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 52, existing: 52 })
    expect((await readBack(maildir)).snapshot()).toEqual(fixture.alice.snapshot())
  })

  it('follows flags and moves in a later pass', async () => {
    const { fixture, maildir } = await toMaildir()
    fill(fixture.alice)
    await fixture.run()
    fixture.alice.setFlags(['INBOX'], '1', ['\\Seen', '\\Flagged', 'Later'])
    fixture.alice.move(['INBOX'], '2', ['Ordner', 'Ähnlich'])
    fixture.alice.add(['INBOX'], mail('new'))
    await fixture.run()
    expect(openFindings(await fixture.verify())).toEqual([])
    expect((await readBack(maildir)).snapshot()).toEqual(fixture.alice.snapshot())
  })

  it.each([
    ['all of it stored', 100],
    ['a part of it stored', 3],
    ['none of it stored', 0],
  ])('an append whose outcome is lost, %s: exactly once all the same', async (_, stored) => {
    let lost = 0
    const { fixture, maildir } = await toMaildir(async (session, mailbox, batch, signal) => {
      if (lost++ > 1) return session.append(mailbox, batch, signal)
      if (stored > 0) await session.append(mailbox, batch.slice(0, stored), signal)
      const error = new SealpostError('unknown-outcome', 'the machine went down')
      return batch.map(() => ({ kind: 'unknown', error }))
    })
    fill(fixture.alice)
    const { totals } = await fixture.run()
    expect(lost).toBeGreaterThan(1)
    expect(nonZero(totals)).toEqual({ source: 52, landed: 52 })
    expect((await readBack(maildir)).snapshot()).toEqual(fixture.alice.snapshot())
  })

  it('a copy in doubt that the user has filed meanwhile is found, and not sent again', async () => {
    let lost = false
    const { fixture, maildir } = await toMaildir(async (session, mailbox, batch, signal) => {
      const outcomes = await session.append(mailbox, batch, signal)
      if (lost) return outcomes
      lost = true
      const filed = await session.ensureMailbox(['Filed'], null, signal)
      const keys = outcomes
        .map((outcome) => (outcome.kind === 'landed' ? outcome.key : null))
        .filter((key) => key !== null)
      await session.move(mailbox, keys.slice(0, 2), filed, signal)
      const error = new SealpostError('unknown-outcome', 'the machine went down')
      return batch.map(() => ({ kind: 'unknown', error }))
    })
    for (let i = 0; i < 6; i++) fixture.alice.add(['INBOX'], mail(`m${i}`))
    await fixture.run()
    const session = await maildir.openDestination('alice', quiet)
    const counts = []
    for (const mailbox of await collect(session.listMailboxes(quiet))) {
      counts.push([mailbox.path.join('/'), (await found(session, mailbox, null)).length])
    }
    expect(counts).toEqual([
      ['INBOX', 4],
      ['Filed', 2],
    ])
  })

  it('a source that is not there fails its pair, and nothing else', async () => {
    const folder = await makeFolder()
    for (const part of ['cur', 'new', 'tmp']) await mkdir(join(folder, 'bert', part), { recursive: true })
    const fixture = new Fixture()
    const maildir = createMaildirConnector({ path: (account) => join(folder, account), clock: systemClock })
    fixture.connectors = () => ({ source: maildir, destination: createMemoryConnector(fixture.destination) })
    const { pairs } = await fixture.run(fixture.pairs('anna', 'bert'))
    expect(pairs.map(({ error }) => error?.kind ?? null)).toEqual(['config', null])
    expect(pairs[0]?.error?.message).toContain('anna')
    const session = await maildir.openSource('bert', quiet)
    expect(await findMailbox(session, ['INBOX'])).toMatchObject({ path: ['INBOX'] })
  })
})
