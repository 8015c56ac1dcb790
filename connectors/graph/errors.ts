import { isKind, SealpostError, type ErrorKind } from '../../src/core/errors.ts'
import { fieldOf, textOf, type Json } from './json.ts'

/** What Graph says when it refuses: the status, `error.code`, and `error.message`. */
export interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
  /** Milliseconds from Retry-After, or null. */
  readonly retryAfter: number | null
}

/** The word for an item that Exchange cannot turn into MIME: some opaque S/MIME, and what is damaged. */
export const UNCONVERTIBLE = 'UNCONVERTIBLE'

/** The word for a server, or a gateway before it, that could not answer. */
const UNAVAILABLE = 'UNAVAILABLE'

/** One row of the error mapping. A row fits when all that it names fits; the first one that does decides. */
interface Row {
  readonly status?: readonly number[]
  readonly code?: RegExp
  readonly message?: RegExp
  readonly kind: ErrorKind
  /** The stable word of the error. */
  readonly word: string
  readonly says: string
  readonly hint?: string
}

/**
 * The error mapping. Kinds as in docs/design.md section 6; `hint` names the setting of the tenant that is to be changed.
 * test/graph/errors.test.ts has a recorded response for each row and fails on a row without one.
 */
export const ERROR_ROWS: readonly Row[] = [
  {
    code: /^(syncStateNotFound|resyncRequired|SyncStateNotFound|ResyncRequired|InvalidSyncStateData|ErrorInvalidSyncStateData)$/,
    kind: 'stale',
    word: 'RESYNC',
    says: 'the server no longer knows where the last listing ended',
  },
  {
    status: [410],
    kind: 'stale',
    word: 'RESYNC',
    says: 'the server no longer knows where the last listing ended',
  },
  {
    status: [429],
    kind: 'throttled',
    word: 'THROTTLED',
    says: 'the server asks to come back later',
  },
  {
    code: /^(ApplicationThrottled|ErrorServerBusy|ErrorTooManyObjectsOpened|TooManyRequests|activityLimitReached)$/i,
    kind: 'throttled',
    word: 'THROTTLED',
    says: 'the server asks to come back later',
  },
  {
    status: [401],
    message: /tenant|issuer|wrong tenant/i,
    kind: 'auth',
    word: 'WRONG_TENANT',
    says: 'the access token is for another tenant',
    hint: 'set auth.tenant to the tenant in which these mailboxes are',
  },
  {
    status: [401],
    message: /audience/i,
    kind: 'auth',
    word: 'WRONG_SCOPE',
    says: 'the access token is for another service',
    hint: 'check host: the token is asked for that host',
  },
  {
    status: [401],
    kind: 'auth',
    word: 'TOKEN_REFUSED',
    says: 'the access token was refused',
    hint: 'check auth.tenant, auth.client_id and the secret or certificate; nothing is tried again until the credential is set anew',
  },
  {
    status: [403],
    code: /^(Authorization_RequestDenied|ErrorInsufficientPermissions\w*)$/,
    kind: 'auth',
    word: 'NO_CONSENT',
    says: 'the app lacks a permission',
    hint: 'grant admin consent in Entra for the application permissions that docs/connectors.md lists',
  },
  {
    code: /^(MailboxNotEnabledForRESTAPI|ErrorMailboxNotEnabledForRESTAPI|MailboxNotSupportedForRESTAPI)$/,
    kind: 'config',
    word: 'NO_MAILBOX',
    says: 'this user has no mailbox in Exchange Online',
    hint: 'assign a licence with Exchange Online to the user, or leave the row out of mailboxes.csv',
  },
  {
    code: /^(Request_ResourceNotFound|ErrorInvalidUser|ResourceNotFound)$/,
    kind: 'config',
    word: 'NO_USER',
    says: 'the tenant has no such user',
    hint: 'correct the address in mailboxes.csv, or auth.tenant',
  },
  {
    // By 403, as if it were for want of a right.
    code: /^(ErrorQuotaExceeded|ErrorMailboxStoreUnavailableQuota|quotaLimitReached|MailboxQuotaExceeded)$/i,
    kind: 'quota',
    word: 'OVERQUOTA',
    says: 'the mailbox is full',
    hint: 'raise its quota or assign an archive',
  },
  {
    status: [403],
    kind: 'config',
    word: 'ACCESS_DENIED',
    says: 'the app may not open this mailbox',
    hint: 'grant Mail.Read or Mail.ReadWrite with admin consent, or put the mailbox into the scope of its RBAC role in Exchange',
  },
  {
    status: [507],
    kind: 'quota',
    word: 'OVERQUOTA',
    says: 'the mailbox is full',
    hint: 'raise its quota or assign an archive',
  },
  {
    code: /^(ErrorMessageSizeExceeded|ErrorMimeContentTooLarge|RequestBodyTooLarge|ErrorRequestBodyTooLarge)$/,
    kind: 'rejected',
    word: 'TOOBIG',
    says: 'the message is too large',
    hint: 'raise the limit with Set-Mailbox -MaxReceiveSize, or write by IMAP',
  },
  {
    status: [413],
    kind: 'rejected',
    word: 'TOOBIG',
    says: 'the request is too large',
    hint: 'write this message by IMAP',
  },
  {
    code: /^(ErrorMimeContentInvalid\w*|UnableToDeserializePostBody|ErrorInvalidRecipients|ErrorInvalidPropertySet\w*)$/,
    kind: 'rejected',
    word: 'MALFORMED',
    says: 'the server does not take this message',
  },
  {
    // By 500, as if it were passing; the answer is the same each time.
    code: /^(ErrorMimeContentConversionFailed|ErrorContentConversionFailed|ErrorCorruptData)$/,
    kind: 'rejected',
    word: UNCONVERTIBLE,
    says: 'the server cannot make a message of what it keeps of it',
  },
  {
    code: /^(ErrorItemNotFound|ErrorFolderNotFound|ErrorMessageNotFound|itemNotFound)$/i,
    kind: 'not-found',
    word: 'GONE',
    says: 'it is no longer there',
  },
  { code: /^ErrorFolderExists$/, kind: 'rejected', word: 'ALREADYEXISTS', says: 'a folder of this name exists' },
  { status: [404], kind: 'not-found', word: 'GONE', says: 'it is no longer there' },
  { status: [424], kind: 'transient', word: 'DEPENDENCY', says: 'a request that it depends on failed' },
  {
    status: [412],
    kind: 'transient',
    word: 'CONFLICT',
    says: 'somebody changed the item meanwhile',
  },
  {
    status: [409],
    kind: 'transient',
    word: 'CONFLICT',
    says: 'the server was busy with the same item',
  },
  {
    status: [408, 500, 502, 503, 504],
    kind: 'transient',
    word: UNAVAILABLE,
    says: 'the server could not answer',
  },
  { kind: 'rejected', word: 'REFUSED', says: 'the server refused' },
]

