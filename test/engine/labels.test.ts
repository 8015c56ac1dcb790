import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MemoryAccount } from '../../connectors/memory/store.ts'
import type { Ledger } from '../../src/core/ledger.ts'
import { labelKeyword } from '../../src/engine/label-keywords.ts'
import { DEFAULT_LIMITS, DEFAULT_MAPPING } from '../../src/engine/settings.ts'
import { Fixture, mail, nonZero, openFindings } from './fixture.ts'

const LABELS = { capabilities: { labels: true, delta: 'history', merges: 'message-id' } } as const

/** Shows a message under further labels, as its key. */
function label(account: MemoryAccount, key: string, ...paths: readonly (readonly string[])[]): void {
  const message = account.mailboxes.flatMap((mailbox) => mailbox.messages.get(Number(key)) ?? [])[0]
  if (message === undefined) throw new Error(`no message ${key}`)
  for (const path of paths) account.mailbox(path).add(message, message.uid)
}

/** An account as Gmail shows one: everything under All Mail, and again under each label. */
function labelled(): Fixture {
  const fixture = new Fixture()
  fixture.sourceOptions = LABELS
  const { alice } = fixture
  alice.create(['All Mail'], 'all')
  alice.create(['Sent'], 'sent')
  alice.create(['Starred'], 'flagged')
  alice.create(['Work'])
  alice.create(['Work', 'Projects'])
  const places: readonly (readonly (readonly string[])[])[] = [
    [['INBOX']],
    [['INBOX'], ['Work']],
    [['Work'], ['Work', 'Projects']],
    [['Sent'], ['Work', 'Projects']],
    [['Sent'], ['INBOX']],
    [],
  ]
  for (const [index, paths] of places.entries()) {
    const key = alice.add(['All Mail'], mail(`m${index}`))
    label(alice, key, ...paths)
  }
  label(alice, '1', ['Starred'])
  return fixture
}

/** How many messages each mailbox holds. */
function counts(account: MemoryAccount): Record<string, number> {
  const all = account.mailboxes.map(({ path, messages }) => [path.join('/'), messages.size] as const)
  return Object.fromEntries(all.filter(([, count]) => count > 0))
}

