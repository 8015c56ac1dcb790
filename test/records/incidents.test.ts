import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LoggedEntry } from '../../src/core/audit.ts'
import { parseInstant } from '../../src/records/calendar.ts'
import { collectExposure } from '../../src/records/incident-collect.ts'
import { buildNotice, formatNotice } from '../../src/records/incident-notice.ts'
import type { Incident } from '../../src/records/incident-types.ts'
import { deadlinesOf, type IncidentUpdate, type NewIncident } from '../../src/records/incidents.ts'
import { noticeHtml } from '../../src/report/notice-html.ts'
import { ANNA, CALM, NOBODY, allEntries, allPersonal, event } from '../audit/audit-fixture.ts'
import { logged, openTestRecords, type TestRecords } from './records-fixture.ts'

const NOTHING: IncidentUpdate = { text: null, fields: {}, projects: [], freeze: null }

function opened(test: TestRecords, over: Partial<NewIncident> = {}): Promise<Incident> {
  const incident: NewIncident = {
    role: 'both',
    awareAt: test.clock.now(),
    what: 'A workstation was stolen.',
    projects: ['acme-2026'],
    freeze: false,
    ...over,
  }
  return test.records.openIncident(ANNA, incident, CALM)
}

function incidentAt(awareAt: number, over: Partial<Incident> = {}): Incident {
  return {
    number: 'INC-2026-0001',
    role: 'both',
    awareAt,
    openedAt: awareAt,
    openedBy: 'anna',
    what: 'x',
    projects: [],
    frozen: false,
    history: [],
    notices: [],
    closed: null,
    ...over,
  }
}

describe('the clock', () => {
  it.each([
    // Through a weekend, a year's end, a leap day, and both changes of the clock in Europe and in New York.
    ['2026-11-20T18:00+04:00', '2026-11-23T14:00:00Z', '2026-11-21T14:00:00Z'],
    ['2026-12-30T23:30:00Z', '2027-01-02T23:30:00Z', '2026-12-31T23:30:00Z'],
    ['2028-02-28T12:00:00Z', '2028-03-02T12:00:00Z', '2028-02-29T12:00:00Z'],
    ['2027-02-28T12:00:00Z', '2027-03-03T12:00:00Z', '2027-03-01T12:00:00Z'],
    ['2026-03-28T01:30+01:00', '2026-03-31T00:30:00Z', '2026-03-29T00:30:00Z'],
    ['2026-10-24T02:30+02:00', '2026-10-27T00:30:00Z', '2026-10-25T00:30:00Z'],
    ['2026-10-31T23:59-04:00', '2026-11-04T03:59:00Z', '2026-11-02T03:59:00Z'],
    ['2026-11-23T00:15+14:00', '2026-11-25T10:15:00Z', '2026-11-23T10:15:00Z'],
  ])('from %s runs to %s (authority) and %s (client)', (aware, authority, client) => {
    const incident = incidentAt(parseInstant(aware))
    const [first, second] = deadlinesOf(incident, incident.awareAt)
    expect(first).toEqual({
      to: 'authority',
      kind: 'law',
      due: Date.parse(authority),
      sentAt: null,
      state: 'running',
      remainingMs: 72 * 3_600_000,
    })
    expect(second).toEqual({
      to: 'client',
      kind: 'target',
      due: Date.parse(client),
      sentAt: null,
      state: 'running',
      remainingMs: 24 * 3_600_000,
    })
  })

  it('runs by our part: to the authority as controller, to the client as processor', () => {
    const to = (role: Incident['role']): string[] => deadlinesOf(incidentAt(0, { role }), 0).map((one) => one.to)
    expect([to('controller'), to('processor'), to('both')]).toEqual([
      ['authority'],
      ['client'],
      ['authority', 'client'],
    ])
  })

  it('is kept to the millisecond, and the first notification counts', () => {
    const due = 72 * 3_600_000
    const notice = (at: number): Incident['notices'][number] => ({
      to: 'authority',
      at,
      reference: null,
      notedAt: at,
      notedBy: 'anna',
    })
    fc.assert(
      fc.property(
        fc.integer({ min: -2, max: 2 }),
        fc.integer({ min: 1_700_000_000_000, max: 2_000_000_000_000 }),
        (shift, awareAt) => {
          const incident = incidentAt(awareAt, { role: 'controller' })
          const at = awareAt + due + shift
          expect(deadlinesOf(incident, at)[0]?.state).toBe(shift <= 0 ? 'running' : 'missed')
          const sent = { ...incident, notices: [notice(at), notice(at + 5)] }
          expect(deadlinesOf(sent, at + 9)[0]).toMatchObject({ state: shift <= 0 ? 'met' : 'late', sentAt: at })
        },
      ),
    )
  })
})

