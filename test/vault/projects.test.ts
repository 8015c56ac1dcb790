import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, copyFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { beforeEach, describe, expect, test } from 'vitest'
import { encodeLabels } from '../../vault/aes.ts'
import { ageRecipientOf } from '../../vault/age-key.ts'
import { destroyProjectKeys } from '../../vault/erase.ts'
import type { UnlockedOperator } from '../../vault/operator.ts'
import type { ProjectKeys } from '../../vault/project-keys.ts'
import { openRekeying } from '../../vault/rekey-project.ts'
import { removeOperator } from '../../vault/remove-operator.ts'
import { systemClock } from '../../src/core/clock.ts'
import { createProject, openProject } from '../../vault/projects.ts'
import { destroySlot } from '../../vault/slot.ts'
import { temporaryFolder } from './folder.ts'
import { unlockAda, useWorkspace } from './workspace.ts'

const ID = 'p-4f21'
const workspace = useWorkspace()
let root = ''
let ada: UnlockedOperator

const documentPath = (id = ID): string => join(root, 'keystore', 'projects', `${id}.json`)
const slotPath = (id = ID): string => join(root, 'keystore', 'slots', id)

function fingerprint(keys: ProjectKeys): string {
  const parts = [keys.ledgerKey, keys.credentialKey, keys.spoolKey].map((key) => key.toString('hex'))
  return [...parts, keys.intakeIdentity.text(), keys.intakeRecipient].join(' ')
}

function flip(path: string, bit: number): void {
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
  writeFileSync(path, bytes)
}

beforeEach(() => {
  root = workspace.copy()
  ada = workspace.operator()
})

describe('project keys', () => {
  test('are random, apart from each other, and the same each time', async () => {
    await createProject(root, ada, { projectId: ID })
    await createProject(root, ada, { projectId: 'other' })
    const [one, again, other] = [
      await openProject(root, ada, ID),
      await openProject(root, await unlockAda(root), ID),
      await openProject(root, ada, 'other'),
    ]
    expect(fingerprint(again)).toBe(fingerprint(one))
    const keys = [one, other].flatMap((project) => [project.ledgerKey, project.credentialKey, project.spoolKey])
    expect(keys.every((key) => key.length === 32)).toBe(true)
    expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(6)
    expect(one.intakeIdentity.text()).toMatch(/^AGE-SECRET-KEY-1/)
    expect(await ageRecipientOf(one.intakeIdentity)).toBe(one.intakeRecipient)
    expect(other.intakeRecipient).not.toBe(one.intakeRecipient)
    expect(statSync(slotPath()).size).toBe(128_000)
    expect(statSync(slotPath()).mode & 0o777).toBe(0o600)
    expect(statSync(documentPath()).mode & 0o777).toBe(0o600)
  })

  test('stand nowhere in the clear, and their commitments can be computed again', async () => {
    await createProject(root, ada, { projectId: ID })
    const keys = await openProject(root, ada, ID)
    const files = [documentPath(), slotPath()].map((path) => readFileSync(path))
    for (const key of [keys.ledgerKey, keys.credentialKey, keys.spoolKey]) {
      for (const file of files) {
        expect(file.includes(key)).toBe(false)
        expect(file.includes(key.toString('base64'))).toBe(false)
        expect(file.includes(key.toString('hex'))).toBe(false)
      }
    }
    expect(files.some((file) => file.includes('AGE-SECRET-KEY'))).toBe(false)
    const again = createHash('sha256')
      .update(encodeLabels(['sealpost/v1/commitment', ID, 'ledger']))
      .update(keys.ledgerKey)
      .digest('hex')
    expect(keys.commitments.ledger).toBe(again)
    expect(Object.keys(keys.commitments)).toEqual([
      'grant',
      'shred',
      'project',
      'ledger',
      'credential',
      'spool',
      'intake',
    ])
  })

  test('are not printed by any sink', async () => {
    await createProject(root, ada, { projectId: ID })
    const keys = await openProject(root, ada, ID)
    const shown = [inspect(keys, { depth: 9 }), JSON.stringify(keys), JSON.stringify({ ...keys })].join('\n')
    expect(shown).toContain(keys.intakeRecipient)
    expect(shown).not.toMatch(/<Buffer|"data":|AGE-SECRET/)
    const operator = [inspect(ada, { depth: 9 }), JSON.stringify(ada)].join('\n')
    expect(operator).toContain('ada')
    expect(operator).not.toMatch(/privateKey|seed/)
  })

  test('are wiped; twice is safe', async () => {
    await createProject(root, ada, { projectId: ID })
    const keys = await openProject(root, ada, ID)
    keys.wipe()
    keys.wipe()
    for (const key of [keys.ledgerKey, keys.credentialKey, keys.spoolKey])
      expect(key.every((byte) => byte === 0)).toBe(true)
    expect(() => keys.intakeIdentity.text()).toThrow()
  })

  test('a project is made once', async () => {
    await createProject(root, ada, { projectId: ID })
    const before = fingerprint(await openProject(root, ada, ID))
    await expect(createProject(root, ada, { projectId: ID })).rejects.toMatchObject({ kind: 'config' })
    expect(fingerprint(await openProject(root, ada, ID))).toBe(before)
  })

  test.each(['', '..', 'a/b', '.hidden', 'a.b', 'ä', 'x'.repeat(128)])(
    'the id %j is refused',
    async (projectId) => {
      await expect(createProject(root, ada, { projectId })).rejects.toMatchObject({ kind: 'config' })
      await expect(openProject(root, ada, projectId)).rejects.toMatchObject({ kind: 'config' })
    },
  )

  test('an unknown project is said as such', async () => {
    await expect(openProject(root, ada, 'none')).rejects.toMatchObject({ kind: 'config' })
  })

  test('the shred key may lie in a folder of its own', async () => {
    const shredFolder = join(temporaryFolder(), 'shred')
    await createProject(root, ada, { projectId: ID, shredFolder })
    expect(existsSync(slotPath())).toBe(false)
    expect(statSync(join(shredFolder, ID)).size).toBe(128_000)
    expect((await openProject(root, ada, ID)).ledgerKey.length).toBe(32)
    await expect(createProject(root, ada, { projectId: 'x', shredFolder: 'relative' })).rejects.toMatchObject({
      kind: 'config',
    })
  })

  test('only a lead makes a project, by the list and not by what the caller says', async () => {
    const claimed = { ...ada, name: 'bob' }
    await expect(createProject(root, claimed, { projectId: ID })).rejects.toMatchObject({ kind: 'policy' })
    expect(existsSync(slotPath())).toBe(false)
  })

  test('what an interrupted call left behind is made anew', async () => {
    writeFileSync(slotPath(), randomBytes(5000), { mode: 0o600 })
    await createProject(root, ada, { projectId: ID })
    expect((await openProject(root, ada, ID)).ledgerKey.length).toBe(32)
  })
})

