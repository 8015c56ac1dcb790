import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { blankOut, cutTo } from '../../src/audit/audit-folder.ts'
import { UNWATCHABLE, watchFlushes } from '../files/flushes.ts'
import { temporaryFolder } from '../vault/folder.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

describe.skipIf(UNWATCHABLE)('of an audit log, on the disk before the call returns is', () => {
  it('that personal fields are gone, and nothing else', async () => {
    const path = join(temporaryFolder(), 'log')
    writeFileSync(path, 'keep Anna keep Bert keep', { mode: 0o600 })
    const flushes = await watchFlushes()
    await blankOut(path, [
      { offset: 5, length: 4 },
      { offset: 15, length: 4 },
    ])
    expect(flushes.map(({ bytes }) => bytes?.toString())).toEqual(['keep      keep      keep'])
  })

  it('that what a killed append left is cut off', async () => {
    const path = join(temporaryFolder(), 'log')
    writeFileSync(path, 'whole\nhal', { mode: 0o600 })
    const flushes = await watchFlushes()
    await cutTo(path, 6)
    expect(flushes.map(({ bytes }) => bytes?.toString())).toEqual(['whole\n'])
    await cutTo(path, 6)
    expect(flushes).toHaveLength(1)
  })
})