describe('an incident', () => {
  it('is opened, updated, notified and closed, and nothing of it is overwritten', async () => {
    const test = openTestRecords('2026-11-23T10:00:00Z')
    const { number } = await opened(test, { awareAt: parseInstant('2026-11-23T09:00+01:00') })
    expect(number).toBe('INC-2026-0001')
    test.clock.pass(3_600_000)
    const fields = { subjectCount: 'about 40', contact: 'DPO, dpo@sealpost.example' }
    await test.records.updateIncident(
      ANNA,
      number,
      { ...NOTHING, text: 'The disk was encrypted.', fields, projects: ['beta', 'acme-2026'] },
      CALM,
    )
    await test.records.updateIncident(ANNA, number, { ...NOTHING, fields: { subjectCount: '43' } }, CALM)
    await test.records.noteNotice(
      ANNA,
      number,
      { to: 'client', at: test.clock.now(), reference: 'mail of 11:00' },
      CALM,
    )
    const incident = test.reopen().incident(number)
    expect(incident).toMatchObject({
      awareAt: Date.parse('2026-11-23T08:00:00Z'),
      projects: ['acme-2026', 'beta'],
      closed: null,
    })
    expect(incident.history.map(({ name, value }) => `${name}=${value}`)).toEqual([
      'subjectCount=about 40',
      'contact=DPO, dpo@sealpost.example',
      'update=The disk was encrypted.',
      'subjectCount=43',
    ])
    expect(test.records.deadlines(number)).toMatchObject([
      { to: 'authority', state: 'running', remainingMs: 69 * 3_600_000 },
      { to: 'client', state: 'met' },
    ])
    await expect(
      test.records.closeIncident(ANNA, number, { conclusion: 'Over.', withoutNotice: null }, CALM),
    ).rejects.toMatchObject({
      kind: 'policy',
      message: expect.stringContaining('authority') as string,
    })
    const closed = await test.records.closeIncident(
      ANNA,
      number,
      { conclusion: 'Over.', withoutNotice: 'disk encrypted: no risk' },
      CALM,
    )
    expect(closed.closed).toMatchObject({
      conclusion: 'Over.',
      withoutNotice: 'disk encrypted: no risk',
      kept: { lastDay: '2031-11-23' },
    })
    await expect(test.records.updateIncident(ANNA, number, NOTHING, CALM)).rejects.toMatchObject({
      kind: 'policy',
    })
    await expect(
      test.records.closeIncident(ANNA, number, { conclusion: 'x', withoutNotice: null }, CALM),
    ).rejects.toMatchObject({ kind: 'policy' })
    expect(await logged(test.log)).toEqual([
      `incident-opened ${number}`,
      `incident-updated ${number}`,
      `incident-updated ${number}`,
      `incident-notified ${number}`,
      `incident-closed ${number}`,
    ])
    expect(await allPersonal(test.log)).toEqual({ 0: '{"what":"A workstation was stolen."}' })
  })

  it('is numbered by year', async () => {
    const test = openTestRecords('2026-12-31T23:59:00Z')
    const numbers = [(await opened(test)).number, (await opened(test)).number]
    test.clock.pass(3_600_000)
    numbers.push((await opened(test)).number)
    expect(numbers).toEqual(['INC-2026-0001', 'INC-2026-0002', 'INC-2027-0001'])
    expect(test.records.incidents()).toHaveLength(3)
    expect(() => test.records.incident('INC-2026-0003')).toThrow('no incident')
  })

  it('has a moment of awareness that is not in the future, and notifications after it', async () => {
    const test = openTestRecords()
    await expect(opened(test, { awareAt: test.clock.now() + 1 })).rejects.toMatchObject({ kind: 'config' })
    await expect(opened(test, { what: '  ' })).rejects.toMatchObject({ kind: 'config' })
    await expect(
      test.records.openIncident(
        NOBODY,
        { role: 'both', awareAt: 0, what: 'x', projects: [], freeze: false },
        CALM,
      ),
    ).rejects.toMatchObject({ kind: 'policy' })
    const { number, awareAt } = await opened(test)
    for (const at of [awareAt - 1, test.clock.now() + 1]) {
      await expect(
        test.records.noteNotice(ANNA, number, { to: 'authority', at, reference: null }, CALM),
      ).rejects.toMatchObject({ kind: 'config' })
    }
    expect(test.records.incident(number).notices).toEqual([])
  })

  it('freezes the vault on request, until it is thawed or closed', async () => {
    const test = openTestRecords()
    const first = await opened(test, { freeze: true, role: 'processor' })
    const second = await opened(test)
    expect(test.records.freezing()).toEqual([first.number])
    await test.records.updateIncident(ANNA, second.number, { ...NOTHING, freeze: true }, CALM)
    expect(test.reopen().freezing()).toEqual([first.number, second.number])
    await test.records.updateIncident(ANNA, second.number, { ...NOTHING, freeze: false }, CALM)
    await test.records.closeIncident(ANNA, first.number, { conclusion: 'x', withoutNotice: 'false alarm' }, CALM)
    expect(test.records.freezing()).toEqual([])
    expect((await logged(test.log)).filter((line) => line.startsWith('vault'))).toEqual([
      `vault-frozen ${first.number}`,
      `vault-frozen ${second.number}`,
      `vault-thawed ${second.number}`,
      `vault-thawed ${first.number}`,
    ])
  })

  it('is kept for its own period after it was closed, and goes with its log entries', async () => {
    const test = openTestRecords()
    const { number } = await opened(test, { role: 'processor' })
    test.clock.set('2040-01-01T00:00:00Z')
    expect(test.records.due()).toEqual([])
    await test.records.noteNotice(ANNA, number, { to: 'client', at: test.clock.now(), reference: null }, CALM)
    await test.records.closeIncident(ANNA, number, { conclusion: 'x', withoutNotice: null }, CALM)
    test.clock.set('2045-01-01T23:59:59Z')
    expect(test.records.due()).toEqual([])
    test.clock.set('2045-01-02T00:00:00Z')
    const hold = await test.records.setHold(ANNA, 'acme-2026', 'case', CALM)
    expect((await test.records.sweep(ANNA, CALM)).kept).toMatchObject([
      { kind: 'incident', id: number, blockedBy: 'hold' },
    ])
    await test.records.releaseHold(ANNA, hold, 'over', CALM)
    expect((await test.records.sweep(ANNA, CALM)).purged).toMatchObject([
      { kind: 'incident', id: number, lastDay: '2045-01-01' },
    ])
    expect(await logged(test.log)).toEqual([
      'erased',
      'erased',
      'erased',
      'hold-set acme-2026',
      'hold-released acme-2026',
      `sweep ${number}`,
    ])
    expect(test.records.incidents()).toEqual([])
  })
})

