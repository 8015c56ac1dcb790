import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CALM, allEntries, allPersonal, event, openTestLog, testSeal, verify } from './audit-fixture.ts'

const NAMES = ['one', 'two', 'three', 'four', 'five']

function batch() {
  return NAMES.map((name) =>
    event({ action: 'credentials-used', object: name, personal: { accounts: `${name}@x` } }),
  )
}

describe('several entries at once', () => {
  it('stand in their order, each with its own sealed fields', async () => {
    const { log } = openTestLog()
    await log.append(event(), CALM)
    const receipts = await log.appendAll(batch(), CALM)
    expect(receipts.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5])
    expect((await allEntries(log)).slice(1).map(({ entry }) => entry?.object)).toEqual(NAMES)
    const fields = Object.values(await allPersonal(log))
    for (const [index, name] of NAMES.entries()) expect(JSON.stringify(fields[index])).toContain(`${name}@x`)
    expect(await verify(log, { opener: testSeal() })).toMatchObject({ intact: true, size: 6, findings: [] })
  })

  it('of none append none, and one that is no event none of them', async () => {
    const { log } = openTestLog()
    expect(await log.appendAll([], CALM)).toEqual([])
    await expect(log.appendAll([event(), event({ object: 'anna@x.example' })], CALM)).rejects.toThrow(/not an id/)
    expect((await log.head(CALM)).size).toBe(0)
  })

  it('are the tree that as many single ones would be', async () => {
    const { log, folder } = openTestLog()
    await log.appendAll(batch(), CALM)
    // Another process that knows nothing of the batch goes on from it.
    await openTestLog(folder).log.append(event({ object: 'last' }), CALM)
    expect(await verify(log, { opener: testSeal() })).toMatchObject({ intact: true, size: 6, findings: [] })
  })

  it.each([0, 0.2, 0.5, 0.9, 0.999, 1])(
    'killed when %d of the lines were written, keep those that are whole',
    async (part) => {
      const { log, folder } = openTestLog()
      await log.append(event(), CALM)
      const head = readFileSync(join(folder, 'head'))
      const before = readFileSync(join(folder, 'log')).length
      await log.appendAll(batch(), CALM)
      const bytes = readFileSync(join(folder, 'log'))
      // The sealed fields came first; the head would have come last.
      const kept = bytes.subarray(0, before + Math.floor((bytes.length - before) * part))
      writeFileSync(join(folder, 'log'), kept)
      writeFileSync(join(folder, 'head'), head)
      const whole = kept.toString('utf8').split('\n').length - 1 - 1
      const next = openTestLog(folder).log
      await next.append(event({ object: 'after' }), CALM)
      const entries = (await allEntries(next)).map(({ entry }) => entry?.object ?? entry?.action)
      expect(entries).toEqual(['unlock', ...NAMES.slice(0, whole), 'log-repaired', 'after'])
      expect(await verify(next, { opener: testSeal() })).toMatchObject({ intact: true, findings: [] })
    },
  )
})
