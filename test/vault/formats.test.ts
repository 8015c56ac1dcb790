import {
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  pbkdf2Sync,
  verify,
} from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sodium from 'libsodium-wrappers-sumo'
import { describe, expect, it, onTestFinished } from 'vitest'
import { mergeKey } from '../../vault/af-split.ts'
import { makeGuess, SILENT_WATCH } from '../../vault/attempts.ts'
import { boxPublicKeyOf, openSealedBox } from '../../vault/box.ts'
import { openCredentialStore } from '../../vault/credentials.ts'
import { signerOf } from '../../vault/ed25519.ts'
import type { UnlockedOperator } from '../../vault/operator.ts'
import { openOperatorKeys } from '../../vault/operator-key.ts'
import { verifyChain } from '../../vault/operator-list.ts'
import { readProjectFile } from '../../vault/project-document.ts'
import { formatRecovery, readRecovery } from '../../vault/recovery.ts'
import { Secret } from '../../vault/secret.ts'
import { acceptTotp } from '../../vault/totp.ts'
import { createSealer } from '../../vault/stream.ts'
import { codeAt } from '../access/one-time-code.ts'
import { systemClock } from '../../src/core/clock.ts'
import { openLedger } from '../../src/ledger/open-ledger.ts'

const DOCUMENT = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8')
const DECODER = fileURLToPath(new URL('../vectors/decode_cobblestone.py', import.meta.url))
const SPOOL_NAME = '0123456789abcdef0123456789abcdef.sealed'

function example(name: string): string {
  const body = new RegExp(`^\`\`\`${name}\n([^\`]*)^\`\`\`$`, 'm').exec(DOCUMENT)?.[1]
  if (body === undefined) throw new Error(`docs/formats.md has no example ${name}`)
  return body
}

interface Signed {
  readonly text: string
  readonly signer: string
  readonly signature: string
}

const KEYS = JSON.parse(example('vault-keys')) as Readonly<Record<string, string>>
const key = (name: string): Buffer => Buffer.from(KEYS[name] ?? '', 'hex')
const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64')
const sha256 = (...parts: readonly Uint8Array[]): Buffer =>
  createHash('sha256').update(Buffer.concat(parts)).digest()

// What the document says, word for word, and none of the program's code.

function labels(...texts: readonly string[]): Buffer {
  return Buffer.concat(
    texts.map((text) => {
      const bytes = Buffer.from(text, 'utf8')
      return Buffer.concat([Buffer.from([0, 0, bytes.length >> 8, bytes.length & 255]), bytes])
    }),
  )
}

function openSealedBytes(under: Buffer, sealed: Buffer, ...texts: readonly string[]): Buffer {
  const opener = createDecipheriv('aes-256-gcm', under, sealed.subarray(0, 12))
  opener.setAAD(labels(...texts))
  opener.setAuthTag(sealed.subarray(-16))
  return Buffer.concat([opener.update(sealed.subarray(12, -16)), opener.final()])
}

async function openBox(sealed: Buffer, ...texts: readonly string[]): Promise<Buffer> {
  await sodium.ready
  const privateKey = key('boxPrivateKey')
  const message = Buffer.from(
    sodium.crypto_box_seal_open(sealed, sodium.crypto_scalarmult_base(privateKey), privateKey),
  )
  expect(message.subarray(0, 32).equals(sha256(labels('sealpost/v1/box', ...texts)))).toBe(true)
  return message.subarray(32)
}

/** The raw public key of a seed (RFC 8410). */
function publicKeyOf(seed: Buffer): Buffer {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  const made = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }))
  return made.export({ format: 'der', type: 'spki' }).subarray(-32)
}

function isSigned({ text, signature }: Signed, purpose: string, publicKey: Buffer): boolean {
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey])
  return verify(
    null,
    labels(purpose, text),
    createPublicKey({ key: spki, format: 'der', type: 'spki' }),
    bytesOf(signature),
  )
}

