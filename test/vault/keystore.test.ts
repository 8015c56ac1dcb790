import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { openSealedBox, sealToKey } from '../../vault/box.ts'
import { verifySignature } from '../../vault/ed25519.ts'
import { createWorkspace, listOperators, workspaceExists } from '../../vault/keystore.ts'
import {
  certificateFingerprint,
  openCertificateSigner,
  openRecordsKeys,
  unlockOperator,
} from '../../vault/operator.ts'
import { readOperatorChain } from '../../vault/operator-list.ts'
import { sshKeyLine } from '../../vault/ssh-key.ts'
import { temporaryFolder } from './folder.ts'
import { PASSPHRASE, secretOf, unlockAda, useWorkspace } from './workspace.ts'
import '../cli/stretch-once.mjs'

const workspace = useWorkspace()
const NEW = { operator: 'ada', kdf: 'interactive', clock: systemClock } as const

function edit(path: string, change: (text: string) => string): void {
  const before = readFileSync(path, 'utf8')
  const after = change(before)
  expect(after).not.toBe(before)
  writeFileSync(path, after)
}

describe('createWorkspace', () => {
  test('makes private folders and files, and says so only when whole', async () => {
    const root = join(temporaryFolder(), 'new', 'workspace')
    expect(await workspaceExists(root)).toBe(false)
    await createWorkspace(root, { ...NEW, passphrase: secretOf(PASSPHRASE) })
    expect(await workspaceExists(root)).toBe(true)
    expect(readdirSync(root)).toEqual(['keystore'])
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      const mode = statSync(join(entry.parentPath, entry.name)).mode & 0o777
      expect([entry.name, mode]).toEqual([entry.name, entry.isDirectory() ? 0o700 : 0o600])
    }
    expect(await listOperators(root)).toEqual([{ name: 'ada', role: 'lead' }])
  })

  test('will not touch a workspace that is there', async () => {
    const root = workspace.copy()
    const before = readFileSync(join(root, 'keystore', 'operators.json'))
    const again = createWorkspace(root, { ...NEW, passphrase: secretOf('other') })
    await expect(again).rejects.toMatchObject({ kind: 'config' })
    expect(readFileSync(join(root, 'keystore', 'operators.json')).equals(before)).toBe(true)
  })

  test('two at once: one wins, whole, and the other says so', async () => {
    const root = join(temporaryFolder(), 'w')
    const results = await Promise.allSettled(
      ['one', 'two'].map((passphrase) => createWorkspace(root, { ...NEW, passphrase: secretOf(passphrase) })),
    )
    expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected'])
    const winner = results[0]?.status === 'fulfilled' ? 'one' : 'two'
    const operator = await unlockOperator(root, { operator: 'ada', systemUser: '', passphrase: secretOf(winner) })
    expect(operator.name).toBe('ada')
    expect(readdirSync(root)).toEqual(['keystore'])
    expect(results.find((result) => result.status === 'rejected')).toMatchObject({ reason: { kind: 'config' } })
  })

  test.each(['', 'Ada', '../ada', 'a/b', '.ada', 'ada ', 'a\nb', 'x'.repeat(64)])(
    'refuses the name %j',
    async (operator) => {
      const root = temporaryFolder()
      const made = createWorkspace(root, { ...NEW, operator, passphrase: secretOf('p') })
      await expect(made).rejects.toMatchObject({ kind: 'config' })
      expect(readdirSync(root)).toEqual([])
    },
  )

  test('refuses an empty passphrase, and a folder that is open to others', async () => {
    const root = temporaryFolder()
    await expect(createWorkspace(root, { ...NEW, passphrase: secretOf('') })).rejects.toMatchObject({
      kind: 'config',
    })
    chmodSync(root, 0o755)
    await expect(createWorkspace(root, { ...NEW, passphrase: secretOf('p') })).rejects.toMatchObject({
      kind: 'policy',
    })
    expect(readdirSync(root)).toEqual([])
  })

  test('prints the fingerprint that ssh-keygen prints for the certificate key', async () => {
    const root = join(temporaryFolder(), 'w')
    const made = await createWorkspace(root, { ...NEW, passphrase: secretOf(PASSPHRASE) })
    const operator = await unlockAda(root)
    expect(await certificateFingerprint(root, operator)).toBe(made.certificateFingerprint)
    const signer = await openCertificateSigner(root, operator)
    const file = join(root, 'certificate.pub')
    writeFileSync(file, `${sshKeyLine(signer.publicKey, 'sealpost')}\n`)
    const shown = spawnSync('ssh-keygen', ['-l', '-f', file], { encoding: 'utf8' })
    expect(shown.stdout).toContain(` ${made.certificateFingerprint} `)
    const message = randomBytes(100)
    expect(verifySignature(signer.publicKey, message, await signer.sign(message))).toBe(true)
    signer.wipe()
    await expect(signer.sign(message)).rejects.toMatchObject({ kind: 'locked' })
  })

  test('no file holds the passphrase', async () => {
    const root = workspace.copy()
    for (const name of readdirSync(root, { recursive: true }) as string[]) {
      if (statSync(join(root, name)).isFile()) {
        expect(readFileSync(join(root, name), 'latin1')).not.toContain(PASSPHRASE)
      }
    }
  })
})