describe('without the shred key nothing opens', () => {
  test('are destroyed in the drafts too that a killed process left, and no other project’s are', async () => {
    await createProject(root, ada, { projectId: ID })
    await createProject(root, ada, { projectId: 'other' })
    const draftOf = (id: string): string => join(root, 'keystore', 'projects', `.${id}.tmp`)
    for (const id of [ID, 'other']) {
      copyFileSync(documentPath(id), draftOf(id))
      chmodSync(draftOf(id), 0o600)
    }
    expect(await destroyProjectKeys(root, ada, ID)).toMatchObject({ slot: { existed: true }, documents: 2 })
    expect([documentPath(), draftOf(ID), slotPath()].filter(existsSync)).toEqual([])
    expect(existsSync(draftOf('other'))).toBe(true)
    ;(await openProject(root, ada, 'other')).wipe()
    expect(await destroyProjectKeys(root, ada, ID)).toMatchObject({ slot: { existed: false }, documents: 0 })
  })

  test('once it is destroyed, the passphrase and every other file are of no use', async () => {
    await createProject(root, ada, { projectId: ID })
    const copy = join(temporaryFolder(), 'copy-of-the-document')
    copyFileSync(documentPath(), copy)
    expect(await destroySlot(slotPath())).toBe(true)
    await expect(openProject(root, ada, ID)).rejects.toMatchObject({ kind: 'locked' })
    copyFileSync(copy, documentPath())
    await expect(openProject(root, await unlockAda(root), ID)).rejects.toMatchObject({ kind: 'locked' })
  })

  test('any one flipped bit in it is corrupt', async () => {
    await createProject(root, ada, { projectId: ID })
    for (const bit of [0, 12_345, 512_000, 128_000 * 8 - 256, 128_000 * 8 - 1]) {
      flip(slotPath(), bit)
      await expect(openProject(root, ada, ID)).rejects.toMatchObject({ kind: 'corrupt' })
      flip(slotPath(), bit)
    }
    expect((await openProject(root, ada, ID)).ledgerKey.length).toBe(32)
  })

  test('the slot of another project is corrupt, a cut one too, a loose one is refused', async () => {
    await createProject(root, ada, { projectId: ID })
    await createProject(root, ada, { projectId: 'other' })
    const own = readFileSync(slotPath())
    copyFileSync(slotPath('other'), slotPath())
    await expect(openProject(root, ada, ID)).rejects.toMatchObject({ kind: 'corrupt' })
    writeFileSync(slotPath(), own.subarray(0, 64_000))
    await expect(openProject(root, ada, ID)).rejects.toMatchObject({ kind: 'corrupt' })
    writeFileSync(slotPath(), own)
    chmodSync(slotPath(), 0o644)
    await expect(openProject(root, ada, ID)).rejects.toMatchObject({ kind: 'policy' })
  })
})

