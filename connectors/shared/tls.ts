import { createHash, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import {
  checkServerIdentity,
  createSecureContext,
  rootCertificates,
  type ConnectionOptions,
  type PeerCertificate,
  type SecureContext,
} from 'node:tls'
import { SealpostError } from '../../src/core/errors.ts'

/** How one end of a project is reached. */
export interface TlsPolicy {
  /** `starttls`: required, never opportunistic. `none`: refused unless the host is this machine. */
  readonly mode: 'implicit' | 'starttls' | 'none'
  /** PEM of the certificates to trust instead of the public roots. */
  readonly ca?: Buffer | string | undefined
  /** SHA-256 of the server's certificate or of its public key (SPKI), in hex or base64; checked on top of the chain. */
  readonly pin?: string | undefined
}

/** The error code of a certificate that is valid but not the pinned one. */
export const PIN_MISMATCH = 'PIN_MISMATCH'

/** True for names and addresses of this machine. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase()
  if (bare === 'localhost' || bare === '::1') return true
  return isIP(bare) === 4 && bare.startsWith('127.')
}

/** Throws `config` when the policy would send anything in the clear over a network, or holds a pin that is none. */
export function assertTransportAllowed(policy: TlsPolicy, host: string): void {
  if (policy.mode === 'none' && !isLoopback(host)) {
    throw new SealpostError('config', `${host}: a connection without TLS is refused`, {
      hint: 'set tls.mode to implicit or starttls',
      code: 'PLAINTEXT',
    })
  }
  if (policy.pin !== undefined) parsePin(policy.pin)
}

/** Both digests by which a certificate can be pinned, in hex. */
export function pinsOf(certificate: Uint8Array): { readonly certificate: string; readonly spki: string } {
  const parsed = new X509Certificate(certificate)
  const spki = parsed.publicKey.export({ type: 'spki', format: 'der' })
  return { certificate: sha256(parsed.raw), spki: sha256(spki) }
}

/**
 * Options for `tls.connect`: TLS 1.2 at least, the chain verified against `ca` or the public roots and nothing else
 * (variables of the environment add no trust), the name verified, the pin compared.
 * Throws `config` for a CA file that is no PEM.
 */
export function tlsOptions(policy: TlsPolicy, host: string): ConnectionOptions {
  const pin = policy.pin === undefined ? null : parsePin(policy.pin)
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    secureContext: contextOf(policy, host),
    checkServerIdentity: (name: string, certificate: PeerCertificate) =>
      checkServerIdentity(name, certificate) ?? (pin === null ? undefined : comparePin(pin, certificate.raw)),
  }
}

let publicRoots: SecureContext | null = null
/** By policy: a context takes milliseconds to make, and every lane of an end has the same. */
const ownRoots = new WeakMap<TlsPolicy, SecureContext>()

function contextOf(policy: TlsPolicy, host: string): SecureContext {
  try {
    if (policy.ca !== undefined) {
      const made = ownRoots.get(policy) ?? createSecureContext({ minVersion: 'TLSv1.2', ca: policy.ca })
      ownRoots.set(policy, made)
      return made
    }
    publicRoots ??= createSecureContext({ minVersion: 'TLSv1.2', ca: [...rootCertificates] })
    return publicRoots
  } catch (cause) {
    throw new SealpostError('config', `${host}: tls.ca holds no certificate in PEM`, { cause, code: 'BAD_CA' })
  }
}

/** The pin in hex. Throws `config` when it is no SHA-256. */
function parsePin(pin: string): string {
  const bare = pin.trim().replace(/^sha256[:/]/i, '')
  const hex = bare.replace(/:/g, '').toLowerCase()
  if (/^[0-9a-f]{64}$/.test(hex)) return hex
  if (/^[A-Za-z0-9+/]{43}=?$/.test(bare)) return Buffer.from(bare, 'base64').toString('hex')
  throw new SealpostError('config', 'tls.pin is no SHA-256 in hex or base64', { code: 'BAD_PIN' })
}

function comparePin(pin: string, raw: Uint8Array): Error | undefined {
  const found = pinsOf(raw)
  if (found.certificate === pin || found.spki === pin) return undefined
  return Object.assign(new Error('the certificate is not the pinned one'), { code: PIN_MISMATCH })
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
