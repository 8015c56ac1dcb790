import { statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { MIGRATIONS } from '../../src/records/schema.ts'
import { ANNA, CALM, NOBODY, allEntries, event, findings, testSeal, verify } from '../audit/audit-fixture.ts'
import { addRecord, logged, openTestRecords, record, type TestRecords } from './records-fixture.ts'

const documents = {
  certificate: Buffer.from('{"id":"c-1","signatory":{"name":"Omar Said"},"operator":"anna"}\n'),
  fingerprint: 'SHA256:abc+/=',
  checkpoint: 'sealpost.example\n1\nAAAA\n',
}

/** What the database file says of itself when it is opened anew. */
function inspect(test: TestRecords): { readonly free: number; readonly rows: number } {
  test.records.close()
  const db = openDatabase(test.path, test.key, { migrations: MIGRATIONS })
  const free = Number(db.pragma('freelist_count', { simple: true }))
  const rows = db.prepare<[], number>('SELECT count(*) FROM record').pluck().get() ?? -1
  db.close()
  test.reopen()
  return { free, rows }
}

describe('a record', () => {
  it('is kept with its contacts and documents, and until when', async () => {
    const test = openTestRecords()
    const kept = await test.records.add(ANNA, record(), CALM)
    await test.records.attachDocuments(ANNA, 'acme-2026', documents, CALM)
    expect(kept).toMatchObject({
      client: 'Acme Trading LLC',
      kept: { lastDay: '2031-11-23' },
      documents: null,
      restriction: null,
      holds: [],
    })
    const again = test.reopen().show('acme-2026')
    expect(again).toMatchObject({ ...record(), contacts: record().contacts })
    expect(Buffer.from(again.documents?.certificate ?? []).equals(documents.certificate)).toBe(true)
    expect(again.documents).toMatchObject({ fingerprint: documents.fingerprint, checkpoint: documents.checkpoint })
    expect(await logged(test.log)).toEqual(['record-added acme-2026', 'record-added acme-2026'])
    expect(() => test.records.show('nobody')).toThrow('no record')
  })

  it('added twice is one; other facts or another certificate are refused', async () => {
    const test = openTestRecords()
    await addRecord(test)
    await addRecord(test)
    expect(test.records.list()).toHaveLength(1)
    await expect(addRecord(test, { client: 'Other' })).rejects.toMatchObject({ kind: 'policy' })
    await expect(addRecord(test, { counts: { messages: 1 } })).rejects.toMatchObject({ kind: 'policy' })
    await test.records.attachDocuments(ANNA, 'acme-2026', documents, CALM)
    await test.records.attachDocuments(ANNA, 'acme-2026', documents, CALM)
    const other = { ...documents, certificate: Buffer.from('{}') }
    await expect(test.records.attachDocuments(ANNA, 'acme-2026', other, CALM)).rejects.toMatchObject({
      kind: 'policy',
    })
    await expect(test.records.attachDocuments(ANNA, 'none', documents, CALM)).rejects.toMatchObject({
      kind: 'not-found',
    })
    expect(await logged(test.log)).toHaveLength(2)
  })

  it('takes sums and nothing else', async () => {
    const test = openTestRecords()
    for (const counts of [{ 'folder Invoices': 1 }, { messages: -1 }, { messages: 0.5 }]) {
      await expect(addRecord(test, { counts })).rejects.toMatchObject({ kind: 'bug' })
    }
    await addRecord(test, { counts: { skipped: 0 }, abandoned: true })
    expect(test.records.list()).toMatchObject([{ counts: { skipped: 0 }, abandoned: true }])
  })

  it('is not opened by another key, and a policy that breaks a promise opens nothing', () => {
    const test = openTestRecords()
    test.records.close()
    const mail = { keep: 'with-record', legalBasis: null } as const
    expect(() => test.reopen({ mail })).toThrow('retention of mail')
    test.reopen({})
  })

  it('is exported with a line in the log', async () => {
    const test = openTestRecords()
    await addRecord(test)
    await addRecord(test, { project: 'beta' })
    expect(await test.records.exportRecords(ANNA, ['beta'], CALM)).toMatchObject([{ project: 'beta' }])
    expect(await test.records.exportRecords(ANNA, null, CALM)).toHaveLength(2)
    await expect(test.records.exportRecords(ANNA, ['none'], CALM)).rejects.toMatchObject({ kind: 'not-found' })
    expect((await logged(test.log)).filter((line) => line === 'record-exported')).toHaveLength(2)
  })
})

describe('a sweep', () => {
  it('five years on purges the record, its log entries and nothing before the last day is over', async () => {
    const test = openTestRecords()
    await test.log.append(event({ action: 'run-finished', project: 'acme-2026', object: 'run-1' }), CALM)
    await test.log.append(
      event({ action: 'signoff-started', project: 'acme-2026', personal: { signatory: 'Omar Said' } }),
      CALM,
    )
    await test.log.append(event({ action: 'run-finished', project: 'beta' }), CALM)
    await addRecord(test)
    for (const early of ['2026-11-24T00:00:00Z', '2031-11-22T23:59:59Z', '2031-11-23T23:59:59.999Z']) {
      test.clock.set(early)
      expect(await test.records.sweep(ANNA, CALM)).toMatchObject({ purged: [], kept: [], logEntries: 0 })
    }
    expect(await logged(test.log)).toHaveLength(4)
    test.clock.set('2031-11-24T00:00:00Z')
    expect(test.records.due()).toMatchObject([
      { kind: 'record', id: 'acme-2026', lastDay: '2031-11-23', blockedBy: null },
    ])
    const report = await test.records.sweep(ANNA, CALM)
    expect(report).toMatchObject({ purged: [{ id: 'acme-2026' }], kept: [], logEntries: 3 })
    expect(report.method).toContain('logical deletion')
    expect(report.method).toContain('no sanitization')
    expect(test.records.list()).toEqual([])
    expect(await logged(test.log)).toEqual(['erased', 'erased', 'run-finished beta', 'erased', 'sweep acme-2026'])
    const [sweep] = (await allEntries(test.log)).slice(-1)
    expect(sweep?.entry).toMatchObject({ facts: { kind: 'record', entries: 3 }, erased: { leaves: [0, 1, 3] } })
    expect(await findings(test.log, { opener: testSeal() })).toEqual([])
    expect(inspect(test)).toEqual({ free: 0, rows: 0 })
    expect(await test.records.sweep(ANNA, CALM)).toMatchObject({ purged: [] })
  })

  it('of a record signed off on 29 February comes on 1 March', async () => {
    const test = openTestRecords('2028-02-29T12:00:00Z')
    await addRecord(test, { signedOffAt: Date.parse('2028-02-29T12:00:00Z') })
    test.clock.set('2033-02-28T23:59:59Z')
    expect(test.records.due()).toEqual([])
    test.clock.set('2033-03-01T00:00:00Z')
    expect((await test.records.sweep(ANNA, CALM)).purged).toHaveLength(1)
  })

  it('leaves the write-ahead log empty', async () => {
    const test = openTestRecords()
    await addRecord(test)
    expect(statSync(`${test.path}-wal`).size).toBeGreaterThan(0)
    test.clock.set('2032-01-01T00:00:00Z')
    await test.records.sweep(ANNA, CALM)
    expect(statSync(`${test.path}-wal`).size).toBe(0)
  })

  it('interrupted after the log has the line is ended by the next', async () => {
    const test = openTestRecords()
    await addRecord(test)
    test.clock.set('2032-01-01T00:00:00Z')
    const erase = test.log.erase.bind(test.log)
    const broken = {
      ...test.log,
      erase: async (...given: Parameters<typeof erase>) =>
        erase(...given).then(() => Promise.reject(new Error('killed'))),
    }
    const { openRecords } = await import('../../src/records/records-db.ts')
    test.records.close()
    const dying = openRecords(test.path, test.key, { clock: test.clock, log: broken })
    await expect(dying.sweep(ANNA, CALM)).rejects.toThrow('killed')
    dying.close()
    expect(test.reopen().list()).toHaveLength(1)
    expect(await test.records.sweep(ANNA, CALM)).toMatchObject({ purged: [{ id: 'acme-2026' }], logEntries: 0 })
    expect(await logged(test.log)).toEqual(['erased', 'sweep acme-2026', 'sweep acme-2026'])
    expect((await verify(test.log)).intact).toBe(true)
  })

  it('whose compaction never came is made good when the records are opened', async () => {
    const test = openTestRecords()
    for (let i = 0; i < 30; i++) await addRecord(test, { project: `p-${i}`, client: 'x'.repeat(3000) })
    test.records.close()
    const db = openDatabase(test.path, test.key, { migrations: MIGRATIONS })
    db.exec(`DELETE FROM record; INSERT INTO chore (name) VALUES ('compact')`)
    expect(Number(db.pragma('freelist_count', { simple: true }))).toBeGreaterThan(0)
    db.close()
    test.reopen()
    expect(inspect(test)).toEqual({ free: 0, rows: 0 })
  })

  it('goes by the period of the day of sign-off, and contacts may go sooner', async () => {
    const short = { contact: { keep: { years: 0, months: 6, days: 0 }, legalBasis: null } }
    const test = openTestRecords('2026-11-23T10:00:00Z', short)
    await addRecord(test)
    test.clock.set('2027-05-24T00:00:00Z')
    const report = await test.records.sweep(ANNA, CALM)
    expect(report.purged).toMatchObject([{ kind: 'contacts', lastDay: '2027-05-23' }])
    expect(test.records.show('acme-2026')).toMatchObject({ contacts: [], kept: { lastDay: '2031-11-23' } })
    test.reopen({ record: { keep: { years: 1, months: 0, days: 0 }, legalBasis: null } })
    test.clock.set('2028-01-01T00:00:00Z')
    expect(test.records.due()).toEqual([])
  })

  it('purges released holds of a project without a record once their period is over', async () => {
    const test = openTestRecords()
    const id = await test.records.setHold(ANNA, 'never-ended', 'court order', CALM)
    const other = await test.records.setHold(ANNA, 'still-held', 'court order', CALM)
    await test.records.releaseHold(ANNA, id, 'settled', CALM)
    expect(other).toBe(2)
    test.clock.set('2031-11-24T00:00:00Z')
    expect((await test.records.sweep(ANNA, CALM)).purged).toMatchObject([{ kind: 'holds', id: 'never-ended' }])
    expect(test.records.holds().map(({ project }) => project)).toEqual(['still-held'])
  })
})

describe('a hold', () => {
  it('is set and released by a named operator with a reason, and told in the log', async () => {
    const test = openTestRecords()
    const id = await test.records.setHold(ANNA, 'acme-2026', '  Case 7/2027\u0007  ', CALM)
    expect(test.records.heldProjects()).toEqual([
      { project: 'acme-2026', by: 'anna', since: test.clock.now(), holds: [id] },
    ])
    expect(() => test.records.assertNotHeld('acme-2026')).toThrow('legal hold since 2026-11-23T10:00:00Z')
    expect(() => test.records.assertNotHeld('beta')).not.toThrow()
    test.clock.pass(60_000)
    await test.records.releaseHold(ANNA, id, 'settled', CALM)
    expect(test.reopen().holds()).toEqual([
      {
        id,
        project: 'acme-2026',
        setBy: 'anna',
        setAt: Date.parse('2026-11-23T10:00:00Z'),
        reason: 'Case 7/2027',
        released: { by: 'anna', at: Date.parse('2026-11-23T10:01:00Z'), reason: 'settled' },
      },
    ])
    expect(test.records.heldProjects()).toEqual([])
    expect(await logged(test.log)).toEqual(['hold-set acme-2026', 'hold-released acme-2026'])
    await expect(test.records.releaseHold(ANNA, id, 'again', CALM)).rejects.toMatchObject({ kind: 'policy' })
    await expect(test.records.releaseHold(ANNA, 99, 'none', CALM)).rejects.toMatchObject({ kind: 'not-found' })
  })

  it('needs a name and a reason', async () => {
    const test = openTestRecords()
    await expect(test.records.setHold(NOBODY, 'p', 'why', CALM)).rejects.toMatchObject({ kind: 'policy' })
    await expect(test.records.setHold(ANNA, 'p', ' \n\u200b ', CALM)).rejects.toMatchObject({ kind: 'config' })
    expect(test.records.holds()).toEqual([])
    expect(await logged(test.log)).toEqual([])
  })

  it('stands while another one of the project does', async () => {
    const test = openTestRecords()
    const first = await test.records.setHold(ANNA, 'p', 'one', CALM)
    const second = await test.records.setHold(ANNA, 'p', 'two', CALM)
    await test.records.releaseHold(ANNA, first, 'done', CALM)
    expect(test.records.heldProjects()).toMatchObject([{ project: 'p', holds: [second] }])
  })

  it('stands though the log could not be written, and is not released without it', async () => {
    const test = openTestRecords()
    const { openRecords } = await import('../../src/records/records-db.ts')
    const id = await test.records.setHold(ANNA, 'p', 'one', CALM)
    test.records.close()
    const broken = { ...test.log, append: () => Promise.reject(new Error('disk full')) }
    const records = openRecords(test.path, test.key, { clock: test.clock, log: broken })
    await expect(records.setHold(ANNA, 'q', 'why', CALM)).rejects.toThrow('disk full')
    await expect(records.releaseHold(ANNA, id, 'why', CALM)).rejects.toThrow('disk full')
    expect(records.heldProjects().map(({ project }) => project)).toEqual(['p', 'q'])
    records.close()
    test.reopen()
  })
})

describe('what weighs more', () => {
  const states = [false, true]
  const table = states.flatMap((held) =>
    states.flatMap((restricted) =>
      states.flatMap((over) => states.map((incident) => ({ held, restricted, over, incident }))),
    ),
  )

  it.each(table)('sweep with %o', async ({ held, restricted, over, incident }) => {
    const test = openTestRecords()
    await addRecord(test)
    if (held) await test.records.setHold(ANNA, 'acme-2026', 'case', CALM)
    const person = { name: 'Layla Hassan', address: null }
    if (restricted) await test.records.restrictSubject(ANNA, person, 'disputed', testSeal(), CALM)
    const opened = {
      role: 'processor',
      awareAt: test.clock.now(),
      what: 'lost laptop',
      projects: ['acme-2026'],
      freeze: false,
    } as const
    if (incident) await test.records.openIncident(ANNA, opened, CALM)
    test.clock.set(over ? '2031-11-24T00:00:00Z' : '2031-11-23T00:00:00Z')
    const { purged, kept } = await test.records.sweep(ANNA, CALM)
    const blocked = held ? 'hold' : restricted ? 'restriction' : incident ? 'incident' : null
    expect(purged).toHaveLength(over && blocked === null ? 1 : 0)
    expect(kept.map(({ blockedBy }) => blockedBy)).toEqual(over && blocked !== null ? [blocked] : [])
    for (const { because } of kept)
      expect(because).toMatch(held || restricted ? /2026-11-23T10:00:00Z/ : /INC-2026-0001/)
    expect(test.records.list()).toHaveLength(over && blocked === null ? 0 : 1)
  })

  it.each(table.filter(({ incident }) => !incident))(
    'erasure of a contact with %o',
    async ({ held, restricted, over }) => {
      const test = openTestRecords()
      await addRecord(test)
      if (held) await test.records.setHold(ANNA, 'acme-2026', 'case', CALM)
      const person = { name: 'Layla Hassan', address: 'layla@acme.example' }
      if (restricted) await test.records.restrictSubject(ANNA, person, 'disputed', testSeal(), CALM)
      test.clock.set(over ? '2031-11-24T00:00:00Z' : '2031-11-23T00:00:00Z')
      const report = await test.records.eraseSubject(ANNA, person, testSeal(), CALM)
      const [contact] = [...report.done, ...report.kept].filter(({ where }) => where === 'contact')
      const isDone = !held && !restricted
      expect(report.done.includes(contact as never)).toBe(isDone)
      expect(test.records.show('acme-2026').contacts[0]?.name).toBe(isDone ? '[erased]' : 'Layla Hassan')
      const because = report.kept.find(({ where }) => where === 'contact')?.because ?? ''
      expect(because).toMatch(held ? /legal hold since 2026-11-23/ : restricted ? /restricted/ : /^$/)
    },
  )
})
