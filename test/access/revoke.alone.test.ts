import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { revokeProject } from '../../src/cli/project/revoke-project.ts'
import type { ProjectFolder } from '../../src/cli/project/folder.ts'
import { lastRevoke } from '../../src/cli/signoff/records.ts'
import { openCanaries } from '../../src/cli/signoff/canaries.ts'
import type { AuditEntry } from '../../src/core/audit.ts'
import { systemClock } from '../../src/core/clock.ts'
import type * as files from '../../src/files/durable.ts'
import { openBackupLedger, openLedger } from '../../src/ledger/open-ledger.ts'
import type * as database from '../../src/sqlite/rekey-database.ts'
import { addOperator } from '../../vault/add-operator.ts'
import { openCredentialStore } from '../../vault/credentials.ts'
import { destroyProjectKeys, inspectProjectKeys } from '../../vault/erase.ts'
import { unlockOperator, type UnlockedOperator } from '../../vault/operator.ts'
import type { ProjectKeys } from '../../vault/project-keys.ts'
import { grantProject, openProject } from '../../vault/projects.ts'
import { removeOperator } from '../../vault/remove-operator.ts'
import { Secret } from '../../vault/secret.ts'
import { PASSPHRASE, useSubject } from '../signoff/place.ts'
import { deliverAll, SECRET, type Subject } from '../signoff/subject.ts'
import { change, disarm, disk, killAfter } from '../vault/armed-files.ts'
import { temporaryFolder } from '../vault/folder.ts'

vi.mock('../../src/files/durable.ts', async (original) => {
  const { armed } = await import('../vault/armed-files.ts')
  return armed(() => original<typeof files>(), ['writePrivateFile', 'replaceFile'])
})
vi.mock('../../src/sqlite/rekey-database.ts', async (original) => {
  const { changeNow } = await import('../vault/armed-files.ts')
  const real = await original<typeof database>()
  const rekeyDatabase: typeof database.rekeyDatabase = (...given) => changeNow(() => real.rekeyDatabase(...given))
  return { ...real, rekeyDatabase }
})

/** What changes the disk: the next document, three ledgers, the credentials, the canary, the log, and the commit. */
const STEPS = ['next', 'backups', 'ledger', 'restores', 'credentials', 'canary', 'log', 'commit'] as const
const template = useSubject()
let ada: UnlockedOperator
let ben: UnlockedOperator
let cleo: UnlockedOperator
let subject: Subject
let noted: string[] = []

const passphrase = (): Secret => Secret.fromBytes(Buffer.from(PASSPHRASE))
const folderOf = ({ folder, state, projectId }: Subject): ProjectFolder => ({
  path: folder,
  state,
  record: { version: 1, id: projectId, client: 'Beispiel GmbH', created: '', place: folder },
  movedFrom: null,
})
const revoke = (name: string, lead = ada): Promise<readonly string[]> =>
  revokeProject(
    name,
    { home: subject.home, lead, folder: folderOf(subject), clock: systemClock },
    (names, generation) =>
      change(() => {
        noted.push(...names.map((one) => `${one} ${generation}`))
        return Promise.resolve()
      }),
  )
const nextPath = (): string => join(subject.home, 'keystore', 'projects', `${subject.projectId}.next.json`)
const ledgersOf = ({ state }: Subject): readonly string[] => [
  join(state, 'ledger.db'),
  join(state, 'backups', '0001.db'),
  join(state, 'restores', '1f2e.db'),
]

/** All that a project says under its keys. */
async function contentOf(where: Subject, keys: ProjectKeys): Promise<unknown> {
  const ledgers = ledgersOf(where).map((path) => {
    const ledger = openLedger(path, keys.ledgerKey)
    const pairs = ledger.pairs()
    const state = { pairs, totals: ledger.totals({}), findings: ledger.findings(null) }
    ledger.close()
    return state
  })
  const store = openCredentialStore(where.folder, where.projectId, keys.credentialKey, systemClock)
  const credential = await store.get('admin')
  const opened = await openCanaries(where, keys)
  return {
    ledgers,
    credentials: await store.list(),
    admin: [credential.username, credential.secret.text()],
    canaries: opened.map(({ object, inverted }) => [object, inverted]),
  }
}

/** What these keys open of a project's folder. */
async function openedBy(where: Subject, keys: ProjectKeys): Promise<readonly string[]> {
  const opened: string[] = []
  for (const path of ledgersOf(where)) {
    try {
      openLedger(path, keys.ledgerKey).close()
      opened.push(path)
    } catch {
      // As it should be.
    }
  }
  const canaries = await openCanaries(where, keys)
  opened.push(...canaries.filter(({ outcome }) => outcome === 'opened').map(({ object }) => object))
  return opened
}