const operatorFile = JSON.parse(example('vault-operator-key')) as {
  readonly header: string
  readonly sealed: string
}
const header = JSON.parse(operatorFile.header) as Readonly<Record<string, string>> & {
  readonly kdf: { readonly memoryMebibytes: number; readonly passes: number }
}
const { document: signedProject } = JSON.parse(example('vault-project')) as { readonly document: Signed }
const project = JSON.parse(signedProject.text) as {
  readonly project: string
  readonly salt: string
  readonly grants: readonly { readonly sealed: string }[]
  readonly wrapped: Readonly<Record<string, string>>
  readonly commitments: Readonly<Record<string, string>>
}

describe('the keys of docs/formats.md, by its words alone', () => {
  it('labels are encoded as the example says', () => {
    expect(labels('a', 'bc').toString('hex')).toBe('00000001610000000262' + '63')
    expect(labels('a', 'bc')).toHaveLength(11)
  })

  it('the passphrase opens the operator’s key file', async () => {
    await sodium.ready
    const salt = bytesOf(header['salt'] ?? '')
    const { memoryMebibytes, passes } = header.kdf
    const stretched = Buffer.from(
      sodium.crypto_pwhash(
        32,
        KEYS['passphrase'] ?? '',
        salt,
        passes,
        memoryMebibytes * 2 ** 20,
        sodium.crypto_pwhash_ALG_ARGON2ID13,
      ),
    )
    const info = labels('sealpost/v1/operator-key', 'passphrase')
    const derived = Buffer.from(hkdfSync('sha512', stretched, salt, info, 48))
    expect(derived.subarray(32).toString('base64')).toBe(header['check'])
    const sealed = bytesOf(operatorFile.sealed)
    expect([sealed.length, operatorFile.sealed.length]).toEqual([124, 168])
    const secret = openSealedBytes(
      derived.subarray(0, 32),
      sealed,
      'sealpost/v1/operator-key-file',
      operatorFile.header,
    )
    expect(secret.equals(Buffer.concat([key('boxPrivateKey'), key('signSeed'), key('firstLead')]))).toBe(true)
    const signKey = publicKeyOf(key('signSeed'))
    expect(signKey.toString('base64')).toBe(header['signKey'])
    expect(sha256(labels('sealpost/v1/first-lead'), signKey).equals(key('firstLead'))).toBe(true)
  })

  it('the count of wrong guesses slows the next one', async () => {
    const keystore = mkdtempSync(join(tmpdir(), 'sealpost-formats-'))
    onTestFinished(() => rmSync(keystore, { recursive: true, force: true }))
    mkdirSync(join(keystore, 'attempts'), { mode: 0o700 })
    const file = join(keystore, 'attempts', 'ada.passphrase')
    writeFileSync(file, example('vault-attempts'), { mode: 0o600 })
    let now = 1_795_680_004_000 - 3000
    const slept: number[] = []
    const clock = {
      ...systemClock,
      now: () => now,
      sleep: async (ms: number) => {
        slept.push(ms)
        now += ms
      },
    }
    const fault = new Error('wrong')
    const watch = {
      clock,
      signal: new AbortController().signal,
      waiting: () => undefined,
      wrong: async () => undefined,
    }
    const guess = makeGuess(
      keystore,
      'ada',
      'passphrase',
      watch,
      () => Promise.reject(fault),
      () => true,
    )
    await expect(guess).rejects.toBe(fault)
    expect(slept).toEqual([3000])
    // The eighth that began: 1 s doubled three times.
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      ...(JSON.parse(example('vault-attempts')) as object),
      begun: 8,
      wrong: 7,
      notBefore: now + 8000,
    })
  })

  it('the list, the shared key and the project are signed and sealed', async () => {
    const signKey = publicKeyOf(key('signSeed'))
    const { lists } = JSON.parse(example('vault-operators')) as { readonly lists: readonly Signed[] }
    expect(lists.map((list) => isSigned(list, 'sealpost/v1/operator-list', signKey))).toEqual([true])
    expect(isSigned(signedProject, 'sealpost/v1/project-document', signKey)).toBe(true)
    const shared = JSON.parse(example('vault-shared-key')) as {
      readonly sealed: readonly { readonly sealed: string }[]
    }
    const sealed = bytesOf(shared.sealed[0]?.sealed ?? '')
    expect(sealed).toHaveLength(112)
    const certificateKey = (JSON.parse(lists[0]?.text ?? '') as { readonly certificateKey: string }).certificateKey
    expect(publicKeyOf(await openBox(sealed, 'certificate key')).toString('base64')).toBe(certificateKey)
  })

  it('the second factor is signed, and its secret sealed', async () => {
    const signed = JSON.parse(example('vault-second-factor')) as Signed
    expect(isSigned(signed, 'sealpost/v1/second-factor', publicKeyOf(key('signSeed')))).toBe(true)
    const { sealed, used } = JSON.parse(signed.text) as { readonly sealed: string; readonly used: number }
    const secret = await openBox(bytesOf(sealed), 'second factor', 'ada')
    // The secret of RFC 6238, appendix B, and the step of its second row.
    expect([secret.toString(), codeAt(secret, used * 30_000)]).toEqual(['12345678901234567890', '081804'])
  })

  it('grant and shred key make the project key, which opens the others', async () => {
    const grant = await openBox(bytesOf(project.grants[0]?.sealed ?? ''), 'grant key', project.project, '1')
    expect(grant.equals(key('grant'))).toBe(true)
    const secret = Buffer.concat([grant, key('shred')])
    const info = labels('sealpost/v1/project-key', project.project)
    const projectKey = Buffer.from(hkdfSync('sha512', secret, bytesOf(project.salt), info, 32))
    expect(projectKey.equals(key('project'))).toBe(true)
    const opened: Record<string, Buffer> = { grant, shred: key('shred'), project: projectKey }
    for (const [kind, wrapped] of Object.entries(project.wrapped)) {
      const sealed = bytesOf(wrapped)
      expect(sealed).toHaveLength(kind === 'intake' ? 102 : 60)
      opened[kind] = openSealedBytes(projectKey, sealed, 'sealpost/v1/wrapped-key', project.project, '1', kind)
      const expected = kind === 'intake' ? Buffer.from(KEYS['intake'] ?? '') : key(kind)
      expect(opened[kind].equals(expected)).toBe(true)
    }
    expect(Object.keys(opened).sort()).toEqual(Object.keys(project.commitments).sort())
    for (const [kind, bytes] of Object.entries(opened)) {
      const committed = sha256(labels('sealpost/v1/commitment', project.project, kind), bytes).toString('hex')
      expect(committed).toBe(project.commitments[kind])
    }
  })

  it('the slot is put together, and one bit more makes another key', () => {
    const slot = Buffer.concat([
      ...Array.from({ length: 3999 }, (_, i) =>
        sha256(Buffer.from('sealpost slot'), Buffer.from([0, 0, i >> 8, i & 255])),
      ),
      Buffer.alloc(32, 7),
    ])
    const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(a.map((byte, i) => byte ^ (b[i] ?? 0)))
    let d: Buffer = Buffer.alloc(32)
    for (let i = 0; i < 3999; i++) d = sha256(Buffer.alloc(4), xor(d, slot.subarray(32 * i, 32 * i + 32)))
    const merged = xor(d, slot.subarray(-32)).toString('hex')
    expect(slot).toHaveLength(128_000)
    expect(DOCUMENT).toContain(`\`${sha256(slot).toString('hex')}\``)
    expect(DOCUMENT).toContain(`\`${merged}\``)
    expect(mergeKey(slot).toString('hex')).toBe(merged)
    slot[64_000] = (slot[64_000] ?? 0) ^ 1
    expect(mergeKey(slot).toString('hex')).not.toBe(merged)
  })

  it('the credentials open, field by field', () => {
    const file = JSON.parse(example('vault-credentials')) as { readonly sealed: string }
    const { credentials } = JSON.parse(
      openSealedBytes(
        key('credential'),
        bytesOf(file.sealed),
        'sealpost/v1/credentials',
        project.project,
      ).toString(),
    ) as { readonly credentials: readonly Readonly<Record<string, string | number>>[] }
    const [record = {}] = credentials
    const field = (name: string): Buffer =>
      openSealedBytes(
        key('credential'),
        bytesOf(String(record[name])),
        ...['sealpost/v1/credential', project.project, String(record['name']), name, String(record['revision'])],
        ...[String(record['kind']), String(record['createdAt']), String(record['expiresAt'])],
      )
    expect(field('username').toString()).toBe('\u0001admin@example.com')
    expect(field('secret').toString()).toBe('hunter2hunter2')
  })

  it('the recovery file holds the private half of the records key', async () => {
    await sodium.ready
    const text = example('vault-recovery')
    const { recordsKey } = JSON.parse(text) as { readonly recordsKey: string }
    const told = /as the list of operators would have it in `recordsKey`, is `([^`]+)`/.exec(DOCUMENT)?.[1]
    expect(Buffer.from(sodium.crypto_scalarmult_base(bytesOf(recordsKey))).toString('base64')).toBe(told)
    const { issued, recordsKeys, operators } = await readRecovery(text)
    expect(recordsKeys.publicKey.toString('base64')).toBe(told)
    expect(formatRecovery(issued, recordsKeys.privateKey, operators)).toBe(text)
  })

  it('the spool object opens, here and in Python', () => {
    const sealed = Buffer.from(example('vault-spool').trim(), 'hex')
    expect(sealed).toHaveLength(92)
    const context = Buffer.from(`${project.project}\0${SPOOL_NAME}`)
    const info = Buffer.concat([
      Buffer.from('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0'),
      sealed.subarray(0, 24),
      context,
    ])
    const first = createHmac('sha512', key('spool'))
      .update(Buffer.concat([info, Buffer.of(1)]))
      .digest()
    const second = createHmac('sha512', key('spool'))
      .update(Buffer.concat([first, info, Buffer.of(2)]))
      .digest()
    const material = Buffer.concat([first, second])
    expect(material.subarray(44, 76).equals(sealed.subarray(24, 56))).toBe(true)
    const opener = createDecipheriv('aes-256-gcm', material.subarray(0, 32), material.subarray(32, 44))
    opener.setAuthTag(sealed.subarray(-16))
    const text = Buffer.concat([opener.update(sealed.subarray(56, -16)), opener.final()]).toString()
    expect(text).toBe('Subject: x\r\n\r\nbody\r\n')
    const input = { input: sealed }
    expect(
      execFileSync('python3', [DECODER, KEYS['spool'] ?? '', context.toString('hex')], input).toString(),
    ).toBe(text)
  })

  it('a page of the ledger opens, and tells a change', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sealpost-formats-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const path = join(folder, 'ledger.db')
    openLedger(path, key('ledger')).close()
    const page = readFileSync(path).subarray(0, 4096)
    const salt = page.subarray(0, 16)
    const [ciphertext, iv, mac] = [page.subarray(16, 4016), page.subarray(4016, 4032), page.subarray(4032)]
    const macKey = pbkdf2Sync(key('ledger'), Buffer.from(salt.map((byte) => byte ^ 0x3a)), 2, 32, 'sha512')
    const found = createHmac('sha512', macKey).update(Buffer.concat([ciphertext, iv, Buffer.from([1, 0, 0, 0])]))
    expect(found.digest().equals(mac)).toBe(true)
    const opener = createDecipheriv('aes-256-cbc', key('ledger'), iv).setAutoPadding(false)
    const plain = Buffer.concat([opener.update(ciphertext), opener.final()])
    // SQLite's header from its 16th byte on: size of a page, formats, and 80 reserved bytes a page.
    expect([plain.readUInt16BE(0), plain[4]]).toEqual([4096, 80])
    // `user_version`, which stands at its 60th.
    expect(plain.readUInt32BE(44)).toBeGreaterThan(0)
  })

  it('sizes are as the document works them out', async () => {
    const sizeOf = async (bytes: number): Promise<number> => {
      let size = 0
      const pieces = (async function* () {
        yield Buffer.alloc(bytes)
      })()
      for await (const piece of createSealer(key('spool'), 'p').seal('x', pieces)) size += piece.length
      return size
    }
    expect(await Promise.all([0, 16_383, 16_384, 2 ** 20].map(sizeOf))).toEqual([72, 16_455, 16_472, 1_049_672])
    for (const size of ['72', '16,455', '16,472', '1,049,672']) expect(DOCUMENT).toContain(size)
  })
})

describe('the program reads the same examples', () => {
  it('the second factor, whose last code is used up', async () => {
    const root = mkdtempSync(join(tmpdir(), 'sealpost-formats-'))
    onTestFinished(() => rmSync(root, { recursive: true, force: true }))
    mkdirSync(join(root, 'keystore', 'factors'), { recursive: true, mode: 0o700 })
    writeFileSync(join(root, 'keystore', 'factors', 'ada.totp'), example('vault-second-factor'), { mode: 0o600 })
    const privateKey = key('boxPrivateKey')
    const boxKeys = { privateKey, publicKey: await boxPublicKeyOf(privateKey) }
    const openSealed: UnlockedOperator['openSealed'] = (names, sealed) => openSealedBox(boxKeys, names, sealed)
    const operator = { name: 'ada', ...signerOf(key('signSeed')), openSealed } as UnlockedOperator
    const watch = { ...SILENT_WATCH, clock: { ...systemClock, now: () => 1_111_111_111_000 } }
    const give = (code: string): Promise<void> => acceptTotp(root, operator, () => Promise.resolve(code), watch)
    await expect(give('081804')).rejects.toMatchObject({ code: 'USED_CODE' })
    await give('050471')
  })

  it('from the key file to the credential', async () => {
    const passphrase = Secret.fromBytes(Buffer.from(KEYS['passphrase'] ?? ''))
    const operator = await openOperatorKeys('ada', example('vault-operator-key'), passphrase, null)
    expect(operator.seed.equals(key('signSeed'))).toBe(true)
    const chain = verifyChain(example('vault-operators'), operator.firstLead)
    expect(chain.current.operators.map(({ name, role }) => [name, role])).toEqual([['ada', 'lead']])
    expect(readProjectFile(example('vault-project'), project.project, chain).generation).toBe(1)
    const folder = mkdtempSync(join(tmpdir(), 'sealpost-formats-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    mkdirSync(join(folder, '.sealpost'), { mode: 0o700 })
    writeFileSync(join(folder, '.sealpost', 'credentials'), example('vault-credentials'), { mode: 0o600 })
    const then = { ...systemClock, now: () => Date.UTC(2026, 11, 1) }
    const credential = await openCredentialStore(folder, project.project, key('credential'), then).get('new')
    expect([credential.username, credential.secret.text()]).toEqual(['admin@example.com', 'hunter2hunter2'])
    const opened: Buffer[] = []
    const pieces = (async function* () {
      yield Buffer.from(example('vault-spool').trim(), 'hex')
    })()
    for await (const piece of createSealer(key('spool'), project.project).open(SPOOL_NAME, pieces))
      opened.push(Buffer.from(piece))
    expect(Buffer.concat(opened).toString()).toContain('body')
  })
})
