import { SealpostError, type ErrorKind } from '../../src/core/errors.ts'

/** An answer of the API that is no success. */
export interface Refusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The body: Google's error as JSON, or whatever else stood there. */
  readonly body: unknown
}

interface Facts {
  readonly status: number
  readonly reason: string
  readonly text: string
}

interface Rule {
  when(facts: Facts): boolean
  readonly kind: ErrorKind
  readonly says: string
  readonly hint?: string
}

const DAY_LIMIT_WAIT = 3_600_000

const SCOPES =
  'authorise gmail.readonly (source) or gmail.modify (destination) for the service account in the Admin console'

/** In this order: the first one that fits is taken. */
const RULES: readonly Rule[] = [
  {
    when: ({ status }) => status === 401,
    kind: 'auth',
    says: 'the access token was refused',
    hint: 'check the service account and what the domain has delegated to it',
  },
  {
    when: ({ status, reason, text }) =>
      status === 403 && (/storageQuota/i.test(reason) || /storage quota|out of storage/i.test(text)),
    kind: 'quota',
    says: 'the account is full',
    hint: 'give the account more room there, and go on: what has landed stays',
  },
  {
    when: ({ status, reason, text }) =>
      status === 429 ||
      (status === 403 && (/rateLimit|quotaExceeded|dailyLimit/i.test(reason) || /^quota exceeded/i.test(text))),
    kind: 'throttled',
    says: 'the server asks to come back later',
  },
  {
    when: ({ status, reason, text }) =>
      status === 403 &&
      (/accessNotConfigured|SERVICE_DISABLED/i.test(reason) || /has not been used in project/.test(text)),
    kind: 'config',
    says: 'the Gmail API is not enabled in the Google Cloud project of the service account',
    hint: 'enable it: APIs & Services > Library > Gmail API',
  },
  {
    when: ({ status, reason, text }) =>
      status === 403 && (/insufficient|SCOPE/i.test(reason) || /insufficient.*scope/i.test(text)),
    kind: 'auth',
    says: 'the scope of the token is not enough',
    hint: SCOPES,
  },
  {
    when: ({ status, reason }) => status === 403 && /domainPolicy/i.test(reason),
    kind: 'auth',
    says: 'the domain does not let applications read this mailbox',
    hint: 'have Gmail and API access allowed for the user in the Admin console',
  },
  {
    when: ({ status, text }) => status === 403 && /delegation denied/i.test(text),
    kind: 'auth',
    says: 'the token speaks for another user',
    hint: SCOPES,
  },
  {
    when: ({ status, text }) => status === 400 && /mail service not enabled/i.test(text),
    kind: 'auth',
    says: 'the user has no Gmail',
    hint: 'give the user a licence with Gmail, or turn the service on for the organisational unit',
  },
  {
    when: ({ status, text }) => status === 400 && /^precondition check failed/i.test(text),
    kind: 'rejected',
    says: 'the account is in no state for it',
    hint: 'see in the Admin console whether the user has Gmail, and is neither suspended nor archived',
  },
  {
    when: ({ status, reason, text }) =>
      status === 413 ||
      /uploadTooLarge|tooLarge/i.test(reason) ||
      (status === 400 && /too large|exceeds.*size/i.test(text)),
    kind: 'rejected',
    says: 'the message is too large',
  },
  {
    when: ({ status, text }) =>
      status === 404 || status === 410 || (status === 400 && /invalid (id|label:)/i.test(text)),
    kind: 'not-found',
    says: 'it is no longer there',
  },
  { when: ({ status }) => status === 403, kind: 'auth', says: 'the server refused the access', hint: SCOPES },
  { when: ({ status }) => status === 408 || status >= 500, kind: 'transient', says: 'the service failed' },
  { when: ({ status }) => status >= 300 && status < 400, kind: 'transient', says: 'the server sent us elsewhere' },
  { when: () => true, kind: 'rejected', says: 'the server refused the request' },
]

/**
 * What an answer of the Gmail API means. `what` says what was tried. Where the server names no time, `throttled` comes
 * without one. `now` is needed for a time that is given as an instant.
 */
export function refusalOf(refusal: Refusal, what: string, now: number): SealpostError {
  const facts = factsOf(refusal)
  const rule = RULES.find((candidate) => candidate.when(facts))
  const wait = rule?.kind === 'throttled' || rule?.kind === 'transient' ? waitOf(refusal, facts, now) : null
  return new SealpostError(rule?.kind ?? 'rejected', `Gmail: ${what}: ${rule?.says ?? 'refused'}`, {
    code: facts.reason === '' || facts.status === 401 ? `HTTP_${facts.status}` : facts.reason,
    serverText: facts.text,
    ...(rule?.hint === undefined ? {} : { hint: rule.hint }),
    ...(wait === null ? {} : { retryAfter: wait }),
  })
}

/** True for a label that exists already: 409 as documented, 400 as it was seen. */
export function isNameTaken(error: SealpostError): boolean {
  return error.kind === 'rejected' && /exists or conflicts|already exists/i.test(error.serverText ?? '')
}

function factsOf({ status, body }: Refusal): Facts {
  const error = member(body, 'error')
  const first = firstOf(member(error, 'errors'))
  const detail = firstOf(member(error, 'details'))
  const reason =
    textOf(member(first, 'reason')) || textOf(member(detail, 'reason')) || textOf(member(error, 'status'))
  const text = textOf(member(error, 'message')) || (typeof body === 'string' ? body.slice(0, 200) : '')
  return { status, reason, text }
}

/** `Retry-After`, in seconds or as a date (RFC 9110 section 10.2.3), or the instant in Gmail's own words. */
function waitOf({ headers }: Refusal, { reason, text }: Facts, now: number): number | null {
  const header = headers['retry-after'] ?? ''
  const instant = /retry after (\d{4}-\d\d-\d\dT[\d:.]+Z)/i.exec(text)?.[1]
  const at = Date.parse(instant ?? header)
  if (/^\d+$/.test(header)) return Number(header) * 1000
  if (Number.isFinite(at)) return Math.max(1000, at - now)
  return /dailyLimit/i.test(reason) ? DAY_LIMIT_WAIT : null
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined
}

function firstOf(value: unknown): unknown {
  return Array.isArray(value) ? (value as readonly unknown[])[0] : undefined
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
