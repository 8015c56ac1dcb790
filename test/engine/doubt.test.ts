import { afterAll, describe, expect, it } from 'vitest'
import type { MemoryFault, MemoryOptions } from '../../connectors/memory/options.ts'
import type { Connector } from '../../src/core/connector.ts'
import { SealpostError } from '../../src/core/errors.ts'
import { DEFAULT_LIMITS } from '../../src/engine/settings.ts'
import type { Ledger } from '../../src/core/ledger.ts'
import type { Fetched, Mailbox } from '../../src/core/mail.ts'
import { isBalanced } from '../../src/core/states.ts'
import { withMembers } from '../../src/core/rate.ts'
import { isLong } from '../long.ts'
import { writeTally } from '../reporter/tally.ts'
import { Fixture, mail, nonZero, openFindings } from './fixture.ts'

function filled(count = 40): Fixture {
  const fixture = new Fixture()
  for (let i = 0; i < count; i++) fixture.alice.add(['INBOX'], mail(i % 4 === 0 ? 'twin' : `m${i}`))
  fixture.destinationOptions = { capabilities: { appendBatch: { messages: 10, bytes: 1 << 20 } } }
  return fixture
}

/** Makes the n-th append go wrong. */
function onAppend(fixture: Fixture, n: number, fault: MemoryFault): { readonly fired: () => boolean } {
  let count = 0
  fixture.destinationOptions = {
    ...fixture.destinationOptions,
    onStep: (step) => (step.op === 'append' && step.phase === 'before' && ++count === n ? fault : undefined),
  }
  return { fired: () => count >= n }
}

describe('an append whose reply is lost', () => {
  it.each([
    ['all stored', { fault: 'lose-reply' } as const],
    ['some stored', { fault: 'lose-reply', stored: 3 } as const],
    ['nothing stored', { fault: 'lose-reply', stored: 0 } as const],
    ['stored 395 ms later', { fault: 'land-late', milliseconds: 395 } as const],
    ['the connection died before', { fault: 'die' } as const],
  ])('%s: exactly once all the same', async (_, fault) => {
    for (const n of [1, 2, 4]) {
      const fixture = filled()
      const { fired } = onAppend(fixture, n, fault)
      const { totals, pairs } = await fixture.run()
      expect(fired()).toBe(true)
      expect(pairs[0]?.error).toBeNull()
      expect(nonZero(totals)).toEqual({ source: 40, landed: 40 })
      expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
      expect(openFindings(await fixture.verify())).toEqual([])
      expect(fixture.ledger.findings(null)).toEqual([])
    }
  })

  it('says so when the server stores it after all, later than anybody waits', async () => {
    const fixture = filled(12)
    onAppend(fixture, 1, { fault: 'land-late', milliseconds: 3_600_000 })
    await fixture.run()
    await fixture.clock.sleep(3_600_000, new AbortController().signal)
    const outcome = await fixture.verify()
    const late = outcome.findings.filter((finding) => finding.check === 'late-landing')
    expect(late.length).toBeGreaterThan(0)
    expect(late.every((finding) => finding.class === 'open')).toBe(true)
  })

  it('is found where the server says the lowest mark whatever has been stored', async () => {
    const fixture = new Fixture()
    for (let n = 1; n <= 4; n++) fixture.alice.add(['INBOX'], mail(`m${n}`))
    const { fired } = onAppend(fixture, 1, { fault: 'land-late', milliseconds: 395 })
    const ends = fixture.connectors()
    fixture.connectors = () => ({
      ...ends,
      destination: withMembers(ends.destination, {
        openDestination: async (account, signal) => {
          const session = await ends.destination.openDestination(account, signal)
          const position = async (mailbox: Mailbox) => ({
            ...(await session.position(mailbox, signal)),
            next: '1',
          })
          return withMembers(session, { position })
        },
      }),
    })
    const { totals, pairs } = await fixture.run()
    expect([fired(), pairs[0]?.error]).toEqual([true, null])
    expect(nonZero(totals)).toEqual({ source: 4, landed: 4 })
    expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
  })

  /** The first append's reply is lost, and `meddle` is called before the copies are looked for. */
  function meddledWith(fixture: Fixture, meddle: () => void): void {
    let lost = false
    fixture.destinationOptions = {
      ...fixture.destinationOptions,
      onStep: (step) => {
        if (step.op === 'append' && step.phase === 'before' && !lost) {
          lost = true
          return { fault: 'lose-reply' }
        }
        if (step.op === 'position' && lost && fixture.moved.mailbox(['INBOX']).messages.has(2)) meddle()
        return undefined
      },
    }
  }

  const possibleCopies = (fixture: Fixture) =>
    fixture.ledger.findings(null).filter(({ check }) => check === 'possible-copy')

  it('finds the copy that a user has filed meanwhile', async () => {
    const fixture = filled(5)
    meddledWith(fixture, () => fixture.moved.move(['INBOX'], '2', ['Filed']))
    await fixture.run()
    const copies = [...fixture.moved.messages(['INBOX']), ...fixture.moved.messages(['Filed'])]
    expect(copies).toHaveLength(5)
    expect(possibleCopies(fixture)).toEqual([])
  })

  it('sends again what a user has removed meanwhile, and keeps saying that there may be a copy', async () => {
    const fixture = filled(5)
    let removed = ''
    meddledWith(fixture, () => {
      removed = Buffer.from(fixture.moved.mailbox(['INBOX']).expunge(2)?.bytes ?? '').toString()
    })
    await fixture.run()
    expect(fixture.moved.messages(['INBOX'])).toHaveLength(5)
    for (let pass = 0; pass < 2; pass++) {
      const said = possibleCopies(fixture)
      expect(said).toMatchObject([{ class: 'explained', rule: 'possible-copy', expected: 'one copy' }])
      const again = fixture.moved.messages(['INBOX']).find(({ uid }) => uid === 6)
      expect(Buffer.from(again?.bytes ?? '').toString()).toBe(removed)
      expect(fixture.ledger.message(said[0]?.messageId ?? 0).destinationKey).toBe('6')
      expect(openFindings(await fixture.verify())).toEqual([])
      await fixture.run()
    }
  })
})

