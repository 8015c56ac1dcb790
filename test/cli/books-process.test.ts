import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { keepRecord, useWorkspace } from './at-time.ts'
import type { Place } from './program.ts'

const workspace = useWorkspace()
let place: Place

beforeEach(() => {
  place = workspace()
})

test('every command of the books, as processes of their own and several at once', async () => {
  const id = await keepRecord(place, '2026-03-01T10:00:00Z')
  const out = (name: string): string => join(place.folder, name)
  execFileSync('age-keygen', ['-o', out('company.key')], { stdio: 'ignore' })
  const recipient = execFileSync('age-keygen', ['-y', out('company.key')], { encoding: 'utf8' }).trim()
  const opened = await place.run(['incident', 'open', '--what', 'A test.', '--json'])
  expect(opened).toMatchObject({ exitCode: 0, stderr: '' })
  const { number } = (JSON.parse(opened.stdout) as { incident: { number: string } }).incident
  const person = ['Eva Muster', '--address', 'eva@beispiel.example']
  const rounds: readonly (readonly (readonly string[])[])[] = [
    [
      ['records', 'list'],
      ['records', 'show', id],
      ['records', 'export', id],
      ['records', 'export', '--out', out('records.xlsx')],
      ['records', 'retention'],
      ['records', 'subject', 'find', ...person],
      ['records', 'subject', 'export', ...person],
      ['records', 'sweep', '--dry-run'],
    ],
    [
      ['records', 'backup', '--recipient', recipient, '--out', out('records.age')],
      ['records', 'subject', 'rectify', ...person, '--new-title', 'head of IT'],
      ['hold', 'set', '--reason', 'dispute'],
      ['incident', 'update', number, '--text', 'more'],
      ['incident', 'report', number],
      ['audit', 'show', '--personal'],
      ['audit', 'verify'],
      ['audit', 'prove', '1'],
    ],
    [
      ['hold', 'release', '1', '--reason', 'settled'],
      ['hold', 'list'],
      ['incident', 'list'],
      ['incident', 'close', number, '--conclusion', 'a test', '--without-notice', 'a test'],
      ['records', 'subject', 'restrict', ...person, '--reason', 'contested'],
    ],
    [['records', 'unrestrict', id, '--reason', 'settled']],
    [['records', 'subject', 'erase', ...person]],
    [['records', 'sweep']],
  ]
  for (const round of rounds) {
    const ended = await Promise.all(round.map((words) => place.run([...words, '--json'])))
    for (const [index, { exitCode, stdout, stderr }] of ended.entries()) {
      const words = round[index] ?? []
      expect({ words, exitCode, stderr }).toMatchObject({ words, exitCode: 0 })
      expect(Object.keys(JSON.parse(stdout) as object).length).toBeGreaterThan(0)
      expect(`${stdout}${stderr}`).not.toContain('undefined')
    }
  }
  expect(existsSync(out('records.age'))).toBe(true)
  const verified = await place.run(['audit', 'verify'])
  expect(verified).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/intact/) as string })
}, 300_000)