describe('unlockOperator', () => {
  test('gives an operator that opens and signs until it is wiped', async () => {
    const root = workspace.copy()
    const operator = await unlockAda(root)
    expect([operator.name, operator.role]).toEqual(['ada', 'lead'])
    const { current } = await readOperatorChain(join(root, 'keystore'), operator.firstLead)
    const entry = current.operators[0]
    if (entry === undefined) throw new Error('nobody is listed')
    const sealed = await sealToKey(entry.boxKey, ['test', 'x'], Buffer.from('content'))
    expect((await operator.openSealed(['test', 'x'], sealed)).toString()).toBe('content')
    await expect(operator.openSealed(['test', 'y'], sealed)).rejects.toMatchObject({ kind: 'corrupt' })
    sealed.writeUInt8(sealed.readUInt8(40) ^ 1, 40)
    await expect(operator.openSealed(['test', 'x'], sealed)).rejects.toMatchObject({ kind: 'corrupt' })
    expect(verifySignature(entry.signKey, Buffer.from('m'), await operator.sign(Buffer.from('m')))).toBe(true)
    operator.wipe()
    operator.wipe()
    await expect(operator.sign(Buffer.from('m'))).rejects.toMatchObject({ kind: 'locked' })
    await expect(operator.openSealed(['test', 'x'], sealed)).rejects.toMatchObject({ kind: 'locked' })
  })

  test('a wrong passphrase is one clear line, without the passphrase', async () => {
    const root = workspace.copy()
    const request = { operator: null, systemUser: 'x', passphrase: secretOf('canary-wrong') }
    const error: unknown = await unlockOperator(root, request).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ kind: 'locked', message: 'wrong passphrase for operator ada' })
  })

  test('takes the only operator there is, and says who there is otherwise', async () => {
    const root = workspace.copy()
    const passphrase = secretOf(PASSPHRASE)
    expect((await unlockOperator(root, { operator: null, systemUser: 'someone', passphrase })).name).toBe('ada')
    const named = unlockOperator(root, { operator: 'bob', systemUser: 'ada', passphrase })
    await expect(named).rejects.toMatchObject({ kind: 'config', hint: expect.stringContaining('ada') as string })
    await expect(unlockOperator(root, { operator: '../x', systemUser: '', passphrase })).rejects.toMatchObject({
      kind: 'config',
    })
  })

  test('opens the records key that the list names', async () => {
    const root = workspace.copy()
    const operator = workspace.operator()
    const records = await openRecordsKeys(root, operator)
    const sealed = await sealToKey(records.publicKey, ['record'], Buffer.from('a name'))
    expect((await openSealedBox(records, ['record'], sealed)).toString()).toBe('a name')
  })

  test('a key file is a second factor', async () => {
    const root = join(temporaryFolder(), 'w')
    const keyFile = randomBytes(64)
    await createWorkspace(root, { ...NEW, passphrase: secretOf(PASSPHRASE), keyFile })
    const unlock = (given?: Buffer): Promise<unknown> =>
      unlockOperator(root, {
        operator: null,
        systemUser: '',
        passphrase: secretOf(PASSPHRASE),
        ...(given === undefined ? {} : { keyFile: given }),
      })
    await expect(unlock()).rejects.toMatchObject({
      kind: 'locked',
      message: expect.stringContaining('key file') as string,
    })
    await expect(unlock(randomBytes(64))).rejects.toMatchObject({ kind: 'locked' })
    expect(await unlock(keyFile)).toMatchObject({ name: 'ada' })
    const plain = workspace.copy()
    await expect(
      unlockOperator(plain, { operator: null, systemUser: '', passphrase: secretOf(PASSPHRASE), keyFile }),
    ).rejects.toMatchObject({ kind: 'config' })
  })
})