async function story(test: TestRecords): Promise<void> {
  const at = async (time: string, over: Parameters<typeof event>[0]): Promise<void> => {
    test.clock.set(time)
    await test.log.append(event(over), CALM)
  }
  const acme = { project: 'acme' }
  await at('2026-01-01T00:00:00Z', {
    ...acme,
    action: 'credentials-set',
    object: 'source-admin',
    facts: { accounts: 12 },
  })
  await at('2026-01-02T00:00:00Z', { ...acme, action: 'credentials-set', object: 'old-one' })
  await at('2026-01-03T00:00:00Z', { ...acme, action: 'credentials-removed', object: 'old-one' })
  await at('2026-01-04T00:00:00Z', {
    ...acme,
    action: 'run-finished',
    facts: { accounts: 10, messages: 1000, bytes: 5000 },
  })
  await at('2026-01-05T00:00:00Z', { project: 'beta', action: 'credentials-set', object: 'beta-admin' })
  await at('2026-01-05T00:00:01Z', {
    project: 'beta',
    action: 'run-finished',
    facts: { accounts: 3, messages: 30, bytes: 300 },
  })
  await at('2026-01-06T00:00:00Z', { project: 'beta', action: 'signoff-finished' })
  await at('2026-01-07T00:00:00Z', { ...acme, action: 'backup', object: 'b1' })
  await at('2026-01-08T00:00:00Z', { ...acme, action: 'backup', object: 'b2' })
  await at('2026-01-08T12:00:00Z', { ...acme, action: 'handover', object: 'b1' })
  await at('2026-01-11T00:00:00Z', { action: 'unlock-failed', by: NOBODY, outcome: 'failed' })
  await at('2026-01-11T00:00:05Z', { action: 'unlock-failed', by: NOBODY, outcome: 'failed' })
  await at('2026-01-11T01:00:00Z', {
    ...acme,
    action: 'run-finished',
    facts: { accounts: 12, messages: 200, bytes: 700 },
  })
  await at('2026-01-11T02:00:00Z', {
    ...acme,
    action: 'credentials-set',
    object: 'destination',
    outcome: 'failed',
  })
  await at('2026-01-11T03:00:00Z', { ...acme, action: 'credentials-removed', object: 'source-admin' })
  await at('2026-01-20T00:00:00Z', { ...acme, action: 'credentials-set', object: 'much-later' })
}

