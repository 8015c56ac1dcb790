import { describe, expect, it } from 'vitest'
import { Fixture, mail, nonZero, openFindings } from './fixture.ts'

async function delivered(): Promise<Fixture> {
  const fixture = new Fixture()
  for (let i = 0; i < 10; i++) fixture.alice.add(['INBOX'], mail(`m${i}`))
  fixture.alice.create(['Archive'])
  await fixture.run()
  return fixture
}

describe.each(['modseq', 'scan'] as const)('a delta pass (%s)', (delta) => {
  async function start(): Promise<Fixture> {
    const fixture = await delivered()
    fixture.sourceOptions = { capabilities: { delta }, expunges: delta === 'scan' ? 'present' : 'named' }
    return fixture
  }

  it('brings new mail and changed flags, and leaves what the user did', async () => {
    const fixture = await start()
    fixture.alice.add(['INBOX'], mail('new'))
    fixture.alice.setFlags(['INBOX'], '1', ['\\Seen'])
    fixture.moved.setFlags(['INBOX'], '1', ['\\Flagged', 'mine'])
    fixture.moved.setFlags(['INBOX'], '2', ['\\Seen'])
    await fixture.run()
    const [first, second] = fixture.moved.messages(['INBOX'])
    expect(first?.flags).toEqual(['\\Flagged', '\\Seen', 'mine'])
    expect(second?.flags).toEqual(['\\Seen'])
    expect(fixture.moved.messages(['INBOX'])).toHaveLength(11)
  })

  it('takes flags off that were taken off at the source', async () => {
    const fixture = await start()
    fixture.alice.setFlags(['INBOX'], '1', ['\\Seen', '\\Flagged'])
    await fixture.run()
    fixture.alice.setFlags(['INBOX'], '1', ['\\Flagged'])
    await fixture.run()
    expect(fixture.moved.messages(['INBOX'])[0]?.flags).toEqual(['\\Flagged'])
  })

  it('deletes nothing at the destination when mail is expunged at the source', async () => {
    const fixture = await start()
    fixture.alice.expunge(['INBOX'], '3', '4')
    const { totals } = await fixture.run()
    expect(nonZero(totals)).toEqual({ source: 10, landed: 10 })
    expect(fixture.moved.messages(['INBOX'])).toHaveLength(10)
  })

  it('moves our copy when a message was moved at the source', async () => {
    const fixture = await start()
    fixture.alice.move(['INBOX'], '5', ['Archive'])
    const { totals } = await fixture.run()
    expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
    expect(nonZero(totals)).toEqual({ source: 10, landed: 10 })
  })

  it('lists a moved message and sends no second copy when ours has been filed elsewhere', async () => {
    const fixture = await start()
    fixture.alice.move(['INBOX'], '5', ['Archive'])
    fixture.moved.move(['INBOX'], '5', ['Private'])
    await fixture.run()
    expect(fixture.moved.messages(['Archive'])).toHaveLength(0)
    expect(fixture.ledger.exceptions(null, 0, 10)[0]?.reason?.code).toBe('moved-at-source')
  })

  it('survives a new UIDVALIDITY at the source', async () => {
    const fixture = await start()
    fixture.alice.add(['INBOX'], mail('m1'))
    fixture.alice.resetUidValidity(['INBOX'])
    const { totals } = await fixture.run()
    expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
    expect(nonZero(totals)).toEqual({ source: 11, landed: 11 })
    expect(openFindings(await fixture.verify())).toEqual([])
  })

  it('survives a new UIDVALIDITY at the destination', async () => {
    const fixture = await start()
    fixture.moved.resetUidValidity(['INBOX'])
    fixture.alice.add(['INBOX'], mail('new'))
    await fixture.run()
    expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
    expect(openFindings(await fixture.verify())).toEqual([])
  })
})

describe('verification', () => {
  it('finds what was lost, altered or re-dated, and changes nothing', async () => {
    const fixture = await delivered()
    fixture.moved.expunge(['INBOX'], '2')
    fixture.moved.expunge(['INBOX'], '3')
    fixture.moved.mailbox(['INBOX']).add({ bytes: Buffer.from(mail('altered')), internalDate: 1, flags: [] }, 3)
    const before = fixture.moved.state()
    const outcome = await fixture.verify()
    expect(outcome.findings.map(({ class: kind, check }) => `${kind} ${check}`).sort()).toEqual([
      'open digest',
      'open internal-date',
      'open missing',
    ])
    expect(fixture.moved.state()).toBe(before)
  })

  it('does not hold it against us when the user removes or files what was verified before', async () => {
    const fixture = await delivered()
    await fixture.verify()
    fixture.moved.expunge(['INBOX'], '2')
    fixture.moved.move(['INBOX'], '3', ['Filed'])
    const outcome = await fixture.verify()
    expect(outcome.findings.map((f) => `${f.class} ${f.check} ${f.rule}`).sort()).toEqual([
      'explained missing moved-at-destination',
      'removed-after-check missing null',
    ])
  })

  it('explains line ends that the server has changed', async () => {
    const fixture = new Fixture()
    fixture.alice.add(['INBOX'], 'Subject: x\n\nbare\nlines\n')
    fixture.destinationOptions = {
      alterBody: (body) => Buffer.from(Buffer.from(body).toString('latin1').replace(/\r*\n/g, '\r\n'), 'latin1'),
    }
    await fixture.run()
    const outcome = await fixture.verify()
    expect(outcome.findings.map((f) => `${f.class} ${f.check} ${f.rule}`)).toEqual(['explained digest line-ends'])
    expect(fixture.ledger.unverified(null)).toBe(0)
  })

  it('counts at level counts', async () => {
    const fixture = await delivered()
    fixture.moved.expunge(['INBOX'], '2')
    expect(openFindings(await fixture.verify('counts'))).toEqual(['count: 10 / 9'])
  })
})
