import { describe, expect, it } from 'vitest'
import { ERROR_ROWS, errorOf, parseRetryAfter, refusalOf, rowOf } from '../../connectors/graph/errors.ts'

/** One answer of the service as it was seen or is documented, and what must become of it. */
interface Recorded {
  readonly name: string
  readonly status: number
  readonly code: string
  readonly message: string
  readonly retryAfter?: string
  readonly kind: string
  readonly word: string
  readonly hint?: RegExp
}

const RECORDED: readonly Recorded[] = [
  {
    name: 'a delta link that is too old',
    status: 410,
    code: 'SyncStateNotFound',
    message: 'The sync state generation is not found; continuationToken is expired.',
    kind: 'stale',
    word: 'RESYNC',
  },
  {
    name: 'a delta link that is too old, without a code',
    status: 410,
    code: '',
    message: 'Gone',
    kind: 'stale',
    word: 'RESYNC',
  },
  {
    name: 'too many at once',
    status: 429,
    code: 'ApplicationThrottled',
    message: 'Application is over its MailboxConcurrency limit.',
    retryAfter: '10',
    kind: 'throttled',
    word: 'THROTTLED',
  },
  {
    name: 'a busy server that says so with another status',
    status: 503,
    code: 'ErrorServerBusy',
    message: 'The server cannot service this request right now. Try again later.',
    kind: 'throttled',
    word: 'THROTTLED',
  },
  {
    name: 'a gateway that says when to come back',
    status: 504,
    code: 'UnknownError',
    message: '',
    retryAfter: '120',
    kind: 'throttled',
    word: 'UNAVAILABLE',
  },
  {
    name: 'a token of another tenant',
    status: 401,
    code: 'InvalidAuthenticationToken',
    message: 'Access token validation failure. Invalid issuer.',
    kind: 'auth',
    word: 'WRONG_TENANT',
    hint: /auth\.tenant/,
  },
  {
    name: 'a token for another service',
    status: 401,
    code: 'InvalidAuthenticationToken',
    message: 'Access token validation failure. Invalid audience.',
    kind: 'auth',
    word: 'WRONG_SCOPE',
    hint: /host/,
  },
  {
    name: 'a token that has expired',
    status: 401,
    code: 'InvalidAuthenticationToken',
    message: 'Lifetime validation failed, the token is expired.',
    kind: 'auth',
    word: 'TOKEN_REFUSED',
    hint: /certificate/,
  },
  {
    name: 'a permission without consent',
    status: 403,
    code: 'Authorization_RequestDenied',
    message: 'Insufficient privileges to complete the operation.',
    kind: 'auth',
    word: 'NO_CONSENT',
    hint: /admin consent/,
  },
  {
    name: 'a user without a licence',
    status: 404,
    code: 'MailboxNotEnabledForRESTAPI',
    message: 'The mailbox is either inactive, soft-deleted, or is hosted on-premise.',
    kind: 'config',
    word: 'NO_MAILBOX',
    hint: /licence/,
  },
  {
    name: 'a user that does not exist',
    status: 404,
    code: 'Request_ResourceNotFound',
    message: "Resource 'x' does not exist or one of its queried reference-property objects are not present.",
    kind: 'config',
    word: 'NO_USER',
    hint: /mailboxes\.csv/,
  },
  {
    name: 'a mailbox outside of the scope of the app',
    status: 403,
    code: 'ErrorAccessDenied',
    message: 'Access is denied. Check credentials and try again.',
    kind: 'config',
    word: 'ACCESS_DENIED',
    hint: /RBAC/,
  },
  {
    name: 'a full mailbox',
    status: 403,
    code: 'ErrorQuotaExceeded',
    message: 'Mailbox has exceeded maximum mailbox size.',
    kind: 'quota',
    word: 'OVERQUOTA',
  },
  { name: 'no room, without a code', status: 507, code: '', message: '', kind: 'quota', word: 'OVERQUOTA' },
  {
    name: 'a message beyond what the mailbox receives',
    status: 400,
    code: 'ErrorMessageSizeExceeded',
    message: 'The message exceeds the maximum supported size.',
    kind: 'rejected',
    word: 'TOOBIG',
    hint: /MaxReceiveSize/,
  },
  {
    name: 'a request beyond 4 MB',
    status: 413,
    code: 'BadRequest',
    message: 'The maximum request length supported is 4MB.',
    kind: 'rejected',
    word: 'TOOBIG',
  },
  {
    name: 'text that is no base64',
    status: 400,
    code: 'ErrorMimeContentInvalidBase64String',
    message: 'Invalid base64 string for MIME content.',
    kind: 'rejected',
    word: 'MALFORMED',
  },
  {
    name: 'an item that cannot be turned into MIME',
    status: 500,
    code: 'ErrorMimeContentConversionFailed',
    message: 'MIME content conversion failed.',
    kind: 'rejected',
    word: 'UNCONVERTIBLE',
  },
  {
    name: 'an item whose text cannot be converted, by a gateway that names a time',
    status: 503,
    code: 'ErrorContentConversionFailed',
    message: 'Content conversion failed., Content conversion: Body conversion failed.',
    retryAfter: '5',
    kind: 'rejected',
    word: 'UNCONVERTIBLE',
  },
  {
    name: 'a message that is gone',
    status: 404,
    code: 'ErrorItemNotFound',
    message: 'The specified object was not found in the store.',
    kind: 'not-found',
    word: 'GONE',
  },
  {
    name: 'a folder that is there already',
    status: 409,
    code: 'ErrorFolderExists',
    message: 'A folder with the specified name already exists.',
    kind: 'rejected',
    word: 'ALREADYEXISTS',
  },
  { name: 'nothing there', status: 404, code: 'UnknownError', message: '', kind: 'not-found', word: 'GONE' },
  {
    name: 'a part of a batch whose predecessor failed',
    status: 424,
    code: 'FailedDependency',
    message: '',
    kind: 'transient',
    word: 'DEPENDENCY',
  },
  {
    name: 'a change key that is old',
    status: 412,
    code: 'ErrorIrresolvableConflict',
    message: 'The send or update operation could not be performed.',
    kind: 'transient',
    word: 'CONFLICT',
  },
  {
    name: 'two at the same item',
    status: 409,
    code: 'Conflict',
    message: '',
    kind: 'transient',
    word: 'CONFLICT',
  },
  {
    name: 'a fault of the server',
    status: 500,
    code: 'ErrorInternalServerError',
    message: 'An internal server error occurred.',
    kind: 'transient',
    word: 'UNAVAILABLE',
  },
  {
    name: 'anything else',
    status: 400,
    code: 'RequestBroker--ParseUri',
    message: 'Resource not found for the segment.',
    kind: 'rejected',
    word: 'REFUSED',
  },
]