/** Turns a refusal into one of our errors; `what` says what was tried. The server's words are kept apart, printable. */
export function errorOf(refusal: Refusal, what: string): SealpostError {
  const row = rowOf(refusal)
  // 503 and 504 with a time are how Exchange throttles as well.
  const kind: ErrorKind = row.kind === 'transient' && refusal.retryAfter !== null ? 'throttled' : row.kind
  return new SealpostError(kind, `graph: ${what}: ${row.says}`, {
    code: row.word,
    serverText: `${refusal.status} ${refusal.code} ${refusal.message}`.trim(),
    ...(row.hint === undefined ? {} : { hint: row.hint }),
    ...(refusal.retryAfter === null ? {} : { retryAfter: refusal.retryAfter }),
  })
}

/**
 * True for what says nothing about whether the request was carried out: a gateway that gives up does not know, also where it
 * names a time and so counts as `throttled`.
 */
export function isPassing(error: SealpostError): boolean {
  return error.kind === 'transient' || error.code === UNAVAILABLE
}

/** A refusal for want of a permission, with its name in the hint; any other error as it is. */
export function naming(error: unknown, permission: string): unknown {
  if (!isKind(error, 'auth', 'config') || !['NO_CONSENT', 'ACCESS_DENIED'].includes(error.code ?? '')) return error
  const { kind, message, code = '', serverText } = error
  return new SealpostError(kind, message, {
    hint: `grant the application permission ${permission} in Entra, with admin consent`,
    code,
    ...(serverText === undefined ? {} : { serverText }),
  })
}

/** The row of the mapping that decides. */
export function rowOf(refusal: Refusal): Row {
  const fits = (row: Row): boolean =>
    (row.status?.includes(refusal.status) ?? true) &&
    (row.code?.test(refusal.code) ?? true) &&
    (row.message?.test(refusal.message) ?? true)
  return ERROR_ROWS.find(fits) ?? { kind: 'rejected', word: 'REFUSED', says: 'the server refused' }
}

/** Reads a refusal out of an answer; `retryAfter` is the header (RFC 9110 section 10.2.3), `now` the time now. */
export function refusalOf(status: number, body: Json, retryAfter: string | null, now: number): Refusal {
  const error = fieldOf(body, 'error')
  const inner = fieldOf(error, 'innerError')
  return {
    status,
    // Some refusals have the telling code inside.
    code: textOf(error, 'code') ?? textOf(inner, 'code') ?? '',
    message: textOf(error, 'message') ?? '',
    retryAfter: parseRetryAfter(retryAfter, now),
  }
}

/** Seconds or a date as milliseconds to wait, or null for what is neither. */
export function parseRetryAfter(header: string | null, now: number): number | null {
  if (header === null || header.trim() === '') return null
  if (/^\d{1,9}(\.\d+)?$/.test(header.trim())) return Math.ceil(Number(header) * 1000)
  // A date has the name of its day (RFC 9110 section 5.6.7); anything else would be guessed at.
  const until = /^[A-Za-z]{3,9},? /.test(header.trim()) ? Date.parse(header) : NaN
  return Number.isNaN(until) ? null : Math.max(0, until - now)
}
