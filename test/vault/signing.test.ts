import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { generateSeed, publicKeyOf, signerOf, verifySignature } from '../../vault/ed25519.ts'
import { minisignKey, minisignKeyFile, signMinisign, verifyMinisign } from '../../vault/minisign.ts'
import { allowedSignersLine, sshFingerprint, sshKeyLine } from '../../vault/ssh-key.ts'
import { signSshsig, verifySshsig } from '../../vault/sshsig.ts'
import { lacking } from '../packages.ts'
import { temporaryFolder } from './folder.ts'

const NAMESPACE = 'certificate@sealpost'
const seed = generateSeed()
const signer = signerOf(seed)
const MESSAGE = Buffer.from('{"certificate":"öffentlich"}\n')

const noSshKeygen = lacking('openssh-client')
const noMinisign = lacking('minisign')

function changeAt(bytes: Uint8Array, at: number, bit = 0): Buffer {
  const changed = Buffer.from(bytes)
  changed.writeUInt8(changed.readUInt8(at) ^ (1 << bit), at)
  return changed
}

describe('Ed25519', () => {
  test('agrees with RFC 8032 section 7.1, test 2', async () => {
    const known = Buffer.from('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb', 'hex')
    expect(publicKeyOf(known).toString('hex')).toBe(
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    )
    const signature = await signerOf(known).sign(Buffer.of(0x72))
    expect(signature.toString('hex')).toBe(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    )
  })

  test('refuses other lengths and a wiped key', async () => {
    expect(verifySignature(Buffer.alloc(31), MESSAGE, Buffer.alloc(64))).toBe(false)
    expect(verifySignature(signer.publicKey, MESSAGE, Buffer.alloc(63))).toBe(false)
    const wiped = Buffer.from(seed)
    const held = signerOf(wiped)
    wiped.fill(0)
    await expect(held.sign(MESSAGE)).rejects.toMatchObject({ kind: 'locked' })
  })
})

describe('SSHSIG', () => {
  test('names the key that signed, and only for this namespace and these bytes', async () => {
    const signature = await signSshsig(signer, NAMESPACE, MESSAGE)
    expect(verifySshsig(signature, NAMESPACE, MESSAGE)?.equals(signer.publicKey)).toBe(true)
    expect(verifySshsig(signature.replaceAll('\n', '\r\n'), NAMESPACE, MESSAGE)).not.toBeNull()
    expect(verifySshsig(signature, 'other@sealpost', MESSAGE)).toBeNull()
    expect(verifySshsig(signature, NAMESPACE, Buffer.concat([MESSAGE, Buffer.of(0x0a)]))).toBeNull()
    expect(verifySshsig('', NAMESPACE, MESSAGE)).toBeNull()
    await expect(signSshsig(signer, '', MESSAGE)).rejects.toMatchObject({ kind: 'bug' })
    expect(signature.split('\n').every((line) => line.length <= 76)).toBe(true)
  })

  test('any flipped bit of what it encodes, and any text at all, is null', async () => {
    const lines = (await signSshsig(signer, NAMESPACE, MESSAGE)).trim().split('\n')
    const blob = Buffer.from(lines.slice(1, -1).join(''), 'base64')
    const wrap = (bytes: Buffer): string => [lines[0], bytes.toString('base64'), lines.at(-1)].join('\n')
    expect(verifySshsig(wrap(blob), NAMESPACE, MESSAGE)).not.toBeNull()
    for (let at = 0; at < blob.length; at++) {
      const found = verifySshsig(wrap(changeAt(blob, at, at % 8)), NAMESPACE, MESSAGE)
      expect(found, `byte ${at}`).toBeNull()
    }
    for (let end = 0; end < blob.length; end++)
      expect(verifySshsig(wrap(blob.subarray(0, end)), NAMESPACE, MESSAGE)).toBeNull()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(verifySshsig(wrap(Buffer.from(bytes)), NAMESPACE, MESSAGE)).toBeNull()
      }),
    )
  })
})

