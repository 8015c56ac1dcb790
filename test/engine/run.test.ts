import { describe, expect, it } from 'vitest'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { ledgerCode } from '../../src/cli/outcome.ts'
import { untilOpen } from '../../src/core/work-hours.ts'
import { SealpostError } from '../../src/core/errors.ts'
import { DEFAULT_LIMITS, NO_FILTERS } from '../../src/engine/settings.ts'
import { Fixture, mail, nonZero, openFindings } from './fixture.ts'

function filled(count = 30): Fixture {
  const fixture = new Fixture()
  fixture.alice.create(['Projects'])
  for (let i = 0; i < count; i++) {
    const flags = i % 3 === 0 ? ['\\Seen', '$Forwarded'] : i % 3 === 1 ? ['\\Flagged'] : []
    const path = i % 2 === 0 ? ['INBOX'] : ['Projects', `P${i % 5}`]
    fixture.alice.add(path, mail(`message ${i}`), { internalDate: 1_500_000_000_000 + i * 1000, flags })
  }
  return fixture
}

describe('a run', () => {
  it('moves every message with bytes, date and flags, and a second run appends nothing', async () => {
    const fixture = filled()
    const before = fixture.alice.state()
    const outcome = await fixture.run()
    expect(outcome.pairs.map(({ error }) => error)).toEqual([null])
    expect(nonZero(outcome.totals)).toEqual({ source: 30, landed: 30 })
    expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
    expect(fixture.alice.state()).toBe(before)
    const after = fixture.moved.state()
    await fixture.run()
    expect(fixture.moved.state()).toBe(after)
    expect(openFindings(await fixture.verify())).toEqual([])
    expect(fixture.ledger.unverified(null)).toBe(0)
  })

  it('keeps twins two, in one mailbox and across mailboxes', async () => {
    const fixture = new Fixture()
    for (let i = 0; i < 4; i++) fixture.alice.add(['INBOX'], mail('twin'))
    fixture.alice.add(['Copy'], mail('twin'))
    await fixture.run()
    expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
  })

  it('adopts by content when the ledger is lost', async () => {
    const fixture = filled()
    fixture.alice.add(['INBOX'], mail('no id', null))
    fixture.alice.add(['INBOX'], mail('no id', null))
    fixture.alice.add(['INBOX'], mail('same id, other body', 'same@example.com'))
    fixture.alice.add(['INBOX'], mail('same id, this body', 'same@example.com'))
    await fixture.run()
    fixture.loseLedger()
    const after = fixture.moved.state()
    const outcome = await fixture.run()
    expect(nonZero(outcome.totals)).toEqual({ source: 34, existing: 34 })
    expect(fixture.moved.state()).toBe(after)
    expect(openFindings(await fixture.verify())).toEqual([])
  })

  it('reads what it may adopt once, however many batches ask: mail without a Message-ID too', async () => {
    const fixture = new Fixture()
    for (let i = 0; i < 400; i++) fixture.alice.add(['INBOX'], mail(`no id ${i}`, null))
    await fixture.run()
    fixture.loseLedger()
    const read: string[] = []
    fixture.destinationOptions = {
      onStep: (step) => {
        if (step.op === 'body' && step.phase === 'before') read.push(...step.keys)
      },
    }
    fixture.settings = { limits: { ...DEFAULT_LIMITS, accounts: 1, lanes: 1, memoryBytes: 1 << 20 } }
    const { totals } = await fixture.run()
    expect(nonZero(totals)).toEqual({ source: 400, existing: 400 })
    expect(read).toHaveLength(400)
    expect(fixture.events.filter(({ event }) => event === 'batch-landed').length).toBeGreaterThan(2)
  })

  it('begins nothing outside of its hours, and goes on when they come again', async () => {
    const fixture = new Fixture()
    for (let n = 0; n < 1000; n++) fixture.alice.add(['INBOX'], mail(`body ${n}`, `${n}@example.com`))
    const hour = 3_600_000
    const start = new Date(fixture.clock.now() + 2 * hour)
    const from = start.getHours() * 60 + start.getMinutes()
    const hours = { from, to: (from + 60) % 1440 }
    const appends: number[] = []
    fixture.destinationOptions = {
      onStep: async (step) => {
        if (step.op !== 'append' || step.phase !== 'before') return
        appends.push(untilOpen(hours, fixture.clock.now()))
        // The hours end while the second slice is on its way.
        if (appends.length === 2) await fixture.clock.sleep(2 * hour, new AbortController().signal)
      },
    }
    fixture.settings = { limits: { ...DEFAULT_LIMITS, accounts: 1, lanes: 1, hours } }
    const { totals } = await fixture.run()
    expect(nonZero(totals)).toEqual({ source: 1000, landed: 1000 })
    expect(appends.length).toBeGreaterThan(4)
    expect(appends.filter((wait) => wait > 0).length).toBeLessThanOrEqual(1)
    const waits = fixture.events.filter((event) => event.event === 'waiting' && event.reason === 'hours')
    expect(waits).toHaveLength(2)
  })

  it('does not take mail with equal headers and another body for a copy', async () => {
    const fixture = new Fixture()
    fixture.alice.add(['INBOX'], mail('mine', 'x@example.com'))
    fixture.moved.add(['INBOX'], mail('theirs', 'x@example.com'))
    const outcome = await fixture.run()
    expect(nonZero(outcome.totals)).toEqual({ source: 1, landed: 1 })
    expect(fixture.moved.messages(['INBOX'])).toHaveLength(2)
  })

  it('adopts only as many as are there', async () => {
    const fixture = new Fixture()
    for (let i = 0; i < 3; i++) fixture.alice.add(['INBOX'], mail('twin'))
    fixture.moved.add(['INBOX'], mail('twin'))
    const outcome = await fixture.run()
    expect(nonZero(outcome.totals)).toEqual({ source: 3, landed: 2, existing: 1 })
    expect(fixture.moved.messages(['INBOX'])).toHaveLength(3)
  })

  it('adopts what can be read of what is there, beside a message that the destination hands to nobody', async () => {
    const fixture = new Fixture()
    for (const text of ['one', 'two']) fixture.alice.add(['INBOX'], mail(text, null))
    for (const text of ['closed', 'two']) fixture.moved.add(['INBOX'], mail(text, null))
    fixture.destinationOptions = {
      onStep: ({ op, phase, keys }) => {
        if (op === 'fetch' && phase === 'before' && keys.includes('1')) throw new SealpostError('rejected', 'no')
      },
    }
    const outcome = await fixture.run()
    expect(nonZero(outcome.totals)).toEqual({ source: 2, landed: 1, existing: 1 })
  })

  it('sets \\Deleted last and never loses the message', async () => {
    const fixture = new Fixture()
    fixture.alice.add(['INBOX'], mail('a'), { flags: ['\\Deleted', '\\Seen'] })
    const appended: (readonly string[])[] = []
    fixture.destinationOptions = {
      onStep: (step) => {
        if (step.op === 'append' && step.phase === 'before') appended.push(...step.batch.map(({ flags }) => flags))
      },
    }
    await fixture.run()
    expect(appended).toEqual([['\\Seen']])
    expect(fixture.moved.messages(['INBOX'])[0]?.flags).toEqual(['\\Deleted', '\\Seen'])
  })

  it('sends large bodies through the spool and leaves nothing there', async () => {
    const fixture = new Fixture()
    fixture.alice.add(['INBOX'], mail('x'.repeat(5000)))
    fixture.sourceOptions = { largeMessageBytes: 1000 }
    let spooled = 0
    const write = fixture.spool.write
    fixture.spool.write = (pieces) => {
      spooled++
      return write(pieces)
    }
    await fixture.run()
    expect(spooled).toBe(1)
    expect(fixture.spool.held.size).toBe(0)
    expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
    expect(openFindings(await fixture.verify())).toEqual([])
  })

  it('skips what is too large with the reason, and the sums balance', async () => {
    const fixture = new Fixture()
    fixture.alice.add(['INBOX'], mail('x'.repeat(5000)))
    fixture.alice.add(['INBOX'], mail('small'))
    fixture.destinationOptions = { capabilities: { maxMessageBytes: 1000 } }
    const { totals } = await fixture.run()
    expect(nonZero(totals)).toEqual({ source: 2, landed: 1, skipped: 1 })
    expect(fixture.ledger.exceptions(null, 0, 10)[0]?.reason?.code).toBe('too-large')
  })

  it('finds the one message that is refused, quarantines it, and tries it again when told to', async () => {
    const fixture = filled(60)
    let mended = false
    fixture.destinationOptions = {
      refuse: (_, body) =>
        !mended && Buffer.from(body).includes('message 17\r\n')
          ? new SealpostError('rejected', 'the server refused a message', { serverText: 'NO invalid header' })
          : null,
    }
    const { totals } = await fixture.run()
    expect(nonZero(totals)).toEqual({ source: 60, landed: 59, quarantined: 1 })
    expect(fixture.ledger.exceptions(null, 0, 10)[0]?.reason).toMatchObject({
      code: 'refused',
      serverText: 'NO invalid header',
    })
    mended = true
    expect(fixture.ledger.requeue(1, null)).toBe(1)
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 60, landed: 60 })
    expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
  })

  it('never lets a keyword keep a message out', async () => {
    const fixture = new Fixture()
    fixture.alice.add(['INBOX'], mail('a'), { flags: ['\\Seen', 'odd[keyword'] })
    fixture.alice.add(['INBOX'], mail('b'), { flags: ['fine'] })
    fixture.destinationOptions = {
      refuse: ({ flags }) =>
        flags.includes('odd[keyword') ? new SealpostError('rejected', 'invalid keyword') : null,
    }
    const { totals } = await fixture.run()
    expect(nonZero(totals)).toEqual({ source: 2, landed: 2 })
  })

  it('obeys the wait that a server asks for', async () => {
    const fixture = filled()
    let refusals = 2
    fixture.destinationOptions = {
      onStep: (step) => {
        if (step.op === 'append' && step.phase === 'before' && refusals-- > 0) {
          throw new SealpostError('throttled', 'throttled', { retryAfter: 178_755 })
        }
      },
    }
    const { totals } = await fixture.run()
    expect(nonZero(totals)).toEqual({ source: 30, landed: 30 })
    expect(fixture.clock.slept).toContain(178_755)
    expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
  })

  it('works without keys on append, one lane a mailbox', async () => {
    const fixture = filled(40)
    for (let i = 0; i < 5; i++) fixture.alice.add(['INBOX'], mail('twin'))
    fixture.destinationOptions = { capabilities: { keyOnAppend: false } }
    await fixture.run()
    expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
    const rows = fixture.ledger.mailboxes(1).flatMap((mailbox) => fixture.ledger.delivered(mailbox.id, 0, 100))
    expect(rows.every((row) => row.destinationKey !== null)).toBe(true)
    expect(openFindings(await fixture.verify())).toEqual([])
  })

  it('stops in good order and goes on where it ended', async () => {
    const fixture = filled(60)
    const stop = new AbortController()
    fixture.settings = { limits: { ...DEFAULT_LIMITS, accounts: 1, lanes: 1, memoryBytes: 1 << 20 } }
    fixture.destinationOptions = {
      capabilities: { appendBatch: { messages: 5, bytes: 1 << 20 } },
      onStep: (step) => {
        if (step.op === 'append' && step.phase === 'after')
          stop.abort(new SealpostError('cancelled', 'interrupted'))
      },
    }
    const first = await fixture.run(fixture.pairs(), stop.signal)
    expect(first.cancelled).toBe(true)
    expect(first.totals.appending).toBe(0)
    expect(first.totals.landed).toBeLessThan(60)
    fixture.destinationOptions = {}
    fixture.reopenLedger()
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 60, landed: 60 })
    expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
  })

  it('says that a mailbox is no longer there, and goes on without it the next time', async () => {
    const fixture = filled(10)
    fixture.alice.add(['Gone'], mail('x'))
    fixture.sourceOptions = {
      onStep: ({ op, mailbox, phase }) => {
        if (op === 'listMessages' && phase === 'before' && mailbox === 'Gone') fixture.alice.remove(['Gone'])
      },
    }
    const first = await fixture.run()
    expect(first.pairs[0]?.error).toBeNull()
    expect(openFindings({ findings: fixture.ledger.findings(null) })).toEqual([
      expect.stringContaining('no such mailbox'),
    ])
    fixture.sourceOptions = {}
    const second = await fixture.run()
    expect(second.pairs[0]?.error).toBeNull()
    expect(fixture.ledger.findings(null)).toEqual([])
    expect(nonZero(second.totals)).toEqual({ source: 10, landed: 10 })
  })

  it('takes the date of the header for a message that has none a server could keep, and filters it by none', async () => {
    const fixture = new Fixture()
    const dated = (text: string): string =>
      mail(text).replace('Subject', 'Date: Tue, 31 Dec 2019 23:00:00 +0000\r\nSubject')
    const year = (n: number): number => Date.UTC(n, 0, 1)
    fixture.alice.add(['INBOX'], dated('none'), { internalDate: 0 })
    fixture.alice.add(['INBOX'], dated('too early'), { internalDate: year(1900) })
    fixture.alice.add(['INBOX'], mail('neither'), { internalDate: 0 })
    fixture.alice.add(['INBOX'], dated('known'), { internalDate: year(2015) })
    await fixture.run()
    const dates = fixture.moved.messages(['INBOX']).map(({ internalDate }) => internalDate)
    expect(dates).toEqual([Date.UTC(2019, 11, 31, 23), Date.UTC(2019, 11, 31, 23), 0, year(2015)])
    const verified = await fixture.verify()
    expect(openFindings(verified)).toEqual([])
    expect(verified.findings.map(({ rule }) => rule)).toEqual(['date-out-of-range', 'date-out-of-range'])
    const filtered = new Fixture()
    filtered.settings = { filters: { ...NO_FILTERS, after: year(2016) } }
    filtered.alice.add(['INBOX'], dated('none'), { internalDate: 0 })
    filtered.alice.add(['INBOX'], dated('known'), { internalDate: year(2015) })
    expect(nonZero((await filtered.run()).totals)).toEqual({ source: 1, landed: 1 })
  })

  it('tries a refused credential once, and other accounts go on', async () => {
    const fixture = new Fixture()
    for (const name of ['alice', 'bob', 'carol']) fixture.source.account(name).add(['INBOX'], mail(name))
    const opened: string[] = []
    fixture.sourceOptions = {
      onStep: ({ op, account, phase }) => {
        if (op !== 'open' || phase !== 'before') return
        opened.push(account)
        if (account === 'bob') throw new SealpostError('auth', 'refused')
      },
    }
    const outcome = await fixture.run(fixture.pairs('alice', 'bob', 'carol'))
    expect(outcome.pairs.map(({ error }) => error?.kind ?? null)).toEqual([null, 'auth', null])
    expect(opened.filter((account) => account === 'bob')).toHaveLength(1)
  })
})