describe('what the log knows', () => {
  const window = {
    projects: null,
    from: Date.parse('2026-01-10T00:00:00Z'),
    to: Date.parse('2026-01-12T00:00:00Z'),
  }
  const clients = new Map([['acme', 'Acme Trading LLC']])

  it('is what lay open in that time: neither what went before nor what came after', async () => {
    const test = openTestRecords('2026-01-01T00:00:00Z')
    await story(test)
    const exposure = await collectExposure(test.log.entries(CALM), window, clients)
    expect(exposure.projects).toEqual([
      {
        project: 'acme',
        client: 'Acme Trading LLC',
        credentials: ['source-admin'],
        accounts: 12,
        messages: 1200,
        bytes: 5700,
        backups: 1,
        operators: ['anna'],
        endedBefore: false,
      },
      {
        project: 'beta',
        client: null,
        credentials: [],
        accounts: 0,
        messages: 0,
        bytes: 0,
        backups: 0,
        operators: [],
        endedBefore: true,
      },
    ])
    expect(exposure.totals).toEqual({ clients: 1, credentials: 1, accounts: 12, messages: 1200, bytes: 5700 })
    expect([exposure.failedUnlocks, exposure.unreadable]).toEqual([2, 0])
  })

  it('is everything where nobody knows when it began, and only the projects named', async () => {
    const test = openTestRecords('2026-01-01T00:00:00Z')
    await story(test)
    const all = await collectExposure(test.log.entries(CALM), { ...window, from: null }, clients)
    expect(all.totals).toMatchObject({ credentials: 3, messages: 1230 })
    const beta = await collectExposure(
      test.log.entries(CALM),
      { ...window, from: null, projects: ['beta'] },
      clients,
    )
    expect(beta.projects.map(({ project }) => project)).toEqual(['beta'])
  })

  it('has gaps where entries were erased, and says how many', async () => {
    const test = openTestRecords('2026-01-01T00:00:00Z')
    await story(test)
    await test.log.erase(event({ action: 'sweep' }), { leaves: [4, 5, 6], personal: [] }, CALM)
    const exposure = await collectExposure(test.log.entries(CALM), window, clients)
    expect(exposure.unreadable).toBe(3)
    expect(exposure.projects.map(({ project }) => project)).toEqual(['acme'])
    const entries: LoggedEntry[] = await allEntries(test.log)
    expect(await collectExposure(entries, window, clients)).toEqual(exposure)
  })
})

