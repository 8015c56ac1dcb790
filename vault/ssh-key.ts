import { createHash } from 'node:crypto'

const TYPE = 'ssh-ed25519'

/** A string as SSH frames it: its length (4, big-endian), then its bytes (RFC 4251 section 5). */
export function sshString(value: string | Uint8Array): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** The blob of an Ed25519 public key (RFC 8709 section 4). */
export function sshKeyBlob(publicKey: Uint8Array): Buffer {
  return Buffer.concat([sshString(TYPE), sshString(publicKey)])
}

/** The key as one line of an OpenSSH `.pub` file, without the line end. */
export function sshKeyLine(publicKey: Uint8Array, comment: string): string {
  return `${TYPE} ${sshKeyBlob(publicKey).toString('base64')} ${comment}`.trimEnd()
}

/** The fingerprint as `ssh-keygen -l` prints it: `SHA256:` and base64 without padding. */
export function sshFingerprint(publicKey: Uint8Array): string {
  const digest = createHash('sha256').update(sshKeyBlob(publicKey)).digest('base64')
  return `SHA256:${digest.replace(/=+$/, '')}`
}

/** One line of an `allowed_signers` file (ssh-keygen(1)), good for one namespace only, without the line end. */
export function allowedSignersLine(identity: string, namespace: string, publicKey: Uint8Array): string {
  return `${identity} namespaces="${namespace}" ${TYPE} ${sshKeyBlob(publicKey).toString('base64')}`
}
