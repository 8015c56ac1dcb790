import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { jsonAt, keepRecord, runAt, useWorkspace } from './at-time.ts'
import { MAILDIR_YAML, type Place } from './program.ts'

const workspace = useWorkspace({ agent: true })
const LATER = '2031-03-02T00:00:00Z'
let place: Place

beforeEach(() => {
  place = workspace()
})

interface Holds {
  readonly holds: readonly { id: number; project: string; reason: string; released: { by: string } | null }[]
}

function projectId(): string {
  const text = readFileSync(join(place.project, '.sealpost', 'project.json'), 'utf8')
  return (JSON.parse(text) as { id: string }).id
}

describe('hold', () => {
  test('is set, listed and released by a named operator with a reason, all of it in the log', async () => {
    const set = await jsonAt<{ hold: object }>(
      place,
      ['hold', 'set', '--reason', 'dispute 17/26'],
      '2026-03-01T09:00Z',
    )
    const id = projectId()
    expect(set.hold).toMatchObject({ id: 1, project: id, reason: 'dispute 17/26', setAt: '2026-03-01T09:00:00Z' })
    expect((await runAt(place, ['hold', 'list'])).stdout).toMatch(/1 .*stands.*dispute 17\/26/)
    const second = await runAt(place, ['hold', 'set', id, '--reason', 'another claim'])
    expect(second.stdout).toMatch(/Hold 2 stands on/)
    const first = await runAt(place, ['hold', 'release', '1', '--reason', 'settled'])
    expect(first.stdout).toMatch(/Released hold 1\nThe project is still held: hold 2/)
    const { holds } = await jsonAt<Holds>(place, ['hold', 'list'])
    expect(holds.map(({ released }) => released !== null)).toEqual([true, false])
    const { entries } = await jsonAt<{ entries: readonly { action: string }[] }>(place, [
      'audit',
      'show',
      '--of',
      id,
      '--personal',
    ])
    const told = entries.filter(({ action }) => action !== 'access-decided')
    expect(told.length).toBeLessThan(entries.length)
    expect(told).toMatchObject([
      { action: 'init' },
      { action: 'hold-set', object: 'hold-1', personal: { reason: 'dispute 17/26' } },
      { action: 'hold-set', object: 'hold-2' },
      { action: 'hold-released', object: 'hold-1', personal: { reason: 'settled' } },
    ])
  })

  test('blocks a sign-off, an abandoned one too', async () => {
    await place.configure(MAILDIR_YAML, 'source,destination\nanna,anna\n')
    expect((await runAt(place, ['hold', 'set', '--reason', 'dispute'])).exitCode).toBe(0)
    for (const more of [[], ['--abandon', '--reason', 'cancelled']]) {
      const refused = await runAt(place, ['signoff', '--by', 'Eva Muster', ...more])
      expect(refused.exitCode).toBe(4)
      expect(refused.stdout).toMatch(/a legal hold by .* sealpost hold release 1 --reason R/)
    }
    expect(existsSync(join(place.project, '.sealpost', 'credentials'))).toBe(true)
  })

  test('blocks the sweep of a record whose period is over', async () => {
    const id = await keepRecord(place, '2026-03-01T10:00:00Z')
    expect((await runAt(place, ['hold', 'set', id.slice(0, 8), '--reason', 'dispute'])).exitCode).toBe(0)
    const held = await jsonAt<{ purged: object[]; kept: object[] }>(place, ['records', 'sweep'], LATER)
    expect(held).toMatchObject({ purged: [], kept: [{ kind: 'record', id, blockedBy: 'hold' }] })
    expect((await runAt(place, ['records', 'show', id])).stdout).toMatch(/legal hold +1/)
    expect((await runAt(place, ['hold', 'release', '1', '--reason', 'settled'])).exitCode).toBe(0)
    expect(await jsonAt(place, ['records', 'sweep'], LATER)).toMatchObject({
      purged: [{ id, lastDay: '2031-03-01' }],
    })
  })

  test('blocks an erasure, which says so', async () => {
    const id = await keepRecord(place, '2026-03-01T10:00:00Z')
    expect((await runAt(place, ['hold', 'set', id, '--reason', 'dispute'])).exitCode).toBe(0)
    const held = await runAt(place, ['records', 'subject', 'erase', 'Eva Muster'])
    expect(held.exitCode).toBe(3)
    expect(held.stdout).toMatch(/0 erased, 1 stay.*\n.*Eva Muster.*stays: .*hold/)
    expect((await runAt(place, ['hold', 'release', '1', '--reason', 'settled'])).exitCode).toBe(0)
    expect((await runAt(place, ['records', 'subject', 'erase', 'Eva Muster'])).exitCode).toBe(0)
    expect((await runAt(place, ['records', 'show', id])).stdout).not.toMatch(/Eva|eva@/)
  })
})

test.each([
  [['hold', 'set'], 2, /--reason/],
  [['hold', 'set', '--reason', ' '], 2, /reason/],
  [['hold', 'set', 'nothing-known', '--reason', 'x'], 2, /no project "nothing-known" is known/],
  [['hold', 'set', '3f0c1a52-7c1e-4a57-9d0c-2a4b6c8d0e1f', '--reason', 'x'], 2, /is known here/],
  [['hold', 'set', '../../../etc', '--reason', 'x'], 2, /is known here/],
  [['hold', 'release', 'one', '--reason', 'x'], 2, /whole number/],
  [['hold', 'release', '7', '--reason', 'x'], 1, /no hold 7/],
  [['hold', 'drop'], 2, /unknown command|command/],
])('wrong input: %j', async (words, code, text) => {
  const { exitCode, stderr } = await runAt(place, words)
  expect({ exitCode, stderr }).toEqual({ exitCode: code, stderr: expect.stringMatching(text) as string })
})

test('a hold is released once', async () => {
  await runAt(place, ['hold', 'set', '--reason', 'x'])
  await runAt(place, ['hold', 'release', '1', '--reason', 'x'])
  expect(await runAt(place, ['hold', 'release', '1', '--reason', 'x'])).toMatchObject({
    exitCode: 4,
    stderr: expect.stringMatching(/was released at/) as string,
  })
})