describe.skipIf(noSshKeygen !== null)(
  `ssh-keygen${noSshKeygen === null ? '' : ` (skipped: ${noSshKeygen})`}`,
  () => {
    const verify = (folder: string, message: Uint8Array, namespace = NAMESPACE): number | null => {
      const files = ['-f', join(folder, 'allowed_signers'), '-s', join(folder, 'm.sig')]
      return spawnSync('ssh-keygen', ['-Y', 'verify', ...files, '-I', 'sealpost', '-n', namespace], {
        input: message,
      }).status
    }

    test('verifies what we sign, and refuses every changed byte', async () => {
      const folder = temporaryFolder()
      writeFileSync(
        join(folder, 'allowed_signers'),
        `${allowedSignersLine('sealpost', NAMESPACE, signer.publicKey)}\n`,
      )
      writeFileSync(join(folder, 'm.sig'), await signSshsig(signer, NAMESPACE, MESSAGE))
      expect(verify(folder, MESSAGE)).toBe(0)
      expect(verify(folder, MESSAGE, 'other@sealpost')).not.toBe(0)
      for (let at = 0; at < MESSAGE.length; at++) expect(verify(folder, changeAt(MESSAGE, at))).not.toBe(0)
      const lines = readFileSync(join(folder, 'm.sig'), 'utf8').trim().split('\n')
      const blob = Buffer.from(lines.slice(1, -1).join(''), 'base64')
      for (let at = 0; at < blob.length; at++) {
        const changed = [lines[0], changeAt(blob, at, at % 8).toString('base64'), lines.at(-1), ''].join('\n')
        writeFileSync(join(folder, 'm.sig'), changed)
        expect(verify(folder, MESSAGE), `byte ${at} of the signature`).not.toBe(0)
      }
    })

    test('signs what we verify, and prints our fingerprint', () => {
      const folder = temporaryFolder()
      const key = join(folder, 'key')
      expect(spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'x', '-f', key]).status).toBe(0)
      const [, base64 = ''] = readFileSync(`${key}.pub`, 'utf8').split(' ')
      const publicKey = Buffer.from(base64, 'base64').subarray(-32)
      expect(sshKeyLine(publicKey, 'x')).toBe(readFileSync(`${key}.pub`, 'utf8').trim())
      expect(spawnSync('ssh-keygen', ['-l', '-f', key], { encoding: 'utf8' }).stdout).toContain(
        ` ${sshFingerprint(publicKey)} `,
      )
      const signed = spawnSync('ssh-keygen', ['-Y', 'sign', '-q', '-f', key, '-n', NAMESPACE], {
        input: MESSAGE,
        encoding: 'utf8',
      })
      expect(verifySshsig(signed.stdout, NAMESPACE, MESSAGE)?.equals(publicKey)).toBe(true)
    })
  },
)

describe('minisign format', () => {
  test('gives the trusted comment back, for this key and these bytes only', async () => {
    const text = await signMinisign(signer, MESSAGE, 'certificate of p-1')
    expect(verifyMinisign(signer.publicKey, MESSAGE, text)).toBe('certificate of p-1')
    expect(verifyMinisign(randomBytes(32), MESSAGE, text)).toBeNull()
    expect(verifyMinisign(signer.publicKey, Buffer.alloc(3), text)).toBeNull()
    expect(verifyMinisign(signer.publicKey, MESSAGE, text.replace('of p-1', 'of p-2'))).toBeNull()
    expect(verifyMinisign(signer.publicKey, MESSAGE, '')).toBeNull()
    expect(verifyMinisign(signer.publicKey, MESSAGE, `${text}more\n`)).toBeNull()
    await expect(signMinisign(signer, MESSAGE, 'a\nb')).rejects.toMatchObject({ kind: 'bug' })
    const lines = text.split('\n')
    for (const line of [1, 3]) {
      const bytes = Buffer.from(lines[line] ?? '', 'base64')
      for (let at = 0; at < bytes.length; at++) {
        const changed = lines.map((known, i) =>
          i === line ? changeAt(bytes, at, at % 8).toString('base64') : known,
        )
        expect(verifyMinisign(signer.publicKey, MESSAGE, changed.join('\n'))).toBeNull()
      }
    }
  })
})

describe.skipIf(noMinisign !== null)(`minisign${noMinisign === null ? '' : ` (skipped: ${noMinisign})`}`, () => {
  test('verifies what we sign, by key and by key file, and refuses every changed byte', async () => {
    const folder = temporaryFolder()
    const file = join(folder, 'm')
    writeFileSync(join(folder, 'minisign.pub'), minisignKeyFile(signer.publicKey))
    writeFileSync(`${file}.minisig`, await signMinisign(signer, MESSAGE, 'certificate of p-1'))
    const verify = (...key: readonly string[]): number | null =>
      spawnSync('minisign', ['-V', '-q', '-m', file, ...key]).status
    const byKey = ['-P', minisignKey(signer.publicKey)]
    writeFileSync(file, MESSAGE)
    expect(verify(...byKey)).toBe(0)
    expect(verify('-p', join(folder, 'minisign.pub'))).toBe(0)
    expect(verify('-P', minisignKey(publicKeyOf(generateSeed())))).not.toBe(0)
    for (let at = 0; at < MESSAGE.length; at++) {
      writeFileSync(file, changeAt(MESSAGE, at))
      expect(verify(...byKey)).not.toBe(0)
    }
    writeFileSync(file, MESSAGE)
    const good = readFileSync(`${file}.minisig`, 'utf8')
    writeFileSync(`${file}.minisig`, good.replace('p-1', 'p-2'))
    expect(verify(...byKey)).not.toBe(0)
  })
})
