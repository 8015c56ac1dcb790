import { describe, expect, it } from 'vitest'
import { ANNA, CALM, allPersonal, event, findings, testSeal } from '../audit/audit-fixture.ts'
import { matchPerson, matchText } from '../../src/records/subject-match.ts'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { MIGRATIONS } from '../../src/records/schema.ts'
import { addRecord, logged, openTestRecords, record, type TestRecords } from './records-fixture.ts'

const LAYLA = { name: 'Layla Hassan', address: 'layla@acme.example' }
const OMAR = { name: 'Omar Said', address: null }
const seal = testSeal()
const correction = { name: 'Layla Haddad', address: null, phone: '', title: null }

async function filled(): Promise<TestRecords> {
  const test = openTestRecords()
  await test.log.append(
    event({ action: 'signoff-started', project: 'acme-2026', personal: { signatory: 'Omar Said' } }),
    CALM,
  )
  await test.log.append(
    event({
      action: 'handover',
      project: 'acme-2026',
      personal: { recipient: 'Layla Hassan <layla@acme.example>' },
    }),
    CALM,
  )
  await test.log.append(event({ action: 'grant', personal: { note: 'nobody of interest' } }), CALM)
  await addRecord(test)
  const certificate = Buffer.from(
    JSON.stringify({ id: 'c-1', persons: [{ name: 'Omar Said', role: 'signatory' }], by: 'Layla Hassani' }),
  )
  await test.records.attachDocuments(
    ANNA,
    'acme-2026',
    { certificate, fingerprint: 'SHA256:x', checkpoint: null },
    CALM,
  )
  return test
}

describe('a name', () => {
  it.each([
    ['Layla Hassan', 'layla  HASSAN', 'exact'],
    ['Layla Hassan', 'Ｌayla Hassan', 'exact'],
    ['Layla Hassan', 'handed to Layla Hassan, in person', 'mention'],
    ['Layla Hassan', 'Layla Hassani', null],
    ['Layla Hassan', 'Hassan', null],
    ['Ann', 'Joann', null],
    ['Ann', 'Ann-Marie', 'mention'],
    ['ليلى حسن', 'سلمت إلى ليلى حسن أمس', 'mention'],
    ['Zoë', 'Zoe\u0308', 'exact'],
  ])('%s in %s: %s', (name, text, expected) => {
    expect(matchText({ name, address: null }, text)).toBe(expected)
  })

  it('alone takes anybody who has it, with an address only the one', () => {
    const two = [
      { name: 'Ann Lee', address: 'ann@a.example' },
      { name: 'Ann Lee', address: 'ann@b.example' },
      { name: 'Ann Lee', address: null },
      { name: 'Bob', address: 'ann@a.example' },
      { name: 'Bob', address: 'bob@a.example' },
    ]
    const match = (name: string | null, address: string | null): unknown[] =>
      two.map((one) => matchPerson({ name, address }, one))
    expect(match('ann lee', null)).toEqual(['exact', 'exact', 'exact', null, null])
    expect(match('ann lee', 'ANN@a.example')).toEqual(['exact', 'mention', 'exact', 'mention', null])
    expect(match(null, 'ann@a.example')).toEqual(['exact', null, null, 'exact', null])
  })
})