describe('messages that kill the connection', () => {
  function poisoned(isPoison: (text: string) => boolean): Fixture {
    const fixture = filled(60)
    fixture.destinationOptions = {
      ...fixture.destinationOptions,
      onStep: (step) => {
        if (step.op !== 'append' || step.phase !== 'before') return undefined
        const hit = step.batch.some(
          ({ body }) => body instanceof Uint8Array && isPoison(Buffer.from(body).toString()),
        )
        return hit ? { fault: 'die' } : undefined
      },
    }
    return fixture
  }

  it('are quarantined and the others arrive', async () => {
    const fixture = poisoned((text) => /m(7|23|41)\r\n$/.test(text))
    const { totals, pairs } = await fixture.run()
    expect(pairs[0]?.error).toBeNull()
    expect(nonZero(totals)).toEqual({ source: 60, landed: 57, quarantined: 3 })
    const reasons = fixture.ledger.exceptions(null, 0, 10).map((row) => row.reason?.code)
    expect(reasons).toEqual(['connection-died', 'connection-died', 'connection-died'])
    fixture.destinationOptions = {}
    expect(fixture.ledger.requeue(1, null)).toBe(3)
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 60, landed: 60 })
  })

  it('are not taken for an ill server, however many they are in one mailbox', async () => {
    const fixture = poisoned((text) => /m\d*[0257]\r\n$/.test(text))
    const { totals, pairs } = await fixture.run()
    expect(pairs[0]?.error).toBeNull()
    expect(totals.quarantined).toBeGreaterThanOrEqual(12)
    expect(totals.landed).toBe(60 - totals.quarantined)
  })

  it('do not quarantine anything when the server is the one that is ill', async () => {
    const fixture = poisoned(() => true)
    const { totals, pairs } = await fixture.run()
    expect(pairs[0]?.error?.kind).toBe('transient')
    expect(totals.quarantined).toBe(0)
    fixture.destinationOptions = {}
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 60, landed: 60 })
    expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
  })

  it('are found at the source as well', async () => {
    const fixture = filled(30)
    fixture.sourceOptions = {
      onStep: (step) =>
        step.op === 'body' && step.phase === 'before' && step.keys.includes('12') ? { fault: 'die' } : undefined,
    }
    const { totals } = await fixture.run()
    expect(nonZero(totals)).toEqual({ source: 30, landed: 29, quarantined: 1 })
  })
})