describe('a source with labels', () => {
  it('moves one copy of each message to where a person would look', async () => {
    const fixture = labelled()
    const { totals } = await fixture.run()
    expect(counts(fixture.moved)).toEqual({ INBOX: 1, Work: 1, 'Work/Projects': 2, Sent: 1, Archive: 1 })
    expect(nonZero(totals)).toEqual({ source: 6, landed: 6 })
    await fixture.run()
    expect(counts(fixture.moved)).toEqual({ INBOX: 1, Work: 1, 'Work/Projects': 2, Sent: 1, Archive: 1 })
    expect(openFindings(await fixture.verify())).toEqual([])
  })

  it('or one for each label, and none twice from the mailbox of all mail', async () => {
    const fixture = labelled()
    fixture.settings = { mapping: { ...DEFAULT_MAPPING, labels: 'copies' } }
    const { totals } = await fixture.run()
    expect(counts(fixture.moved)).toEqual({ INBOX: 3, Work: 2, 'Work/Projects': 2, Sent: 2, Archive: 1 })
    expect(nonZero(totals)).toEqual({ source: 10, landed: 10 })
  })

  it('brings the other copies when they are wanted later', async () => {
    const fixture = labelled()
    await fixture.run()
    fixture.settings = { mapping: { ...DEFAULT_MAPPING, labels: 'copies' } }
    const { totals } = await fixture.run()
    expect(counts(fixture.moved)).toEqual({ INBOX: 3, Work: 2, 'Work/Projects': 2, Sent: 2, Archive: 1 })
    expect(nonZero(totals)).toEqual({ source: 10, landed: 10 })
  })

  it('or one with its labels as keywords, where it would be without them', async () => {
    const fixture = labelled()
    fixture.settings = { mapping: { ...DEFAULT_MAPPING, labels: 'keywords' } }
    const { totals } = await fixture.run()
    expect(counts(fixture.moved)).toEqual({ INBOX: 2, Sent: 2, Archive: 2 })
    expect(nonZero(totals)).toEqual({ source: 6, landed: 6 })
    expect(fixture.moved.mailboxes.map(({ path }) => path.join('/'))).not.toContain('Work')
    const flags = (path: readonly string[]): unknown =>
      fixture.moved.messages(path).map((each) => each.flags.join(' '))
    const projects = labelKeyword('Work/Projects')
    expect(flags(['INBOX'])).toEqual(['', 'Work'])
    expect(flags(['Sent'])).toEqual([projects, ''])
    expect(flags(['Archive'])).toEqual([`Work ${projects}`, ''])
    expect(openFindings(await fixture.verify())).toEqual([])
    // Labels that come and go later are followed; a keyword that a user has set stays.
    fixture.moved.setFlags(['INBOX'], '1', ['mine'])
    label(fixture.alice, '1', ['Work'])
    label(fixture.alice, '1', ['INBOX'])
    fixture.alice.expunge(['Work'], '2')
    label(fixture.alice, '2', ['INBOX'])
    await fixture.run()
    expect(flags(['INBOX'])).toEqual(['Work mine', ''])
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 6, landed: 6 })
  })

  it('leaves a message where it was moved to when it gets a further label', async () => {
    const fixture = labelled()
    await fixture.run()
    label(fixture.alice, '1', ['Work'])
    await fixture.run()
    expect(counts(fixture.moved)).toMatchObject({ INBOX: 1, Work: 1 })
  })

  it('brings the flags of a message that gets a further label', async () => {
    const fixture = labelled()
    await fixture.run()
    fixture.alice.setFlags(['INBOX'], '1', ['\\Flagged'])
    fixture.alice.setFlags(['All Mail'], '1', ['\\Flagged'])
    label(fixture.alice, '1', ['Work'])
    await fixture.run()
    expect(fixture.moved.messages(['INBOX'])[0]?.flags).toEqual(['\\Flagged'])
  })

  it('finds what it had sent under a label that has gone since', async () => {
    const fixture = labelled()
    let isOver = false
    fixture.destinationOptions = {
      onStep: (step) => {
        if (isOver) throw new Error('killed')
        isOver = step.op === 'append' && step.phase === 'before' && step.mailbox === 'Work'
        return isOver ? { fault: 'lose-reply' } : undefined
      },
    }
    await fixture.run()
    expect(fixture.ledger.totals({}).appending).toBe(1)
    fixture.destinationOptions = {}
    fixture.reopenLedger()
    for (const key of ['2', '3']) label(fixture.alice, key, ['All Mail'])
    fixture.alice.remove(['Work', 'Projects'])
    fixture.alice.remove(['Work'])
    const { totals } = await fixture.run()
    expect(nonZero(totals)).toEqual({ source: 6, landed: 6 })
    expect(fixture.moved.messages(['Work'])).toHaveLength(1)
    expect(openFindings(await fixture.verify())).toEqual([])
  })

  it('follows a message whose label was taken away to the next that shows it', async () => {
    const fixture = labelled()
    await fixture.run()
    // One is labelled and archived, another only archived.
    label(fixture.alice, '1', ['Work'], ['Work', 'Projects'], ['All Mail'])
    fixture.alice.expunge(['INBOX'], '1')
    const { totals } = await fixture.run()
    expect(counts(fixture.moved)).toEqual({ Work: 1, 'Work/Projects': 3, Sent: 1, Archive: 1 })
    expect(nonZero(totals)).toEqual({ source: 6, landed: 6 })
  })

  it('also when the run was killed before all cursors were written down', async () => {
    const fixture = labelled()
    await fixture.run()
    label(fixture.alice, '1', ['Work'], ['All Mail'])
    fixture.alice.expunge(['INBOX'], '1')
    let ended = 0
    const killed: Ledger = {
      ...fixture.ledger,
      endListing: (...args) => {
        if (++ended === 4) throw new Error('killed')
        fixture.ledger.endListing(...args)
      },
    }
    await fixture.run(fixture.pairs(), new AbortController().signal, killed)
    expect(ended).toBe(4)
    fixture.reopenLedger()
    await fixture.run()
    expect(counts(fixture.moved)).toEqual({ Work: 2, 'Work/Projects': 2, Sent: 1, Archive: 1 })
  })
})