describe('flags that an append cannot make stick', () => {
  it('go by STORE, and are on the message in the end', async () => {
    const fixture = new Fixture()
    const sent: (readonly string[])[] = []
    fixture.destinationOptions = {
      capabilities: { lateFlags: ['\\Flagged'] },
      onStep: ({ op, phase, batch }) => {
        if (op === 'append' && phase === 'before') sent.push(...batch.map(({ flags }) => flags))
      },
    }
    fixture.alice.add(['INBOX'], mail('late'), { flags: ['\\Seen', '\\Flagged'] })
    await fixture.run()
    expect(sent).toEqual([['\\Seen']])
    expect(fixture.moved.messages(['INBOX']).map(({ flags }) => flags)).toEqual([['\\Flagged', '\\Seen']])
  })
})

describe('a source that throttles every so many messages', () => {
  it('is read to its end, slice by smaller slice', async () => {
    const fixture = new Fixture()
    for (let n = 0; n < 300; n++) fixture.alice.add(['INBOX'], mail(`message ${n}`))
    let read = 0
    fixture.sourceOptions = {
      onStep: ({ op, phase }) => {
        if (op !== 'body' || phase !== 'before' || ++read % 40 !== 0) return
        throw new SealpostError('throttled', 'come back later', { retryAfter: 10 })
      },
    }
    const outcome = await fixture.run()
    expect(outcome.pairs.map(({ error }) => error)).toEqual([null])
    expect(nonZero(outcome.totals)).toEqual({ source: 300, landed: 300 })
    expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
  })
})

