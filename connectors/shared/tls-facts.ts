import type { Socket } from 'node:net'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import { printable } from '../../src/core/errors.ts'
import type { ProbeFinding } from '../../src/core/probe.ts'
import { pinsOf } from './tls.ts'

/** What a TLS connection tells about itself. */
export interface TlsFacts {
  readonly protocol: string
  readonly cipher: string
  /** SHA-256 of the server's certificate and of its public key, in hex. */
  readonly pins: { readonly certificate: string; readonly spki: string }
  /** Common names, safe to print. */
  readonly subject: string
  readonly issuer: string
  /** Milliseconds since 1970-01-01 UTC. */
  readonly validUntil: number
}

const DAY_MS = 86_400_000
/** So long before its end a certificate is spoken of. */
const NOTICE_DAYS = 21

/** The facts of a connection; null where it is no TLS connection, or one that has ended. */
export function readTlsFacts(socket: Socket | TLSSocket): TlsFacts | null {
  const tls = socket as Partial<TLSSocket>
  if (tls.encrypted !== true || tls.getPeerCertificate === undefined) return null
  const certificate = tls.getPeerCertificate() as Partial<PeerCertificate>
  if (certificate.raw === undefined) return null
  return {
    protocol: tls.getProtocol?.() ?? 'unknown',
    cipher: tls.getCipher?.().name ?? 'unknown',
    pins: pinsOf(certificate.raw),
    subject: nameOf(certificate.subject),
    issuer: nameOf(certificate.issuer),
    validUntil: Date.parse(certificate.valid_to ?? ''),
  }
}

/** What `doctor` says of a connection: its version, and the certificate with its end. `now` in milliseconds. */
export function tlsFindings(facts: TlsFacts | null, now: number): readonly ProbeFinding[] {
  if (facts === null) {
    return [
      {
        code: 'tls',
        state: 'adverse',
        text: 'the connection has no TLS; it is allowed to this machine alone',
        hint: 'set tls.mode to implicit or starttls',
      },
    ]
  }
  const days = Math.floor((facts.validUntil - now) / DAY_MS)
  const until = Number.isFinite(days) ? new Date(facts.validUntil).toISOString().slice(0, 10) : 'unknown'
  const soon = days < NOTICE_DAYS
  return [
    { code: 'tls', state: 'good', text: `${facts.protocol}, ${facts.cipher}`, hint: null },
    {
      code: 'tls-certificate',
      state: soon ? 'adverse' : 'good',
      text: `certificate of ${facts.subject} by ${facts.issuer}, valid until ${until}; SHA-256 of its key ${facts.pins.spki}`,
      hint: soon ? 'it ends soon: ask when it will be renewed, and renew tls.pin with it' : null,
    },
  ]
}

function nameOf(name: PeerCertificate['subject'] | undefined): string {
  const text = [name?.CN, name?.O].flat().find((part) => part !== undefined && part !== '')
  return text === undefined ? 'no name' : printable(text, 80)
}