describe('access', () => {
  it('finds contacts, certificates, holds, incidents and sealed fields, and until when they are kept', async () => {
    const test = await filled()
    await test.records.setHold(ANNA, 'beta', 'complaint of Omar Said', CALM)
    const opened = {
      role: 'both',
      awareAt: test.clock.now(),
      what: 'Omar Said reported a leak',
      projects: [],
      freeze: false,
    } as const
    await test.records.openIncident(ANNA, opened, CALM)
    const hits = await test.records.findSubject(OMAR, seal, CALM)
    expect(hits.map(({ where, field, match, keptUntil }) => [where, field, match, keptUntil])).toEqual([
      ['contact', 'contact', 'exact', '2031-11-23'],
      ['certificate', '/persons/0/name', 'exact', '2031-11-23'],
      ['hold', 'reason', 'mention', null],
      ['incident', 'what', 'mention', null],
      ['log', 'signatory', 'exact', '2031-11-23'],
      ['log', 'reason', 'mention', null],
      ['log', 'what', 'mention', null],
    ])
    expect((await test.records.findSubject(LAYLA, seal, CALM)).map(({ where, value }) => [where, value])).toEqual([
      ['contact', 'Layla Hassan, layla@acme.example, +971 4 000 0000, IT lead'],
      ['log', 'Layla Hassan <layla@acme.example>'],
    ])
    expect(await test.records.findSubject({ name: 'Nobody Known', address: null }, seal, CALM)).toEqual([])
    expect(
      (await test.records.findSubject({ name: 'anna', address: null }, seal, CALM)).map(({ where }) => where),
    ).toContain('actor')
  })

  it('needs somebody to look for', async () => {
    const test = openTestRecords()
    for (const query of [
      { name: null, address: null },
      { name: ' a ', address: '' },
    ]) {
      await expect(test.records.findSubject(query, seal, CALM)).rejects.toMatchObject({ kind: 'config' })
    }
  })

  it('is handed out with a line in the log that names nobody', async () => {
    const test = await filled()
    const hits = await test.records.exportSubject(ANNA, OMAR, seal, CALM)
    expect(hits).toHaveLength(3)
    expect((await logged(test.log)).at(-1)).toBe('record-exported')
    expect(Object.values(await allPersonal(test.log))).toHaveLength(3)
  })
})

/** Whether the space of what was removed is still to be given up; the records stay closed. */
function owesCompaction(test: TestRecords): boolean {
  test.records.close()
  const db = openDatabase(test.path, test.key, { migrations: MIGRATIONS })
  const chores = db.prepare<[], string>('SELECT name FROM chore').pluck().all()
  db.close()
  return chores.length > 0
}

it('what stood in a contact is gone from the file when it was erased or corrected, and not only when it is next opened', async () => {
  const erased = await filled()
  await erased.records.eraseSubject(ANNA, OMAR, seal, CALM)
  expect(owesCompaction(erased)).toBe(false)
  const corrected = await filled()
  await corrected.records.rectifySubject(ANNA, LAYLA, correction, seal, CALM)
  expect(owesCompaction(corrected)).toBe(false)
})

describe('erasure', () => {
  it('takes contacts and sealed fields, and says what is kept, why and until when', async () => {
    const test = await filled()
    const report = await test.records.eraseSubject(ANNA, OMAR, seal, CALM)
    expect(report.done.map(({ where }) => where)).toEqual(['contact', 'log'])
    expect(report.kept.map(({ where, because }) => [where, because])).toEqual([
      [
        'certificate',
        'kept until 2031-11-23: evidence of the deletion (GDPR Article 17(3)(e)), and names in a signed document cannot be taken out',
      ],
    ])
    expect(report.method).toContain('logical deletion')
    const [layla, omar] = test.reopen().show('acme-2026').contacts
    expect(layla).toMatchObject({ name: 'Layla Hassan', erased: false })
    expect(omar).toMatchObject({ name: '[erased]', address: null, phone: null, title: null, erased: true })
    expect(Object.keys(await allPersonal(test.log))).toEqual(['1', '2'])
    expect(await findings(test.log, { opener: seal })).toEqual([])
    const again = await test.records.eraseSubject(ANNA, OMAR, seal, CALM)
    expect(again.done).toEqual([])
    expect(again.method).toBeNull()
  })

  it('of another person of the same name does not happen', async () => {
    const test = openTestRecords()
    const contacts = ['a', 'b'].map((host) => ({
      name: 'Ann Lee',
      address: `ann@${host}.example`,
      phone: null,
      title: null,
    }))
    await addRecord(test, { contacts })
    const report = await test.records.eraseSubject(ANNA, { name: 'Ann Lee', address: 'ann@b.example' }, seal, CALM)
    expect(report.kept).toMatchObject([{ where: 'contact', match: 'mention' }])
    expect(report.kept[0]?.because).toContain('not surely this person')
    expect(test.records.show('acme-2026').contacts.map(({ name }) => name)).toEqual(['Ann Lee', '[erased]'])
  })

  it('gives way to a legal period, also where the table gives contacts one', async () => {
    const test = openTestRecords('2026-11-23T10:00:00Z', {
      contact: { keep: 'with-record', legalBasis: 'tax law' },
    })
    await addRecord(test)
    const report = await test.records.eraseSubject(ANNA, LAYLA, seal, CALM)
    expect(report.done).toEqual([])
    expect(report.kept).toMatchObject([{ because: 'kept until 2031-11-23: tax law' }])
    expect((await logged(test.log)).at(-1)).toBe('record-erased')
  })

  it('under a hold keeps the sealed fields of that project alone', async () => {
    const test = await filled()
    await test.log.append(event({ action: 'handover', project: 'beta', personal: { to: 'Layla Hassan' } }), CALM)
    const id = await test.records.setHold(ANNA, 'acme-2026', 'case', CALM)
    const report = await test.records.eraseSubject(ANNA, LAYLA, seal, CALM)
    expect(report.done.map(({ where, project }) => [where, project])).toEqual([['log', 'beta']])
    expect(report.kept.every(({ because }) => because.includes('legal hold since 2026-11-23T10:00:00Z'))).toBe(
      true,
    )
    await test.records.releaseHold(ANNA, id, 'over', CALM)
    expect((await test.records.eraseSubject(ANNA, LAYLA, seal, CALM)).done.map(({ where }) => where)).toEqual([
      'contact',
      'log',
    ])
  })
})

