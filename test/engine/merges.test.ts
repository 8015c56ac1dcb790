import { describe, expect, it } from 'vitest'
import type { MemoryAccount } from '../../connectors/memory/store.ts'
import { DEFAULT_LIMITS } from '../../src/engine/settings.ts'
import { Fixture, nonZero, openFindings } from './fixture.ts'

const GMAIL = { labels: true, delta: 'history', merges: 'message-id', keywords: 'listed' } as const

/** A message as one of its copies: what differs is only how it came. */
function copy(id: string, hop = '', text = id): string {
  const received = hop === '' ? '' : `Received: from ${hop}\r\n`
  return `${received}From: a@example.com\r\nMessage-ID: <${id}@example.com>\r\nDate: Thu, 01 Jan 2015 10:00:00 +0200\r\n\r\n${text}\r\n`
}

function fixtureTo(capabilities: Partial<typeof GMAIL> = {}): Fixture {
  const fixture = new Fixture()
  fixture.destinationOptions = { capabilities: { ...GMAIL, ...capabilities } }
  for (const path of [['Sent'], ['Work']]) fixture.alice.create(path)
  return fixture
}

function bodies(account: MemoryAccount, path: readonly string[]): string[] {
  return account.messages(path).map(({ bytes }) => Buffer.from(bytes).toString('latin1'))
}

function uids(account: MemoryAccount): Set<number> {
  return new Set(account.mailboxes.flatMap(({ messages }) => [...messages.keys()]))
}

