import { execFileSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { streamRecordsBackup } from '../../src/records/records-backup.ts'
import { ANNA, CALM, event, findings, openTestLog, temporaryFolder, testSeal } from '../audit/audit-fixture.ts'
import { addRecord, openTestRecords } from './records-fixture.ts'
import { testSigner } from '../audit/signer.ts'

async function unpack(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const piece of pieces) parts.push(piece)
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'backup.tar'), Buffer.concat(parts))
  execFileSync('tar', ['xf', 'backup.tar'], { cwd: folder, stdio: 'pipe' })
  return folder
}

describe('the backup of the records', () => {
  it('is a tar archive of everything but keys, and its log verifies', async () => {
    const test = openTestRecords()
    await addRecord(test)
    await addRecord(test, { project: 'beta' })
    const certificate = Buffer.from('{"id":"c-1"}\n')
    await test.records.attachDocuments(
      ANNA,
      'beta',
      { certificate, fingerprint: 'SHA256:x', checkpoint: 'note' },
      CALM,
    )
    await test.records.setHold(ANNA, 'beta', 'case 7', CALM)
    await test.log.checkpoint(testSigner('sealpost.example/audit/7f3a'), CALM)
    const stream = streamRecordsBackup(test.records, join(test.folder, 'audit'), test.clock)
    const folder = await unpack(stream)
    const document = JSON.parse(readFileSync(join(folder, 'records.json'), 'utf8')) as Record<string, unknown>
    expect(document).toMatchObject({
      format: 'sealpost-records-backup-v1',
      records: [
        { project: 'acme-2026', documents: null },
        { project: 'beta', documents: { certificate: 'certificates/2.json', checkpoint: 'note' } },
      ],
      holds: [{ project: 'beta', reason: 'case 7' }],
      incidents: [],
      policy: { record: { keep: { years: 5 } } },
    })
    expect(readFileSync(join(folder, 'certificates', '2.json'))).toEqual(certificate)
    execFileSync('chmod', ['-R', 'go-rwx', join(folder, 'audit')])
    const copy = openTestLog(join(folder, 'audit'))
    expect(await findings(copy.log, { opener: testSeal() })).toEqual([])
    expect(await copy.log.head(CALM)).toEqual(await test.log.head(CALM))
    expect(statSync(join(folder, 'README')).size).toBeGreaterThan(100)
  })

  it('takes the log as it stood when it began', async () => {
    const test = openTestRecords()
    await addRecord(test)
    const stream = streamRecordsBackup(test.records, join(test.folder, 'audit'), test.clock)
    const parts: Uint8Array[] = []
    for await (const piece of stream) {
      parts.push(piece)
      await test.log.append(event({ personal: { name: 'late' } }), CALM)
    }
    const folder = await unpack(
      (async function* () {
        yield* parts
      })(),
    )
    execFileSync('chmod', ['-R', 'go-rwx', join(folder, 'audit')])
    const copy = openTestLog(join(folder, 'audit'))
    expect(await findings(copy.log, { opener: testSeal() })).toEqual([])
  })

  it('of an empty workspace is an archive all the same', async () => {
    const test = openTestRecords()
    const folder = await unpack(streamRecordsBackup(test.records, join(test.folder, 'audit'), test.clock))
    expect(JSON.parse(readFileSync(join(folder, 'records.json'), 'utf8'))).toMatchObject({ records: [] })
  })
})