describe('what was changed in the keystore', () => {
  const keyPath = (root: string): string => join(root, 'keystore', 'operators', 'ada.key')
  const listPath = (root: string): string => join(root, 'keystore', 'operators.json')

  test.each([
    ['the number of passes', (text: string) => text.replace('\\"passes\\":2', '\\"passes\\":3')],
    [
      'the salt',
      (text: string) =>
        text.replace(/(\\"salt\\":\\")(.)/, (_all, head: string, c: string) => head + (c === 'A' ? 'B' : 'A')),
    ],
    [
      'the public key',
      (text: string) =>
        text.replace(/(\\"boxKey\\":\\")(.)/, (_all, head: string, c: string) => head + (c === 'A' ? 'B' : 'A')),
    ],
    [
      'the signing key',
      (text: string) =>
        text.replace(/(\\"signKey\\":\\")(.)/, (_all, head: string, c: string) => head + (c === 'A' ? 'B' : 'A')),
    ],
    ['a blank in the header', (text: string) => text.replace('{\\"name', '{ \\"name')],
    [
      'the sealed part',
      (text: string) =>
        text.replace(/("sealed":")(.)/, (_all, head: string, c: string) => head + (c === 'A' ? 'B' : 'A')),
    ],
  ])('key file: %s', async (_name, change) => {
    const root = workspace.copy()
    edit(keyPath(root), change)
    await expect(unlockAda(root)).rejects.toMatchObject({
      kind: expect.stringMatching(/^(locked|corrupt)$/) as string,
    })
  })

  test.each([
    [
      'bounds of the parameters',
      (text: string) => text.replace('\\"memoryMebibytes\\":64', '\\"memoryMebibytes\\":9'),
      'corrupt',
    ],
    [
      'memory beyond all bounds',
      (text: string) => text.replace('\\"memoryMebibytes\\":64', '\\"memoryMebibytes\\":99999'),
      'corrupt',
    ],
    ['another name', (text: string) => text.replace('\\"name\\":\\"ada\\"', '\\"name\\":\\"bob\\"'), 'corrupt'],
    ['a later version', (text: string) => text.replace('"version":1', '"version":2'), 'config'],
    ['half of the file', (text: string) => text.slice(0, text.length / 2), 'corrupt'],
    ['nothing in it', () => '', 'corrupt'],
  ])('key file: %s', async (_name, change, kind) => {
    const root = workspace.copy()
    edit(keyPath(root), change)
    await expect(unlockAda(root)).rejects.toMatchObject({ kind })
  })

  test('every flipped bit of the list is found', async () => {
    const root = workspace.copy()
    const operator = workspace.operator()
    const original = readFileSync(listPath(root))
    for (let at = 0; at < original.length - 1; at++) {
      const changed = Buffer.from(original)
      changed.writeUInt8(changed.readUInt8(at) ^ (1 << (at % 7)), at)
      writeFileSync(listPath(root), changed)
      const error: unknown = await readOperatorChain(join(root, 'keystore'), operator.firstLead).catch(
        (e: unknown) => e,
      )
      // The version is the one thing whose change reads as another release's file.
      expect(error, `byte ${at}`).toMatchObject({ kind: expect.stringMatching(/^(corrupt|config)$/) as string })
    }
  })

  test('an operator who adds himself is found at the next unlock', async () => {
    const root = workspace.copy()
    edit(listPath(root), (text) => text.replace('\\"role\\":\\"lead\\"', '\\"role\\":\\"auditor\\"'))
    await expect(unlockAda(root)).rejects.toMatchObject({ kind: 'corrupt' })
  })

  test('a whole list of somebody else is found by the fingerprint inside the key file', async () => {
    const root = workspace.copy()
    const foreign = join(temporaryFolder(), 'w')
    await createWorkspace(foreign, { ...NEW, passphrase: secretOf('mallory') })
    writeFileSync(listPath(root), readFileSync(listPath(foreign)))
    expect(await listOperators(root)).toEqual([{ name: 'ada', role: 'lead' }])
    await expect(unlockAda(root)).rejects.toMatchObject({
      kind: 'corrupt',
      message: expect.stringContaining('replaced') as string,
    })
  })

  test("a swapped copy of a shared key is found, and a missing one is nobody's", async () => {
    const root = workspace.copy()
    const operator = workspace.operator()
    const { current } = await readOperatorChain(join(root, 'keystore'), operator.firstLead)
    const boxKey = current.operators[0]?.boxKey ?? Buffer.alloc(0)
    for (const [kind, open] of [
      ['records', openRecordsKeys],
      ['certificate', openCertificateSigner],
    ] as const) {
      const planted = (await sealToKey(boxKey, [`${kind} key`], randomBytes(32))).toString('base64')
      const path = join(root, 'keystore', `${kind}.json`)
      edit(path, (text) => text.replace(/"sealed":"[^"]+"/, `"sealed":"${planted}"`))
      await expect(open(root, operator)).rejects.toMatchObject({ kind: 'corrupt' })
      edit(path, (text) => text.replace('"operator":"ada"', '"operator":"bob"'))
      await expect(open(root, operator)).rejects.toMatchObject({ kind: 'policy' })
    }
  })

  test('folders and files that are open to others, or symbolic links, are refused', async () => {
    const root = workspace.copy()
    chmodSync(keyPath(root), 0o644)
    await expect(unlockAda(root)).rejects.toMatchObject({ kind: 'policy', hint: `chmod 600 ${keyPath(root)}` })
    chmodSync(keyPath(root), 0o600)
    chmodSync(join(root, 'keystore', 'slots'), 0o711)
    await expect(unlockAda(root)).rejects.toMatchObject({ kind: 'policy' })
    await expect(workspaceExists(root)).rejects.toMatchObject({ kind: 'policy' })
    chmodSync(join(root, 'keystore', 'slots'), 0o700)
    rmSync(join(root, 'keystore', 'slots'), { recursive: true })
    const elsewhere = join(temporaryFolder(), 'slots')
    mkdirSync(elsewhere, { mode: 0o700 })
    symlinkSync(elsewhere, join(root, 'keystore', 'slots'))
    await expect(unlockAda(root)).rejects.toMatchObject({ kind: 'policy' })
  })

  test('no workspace, and a key file that is gone, are said as such', async () => {
    const nothing = temporaryFolder()
    await expect(unlockAda(nothing)).rejects.toMatchObject({ kind: 'config' })
    await expect(listOperators(nothing)).rejects.toMatchObject({ kind: 'config' })
    const root = workspace.copy()
    rmSync(keyPath(root))
    await expect(unlockAda(root)).rejects.toMatchObject({ kind: 'corrupt' })
    expect(existsSync(keyPath(root))).toBe(false)
  })
})