describe('a fault of the ledger', () => {
  it('ends the run, and no message is blamed for it', async () => {
    const fixture = filled(400)
    // Other lanes wait for their share of it when the fault comes.
    fixture.settings = { limits: { ...DEFAULT_LIMITS, memoryBytes: 4096 } }
    let failed = false
    const honest = fixture.ledger
    const ledger = {
      ...fixture.ledger,
      endListing: (...given: Parameters<typeof honest.endListing>) => {
        if (!failed && fixture.ledger.totals({}).landed > 0) {
          failed = true
          throw new SealpostError('corrupt', 'ledger: endListing: the disk is damaged')
        }
        honest.endListing(...given)
      },
    }
    const { pairs, totals } = await fixture.run(undefined, undefined, ledger)
    expect(failed).toBe(true)
    expect(pairs[0]?.error?.kind).toBe('corrupt')
    expect(totals.quarantined).toBe(0)
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 400, landed: 400 })
    expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
  })
})

describe('the sums of a mailbox', () => {
  /** The code with which the program would end. */
  const codeOf = (fixture: Fixture, ledger = fixture.ledger): number => ledgerCode(ledger, fixture.pairs())

  it('that do not balance are a finding of that mailbox, and no success', async () => {
    const fixture = filled()
    const honest = fixture.ledger
    // A ledger that has counted one message too many in one mailbox.
    const liar = {
      ...fixture.ledger,
      totals: (scope: Parameters<typeof honest.totals>[0]) => {
        const told = honest.totals(scope)
        const inbox = honest.mailboxes(1).find(({ sourcePath }) => sourcePath.join('/') === 'INBOX')?.id
        const isTold = 'mailboxId' in scope ? scope.mailboxId === inbox : inbox !== undefined
        return isTold ? { ...told, source: told.source + 1 } : told
      },
    }
    await fixture.run(undefined, undefined, liar)
    const open = fixture.ledger.findings(1).filter((finding) => finding.class === 'open')
    const inbox = honest.mailboxes(1).find(({ sourcePath }) => sourcePath.join('/') === 'INBOX')
    expect(open).toMatchObject([
      { check: 'balance', mailboxId: inbox?.id, expected: expect.stringContaining('16') as string },
    ])
    expect(codeOf(fixture, liar)).toBe(EXIT.failed)
    // The finding stands by itself until a run finds the sums in order.
    expect(codeOf(fixture)).toBe(EXIT.exceptions)
    await fixture.run()
    expect(codeOf(fixture)).toBe(EXIT.complete)
  })

  it('are looked at in each run: an append whose end was never written down is told', async () => {
    const fixture = filled()
    const honest = fixture.ledger
    let swallowed = 0
    const forgetful = {
      ...fixture.ledger,
      land: (claims: Parameters<typeof honest.land>[0]) => {
        const kept = claims.filter(({ id }) => id !== 7)
        swallowed += claims.length - kept.length
        honest.land(kept)
      },
    }
    await fixture.run(undefined, undefined, forgetful)
    expect(swallowed).toBeGreaterThan(0)
    const open = fixture.ledger.findings(1).filter((finding) => finding.class === 'open')
    expect(open.map(({ check }) => check)).toContain('balance')
    expect(codeOf(fixture)).toBe(EXIT.failed)
    await fixture.run()
    expect(codeOf(fixture)).toBe(EXIT.complete)
    expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
  })
})