describe('a destination that makes one of equal Message-IDs', () => {
  it('shows a message that lies in several mailboxes once, with several labels, and counts it', async () => {
    const fixture = fixtureTo()
    for (const id of ['a', 'b']) {
      fixture.alice.add(['INBOX'], copy(id, 'outside'))
      fixture.alice.add(['Sent'], copy(id))
      fixture.alice.add(['Work'], copy(id, 'outside'))
    }
    const { totals } = await fixture.run()
    expect(nonZero(totals)).toEqual({ source: 6, landed: 6, merged: 4 })
    expect(uids(fixture.moved).size).toBe(2)
    for (const path of [['INBOX'], ['Sent'], ['Work']]) expect(fixture.moved.messages(path)).toHaveLength(2)
    const outcome = await fixture.verify()
    expect(openFindings(outcome)).toEqual([])
    const { identical, equivalent, ...others } = fixture.ledger.fidelity(null)
    expect(identical + equivalent).toBe(6)
    expect(equivalent).toBe(outcome.findings.filter(({ rule }) => rule === 'merged').length)
    expect(others).toEqual({ altered: 0, missing: 0, unchecked: 0 })
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 6, landed: 6, merged: 4 })
  })

  it.each([
    ['with labels', GMAIL],
    ['without', { ...GMAIL, labels: false } as unknown as typeof GMAIL],
  ])(
    'shares one copy between equal messages of one mailbox, and verifies it for both: %s',
    async (_name, facts) => {
      const fixture = fixtureTo(facts)
      for (const hop of ['x', 'x', 'y']) fixture.alice.add(['INBOX'], copy('a', hop))
      const { totals } = await fixture.run()
      expect(nonZero(totals)).toEqual({ source: 3, landed: 3, merged: 2 })
      expect(fixture.moved.messages(['INBOX'])).toHaveLength(1)
      expect(openFindings(await fixture.verify())).toEqual([])
      expect(fixture.ledger.fidelity(null)).toMatchObject({ identical: 2, equivalent: 1 })
      fixture.moved.expunge(['INBOX'], '1')
      await fixture.verify()
      expect(fixture.ledger.fidelity(null)).toMatchObject({ missing: 3 })
    },
  )

  it('quarantines the one whose content it did not keep, in another mailbox too', async () => {
    for (const path of [['INBOX'], ['Work']]) {
      const fixture = fixtureTo()
      fixture.alice.add(['INBOX'], copy('a', '', 'first'))
      fixture.alice.add(path, copy('a', '', 'second'))
      fixture.alice.add(['Work'], copy('b'))
      fixture.settings = { limits: { ...DEFAULT_LIMITS, accounts: 1, lanes: 1, memoryBytes: 1 << 26 } }
      const { totals } = await fixture.run()
      expect(nonZero(totals)).toEqual({ source: 3, landed: 2, quarantined: 1 })
      const [exception] = fixture.ledger.exceptions(null, 0, 10)
      expect(exception?.reason).toMatchObject({ code: 'merged' })
      expect(openFindings(await fixture.verify())).toEqual([])
    }
  })

  it('whichever of two is sent first, the one that was kept is the one that counts', async () => {
    const fixture = fixtureTo()
    fixture.alice.add(['INBOX'], copy('a', '', 'first'))
    fixture.alice.add(['Work'], copy('a', '', 'second'))
    const running = new Set<string>()
    let most = 0
    fixture.destinationOptions = {
      ...fixture.destinationOptions,
      onStep: async ({ op, phase, mailbox }) => {
        if (op !== 'append') return
        const name = mailbox ?? ''
        if (phase === 'before') running.add(name)
        most = Math.max(most, running.size)
        // The reply to the first one comes late.
        if (phase === 'after' && fixture.moved.mailboxes.flatMap((each) => [...each.messages]).length === 1)
          await new Promise((resolve) => setTimeout(resolve, 20))
        if (phase === 'after') running.delete(name)
      },
    }
    await fixture.run()
    expect(most).toBe(1)
    const [kept] = [...bodies(fixture.moved, ['INBOX']), ...bodies(fixture.moved, ['Work'])]
    const [quarantined] = fixture.ledger.exceptions(null, 0, 10)
    const path = fixture.ledger.mailbox(quarantined?.mailboxId ?? 0).sourcePath
    expect(kept).toContain(path[0] === 'INBOX' ? 'second' : 'first')
    expect(openFindings(await fixture.verify())).toEqual([])
  })

  it('adopts what was there with the same content, and quarantines what was there with another', async () => {
    const fixture = fixtureTo()
    fixture.moved.create(['Work'])
    fixture.moved.add(['INBOX'], copy('a', 'delivered'))
    fixture.moved.add(['INBOX'], copy('b', '', 'another'))
    for (const id of ['a', 'b', 'c']) fixture.alice.add(['INBOX'], copy(id))
    fixture.alice.add(['Work'], copy('a'))
    fixture.settings = { limits: { ...DEFAULT_LIMITS, accounts: 1, lanes: 1, memoryBytes: 1 << 26 } }
    const { totals } = await fixture.run()
    expect(nonZero(totals)).toEqual({ source: 4, landed: 2, existing: 1, quarantined: 1, merged: 1 })
    expect(bodies(fixture.moved, ['INBOX'])).toHaveLength(3)
    expect(openFindings(await fixture.verify())).toEqual([])
  })

  it('does not take keys of other mailboxes for its own where each has keys of its own', async () => {
    const fixture = fixtureTo({ ...GMAIL, labels: false } as unknown as typeof GMAIL)
    fixture.moved.create(['Work'])
    fixture.moved.add(['Work'], copy('there', '', 'before'))
    for (const id of ['a', 'b']) fixture.alice.add(['INBOX'], copy(id))
    fixture.alice.add(['Work'], copy('c'))
    fixture.settings = { limits: { ...DEFAULT_LIMITS, lanes: 1 } }
    const { totals } = await fixture.run()
    expect(nonZero(totals)).toEqual({ source: 3, landed: 3 })
    await fixture.run()
    fixture.alice.add(['INBOX'], copy('d'))
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 4, landed: 4 })
  })

  it('and one that merges without saying so is found out by its keys', async () => {
    const fixture = new Fixture()
    for (const text of ['first', 'first', 'second']) fixture.alice.add(['INBOX'], copy('a', '', text))
    fixture.destinationOptions = { capabilities: GMAIL }
    const { destination } = fixture.connectors()
    const silent: typeof destination = {
      openSource: (account, signal) => destination.openSource(account, signal),
      openDestination: async (account, signal) => {
        const session = await destination.openDestination(account, signal)
        return { ...session, capabilities: { ...session.capabilities, labels: false, merges: 'none' } }
      },
    }
    const both = { source: fixture.connectors().source, destination: silent }
    fixture.connectors = () => both
    const { totals } = await fixture.run()
    expect(nonZero(totals)).toEqual({ source: 3, landed: 2, quarantined: 1, merged: 1 })
  })

  it('counts as read when one of them was', async () => {
    for (const read of [0, 1]) {
      const fixture = fixtureTo()
      for (const index of [0, 1])
        fixture.alice.add(['INBOX'], copy('a', `h${index}`), { flags: index === read ? ['\\Seen'] : [] })
      await fixture.run()
      expect(fixture.moved.messages(['INBOX'])[0]?.flags).toEqual(['\\Seen'])
      expect(openFindings(await fixture.verify())).toEqual([])
    }
  })

  it('is settled exactly once when the reply is lost', async () => {
    for (let n = 1; n <= 4; n++) {
      const fixture = fixtureTo()
      for (const path of [['INBOX'], ['INBOX'], ['Work'], ['Sent']]) fixture.alice.add(path, copy('a', path[0]))
      let count = 0
      fixture.destinationOptions = {
        capabilities: { ...GMAIL, appendBatch: { messages: 1, bytes: 1 << 20 } },
        onStep: ({ op, phase }) =>
          op === 'append' && phase === 'before' && ++count === n ? { fault: 'lose-reply' } : undefined,
      }
      const { totals } = await fixture.run()
      expect(count).toBeGreaterThanOrEqual(n)
      expect(nonZero(totals)).toMatchObject({ source: 4, landed: 4 })
      expect(uids(fixture.moved).size).toBe(1)
      expect(openFindings(await fixture.verify())).toEqual([])
    }
  })
})