describe('rectification', () => {
  it('corrects contacts, and says that signed documents stay', async () => {
    const test = await filled()
    const report = await test.records.rectifySubject(ANNA, LAYLA, correction, seal, CALM)
    expect(report.done.map(({ where }) => where)).toEqual(['contact'])
    expect(report.kept.map(({ where }) => where)).toEqual(['log'])
    expect(test.reopen().show('acme-2026').contacts[0]).toMatchObject({
      name: 'Layla Haddad',
      address: 'layla@acme.example',
      phone: null,
      title: 'IT lead',
      former: [],
    })
    const omar = await test.records.rectifySubject(ANNA, OMAR, { ...correction, name: 'Omar Saeed' }, seal, CALM)
    expect(omar.kept.find(({ where }) => where === 'certificate')?.because).toBe(
      'a signed document is not changed: kept as it is, until 2031-11-23',
    )
  })

  it('under a hold keeps what was said before, and finds it', async () => {
    const test = await filled()
    await test.records.setHold(ANNA, 'acme-2026', 'case', CALM)
    await test.records.rectifySubject(ANNA, LAYLA, correction, seal, CALM)
    expect(test.records.show('acme-2026').contacts[0]).toMatchObject({
      name: 'Layla Haddad',
      former: [record().contacts[0]],
    })
    expect((await test.records.findSubject(LAYLA, seal, CALM)).map(({ where }) => where)).toContain('contact')
  })
})

describe('restriction', () => {
  it('leaves showing, listing and exporting, with the flag, and nothing else until it is lifted', async () => {
    const test = await filled()
    expect(test.records.use('acme-2026').client).toBe('Acme Trading LLC')
    const report = await test.records.restrictSubject(ANNA, LAYLA, 'accuracy disputed', seal, CALM)
    expect(report.done.map(({ where }) => where)).toEqual(['contact'])
    const restriction = { since: test.clock.now(), by: 'anna', reason: 'accuracy disputed' }
    expect(test.records.show('acme-2026')).toMatchObject({ restriction })
    expect(test.records.list()).toMatchObject([{ restriction }])
    expect(await test.records.exportRecords(ANNA, null, CALM)).toMatchObject([{ restriction }])
    expect(() => test.records.use('acme-2026')).toThrow('restricted since 2026-11-23T10:00:00Z')
    expect((await test.records.findSubject(OMAR, seal, CALM))[0]).toMatchObject({ restricted: true })
    await test.records.liftRestriction(ANNA, 'acme-2026', 'settled', CALM)
    expect(test.records.use('acme-2026').restriction).toBeNull()
    await expect(test.records.liftRestriction(ANNA, 'acme-2026', 'again', CALM)).rejects.toMatchObject({
      kind: 'policy',
    })
    expect((await logged(test.log)).slice(-3)).toEqual([
      'record-restricted acme-2026',
      'record-exported',
      'record-unrestricted acme-2026',
    ])
  })
})