describe('the error mapping of Graph', () => {
  it.each(RECORDED)('$name', ({ status, code, message, retryAfter, kind, word, hint }) => {
    const body = { error: { code, message, innerError: { date: '2026-11-26T04:00:00', 'request-id': 'x' } } }
    const error = errorOf(refusalOf(status, body, retryAfter ?? null, 0), 'reading a message')
    expect({ kind: error.kind, word: error.code }).toEqual({ kind, word })
    expect(error.message).toMatch(/^graph: reading a message: /)
    expect(error.message).not.toContain('\n')
    if (hint !== undefined) expect(error.hint).toMatch(hint)
    if (retryAfter !== undefined) expect(error.retryAfter).toBe(Number(retryAfter) * 1000)
  })

  it('has a recorded answer for every row', () => {
    const rows = new Set(
      RECORDED.map(({ status, code, message }) => rowOf({ status, code, message, retryAfter: null })),
    )
    expect(ERROR_ROWS.filter((row) => !rows.has(row)).map(({ word, code }) => `${word} ${String(code)}`)).toEqual(
      [],
    )
  })

  it('reads Retry-After as seconds and as a date', () => {
    expect(parseRetryAfter('7', 0)).toBe(7000)
    expect(parseRetryAfter('0.5', 0)).toBe(500)
    expect(parseRetryAfter('Thu, 01 Jan 1970 00:01:00 GMT', 20_000)).toBe(40_000)
    expect(parseRetryAfter('Thu, 01 Jan 1970 00:01:00 GMT', 90_000)).toBe(0)
    for (const odd of [null, '', 'soon', '-1']) expect(parseRetryAfter(odd, 0)).toBe(null)
  })
})