describe('what was changed in the document', () => {
  test('any one flipped bit is found', async () => {
    await createProject(root, ada, { projectId: ID })
    const original = readFileSync(documentPath())
    for (let at = 0; at < original.length - 1; at += 7) {
      const changed = Buffer.from(original)
      changed.writeUInt8(changed.readUInt8(at) ^ (1 << (at % 7)), at)
      writeFileSync(documentPath(), changed)
      const error: unknown = await openProject(root, ada, ID).catch((thrown: unknown) => thrown)
      expect(error, `byte ${at}`).toMatchObject({ kind: expect.stringMatching(/^(corrupt|config)$/) as string })
    }
    writeFileSync(documentPath(), original)
    expect((await openProject(root, ada, ID)).ledgerKey.length).toBe(32)
  })

  test('the document of another project in its place is found', async () => {
    await createProject(root, ada, { projectId: ID })
    await createProject(root, ada, { projectId: 'other' })
    copyFileSync(documentPath('other'), documentPath())
    copyFileSync(slotPath('other'), slotPath())
    await expect(openProject(root, ada, ID)).rejects.toMatchObject({ kind: 'corrupt' })
  })

  test('somebody without a grant, and somebody who signs without being a lead, get nowhere', async () => {
    await createProject(root, ada, { projectId: ID })
    await expect(openProject(root, { ...ada, name: 'bob' }, ID)).rejects.toMatchObject({ kind: 'policy' })
    const text = readFileSync(documentPath(), 'utf8')
    writeFileSync(documentPath(), text.replace('"signer":"ada"', '"signer":"bob"'))
    await expect(openProject(root, ada, ID)).rejects.toMatchObject({ kind: 'corrupt' })
  })

  test('a list that was replaced stops a project before anything is sealed or opened', async () => {
    await createProject(root, ada, { projectId: ID })
    const path = join(root, 'keystore', 'operators.json')
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace('\\"name\\":\\"ada\\"', '\\"name\\":\\"eve\\"'))
    await expect(openProject(root, ada, ID)).rejects.toMatchObject({ kind: 'corrupt' })
    await expect(createProject(root, ada, { projectId: 'new' })).rejects.toMatchObject({ kind: 'corrupt' })
    expect(existsSync(slotPath('new'))).toBe(false)
    rmSync(path)
    await expect(openProject(root, ada, ID)).rejects.toMatchObject({ kind: 'config' })
  })

  test.each(['', 'projects', 'slots'])(
    'a keystore whose folder "%s" others can enter is used for nothing',
    async (name) => {
      await createProject(root, ada, { projectId: ID })
      chmodSync(join(root, 'keystore', name), 0o755)
      const policy = { kind: 'policy' }
      await expect(openProject(root, ada, ID)).rejects.toMatchObject(policy)
      await expect(createProject(root, ada, { projectId: 'new' })).rejects.toMatchObject(policy)
      await expect(openRekeying(root, ada, ID, 'bob', systemClock)).rejects.toMatchObject(policy)
      await expect(removeOperator(root, ada, 'bob', systemClock)).rejects.toMatchObject(policy)
    },
  )

  test('an id that leads elsewhere destroys nothing', async () => {
    await createProject(root, ada, { projectId: ID })
    await expect(destroyProjectKeys(root, ada, `../slots/${ID}`)).rejects.toMatchObject({ kind: 'config' })
    await expect(openProject(root, ada, ID)).resolves.toBeDefined()
  })
})