/** One whose end says of the message under `key` that it cannot hand it over, every time or so many times. */
class Unreadable extends Fixture {
  readonly at: 'source' | 'destination'
  key = ''
  times = Infinity
  /** For each time that it was asked for: which of the sessions at that end. */
  readonly sessions: number[] = []
  #opened = 0

  constructor(at: 'source' | 'destination') {
    super()
    this.at = at
  }

  override connectors(): ReturnType<Fixture['connectors']> {
    const ends = super.connectors()
    const open = ends[this.at]
    const openSource: Connector['openSource'] = async (account, signal) => {
      const session = await open.openSource(account, signal)
      const number = ++this.#opened
      const { key } = this
      const isHeldBack = (fetched: Fetched): boolean => {
        if (fetched.key !== key) return false
        this.sessions.push(number)
        return this.times-- > 0
      }
      async function* fetch(...call: Parameters<typeof session.fetch>): AsyncGenerator<Fetched> {
        for await (const fetched of session.fetch(...call)) {
          yield isHeldBack(fetched) ? { kind: 'unreadable', key, reason: 'a note in its place' } : fetched
        }
      }
      return withMembers(session, { fetch })
    }
    return { ...ends, [this.at]: withMembers(open, { openSource }) }
  }
}

describe('a message that the source cannot hand over', () => {
  it('is moved where the source has it the next time, on a new connection and after the others', async () => {
    const fixture = new Unreadable('source')
    Object.assign(fixture, { key: '3', times: 1, settings: { limits: { ...DEFAULT_LIMITS, lanes: 1 } } })
    for (let n = 1; n <= 30; n++) fixture.alice.add(['INBOX'], mail(`m${n}`))
    const { totals, pairs } = await fixture.run()
    expect(pairs[0]?.error).toBeNull()
    expect(nonZero(totals)).toEqual({ source: 30, landed: 30 })
    const last = fixture.moved.messages(['INBOX']).at(-1)
    expect(Buffer.from(last?.bytes ?? []).toString()).toBe(mail('m3'))
    expect(fixture.sessions).toEqual([1, 2])
  })

  it('stops nothing where the source throttles when it is asked again', async () => {
    const fixture = new Unreadable('source')
    Object.assign(fixture, { key: '3', times: 1 })
    for (let n = 1; n <= 30; n++) fixture.alice.add(['INBOX'], mail(`m${n}`))
    let alone = 0
    fixture.sourceOptions = {
      onStep: ({ op, phase, keys }) => {
        // Asked again, not before.
        if (op !== 'body' || phase !== 'before' || fixture.sessions.length !== 1 || !keys.includes('3')) return
        if (alone++ === 0) throw new SealpostError('throttled', 'later', { retryAfter: 10 })
      },
    }
    const { totals, pairs } = await fixture.run()
    expect([pairs[0]?.error, alone]).toEqual([null, 2])
    expect(nonZero(totals)).toEqual({ source: 30, landed: 30 })
  })

  it('is quarantined when the source says so twice, and the others are not read again', async () => {
    const fixture = new Unreadable('source')
    fixture.key = '12'
    let bodies = 0
    for (let n = 1; n <= 30; n++) fixture.alice.add(['INBOX'], mail(`m${n}`))
    fixture.sourceOptions = {
      onStep: ({ op, phase, keys }) => {
        if (op === 'body' && phase === 'before') bodies += keys.length
      },
    }
    const { totals, pairs } = await fixture.run()
    expect([pairs[0]?.error, bodies, fixture.sessions.length]).toEqual([null, 31, 2])
    expect(nonZero(totals)).toEqual({ source: 30, landed: 29, quarantined: 1 })
    expect(fixture.ledger.exceptions(null, 0, 10)[0]?.reason).toEqual({
      code: 'unreadable',
      text: 'a note in its place',
      serverText: null,
    })
  })

  it('at the destination is one finding, and all others are verified', async () => {
    const fixture = new Unreadable('destination')
    for (let n = 1; n <= 30; n++) fixture.alice.add(['INBOX'], mail(`m${n}`))
    await fixture.run()
    fixture.key = '12'
    const found = openFindings(await fixture.verify())
    expect(found).toEqual(['content: the content that was fetched / cannot be read: a note in its place'])
    const { identical, unchecked } = fixture.ledger.fidelity(fixture.pairs()[0]?.id ?? 0)
    expect([identical, unchecked]).toEqual([29, 1])
  })

  it('at the destination is no finding where it has it the next time, on a new connection', async () => {
    const fixture = new Unreadable('destination')
    for (let n = 1; n <= 30; n++) fixture.alice.add(['INBOX'], mail(`m${n}`))
    await fixture.run()
    Object.assign(fixture, { key: '12', times: 1 })
    expect(openFindings(await fixture.verify())).toEqual([])
    const { identical, unchecked } = fixture.ledger.fidelity(fixture.pairs()[0]?.id ?? 0)
    expect([identical, unchecked]).toEqual([30, 0])
    const [first, second, ...more] = fixture.sessions
    expect([first === second, more]).toEqual([false, []])
  })

  it('at the destination, refused twice, several at once, ends no verification', async () => {
    const fixture = new Fixture()
    for (let n = 1; n <= 30; n++) fixture.alice.add(['INBOX'], mail(`m${n}`))
    await fixture.run()
    fixture.destinationOptions = {
      onStep: ({ op, phase, keys }) => {
        if (op === 'body' && phase === 'before' && keys.some((key) => ['12', '13'].includes(key)))
          throw new SealpostError('rejected', 'reading', { serverText: 'internal error' })
      },
    }
    const finding = 'content: the content that was fetched / cannot be read: internal error'
    expect(openFindings(await fixture.verify())).toEqual([finding, finding])
  })

  it('at the destination, refused with all that are asked for with it, is one finding as well', async () => {
    const fixture = new Fixture()
    for (let n = 1; n <= 30; n++) fixture.alice.add(['INBOX'], mail(`m${n}`))
    await fixture.run()
    fixture.destinationOptions = {
      onStep: ({ op, phase, keys }) => {
        if (op === 'body' && phase === 'before' && keys.includes('12'))
          throw new SealpostError('rejected', 'reading', { serverText: 'internal error' })
      },
    }
    expect(openFindings(await fixture.verify())).toEqual([
      'content: the content that was fetched / cannot be read: internal error',
    ])
    const { identical, unchecked } = fixture.ledger.fidelity(fixture.pairs()[0]?.id ?? 0)
    expect([identical, unchecked]).toEqual([29, 1])
  })

  it.each(['rejected', 'corrupt'] as const)('is quarantined alone (%s)', async (kind) => {
    const fixture = filled(30)
    fixture.sourceOptions = {
      onStep: (step) => {
        if (step.op === 'body' && step.phase === 'before' && step.keys.includes('12')) {
          throw new SealpostError(kind, 'the file is no message')
        }
      },
    }
    const { totals, pairs } = await fixture.run()
    expect(pairs[0]?.error).toBeNull()
    expect(nonZero(totals)).toEqual({ source: 30, landed: 29, quarantined: 1 })
    expect(fixture.ledger.exceptions(null, 0, 10)[0]?.reason?.code).toBe('unreadable')
  })
})

