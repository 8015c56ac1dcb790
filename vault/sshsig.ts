import { createHash } from 'node:crypto'
import { SealpostError } from '../src/core/errors.ts'
import { verifySignature, type Signer } from './ed25519.ts'
import { sshKeyBlob, sshString } from './ssh-key.ts'

/** SSHSIG (OpenSSH PROTOCOL.sshsig): what `ssh-keygen -Y sign` writes and `ssh-keygen -Y verify` checks. */
const MAGIC = Buffer.from('SSHSIG', 'ascii')
const HASH = 'sha512'
const TYPE = 'ssh-ed25519'
const BEGIN = '-----BEGIN SSH SIGNATURE-----'
const END = '-----END SSH SIGNATURE-----'
const LINE_CHARACTERS = 76
const VERSION = 1

/** Signs exact bytes for one namespace and gives the armored signature. Throws `bug` for an empty namespace. */
export async function signSshsig(signer: Signer, namespace: string, bytes: Uint8Array): Promise<string> {
  if (namespace === '') throw new SealpostError('bug', 'an SSH signature needs a namespace')
  const raw = await signer.sign(messageToSign(namespace, bytes))
  const version = Buffer.alloc(4)
  version.writeUInt32BE(VERSION)
  const blob = Buffer.concat([
    MAGIC,
    version,
    sshString(sshKeyBlob(signer.publicKey)),
    sshString(namespace),
    sshString(''),
    sshString(HASH),
    sshString(Buffer.concat([sshString(TYPE), sshString(raw)])),
  ])
  const lines = blob.toString('base64').match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g')) ?? []
  return [BEGIN, ...lines, END, ''].join('\n')
}

/**
 * The public key (32 bytes) that signed these bytes for this namespace, or null when the signature is good for nothing
 * here: malformed, of another namespace, over other bytes. The caller decides whether the key is to be trusted.
 */
export function verifySshsig(armored: string, namespace: string, bytes: Uint8Array): Buffer | null {
  const blob = readArmor(armored)
  if (blob === null) return null
  const head = Buffer.concat([MAGIC, Buffer.of(0, 0, 0, VERSION)])
  if (!blob.subarray(0, head.length).equals(head)) return null
  const parts = readStrings(blob.subarray(head.length), 5)
  if (parts === null) return null
  const [keyBlob, foundNamespace, reserved, hash, signatureBlob] = parts
  const key = keyBlob === undefined ? null : readStrings(keyBlob, 2)
  const signature = signatureBlob === undefined ? null : readStrings(signatureBlob, 2)
  if (key?.[0]?.toString('latin1') !== TYPE || signature?.[0]?.toString('latin1') !== TYPE) return null
  if (foundNamespace?.toString('utf8') !== namespace || namespace === '') return null
  if (reserved?.length !== 0 || hash?.toString('latin1') !== HASH) return null
  const [publicKey, raw] = [key[1], signature[1]]
  if (publicKey === undefined || raw === undefined) return null
  return verifySignature(publicKey, messageToSign(namespace, bytes), raw) ? publicKey : null
}

function messageToSign(namespace: string, bytes: Uint8Array): Buffer {
  const digest = createHash(HASH).update(bytes).digest()
  return Buffer.concat([MAGIC, sshString(namespace), sshString(''), sshString(HASH), sshString(digest)])
}

function readArmor(armored: string): Buffer | null {
  const lines = armored.replaceAll('\r\n', '\n').trim().split('\n')
  if (lines.shift() !== BEGIN || lines.pop() !== END) return null
  const text = lines.join('')
  const blob = Buffer.from(text, 'base64')
  return blob.toString('base64') === text ? blob : null
}

/** Exactly `count` SSH strings and nothing after them, or null. */
function readStrings(bytes: Buffer, count: number): readonly Buffer[] | null {
  const parts: Buffer[] = []
  let offset = 0
  for (let i = 0; i < count; i++) {
    if (offset + 4 > bytes.length) return null
    const end = offset + 4 + bytes.readUInt32BE(offset)
    if (end > bytes.length) return null
    parts.push(bytes.subarray(offset + 4, end))
    offset = end
  }
  return offset === bytes.length ? parts : null
}
