import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { digestFile, listFiles, removeTree } from '../../src/signoff/remove-files.ts'

test('what has a name that is not UTF-8 is listed, read and removed', async () => {
  const root = mkdtempSync(join(tmpdir(), 'sealpost-remove-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const reports = join(root, 'reports')
  const inner = Buffer.concat([Buffer.from(`${reports}/`), Buffer.from([0x66, 0xfc, 0x72])])
  mkdirSync(inner, { recursive: true })
  writeFileSync(Buffer.concat([inner, Buffer.from('/'), Buffer.from([0xe4])]), 'report')

  const files = await listFiles(reports)
  expect(files).toMatchObject([{ path: `${reports}/f\ufffdr/\ufffd`, bytes: 6, plain: true }])
  const sha256 = createHash('sha256').update('report').digest('hex')
  expect(await Promise.all(files.map(({ bytePath }) => digestFile(bytePath)))).toEqual([sha256])
  await removeTree(reports, 'overwrite')
  expect(existsSync(reports)).toBe(false)
})