/** Thrown where a process would have been killed: from then on nothing is written and nothing is sent. */
class Kill extends Error {}

/** Ends a run right after an append of which `stored` messages came to be, with all of them in doubt. */
async function inDoubt(stored: number): Promise<Fixture> {
  const fixture = new Fixture()
  for (const text of ['a', 'twin', 'twin', 'b', 'c']) fixture.alice.add(['Old'], mail(text))
  let isOver = false
  const onStep: MemoryOptions['onStep'] = (step) => {
    if (isOver) throw new Kill()
    if (step.op !== 'append' || step.phase !== 'before') return undefined
    isOver = true
    return { fault: 'lose-reply', stored }
  }
  fixture.destinationOptions = { capabilities: { appendBatch: { messages: 10, bytes: 1 << 20 } }, onStep }
  await fixture.run()
  fixture.destinationOptions = {}
  fixture.reopenLedger()
  expect(nonZero(fixture.ledger.totals({}))).toEqual({ source: 5, appending: 5 })
  return fixture
}

describe('what is in doubt when its mailbox vanishes', () => {
  it.each([0, 2, 5])('from the source: %i of 5 had landed', async (stored) => {
    const fixture = await inDoubt(stored)
    fixture.alice.remove(['Old'])
    const { totals, pairs } = await fixture.run()
    expect(pairs[0]?.error).toBeNull()
    const { landed, expunged, appending, discovered } = totals
    expect({ landed, expunged, appending, discovered }).toEqual({
      ...{ landed: stored, expunged: 5 - stored, appending: 0, discovered: 0 },
    })
    expect(fixture.moved.messages(['Old'])).toHaveLength(stored)
    expect(openFindings(await fixture.verify())).toEqual([])
  })

  it.each([0, 2, 5])('from the source, under another name now: %i of 5 had landed', async (stored) => {
    const fixture = await inDoubt(stored)
    for (const { uid } of [...fixture.alice.messages(['Old'])]) fixture.alice.move(['Old'], String(uid), ['New'])
    fixture.alice.remove(['Old'])
    const { totals, pairs } = await fixture.run()
    expect(pairs[0]?.error).toBeNull()
    expect(isBalanced(totals)).toBe(true)
    expect(fixture.moved.messages(['Old'])).toHaveLength(0)
    expect(fixture.moved.messages(['New'])).toHaveLength(5)
    expect(openFindings(await fixture.verify())).toEqual([])
  })

  it.each([
    [0, ['Filed']],
    [5, ['Filed']],
    [5, null],
  ] as const)('from both ends: %i of 5 had landed, and are in %j now', async (stored, filed) => {
    const fixture = await inDoubt(stored)
    fixture.alice.remove(['Old'])
    for (const { uid } of [...fixture.moved.messages(['Old'])])
      if (filed !== null) fixture.moved.move(['Old'], String(uid), filed)
    fixture.moved.remove(['Old'])
    const { totals, pairs } = await fixture.run()
    expect(pairs[0]?.error).toBeNull()
    const landed = filed === null ? 0 : stored
    expect(nonZero(totals)).toEqual(nonZero({ ...totals, source: 5, appending: 0, landed, expunged: 5 - landed }))
    expect(isBalanced(totals)).toBe(true)
    expect(fixture.moved.lookUp(['Old'])).toBeUndefined()
  })

  it('from the destination: what is not elsewhere is sent again', async () => {
    const fixture = await inDoubt(5)
    const [first] = fixture.moved.messages(['Old'])
    fixture.moved.move(['Old'], String(first?.uid), ['Filed'])
    fixture.moved.remove(['Old'])
    const { totals } = await fixture.run()
    expect(nonZero(totals)).toEqual({ source: 5, landed: 5 })
    expect(fixture.moved.messages(['Old'])).toHaveLength(4)
    expect(fixture.moved.messages(['Filed'])).toHaveLength(1)
  })
})

