import { isKind, SealpostError } from '../../src/core/errors.ts'
import { PIN_MISMATCH } from './tls.ts'

/** Where a connection was to go, as it is named in messages. */
export interface Place {
  readonly host: string
  readonly port: number
}

/** The code of a connection that was closed before it was good for anything, without an error. */
export const HUNG_UP = 'HUNG_UP'

interface Rule {
  readonly codes: readonly string[]
  readonly kind: 'config' | 'transient'
  readonly says: string
  readonly hint?: string
}

const RULES: readonly Rule[] = [
  {
    codes: ['ENOTFOUND', 'EAI_NODATA', 'EAI_NONAME'],
    kind: 'transient',
    says: 'the host name is not known',
    hint: 'check host',
  },
  {
    codes: ['EAI_AGAIN', 'EAI_FAIL'],
    kind: 'transient',
    says: 'the host name could not be looked up',
    hint: 'check the network',
  },
  { codes: ['ECONNREFUSED'], kind: 'transient', says: 'nothing listens there', hint: 'check host and port' },
  {
    codes: ['EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'],
    kind: 'transient',
    says: 'the host cannot be reached',
    hint: 'check the network',
  },
  {
    codes: ['ETIMEDOUT', 'ETIMEOUT'],
    kind: 'transient',
    says: 'no answer in time',
    hint: 'check host, port and tls.mode',
  },
  {
    codes: ['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN'],
    kind: 'config',
    says: 'its certificate is self-signed',
    hint: 'set tls.ca to the certificate that is to be trusted',
  },
  {
    codes: [
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'UNABLE_TO_GET_ISSUER_CERT',
      'CERT_UNTRUSTED',
    ],
    kind: 'config',
    says: 'its certificate is issued by an authority that is not trusted',
    hint: 'set tls.ca to that authority',
  },
  { codes: ['CERT_HAS_EXPIRED'], kind: 'config', says: 'its certificate has expired', hint: 'have it renewed' },
  {
    codes: ['CERT_NOT_YET_VALID'],
    kind: 'config',
    says: 'its certificate is not valid yet',
    hint: 'check the clock',
  },
  { codes: ['CERT_REVOKED'], kind: 'config', says: 'its certificate is revoked' },
  {
    codes: ['ERR_TLS_CERT_ALTNAME_INVALID', 'HOSTNAME_MISMATCH'],
    kind: 'config',
    says: 'its certificate is for another host',
    hint: 'set host to a name in the certificate',
  },
  {
    codes: [PIN_MISMATCH],
    kind: 'config',
    says: 'its certificate is not the pinned one',
    hint: 'compare tls.pin with the owner of the server',
  },
  {
    codes: [
      'ERR_SSL_UNSUPPORTED_PROTOCOL',
      'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
      'ERR_SSL_VERSION_TOO_LOW',
      'ERR_SSL_NO_PROTOCOLS_AVAILABLE',
    ],
    kind: 'config',
    says: 'it offers no TLS 1.2 or higher',
    hint: 'have TLS 1.2 enabled on the server',
  },
  {
    codes: ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'ERR_SSL_HTTP_REQUEST'],
    kind: 'config',
    says: 'it does not speak TLS on this port',
    hint: 'check port and tls.mode',
  },
  { codes: ['ECONNRESET', 'EPIPE', 'ECONNABORTED'], kind: 'transient', says: 'the connection was cut' },
  {
    codes: [HUNG_UP],
    kind: 'transient',
    says: 'the server hung up before the login was done, without a word',
  },
]

/**
 * Turns what Node says about a failed connection into one clear line. Certificates and versions are `config`: trying
 * again changes nothing. Everything else is `transient`; one of ours passes through.
 */
export function connectError(error: unknown, place: Place, what: string): SealpostError {
  if (isKind(error)) return error
  const code = codeOf(error)
  const where = `${what} ${place.host}:${place.port}`
  const rule = RULES.find((candidate) => candidate.codes.includes(code))
  if (rule !== undefined) {
    const hint = rule.hint === undefined ? {} : { hint: rule.hint }
    return new SealpostError(rule.kind, `${where}: ${rule.says}`, { code, cause: error, ...hint })
  }
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') {
    return new SealpostError('config', `${where}: TLS failed`, {
      code,
      cause: error,
      hint: 'check port and tls.mode',
    })
  }
  return new SealpostError('transient', `${where}: the connection failed`, {
    code: code === '' ? 'LOST' : code,
    cause: error,
  })
}

/** The `code` of an error of Node or of a library; of the first member where several addresses were tried. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  if ('code' in error && typeof error.code === 'string') return error.code
  if (error instanceof AggregateError) {
    for (const member of error.errors as readonly unknown[]) {
      const code = codeOf(member)
      if (code !== '') return code
    }
  }
  return ''
}
