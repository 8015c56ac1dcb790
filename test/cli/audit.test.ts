import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { findCheckpoints } from '../../src/cli/books/find-checkpoints.ts'
import type { AuditEntry } from '../../src/core/audit.ts'
import { verifyTlogProof } from '../../src/audit/tlog-proof.ts'
import { booksOf, jsonAt, runAt, useWorkspace } from './at-time.ts'
import { MAILDIR_YAML, type Place } from './program.ts'

const workspace = useWorkspace({ agent: true })
let place: Place

beforeEach(() => {
  place = workspace()
})

interface Shown extends Omit<AuditEntry, 'by' | 'personal'> {
  readonly by: string | null
  readonly personal: Readonly<Record<string, string>> | null
}

async function shown(...words: readonly string[]): Promise<readonly Shown[]> {
  return (await jsonAt<{ entries: readonly Shown[] }>(place, ['audit', 'show', ...words])).entries
}

interface Verified {
  readonly intact: boolean
  readonly size: number
  readonly findings: readonly { kind: string; from: number }[]
  readonly compared: readonly { place: string; signature: string }[]
  readonly keys: readonly string[]
}

function logFile(): string {
  return join(place.home, 'audit', 'log')
}

describe('what is written down', () => {
  test('a whole road leaves a handful of entries, and no name in the clear', async () => {
    await place.configure(MAILDIR_YAML, 'source,destination\nanna,anna\n')
    await place.fillMaildir('anna', 3)
    const secret = await place.run(['credentials', 'set', 'source/anna@beispiel.example', '--secret-fd', '3'], {
      third: 'Sommerregen\n',
    })
    expect(secret.exitCode).toBe(0)
    expect((await runAt(place, ['plan'])).exitCode).toBe(0)
    expect((await place.run(['run'])).exitCode).toBe(0)
    expect((await runAt(place, ['verify'])).exitCode).toBe(0)
    expect((await runAt(place, ['credentials', 'remove', 'source/anna@beispiel.example'])).exitCode).toBe(0)
    const entries = await shown('--last', '0', '--personal')
    expect(entries.map(({ action }) => action)).toEqual([
      ...['unlock', 'access-decided', 'init'],
      ...['unlock', 'access-decided', 'credentials-set'],
      'access-decided',
      ...['unlock', 'access-decided', 'run-started', 'run-finished'],
      // These were opened by the agent, whose own unlock is elsewhere.
      ...['access-decided', 'verify'],
      ...['access-decided', 'credentials-removed'],
    ])
    expect(entries.find(({ action }) => action === 'run-finished')).toMatchObject({
      outcome: 'done',
      facts: { accounts: 1, messages: 3, failures: 0, interrupted: false },
    })
    expect(entries.find(({ action }) => action === 'verify')?.facts).toMatchObject({ level: 'full', checked: 3 })
    expect(entries.find(({ action }) => action === 'init')?.personal).toEqual({ client: 'Beispiel GmbH' })
    expect(entries.find(({ action }) => action === 'credentials-set')?.personal).toEqual({
      credential: 'source/anna@beispiel.example',
    })
    expect(readFileSync(logFile(), 'utf8')).not.toMatch(/anna@|Beispiel/)
    // A checkpoint of the operator at each unlock and at the end of a run.
    expect(await jsonAt<Verified>(place, ['audit', 'verify'])).toMatchObject({
      intact: true,
      size: 15,
      findings: [],
    })
  })

  test('show filters by project, action and time, and says which entries are sealed', async () => {
    const [init] = await shown('--action', 'init')
    expect(await shown('--of', init?.project ?? '')).toHaveLength(1)
    expect(await shown('--of', 'another')).toEqual([])
    expect(await shown('--last', '1')).toMatchObject([{ action: 'init' }])
    expect(await shown('--since', '2999-01-01T00:00Z')).toEqual([])
    expect(await shown('--until', '2001-01-01T00:00Z')).toEqual([])
    expect(init?.personal).toBeNull()
    const plain = await runAt(place, ['audit', 'show', '--personal'])
    expect(plain.stdout).toMatch(/# +at +by +action[^]*unlock[^]*init .*client=Beispiel GmbH/)
  })

  test('reading the log adds nothing to it', async () => {
    const before = readFileSync(logFile())
    await shown()
    await runAt(place, ['audit', 'verify'])
    expect(readFileSync(logFile())).toEqual(before)
  })
})

describe('verify', () => {
  test('against a page of the client finds a log that was put back to an earlier state', async () => {
    const folder = join(place.home, 'audit')
    const before = new Map(
      ['log', 'personal', 'head', 'checkpoints'].map((name) => [name, readFileSync(join(folder, name))]),
    )
    expect((await runAt(place, ['intake', 'page'])).exitCode).toBe(0)
    const page = join(place.project, 'intake.html')
    const good = await jsonAt<Verified>(place, ['audit', 'verify', '--against', page])
    expect(good.compared).toMatchObject([{ place: page, signature: 'known' }])
    for (const [name, bytes] of before) writeFileSync(join(folder, name), bytes)
    // By itself the log looks whole, and it is said what that is worth.
    const alone = await runAt(place, ['audit', 'verify'])
    expect(alone.exitCode).toBe(0)
    expect(alone.stderr).toMatch(/nothing that lies outside/)
    const caught = await runAt(place, ['audit', 'verify', '--against', page])
    expect(caught.exitCode).toBe(1)
    expect(caught.stdout).toMatch(/DAMAGED[^]*rolled-back/)
  })

  test('finds an edit and where it is; the log takes nothing more until it is begun anew', async () => {
    const text = readFileSync(logFile(), 'utf8')
    writeFileSync(logFile(), text.replace('"action":"init"', '"action":"lock"'))
    const found = await jsonAt<Verified>(place, ['audit', 'verify'], undefined, 1)
    expect(found).toMatchObject({ intact: false, findings: [{ kind: 'edited', from: 1 }] })
    writeFileSync(logFile(), text.slice(0, 100))
    const refused = await runAt(place, ['hold', 'set', '--reason', 'x'])
    expect(refused.exitCode).toBe(1)
    expect(refused.stderr).toMatch(/audit log: .*missing.*sealpost audit verify/)
    const restarted = await runAt(place, ['audit', 'restart', '--reason', 'the disk was full'])
    expect(restarted.stdout).toMatch(/damaged-1/)
    expect(await shown('--personal')).toMatchObject([
      { action: 'log-started', object: 'damaged-1', personal: { reason: 'the disk was full' } },
    ])
    expect(await jsonAt<Verified>(place, ['audit', 'verify'])).toMatchObject({ intact: true })
    const again = await runAt(place, ['audit', 'restart', '--reason', 'once more'])
    expect(again.exitCode).toBe(4)
  })

  test('a document whose checkpoint was changed is told, and one of strangers is told apart', async () => {
    const { proof } = await jsonAt<{ proof: string }>(place, ['audit', 'prove', '1'])
    const [note = ''] = findCheckpoints(proof)
    const mine = join(place.folder, 'mine.json')
    writeFileSync(mine, JSON.stringify({ deep: [{ checkpoint: note }] }))
    expect((await jsonAt<Verified>(place, ['audit', 'verify', '--against', mine])).compared).toMatchObject([
      { signature: 'known' },
    ])
    const changed = join(place.folder, 'changed.txt')
    writeFileSync(changed, note.replace(/\n(\d+)\n/, '\n1\n'))
    const wrong = await jsonAt<Verified>(place, ['audit', 'verify', '--against', changed], undefined, 1)
    expect(wrong).toMatchObject({ intact: false, compared: [{ signature: 'wrong' }] })
    const foreign = join(place.folder, 'foreign.txt')
    writeFileSync(foreign, note.replace(/— \S+/, '— nobody.example/key'))
    expect((await jsonAt<Verified>(place, ['audit', 'verify', '--against', foreign])).compared).toMatchObject([
      { signature: 'unknown' },
    ])
  })
})

describe('prove', () => {
  test('writes a proof that holds for its entry alone, by the keys that verify prints', async () => {
    const file = join(place.folder, 'entry.tlog-proof')
    const { leafHash } = await jsonAt<{ leafHash: string }>(place, ['audit', 'prove', '1', '--out', file])
    const { keys } = await jsonAt<Verified>(place, ['audit', 'verify'])
    const { logOptions } = await booksOf(place)
    const proof = readFileSync(file, 'utf8')
    const leaf = Buffer.from(leafHash, 'base64')
    expect(verifyTlogProof(proof, leaf, logOptions.origin, keys).size).toBe(4)
    leaf[0] = (leaf[0] ?? 0) ^ 1
    expect(() => verifyTlogProof(proof, leaf, logOptions.origin, keys)).toThrow(/does not show/)
    expect((await runAt(place, ['audit', 'prove', '1'])).stdout).toMatch(/^c2sp\.org\/tlog-proof@v1\nindex 1\n/)
  })

  test('against the checkpoint of a document that is older than the entry is refused', async () => {
    const { proof } = await jsonAt<{ proof: string }>(place, ['audit', 'prove', '1'])
    const file = join(place.folder, 'old.txt')
    writeFileSync(file, proof)
    expect((await runAt(place, ['audit', 'prove', '1', '--checkpoint', file])).exitCode).toBe(0)
    const later = await runAt(place, ['audit', 'prove', '5', '--checkpoint', file])
    expect(later.exitCode).toBe(2)
  })
})

test('a pipe in the place of a document is refused, and not waited for', async () => {
  const pipe = join(place.folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  for (const words of [
    ['audit', 'verify', '--against', pipe],
    ['audit', 'prove', '1', '--checkpoint', pipe],
  ]) {
    const { exitCode, stderr } = await runAt(place, words)
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: `sealpost: ${pipe} is not a plain file.\n` })
  }
})

test.each([
  [['audit'], 2, /a command is needed|Usage/],
  [['audit', 'prove', 'one'], 2, /whole number/],
  [['audit', 'prove', '99'], 2, /99|index/],
  [['audit', 'show', '--since', 'yesterday'], 2, /date, time and offset/],
  [['audit', 'show', '--last', '-1'], 2, /whole number/],
  [['audit', 'verify', '--against', '/nonexistent'], 2, /nonexistent/],
  [['audit', 'verify', '--against', '/dev/null'], 2, /not a plain file/],
  [['audit', 'verify', '--key', 'x'], 2, /verifier key/],
  [['audit', 'restart'], 2, /--reason/],
  [['audit', 'restart', '--reason', 'bored'], 4, /the audit log is whole/],
])('wrong input: %j', async (words, code, text) => {
  const { exitCode, stderr } = await runAt(place, words)
  expect({ exitCode, stderr }).toEqual({ exitCode: code, stderr: expect.stringMatching(text) as string })
})