describe('labels at both ends', () => {
  function both(): Fixture {
    const fixture = labelled()
    fixture.destinationOptions = LABELS
    return fixture
  }

  it('become one message with all its labels, sent once', async () => {
    const fixture = both()
    let appended = 0
    fixture.destinationOptions = {
      ...LABELS,
      onStep: ({ op, phase, batch }) => {
        if (op === 'append' && phase === 'before') appended += batch.length
      },
    }
    fixture.settings = { limits: { ...DEFAULT_LIMITS, accounts: 1, lanes: 1, memoryBytes: 1 << 26 } }
    const { totals } = await fixture.run()
    expect(counts(fixture.moved)).toEqual({ INBOX: 3, Work: 2, 'Work/Projects': 2, Sent: 2, Archive: 1 })
    expect(appended).toBe(6)
    expect(nonZero(totals)).toEqual({ source: 10, landed: 10 })
    const keys = new Set(fixture.moved.mailboxes.flatMap((mailbox) => [...mailbox.messages.keys()]))
    expect(keys.size).toBe(6)
    await fixture.run()
    expect(appended).toBe(6)
  })

  it.each(['before', 'after'] as const)(
    'show each message once where the connection is lost %s it is shown under another',
    async (when) => {
      const fixture = both()
      let [appended, lost] = [0, 0]
      fixture.destinationOptions = {
        ...LABELS,
        onStep: ({ op, phase, batch }) => {
          if (op === 'append' && phase === 'before') appended += batch.length
          if (op !== 'addToMailbox' || phase !== when || lost++ > 0) return undefined
          return { fault: 'die' }
        },
      }
      fixture.settings = { limits: { ...DEFAULT_LIMITS, accounts: 1, lanes: 1, memoryBytes: 1 << 26 } }
      const { totals } = await fixture.run()
      expect([lost > 0, nonZero(totals)]).toEqual([true, { source: 10, landed: 10 }])
      expect(counts(fixture.moved)).toEqual({ INBOX: 3, Work: 2, 'Work/Projects': 2, Sent: 2, Archive: 1 })
      expect(appended).toBe(6)
      expect(openFindings(await fixture.verify())).toEqual([])
    },
  )

  it('send a message again whose copy the user has removed', async () => {
    const fixture = both()
    await fixture.run()
    const [copy] = fixture.moved.messages(['Archive'])
    fixture.moved.expunge(['Archive'], String(copy?.uid))
    label(fixture.alice, '6', ['Work'])
    await fixture.run()
    expect(fixture.moved.messages(['Work'])).toHaveLength(3)
  })
})

describe('the keyword of a label', () => {
  it('is its name where that is one, and else close to it and its own', () => {
    expect(['Work', 'Tax+2019', 'to_do'].map(labelKeyword)).toEqual(['Work', 'Tax+2019', 'to_do'])
    expect(['Work/Projects', 'Büro', 'to do', 'عمل'].map((name) => labelKeyword(name).slice(0, -6))).toEqual([
      'Work.Projects-',
      'Buro-',
      'to_do-',
      '___-',
    ])
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), fc.string({ minLength: 1 }), (one, other) => {
        for (const name of [one, other, one.repeat(20)])
          expect(labelKeyword(name)).toMatch(/^[A-Za-z0-9_.+-]{1,50}$/)
        expect(labelKeyword(one) === labelKeyword(other)).toBe(one === other)
      }),
    )
  })
})
