import { setImmediate as nextTurn } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import type { MemoryStep } from '../../connectors/memory/options.ts'
import { SealpostError } from '../../src/core/errors.ts'
import type { EngineEvent } from '../../src/core/events.ts'
import { untilOpen } from '../../src/core/work-hours.ts'
import { verifyProject } from '../../src/verify/verify-project.ts'
import { Fixture, mail, openFindings } from '../engine/fixture.ts'
import { verifyContext } from './context.ts'

/** More than one page of a verification. */
const MANY = 650

let fixture: Fixture
beforeEach(() => {
  fixture = new Fixture()
})

function fill(account: string, mailbox: string, messages: number): void {
  for (let i = 1; i <= messages; i++) fixture.source.account(account).add([mailbox], mail(`${mailbox} ${i}`))
}

/** Where the copy of the nth message lies. */
function keyOfCopy(account: string, mailbox: string, n: number): string {
  const copies = fixture.destination.account(account).messages([mailbox])
  const found = copies.find(({ bytes }) => Buffer.from(bytes).includes(`\r\n${mailbox} ${n}\r\n`))
  return String(found?.uid ?? 'none')
}

/** Watches the destination from now on; `onStep` may make something go wrong. */
function watch(onStep: (step: MemoryStep) => void = () => undefined): {
  steps: MemoryStep[]
  mostOpen: () => number
} {
  const steps: MemoryStep[] = []
  let [open, most] = [0, 0]
  fixture.destinationOptions = {
    ...fixture.destinationOptions,
    onStep: async (step) => {
      if (step.phase === 'before') {
        steps.push(step)
        if (step.op === 'open') most = Math.max(most, ++open)
        if (step.op === 'close') open--
        onStep(step)
      }
      // Other lanes get their turn, as they do where every step is a round trip.
      await nextTurn()
    },
  }
  return { steps, mostOpen: () => most }
}