describe('what is in doubt in a mailbox that the destination refuses', () => {
  it.each([
    ['before', 0],
    ['before', 5],
    ['when', 0],
    ['when', 5],
  ])(
    'has an end though it vanished from the source, refused %s that was seen: %i of 5 had landed',
    async (when, stored) => {
      const fixture = await inDoubt(stored)
      const vanish = (): void => {
        for (const { uid } of [...fixture.alice.messages(['Old'])])
          fixture.alice.move(['Old'], String(uid), ['New'])
        fixture.alice.remove(['Old'])
      }
      if (when === 'when') vanish()
      fixture.destinationOptions = {
        capabilities: { move: false },
        onStep: (step) => {
          const isLook = step.op === 'ensureMailbox' || step.op === 'position'
          if (isLook && step.mailbox === 'Old' && step.phase === 'before')
            throw new SealpostError('rejected', 'not yours')
        },
      }
      const refused = await fixture.run()
      expect(refused.pairs[0]?.error).toBeNull()
      expect(refused.totals).toMatchObject({ quarantined: 5, appending: 0, discovered: 0 })
      if (when === 'before') vanish()
      fixture.destinationOptions = {}
      if (when === 'when') expect(fixture.ledger.requeue(1, null)).toBe(5)
      const { totals, pairs } = await fixture.run()
      expect(pairs[0]?.error).toBeNull()
      expect(isBalanced(totals)).toBe(true)
      expect(totals.quarantined).toBe(0)
      if (when === 'before') {
        // Decided before what was found under the new name: one copy of each.
        expect([...fixture.moved.messages(['Old']), ...fixture.moved.messages(['New'])]).toHaveLength(5)
      } else {
        // What was found under the new name could not be told from it, and loss weighs more than a copy.
        expect(fixture.moved.messages(['New'])).toHaveLength(5)
        expect(fixture.moved.messages(['Old'])).toHaveLength(stored)
      }
    },
  )

  it.each([0, 2, 5])(
    'is an exception, and in doubt again when it is tried again: %i of 5 had landed',
    async (stored) => {
      const fixture = await inDoubt(stored)
      fixture.destinationOptions = {
        onStep: (step) => {
          if (step.op === 'ensureMailbox' && step.phase === 'before')
            throw new SealpostError('rejected', 'not yours')
        },
      }
      const refused = await fixture.run()
      expect(nonZero(refused.totals)).toEqual({ source: 5, quarantined: 5 })
      const reasons = fixture.ledger.exceptions(null, 0, 10).map((row) => row.reason?.code)
      expect(new Set(reasons)).toEqual(new Set(['mailbox-refused']))
      fixture.destinationOptions = {}
      expect(fixture.ledger.requeue(1, null)).toBe(5)
      expect(nonZero(fixture.ledger.totals({}))).toEqual({ source: 5, appending: 5 })
      expect(nonZero((await fixture.run()).totals)).toEqual({ source: 5, landed: 5 })
      expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
      expect(openFindings(await fixture.verify())).toEqual([])
    },
  )
})