beforeAll(async () => {
  const { home, projectId, state } = template.original()
  ada = template.operator()
  for (const [name, role] of [
    ['ben', 'engineer'],
    ['cleo', 'lead'],
  ] as const) {
    await addOperator(home, ada, { name, role, passphrase: passphrase(), kdf: 'interactive' }, systemClock)
    await grantProject(home, ada, projectId, name, systemClock)
  }
  const unlock = (operator: string): Promise<UnlockedOperator> =>
    unlockOperator(home, { operator, systemUser: '', passphrase: passphrase() })
  ;[ben, cleo] = [await unlock('ben'), await unlock('cleo')]
  const keys = await openProject(home, ada, projectId)
  for (const name of ['backups', 'restores']) mkdirSync(join(state, name), { mode: 0o700 })
  const backup = openBackupLedger(join(state, 'backups', '0001.db'), keys.ledgerKey)
  deliverAll(backup.ledger, 'anna', 2)
  backup.ledger.close()
  openLedger(join(state, 'restores', '1f2e.db'), keys.ledgerKey).close()
  keys.wipe()
})

beforeEach(() => {
  subject = template.copy()
  noted = []
})

describe('revoking a project', () => {
  test('leaves everything as it was, under keys that the person never had', async () => {
    const { home, projectId, state } = subject
    const before = await openProject(home, ada, projectId)
    const content = await contentOf(subject, before)
    expect(JSON.stringify(content)).toContain(SECRET)
    expect(await revoke('ben')).toEqual(['ben'])
    expect(noted).toEqual(['ben 2'])
    const after = await openProject(home, ada, projectId)
    expect(await contentOf(subject, after)).toEqual(content)
    expect(await contentOf(subject, await openProject(home, cleo, projectId))).toEqual(content)
    expect(after.intakeRecipient).not.toBe(before.intakeRecipient)
    expect(after.commitments.shred).toBe(before.commitments.shred)
    const others = ['grant', 'project', 'ledger', 'credential', 'spool', 'intake'] as const
    expect(others.filter((kind) => after.commitments[kind] === before.commitments[kind])).toEqual([])
    expect(readdirSync(join(state, 'spool'))).toEqual(['canary'])
    expect(existsSync(nextPath())).toBe(false)
    await expect(openProject(home, ben, projectId)).rejects.toMatchObject({ kind: 'policy' })
  })

  test('is refused in a folder in which nothing opens with the keys, before anything is made anew', async () => {
    const { home, projectId } = subject
    const before = await contentOf(subject, await openProject(home, ada, projectId))
    const folder = join(temporaryFolder(), 'other')
    const state = join(folder, '.sealpost')
    mkdirSync(state, { recursive: true, mode: 0o700 })
    const place = { home, lead: ada, folder: folderOf({ ...subject, folder, state }), clock: systemClock }
    const refused = revokeProject('ben', place, () => Promise.resolve())
    await expect(refused).rejects.toMatchObject({ kind: 'policy', code: 'OTHER_FOLDER' })
    expect(existsSync(nextPath())).toBe(false)
    expect(await contentOf(subject, await openProject(home, ada, projectId))).toEqual(before)
  })

  test('the old key file, passphrase and keystore open nothing of a copy of the project taken afterwards', async () => {
    const { home, projectId } = subject
    const stolen = join(temporaryFolder(), 'keystore-of-ben')
    cpSync(home, stolen, { recursive: true })
    await removeOperator(home, ada, 'ben', systemClock)
    await revoke('ben')
    const again = await unlockOperator(stolen, { operator: 'ben', systemUser: '', passphrase: passphrase() })
    const old = await openProject(stolen, again, projectId)
    expect(await openedBy(template.original(), old)).toHaveLength(6)
    expect(await openedBy(subject, old)).toEqual([])
    // The new document among the old files, with the old list and key file: no grant of his is in it.
    const document = join('keystore', 'projects', `${projectId}.json`)
    cpSync(join(home, document), join(stolen, document))
    await expect(openProject(stolen, again, projectId)).rejects.toMatchObject({ kind: 'corrupt' })
    cpSync(join(home, 'keystore', 'operators.json'), join(stolen, 'keystore', 'operators.json'))
    await expect(openProject(stolen, again, projectId)).rejects.toMatchObject({ kind: 'policy' })
  })

  test('takes those off too who are no operators any more', async () => {
    await removeOperator(subject.home, ada, 'ben', systemClock)
    expect([...(await revoke('cleo'))].sort()).toEqual(['ben', 'cleo'])
  })

  test('twice is safe, and a grant comes back with a new grant', async () => {
    await revoke('ben')
    expect(await revoke('ben')).toEqual([])
    await grantProject(subject.home, ada, subject.projectId, 'ben', systemClock)
    expect((await openProject(subject.home, ben, subject.projectId)).ledgerKey.length).toBe(32)
    await revoke('ben')
    expect(noted).toEqual(['ben 2', 'ben 3'])
  })

  test('only a lead who has the project does it, for another operator', async () => {
    await expect(revoke('cleo', ben)).rejects.toMatchObject({ kind: 'policy', code: 'NOT_LEAD' })
    await expect(revoke('ada')).rejects.toMatchObject({ kind: 'policy', code: 'OWN_GRANT' })
    await expect(revoke('eve')).rejects.toMatchObject({ kind: 'config', code: 'NO_OPERATOR' })
    await revoke('cleo')
    await expect(revoke('ben', cleo)).rejects.toThrow('was not granted')
  })

  test('waits for nobody who reads the ledger, and has changed nothing then', async () => {
    const keys = await openProject(subject.home, ada, subject.projectId)
    const reader = openLedger(join(subject.state, 'ledger.db'), keys.ledgerKey)
    await expect(revoke('ben')).rejects.toMatchObject({ kind: 'busy' })
    reader.close()
    expect(existsSync(nextPath())).toBe(false)
    expect((await openProject(subject.home, ben, subject.projectId)).ledgerKey.length).toBe(32)
  })

  test.each(STEPS.map((step, done) => [step, done] as const))(
    'killed before %s it opens for nobody who could go on with half of it, and ends the same when called again',
    async (step, done) => {
      const { home, projectId, state } = subject
      const content = await contentOf(subject, await openProject(home, ada, projectId))
      killAfter(done)
      await expect(revoke('ben')).rejects.toThrow('killed')
      disarm()
      expect(disk.killed).toBe(true)
      if (step !== 'next') {
        await expect(openProject(home, ada, projectId)).rejects.toMatchObject({ code: 'REVOKE_UNDER_WAY' })
        const grant = grantProject(home, ada, projectId, 'ben', systemClock)
        await expect(grant).rejects.toMatchObject({ code: 'REVOKE_UNDER_WAY' })
      }
      // By another lead, and for another person: what was begun is ended first.
      expect(await revoke('ben', cleo)).toEqual(['ben'])
      expect(noted.at(-1)).toBe('ben 2')
      expect(await contentOf(subject, await openProject(home, ada, projectId))).toEqual(content)
      expect(existsSync(nextPath())).toBe(false)
      expect(readdirSync(join(state, 'spool'))).toEqual(['canary'])
      expect(readdirSync(state).filter((name) => name.includes('rekeyed'))).toEqual([])
    },
  )

  test('what was begun for one is ended first when it is called for another', async () => {
    killAfter(3)
    await expect(revoke('ben')).rejects.toThrow('killed')
    disarm()
    expect(await revoke('cleo')).toEqual(['ben', 'cleo'])
    expect(noted).toEqual(['ben 2', 'cleo 3'])
  })

  test('has no more steps than these', async () => {
    killAfter(STEPS.length)
    expect(await revoke('ben')).toEqual(['ben'])
    expect(disk).toEqual({ left: 0, killed: false })
    disarm()
  })

  test.each([1, 3, 7])('a sign-off after %i steps of it leaves neither document', async (done) => {
    const { home, projectId } = subject
    killAfter(done)
    await expect(revoke('ben')).rejects.toThrow('killed')
    disarm()
    const next = readFileSync(nextPath())
    expect(await destroyProjectKeys(home, ada, projectId)).toMatchObject({ documents: 2 })
    expect(readdirSync(join(home, 'keystore', 'projects'))).toEqual([])
    expect(await inspectProjectKeys(home, ada, projectId)).toMatchObject({ known: false, slotExists: false })
    expect(next.length).toBeGreaterThan(1000)
  })
})

test('the last revoke of a project is found in the log, for its certificate', async () => {
  const entry = { project: 'p-1', action: 'revoke', outcome: 'done' } as AuditEntry
  const log = {
    entries: async function* () {
      await Promise.resolve()
      const entries: readonly (AuditEntry | null)[] = [
        { ...entry, action: 'grant', at: '2026-01-01T00:00:00Z' },
        { ...entry, at: '2026-01-02T00:00:00Z' },
        null,
        { ...entry, at: '2026-01-03T00:00:00Z' },
        { ...entry, at: '2026-01-04T00:00:00Z', project: 'p-2' },
      ]
      for (const [index, one] of entries.entries()) yield { index, leafHash: new Uint8Array(32), entry: one }
    },
  }
  const { signal } = new AbortController()
  expect(await lastRevoke(log, 'p-1', signal)).toBe('2026-01-03T00:00:00Z')
  expect(await lastRevoke(log, 'p-2', signal)).toBe('2026-01-04T00:00:00Z')
  expect(await lastRevoke(log, 'p-3', signal)).toBeNull()
})
