import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { verifyLog } from '../../src/audit/audit-verify.ts'
import { auditFolder } from '../../src/audit/audit-folder.ts'
import { booksOf, jsonAt, keepRecord, runAt, useWorkspace } from './at-time.ts'
import type { Place } from './program.ts'

const workspace = useWorkspace({ agent: true })
const SIGNED_OFF = '2026-03-01T10:00:00Z'
let place: Place
let id = ''

beforeEach(async () => {
  place = workspace()
  id = await keepRecord(place, SIGNED_OFF)
})

function out(name: string): string {
  return join(place.folder, name)
}

describe('records', () => {
  test('are listed and shown, with the day until which they are kept', async () => {
    expect((await runAt(place, ['records', 'list'])).stdout).toMatch(
      /^project .*\n3f0c1a52-\S+ +Beispiel GmbH +2026-03-01T10:00:00Z +2031-03-01/,
    )
    const { records } = await jsonAt<{ records: readonly object[] }>(place, ['records', 'list'])
    expect(records).toMatchObject([
      { project: id, keptUntil: '2031-03-01', holds: [], counts: { messages: 1200 } },
    ])
    expect((await runAt(place, ['records', 'show', id.slice(0, 6)])).stdout).toMatch(
      /contact +Eva Muster, IT lead/,
    )
    expect(await jsonAt(place, ['records', 'show', id])).toMatchObject({ record: { client: 'Beispiel GmbH' } })
  })

  test('are exported as JSON, CSV and XLSX, which another program reads', async () => {
    const screen = JSON.parse((await runAt(place, ['records', 'export'])).stdout) as { checkpoint: string }
    expect(screen).toMatchObject({ records: [{ project: id }] })
    expect(screen.checkpoint).toMatch(/^sealpost\/audit\//)
    for (const name of ['r.json', 'r.csv', 'r.xlsx']) {
      expect((await runAt(place, ['records', 'export', '--out', out(name)])).exitCode).toBe(0)
      expect(statSync(out(name)).mode & 0o777).toBe(0o600)
    }
    expect(JSON.parse(readFileSync(out('r.json'), 'utf8'))).toMatchObject({ records: [{ project: id }] })
    expect(readFileSync(out('r.csv'), 'utf8')).toMatch(
      /^\uFEFFproject,client,[^]*\r\n3f0c1a52-[^]*,Beispiel GmbH,/,
    )
    expect(readFileSync(out('r-contacts.csv'), 'utf8')).toMatch(/Eva Muster,IT lead,eva@beispiel\.example/)
    const reading = `
import sys, zipfile, xml.etree.ElementTree as tree
book = zipfile.ZipFile(sys.argv[1])
assert book.testzip() is None
names = [s.get('name') for s in tree.fromstring(book.read('xl/workbook.xml')).iter() if s.tag.endswith('}sheet')]
texts = [t.text for n in book.namelist() if n.startswith('xl/') and n.endswith('.xml') for t in tree.fromstring(book.read(n)).iter() if t.tag.endswith('}t')]
print(names, 'Eva Muster' in texts, any(t.tag.endswith('}f') for n in book.namelist() if 'sheet' in n and n.endswith('.xml') for t in tree.fromstring(book.read(n)).iter()))`
    const read = execFileSync('python3', ['-c', reading, out('r.xlsx')], { encoding: 'utf8' })
    expect(read.trim()).toBe("['records', 'contacts'] True False")
    const { entries } = await jsonAt<{ entries: object[] }>(place, [
      'audit',
      'show',
      '--action',
      'record-exported',
    ])
    expect(entries).toHaveLength(4)
  })

  test('a name that a spreadsheet would take for a formula is text in CSV', async () => {
    const contacts = [{ name: '=HYPERLINK("http://x")', title: '+1', address: '-a@b.example', phone: '@x' }]
    await keepRecord(place, SIGNED_OFF, {
      project: 'aaaaaaaa-7c1e-4a57-9d0c-2a4b6c8d0e1f',
      client: '=1+1',
      contacts,
    })
    await runAt(place, ['records', 'export', '--out', out('f.csv')])
    expect(readFileSync(out('f.csv'), 'utf8')).toContain(`,'=1+1,`)
    expect(readFileSync(out('f-contacts.csv'), 'utf8')).toContain(
      `"'=HYPERLINK(""http://x"")",'+1,'-a@b.example,'@x,`,
    )
  })

  test('are swept on the day after their last, and the log says so', async () => {
    expect((await runAt(place, ['records', 'sweep'], { at: '2031-03-01T23:59:59Z' })).stdout).toMatch(
      /Nothing has been kept/,
    )
    const dry = await runAt(place, ['records', 'sweep', '--dry-run'], { at: '2031-03-02T00:00:00Z' })
    expect(dry.stdout).toMatch(/would go record of 3f0c1a52.*kept until 2031-03-01/)
    expect(await jsonAt(place, ['records', 'sweep', '--dry-run'], '2031-03-02T00:00:00Z')).toMatchObject({
      dryRun: true,
      due: [{ id }],
    })
    expect((await jsonAt<{ records: object[] }>(place, ['records', 'list'])).records).toHaveLength(1)
    const swept = await runAt(place, ['records', 'sweep'], { at: '2031-03-02T00:00:00Z' })
    expect(swept.stdout).toMatch(/purged +record of 3f0c1a52[^]*1 entries of the audit log lost their content/)
    expect((await runAt(place, ['records', 'list'])).stdout).toMatch(/No project was signed off/)
    expect(readFileSync(join(place.home, 'records.db')).includes('Eva Muster')).toBe(false)
    const { entries } = await jsonAt<{ entries: object[] }>(place, ['audit', 'show', '--action', 'sweep'])
    expect(entries).toMatchObject([{ project: id, facts: { kind: 'record', keptUntil: '2031-03-01' } }])
    expect((await runAt(place, ['audit', 'verify'])).exitCode).toBe(0)
    // Twice is safe.
    expect(await jsonAt(place, ['records', 'sweep'], '2031-03-02T00:00:00Z')).toMatchObject({ purged: [] })
  })
})

describe('a person', () => {
  test('is found, corrected, restricted and erased, and hears what stays and until when', async () => {
    const found = await runAt(place, ['records', 'subject', 'find', 'eva  MUSTER'])
    expect(found.stdout).toMatch(/Held in 1 place:\n +contact .*Eva Muster.*kept until 2031-03-01/)
    const corrected = await runAt(place, [
      'records',
      'subject',
      'rectify',
      'Eva Muster',
      '--new-name',
      'Eva Neu',
      '--new-phone',
      '+49 30 1',
    ])
    expect(corrected).toMatchObject({ exitCode: 0 })
    expect((await runAt(place, ['records', 'show', id])).stdout).toMatch(
      /Eva Neu, IT lead, eva@beispiel.example, \+49 30 1/,
    )
    const restricted = await jsonAt(place, [
      'records',
      'subject',
      'restrict',
      '--address',
      'eva@beispiel.example',
      '--reason',
      'accuracy contested',
    ])
    expect(restricted).toMatchObject({ restricted: { done: [{ where: 'contact' }], kept: [] } })
    const kept = await runAt(place, ['records', 'subject', 'erase', 'Eva Neu'])
    expect(kept.exitCode).toBe(3)
    expect(kept.stdout).toMatch(/stays: .*restrict/)
    const swept = await jsonAt(place, ['records', 'sweep'], '2031-03-02T00:00:00Z')
    expect(swept).toMatchObject({ purged: [], kept: [{ blockedBy: 'restriction' }] })
    expect((await runAt(place, ['records', 'unrestrict', id, '--reason', 'settled'])).exitCode).toBe(0)
    const erased = await jsonAt(place, ['records', 'subject', 'erase', 'Eva Neu'])
    expect(erased).toMatchObject({
      erased: {
        done: [{ where: 'contact' }],
        kept: [],
        method: expect.stringMatching(/^logical deletion/) as string,
      },
    })
    expect((await runAt(place, ['records', 'subject', 'find', 'Eva Neu'])).stdout).toMatch(/Nothing is held/)
    expect((await runAt(place, ['audit', 'verify'])).exitCode).toBe(0)
    expect((await runAt(place, ['audit', 'show', '--last', '0'])).stdout).not.toMatch(/Eva/)
  })

  test('gets a copy as JSON, CSV and XLSX', async () => {
    const screen = JSON.parse(
      (await runAt(place, ['records', 'subject', 'export', 'Eva Muster'])).stdout,
    ) as object
    expect(screen).toMatchObject({ person: { name: 'Eva Muster', address: null }, held: [{ where: 'contact' }] })
    for (const name of ['p.json', 'p.csv', 'p.xlsx']) {
      const wrote = await jsonAt(place, ['records', 'subject', 'export', 'Eva Muster', '--out', out(name)])
      expect(wrote).toMatchObject({ held: 1, files: [out(name)] })
      expect(existsSync(out(name))).toBe(true)
    }
  })
})

describe('backup', () => {
  test('opens with age and tar, and its log verifies away from here', async () => {
    execFileSync('age-keygen', ['-o', out('company.key')], { stdio: 'ignore' })
    const recipient = execFileSync('age-keygen', ['-y', out('company.key')], { encoding: 'utf8' }).trim()
    const file = out('records.age')
    const wrote = await jsonAt<{ sha256: string }>(place, [
      'records',
      'backup',
      '--recipient',
      recipient,
      '--out',
      file,
    ])
    expect(wrote).toMatchObject({ file, recipients: [recipient], bytes: statSync(file).size })
    expect(wrote.sha256).toBe(createHash('sha256').update(readFileSync(file)).digest('hex'))
    expect(existsSync(`${file}.part`)).toBe(false)
    mkdirSync(out('restored'))
    execFileSync('sh', [
      '-c',
      'age -d -i "$1" "$2" | tar -x -C "$3"',
      'sh',
      out('company.key'),
      file,
      out('restored'),
    ])
    expect(JSON.parse(readFileSync(out('restored/records.json'), 'utf8'))).toMatchObject({
      records: [{ project: id }],
    })
    const { logOptions, verifierKeys } = await booksOf(place)
    const files = auditFolder(out('restored/audit'))
    expect(
      await verifyLog(files, logOptions.origin, { heads: [], keys: verifierKeys, opener: null }),
    ).toMatchObject({ intact: true })
    expect((await runAt(place, ['audit', 'show', '--last', '1'])).stdout).toMatch(/records-backed-up/)
  })
})

describe('the table of periods', () => {
  const write = (text: string): void => writeFileSync(join(place.home, 'config.yaml'), text, { mode: 0o600 })

  test('stands in config.yaml with the defaults', async () => {
    expect(readFileSync(join(place.home, 'config.yaml'), 'utf8')).toMatch(
      /record:\n +keep: 5 years\n +legal_basis: /,
    )
    const { retention } = await jsonAt<{ retention: object }>(place, ['records', 'retention'])
    expect(retention).toMatchObject({
      record: { keep: '5 years' },
      contact: { keep: 'with-record', legalBasis: null },
      credentials: { keep: 'at-signoff' },
      mail: { keep: 'at-signoff' },
      log: { keep: 'with-record' },
    })
    expect((await runAt(place, ['records', 'retention'])).stdout).toMatch(
      /incident +5 years +documentation of breaches/,
    )
  })

  test('counts for what is kept from then on', async () => {
    write('version: 1\nretention:\n  record: { keep: 2 years 6 months }\n  contact: { keep: 90 days }\n')
    const other = 'bbbbbbbb-7c1e-4a57-9d0c-2a4b6c8d0e1f'
    await keepRecord(place, SIGNED_OFF, { project: other })
    const { records } = await jsonAt<{ records: object[] }>(place, ['records', 'list'])
    expect(records).toMatchObject([
      { project: id, keptUntil: '2031-03-01' },
      { project: other, keptUntil: '2028-09-01', contacts: [{ keptUntil: '2026-05-30' }] },
    ])
  })

  test.each([
    [
      'version: 1\nretention:\n  records: { keep: 1 year }\n',
      /config\.yaml:3:3: unknown key "records"\. Did you mean "record"\?/,
    ],
    ['version: 1\nretention:\n  record: { keep: 1 year, until: x }\n', /config\.yaml:3:27: unknown key "until"/],
    ['version: 1\nretention:\n  record: { keep: for ever }\n', /config\.yaml:3:19: "for ever" is not a period/],
    [
      'version: 1\nretention:\n  mail: { keep: 1 year }\n',
      /config\.yaml:3:\d+: retention of mail: it goes at sign-off/,
    ],
    ['version: 1\nretention:\n  record: { keep: with-record }\n', /retention of record: a period is needed/],
    ['version: 2\n', /config\.yaml:1:10: version must be 1/],
    ['retention: {}\n', /version is missing/],
    ['version: 1\nretention: [1]\n', /retention must be a map/],
    ['version: 1\nversion: 1\n', /config\.yaml:2:1: this key stands here a second time/],
    ['version: 1\npassword: x\n', /secrets do not belong/],
  ])('a wrong one is named by its line: %j', async (text, message) => {
    write(text)
    const { exitCode, stderr } = await runAt(place, ['records', 'list'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringMatching(message) as string })
  })

  test('open to others it is not read', async () => {
    writeFileSync(join(place.home, 'config.yaml'), 'version: 1\n')
    execFileSync('chmod', ['644', join(place.home, 'config.yaml')])
    expect((await runAt(place, ['records', 'list'])).exitCode).toBe(4)
  })
})

test.each([
  [['records', 'show', 'nothing'], 2, /no project "nothing"/],
  [['records', 'show'], 2, /missing required argument/],
  [['records', 'export', '--format', 'csv'], 2, /--format csv needs a file/],
  [['records', 'export', '--format', 'pdf'], 2, /Allowed choices/i],
  [['records', 'export', 'nothing'], 2, /no project "nothing"/],
  [['records', 'export', '--out', '/nonexistent/r.json'], 2, /nonexistent/],
  [['records', 'subject', 'find'], 2, /nobody is named/],
  [['records', 'subject', 'find', 'Al'], 2, /three characters/],
  [['records', 'subject', 'rectify', 'Eva Muster'], 2, /no correction/],
  [['records', 'subject', 'restrict', 'Eva Muster'], 2, /--reason/],
  [['records', 'unrestrict', '3f0c1a52', '--reason', 'x'], 4, /not restricted/],
  [['records', 'backup', '--recipient', 'age1nonsense', '--out', '/tmp/x'], 2, /recipient|public key/],
  [['records', 'backup', '--out', '/tmp/x'], 2, /--recipient/],
])('wrong input: %j', async (words, code, text) => {
  const { exitCode, stderr } = await runAt(place, words)
  expect({ exitCode, stderr }).toEqual({ exitCode: code, stderr: expect.stringMatching(text) as string })
})