/** `npm run test:crash` kills at every step; `npm test` at every nineteenth. */
const STRIDE = isLong('crash') ? 1 : 29

/** Kills a run at the n-th step, counted over both connectors and the ledger, before and after each call. */
class Killer {
  readonly #at: number
  #count = 0

  constructor(at: number) {
    this.#at = at
  }

  get killed(): boolean {
    return this.#count >= this.#at
  }

  step(): undefined {
    if (this.killed || ++this.#count >= this.#at) throw new Kill()
    return undefined
  }

  wrap(ledger: Ledger): Ledger {
    return new Proxy(ledger, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name)
        if (typeof method !== 'function') return method
        return (...args: readonly unknown[]): unknown => {
          this.step()
          const result: unknown = Reflect.apply(method, target, args)
          this.step()
          return result
        }
      },
    })
  }
}

describe('killed at each step and started again', () => {
  let steps = 0
  afterAll(() => writeTally('crash', 'the engine, ended at its durable steps', { steps }))

  const scenarios: Record<string, () => Promise<Fixture>> = {
    initial: async () => filled(12),
    'no keys': async () => {
      const fixture = filled(12)
      fixture.destinationOptions = {
        capabilities: { keyOnAppend: false, appendBatch: { messages: 5, bytes: 1 << 20 } },
      }
      return fixture
    },
    adoption: async () => {
      const fixture = filled(12)
      await fixture.run()
      fixture.loseLedger()
      fixture.alice.add(['INBOX'], mail('twin'))
      return fixture
    },
    delta: async () => {
      const fixture = filled(12)
      await fixture.run()
      fixture.alice.add(['INBOX'], mail('new'))
      fixture.alice.add(['Other'], mail('new too'))
      fixture.alice.setFlags(['INBOX'], '2', ['\\Flagged'])
      // And what the user has done at the destination meanwhile.
      fixture.moved.add(['INBOX'], mail('theirs'), { flags: ['\\Deleted'] })
      fixture.moved.setFlags(['INBOX'], '2', ['\\Seen'])
      fixture.moved.setFlags(['INBOX'], '3', ['\\Answered', 'Todo'])
      fixture.moved.move(['INBOX'], '4', ['Filed'])
      return fixture
    },
    'new validity': async () => {
      const fixture = filled(12)
      await fixture.run()
      fixture.alice.resetUidValidity(['INBOX'])
      fixture.alice.add(['INBOX'], mail('new'))
      return fixture
    },
    'new validity at the destination': async () => {
      const fixture = filled(12)
      await fixture.run()
      fixture.moved.resetUidValidity(['INBOX'])
      fixture.alice.setFlags(['INBOX'], '2', ['\\Flagged'])
      return fixture
    },
    'a mailbox renamed at the source': async () => {
      const fixture = filled(6)
      for (let i = 0; i < 6; i++) fixture.alice.add(['Old'], mail(`o${i % 4}`))
      await fixture.run()
      for (const { uid } of [...fixture.alice.messages(['Old'])]) fixture.alice.move(['Old'], String(uid), ['New'])
      fixture.alice.remove(['Old'])
      return fixture
    },
    'a mailbox renamed at the source while it was in doubt': async () => {
      const fixture = await inDoubt(2)
      for (const { uid } of [...fixture.alice.messages(['Old'])]) fixture.alice.move(['Old'], String(uid), ['New'])
      fixture.alice.remove(['Old'])
      return fixture
    },
    quarantine: async () => {
      const fixture = filled(12)
      fixture.destinationOptions = {
        ...fixture.destinationOptions,
        refuse: (_, body) =>
          Buffer.from(body).toString().endsWith('m5\r\n') ? new SealpostError('rejected', 'no') : null,
      }
      return fixture
    },
    spool: async () => {
      const fixture = filled(8)
      fixture.sourceOptions = { largeMessageBytes: 50 }
      return fixture
    },
  }

  it.each(Object.keys(scenarios))(
    '%s',
    async (name) => {
      const prepare = scenarios[name]
      if (prepare === undefined) throw new Error('no such scenario')
      const clean = await prepare()
      await clean.run()
      const expected = clean.moved.snapshot()
      const totals = nonZero(clean.ledger.totals({}))
      for (let step = 1, done = false; !done && step < 2000; step += STRIDE) {
        const fixture = await prepare()
        const { destinationOptions, sourceOptions } = fixture
        const killer = new Killer(step)
        const onStep = (): undefined => killer.step()
        fixture.destinationOptions = { ...destinationOptions, onStep }
        fixture.sourceOptions = { ...sourceOptions, onStep }
        await fixture
          .run(fixture.pairs(), new AbortController().signal, killer.wrap(fixture.ledger))
          .catch(() => null)
        done = !killer.killed
        fixture.destinationOptions = destinationOptions
        fixture.sourceOptions = sourceOptions
        if (killer.killed) steps++
        fixture.reopenLedger()
        const resumed = await fixture.run()
        expect(resumed.pairs[0]?.error ?? null, `step ${step}`).toBeNull()
        expect(fixture.moved.snapshot(), `step ${step}`).toEqual(expected)
        expect(nonZero(resumed.totals), `step ${step}`).toEqual(totals)
        const state = fixture.moved.state()
        await fixture.run()
        expect(fixture.moved.state(), `step ${step}, again`).toBe(state)
      }
    },
    isLong('crash') ? 900_000 : 60_000,
  )
})