describe('the lanes of a verification', () => {
  it('share one large mailbox, and each message is read once', async () => {
    fill('alice', 'Large', MANY)
    await fixture.run()
    const { steps, mostOpen } = watch()
    const outcome = await fixture.verify()
    expect([outcome.checked, openFindings(outcome)]).toEqual([MANY, []])
    expect(fixture.ledger.fidelity(fixture.pairs()[0]?.id ?? 0)).toMatchObject({ identical: MANY })
    expect(mostOpen()).toBe(2)
    const read = steps.filter(({ op }) => op === 'body').flatMap(({ keys }) => keys)
    expect([read.length, new Set(read).size]).toEqual([MANY, MANY])
    expect(steps.filter(({ op, mailbox }) => op === 'listMessages' && mailbox === 'Large')).toHaveLength(1)
    expect(steps.filter(({ op }) => op === 'listMailboxes')).toHaveLength(1)
  })

  it('count each mailbox, however many end at once', async () => {
    for (let n = 1; n <= 12; n++) fill('alice', `Box ${n}`, n)
    await fixture.run()
    // What is missing is looked for, so that the ends of mailboxes take time.
    for (let n = 1; n <= 12; n++) fixture.moved.expunge([`Box ${n}`], '1')
    watch()
    for (const level of ['full', 'headers', 'counts'] as const)
      expect((await fixture.verify(level)).checked).toBe(78)
  })

  it('hold no more bodies at once than their memory allows, however many they are', async () => {
    for (const name of ['alice', 'bob']) fill(name, 'Large', MANY)
    const pairs = fixture.pairs('alice', 'bob')
    await fixture.run(pairs)
    const { destination } = fixture.connectors()
    const context = verifyContext(destination, fixture.ledger, fixture.clock)
    for (const [memoryBytes, wanted] of [
      [context.memoryBytes, 4],
      [1, 1],
    ] as const) {
      let [reading, most] = [0, 0]
      fixture.destinationOptions = {
        onStep: async ({ op, phase }) => {
          if (op === 'fetch' && phase === 'before') most = Math.max(most, ++reading)
          await nextTurn()
          if (op === 'fetch' && phase === 'after') reading--
        },
      }
      const watched = { ...context, destination: fixture.connectors().destination, memoryBytes }
      const { checked } = await verifyProject(watched, pairs, 'full', new AbortController().signal)
      expect([checked, most]).toEqual([2 * MANY, wanted])
    }
  })

  it('open no connection that has nothing to do', async () => {
    fill('alice', 'INBOX', 3)
    await fixture.run()
    const { mostOpen } = watch()
    expect((await fixture.verify()).checked).toBe(3)
    expect(mostOpen()).toBe(1)
  })

  it('read a page again when its connection is lost, and no other page', async () => {
    fill('alice', 'Large', MANY)
    await fixture.run()
    let dies = 1
    const { steps } = watch((step) => {
      if (step.op === 'body' && step.keys.includes('300') && dies-- > 0)
        throw new SealpostError('transient', 'cut', {})
    })
    const outcome = await fixture.verify()
    expect([outcome.checked, outcome.failures, openFindings(outcome)]).toEqual([MANY, [], []])
    const read = steps.filter(({ op }) => op === 'body').length
    expect(read).toBeGreaterThan(MANY)
    expect(read).toBeLessThanOrEqual(MANY + 200)
  })

  it('begin nothing outside of the hours, and keep no connection for them', async () => {
    fill('alice', 'Large', MANY)
    await fixture.run()
    const now = new Date(fixture.clock.now())
    const from = (now.getHours() * 60 + now.getMinutes() + 120) % 1440
    const hours = { from, to: (from + 60) % 1440 }
    const begun: (readonly [string, boolean])[] = []
    let open = 0
    const slept = (ms: number): void => void begun.push([`wait with ${open} open`, ms > 0])
    const { steps } = watch(({ op }) => {
      if (op === 'open') open++
      if (op === 'close') open--
      if (op === 'open' || op === 'fetch') begun.push([op, untilOpen(hours, fixture.clock.now()) === 0])
      // The hours end while the first page is being read.
      if (op === 'fetch' && begun.filter(([what]) => what === 'fetch').length === 1)
        void fixture.clock.sleep(3_600_000, new AbortController().signal)
    })
    const context = verifyContext(fixture.connectors().destination, fixture.ledger, fixture.clock)
    const events = (event: EngineEvent): void => {
      if (event.event === 'waiting' && event.reason === 'hours') slept(event.milliseconds)
    }
    const once = { ...context, hours, events, lanes: 1 }
    const outcome = await verifyProject(once, fixture.pairs(), 'full', new AbortController().signal)
    expect([outcome.checked, outcome.failures]).toEqual([MANY, []])
    expect(begun.every(([, inHours]) => inHours)).toBe(true)
    expect(begun.map(([what]) => what).filter((what) => what !== 'fetch')).toEqual([
      'wait with 0 open',
      'open',
      'wait with 0 open',
      'open',
    ])
    expect(steps.filter(({ op }) => op === 'body')).toHaveLength(MANY)
  })

  it('are stopped by the first that fails, whose reason is told', async () => {
    fill('alice', 'Large', MANY)
    fill('bob', 'Mail', 5)
    await fixture.run(fixture.pairs('alice', 'bob'))
    const { steps } = watch((step) => {
      if (step.account === 'alice' && step.op === 'body' && step.keys.includes('10'))
        throw new SealpostError('auth', 'no such right')
    })
    const outcome = await fixture.verify('full', fixture.pairs('alice', 'bob'))
    expect(outcome.failures.map(({ pair, error }) => [pair.source, error.kind, error.message])).toEqual([
      ['alice', 'auth', 'no such right'],
    ])
    expect(outcome.checked).toBe(5)
    expect(steps.filter(({ op, account }) => op === 'body' && account === 'alice').length).toBeLessThan(MANY)
    const opened = steps.filter(({ op }) => op === 'open').length
    expect(steps.filter(({ op }) => op === 'close')).toHaveLength(opened)
  })

  it('find what is missing or altered in any page, in the order of the messages', async () => {
    fill('alice', 'Large', MANY)
    await fixture.run()
    const copies = fixture.moved.mailbox(['Large']).messages
    const altered = Number(keyOfCopy('alice', 'Large', 250))
    const message = copies.get(altered)
    if (message === undefined) throw new Error('no copy')
    copies.set(altered, { ...message, bytes: Buffer.from(mail('another')) })
    for (const n of [640, 5, 401]) fixture.moved.expunge(['Large'], keyOfCopy('alice', 'Large', n))
    const outcome = await fixture.verify()
    const found = outcome.findings.map(({ check, sourceKey }) => [check, sourceKey])
    expect(found).toEqual([
      ['digest', '250'],
      ['missing', '5'],
      ['missing', '401'],
      ['missing', '640'],
    ])
  })
})

describe('the accounts of a verification', () => {
  it('are looked at so many at once as the project says, and reported in their order', async () => {
    const names = ['a', 'b', 'c', 'd', 'e']
    for (const name of names) fill(name, 'Mail', 4)
    const pairs = fixture.pairs(...names)
    await fixture.run(pairs)
    for (const name of names) fixture.destination.account(name).expunge(['Mail'], '2')
    const busy = new Set<string>()
    let most = 0
    watch(({ op, account }) => {
      if (op === 'open') busy.add(account)
      if (op === 'close') busy.delete(account)
      most = Math.max(most, busy.size)
    })
    const outcome = await fixture.verify('full', pairs)
    expect(most).toBe(2)
    expect(outcome.checked).toBe(20)
    expect(outcome.findings.map(({ pairId }) => pairId)).toEqual(pairs.map(({ id }) => id))
  })

  it('end when they are told to, without a result', async () => {
    fill('alice', 'Mail', 4)
    await fixture.run()
    const stop = new AbortController()
    watch(({ op }) => {
      if (op === 'body') stop.abort(new SealpostError('cancelled', 'stopped'))
    })
    await expect(fixture.verify('full', fixture.pairs(), stop.signal)).rejects.toMatchObject({ kind: 'cancelled' })
  })
})

describe('a mailbox that was not in the list', () => {
  it('is looked for once more before it counts as gone', async () => {
    fill('alice', 'Late', 2)
    await fixture.run()
    const account = fixture.moved
    const late = account.mailbox(['Late'])
    account.remove(['Late'])
    let lists = 0
    watch(({ op }) => {
      if (op === 'listMailboxes' && ++lists === 2) account.mailboxes.push(late)
    })
    expect(openFindings(await fixture.verify())).toEqual([])
    expect(lists).toBe(2)
  })
})