describe('the notice', () => {
  it('has the fields of Article 33(3), states what is unknown, and takes numbers from the log', async () => {
    const test = openTestRecords('2026-01-01T00:00:00Z')
    await story(test)
    const { number } = await opened(test, { projects: ['acme'] })
    const scope = { projects: ['acme'], from: null, to: test.clock.now() }
    const exposure = await collectExposure(test.log.entries(CALM), scope, new Map())
    const notice = buildNotice(test.records.incident(number), 'authority', exposure, test.clock.now())
    expect(notice).toMatchObject({ phase: 'initial', isLate: false, due: test.clock.now() + 72 * 3_600_000 })
    expect(notice.items.map(({ article, value, fromLog }) => [article, value, fromLog])).toEqual([
      ['33(3)(a)', 'A workstation was stolen.', false],
      ['33(3)(a)', null, false],
      ['33(3)(a)', 'the holders of at most 12 accounts, and those who wrote to them', true],
      ['33(3)(a)', null, false],
      ['33(3)(a)', 'at most 3 credentials and 1,200 messages', true],
      ['33(3)(b)', null, false],
      ['33(3)(c)', null, false],
      ['33(3)(d)', null, false],
    ])
    expect(notice.missing).toHaveLength(5)
    const text = formatNotice(notice)
    expect(text.match(/Not known yet; it will follow \(Article 33\(4\)\)/g)).toHaveLength(5)
    expect(text.split('\n').filter((line) => line.includes('(counted from the audit log)'))).toEqual([
      expect.stringContaining('at most 12 accounts'),
      expect.stringContaining('1,200 messages'),
    ])
    expect(
      noticeHtml({ ...notice, checkpoint: '' }).match(/[^>]+ <small>\(counted from the audit log\)/g),
    ).toEqual([expect.stringContaining('at most 12 accounts'), expect.stringContaining('1,200 messages')])
    expect(noticeHtml({ ...notice, checkpoint: '' }).match(/Not known yet/g)).toHaveLength(5)
    expect(text).toContain('Became aware: 2026-01-20T00:00:00Z')
  })

  it('is further information after the first, and final once closed; late it asks for the reasons', async () => {
    const test = openTestRecords()
    const { number } = await opened(test, { role: 'controller' })
    const fields = {
      subjectCategories: 'employees',
      subjectCount: '43',
      recordCategories: 'mail',
      recordCount: '1200',
      contact: 'DPO',
      consequences: 'spam',
      measures: 'keys destroyed',
    }
    await test.records.updateIncident(ANNA, number, { ...NOTHING, fields }, CALM)
    const build = (): ReturnType<typeof buildNotice> =>
      buildNotice(test.records.incident(number), 'authority', null, test.clock.now())
    expect(build().missing).toEqual([])
    test.clock.pass(73 * 3_600_000)
    expect(build()).toMatchObject({ isLate: true, missing: ['Reasons for the delay'] })
    await test.records.updateIncident(ANNA, number, { ...NOTHING, fields: { delayReason: 'a holiday' } }, CALM)
    await test.records.noteNotice(ANNA, number, { to: 'authority', at: test.clock.now(), reference: 'A-77' }, CALM)
    expect(build()).toMatchObject({ phase: 'further', isLate: true, missing: [] })
    await test.records.closeIncident(ANNA, number, { conclusion: 'All told.', withoutNotice: null }, CALM)
    const final = build()
    expect(final).toMatchObject({
      phase: 'final',
      documentation: { conclusion: 'All told.', sent: [{ reference: 'A-77' }] },
    })
    expect(formatNotice(final)).toContain(
      '  2026-11-26T11:00:00Z notified: the supervisory authority (Article 33(1)), A-77',
    )
    expect(formatNotice(final)).not.toContain('Not known yet')
    // What was sent in time stays in time, whenever the notice is printed again.
    expect(
      buildNotice(
        incidentAt(0, { notices: [{ to: 'client', at: 5, reference: null, notedAt: 5, notedBy: 'a' }] }),
        'client',
        null,
        9e12,
      ).isLate,
    ).toBe(false)
  })

  it('to the data subjects has no deadline of its own', () => {
    expect(buildNotice(incidentAt(0), 'subjects', null, 9e12)).toMatchObject({ due: null, isLate: false })
  })
})
