import { SealpostError, type ErrorKind } from '../../src/core/errors.ts'
import type { Reply } from './response.ts'

/** What a response code means to the engine (RFC 5530, RFC 9051 section 7.1, RFC 4469, RFC 9208). Unknown: rejected. */
const KIND_OF_CODE: Readonly<Record<string, ErrorKind>> = {
  ALREADYEXISTS: 'rejected',
  AUTHENTICATIONFAILED: 'auth',
  AUTHORIZATIONFAILED: 'auth',
  BADCHARSET: 'rejected',
  CANNOT: 'rejected',
  CLIENTBUG: 'rejected',
  CONTACTADMIN: 'auth',
  CORRUPTION: 'rejected',
  EXPIRED: 'auth',
  EXPUNGEISSUED: 'not-found',
  INUSE: 'throttled',
  LIMIT: 'throttled',
  NONEXISTENT: 'not-found',
  NOPERM: 'rejected',
  OVERQUOTA: 'quota',
  PRIVACYREQUIRED: 'config',
  SERVERBUG: 'transient',
  THROTTLED: 'throttled',
  TOOBIG: 'rejected',
  TRYCREATE: 'not-found',
  UNAVAILABLE: 'transient',
  'UNKNOWN-CTE': 'rejected',
}

/** The code of Exchange's words for a login that is good and opens no mailbox: none that may be opened, or none now. */
export const NOT_CONNECTED = 'NOTCONNECTED'
const NOT_CONNECTED_TEXT = /authenticated but not connected/i

interface TextRule {
  readonly pattern: RegExp
  readonly kind: ErrorKind
  readonly code: string
  readonly hint?: string
}

/** Words of servers that say it without a code, or with a misleading one; they go before the code. */
const TEXT_RULES: readonly TextRule[] = [
  { pattern: /request is throttled|suggested backoff time/i, kind: 'throttled', code: 'THROTTLED' },
  { pattern: /command or bandwidth limits/i, kind: 'throttled', code: 'BANDWIDTH' },
  {
    pattern: /too many (simultaneous )?connections|maximum number of connections/i,
    kind: 'throttled',
    code: 'CONNECTIONS',
  },
  {
    // Dovecot says LIMIT of one message that is too large (quota_max_mail_size): no waiting makes it smaller.
    pattern: /(mail|message) size is larger than/i,
    kind: 'rejected',
    code: 'TOOBIG',
  },
  {
    // Coremail (163, 126, yeah.net): the login is good, and no mailbox is opened.
    pattern: /unsafe login/i,
    kind: 'config',
    code: 'UNSAFELOGIN',
    hint: 'have the owner enable IMAP for the account in its web settings, and use the authorisation code made there as the password',
  },
  {
    // Exchange: the login is good, and opens no mailbox. It says nothing about other accounts.
    pattern: NOT_CONNECTED_TEXT,
    kind: 'config',
    code: NOT_CONNECTED,
    hint: 'the mailbox needs a licence, IMAP (Set-CASMailbox -ImapEnabled $true) and the app as FullAccess (Add-MailboxPermission)',
  },
]

/** The same, but only where no code says more: ALERT says that people are to read the words. */
const BARE_TEXT_RULES: readonly TextRule[] = [
  {
    pattern: /over ?quota|quota (is |has been )?exceeded|storage limit|mailbox (is )?full/i,
    kind: 'quota',
    code: 'OVERQUOTA',
  },
  { pattern: /server unavailable\. 15/i, kind: 'quota', code: 'OVERQUOTA' },
  {
    pattern: /maximum size of appendable|message (is )?too (big|large)|exceeds .*size/i,
    kind: 'rejected',
    code: 'TOOBIG',
  },
  {
    pattern: /no such mailbox|mailbox does ?n.t exist|mailbox does not exist/i,
    kind: 'not-found',
    code: 'NONEXISTENT',
  },
  { pattern: /temporar(y|ily)|try again|server (error|busy)/i, kind: 'transient', code: 'UNAVAILABLE' },
]

/** What to do, by code, where no rule says it. */
const HINTS: Readonly<Record<string, string>> = {
  OVERQUOTA: 'give the account more room there, and go on: what has landed stays',
  SERVERBUG: 'the log of that server says why; a disk that is full there looks like this',
}

/** Turns a NO or a BAD into one of our errors; `what` says what was tried. Server text is kept apart, printable. */
export function refusalOf(reply: Pick<Reply, 'code' | 'text'>, what: string): SealpostError {
  const rule =
    TEXT_RULES.find((candidate) => candidate.pattern.test(reply.text)) ??
    (reply.code === null || reply.code === 'ALERT'
      ? BARE_TEXT_RULES.find((candidate) => candidate.pattern.test(reply.text))
      : undefined)
  const kind = rule?.kind ?? KIND_OF_CODE[reply.code ?? ''] ?? 'rejected'
  const backoff = /backoff time[:=\s]+(\d{1,9})/i.exec(reply.text)
  const code = rule?.code ?? reply.code ?? 'REFUSED'
  const hint = rule?.hint ?? HINTS[code]
  return new SealpostError(kind, `${what}: the server refused`, {
    code,
    serverText: reply.text,
    ...(hint === undefined ? {} : { hint }),
    ...(backoff === null ? {} : { retryAfter: Number(backoff[1]) }),
  })
}

/** RFC 5530 and servers before it: what is left out has been expunged, the rest is there. */
export function isAboutExpunged(code: string | null, text: string): boolean {
  return code === 'EXPUNGEISSUED' || /no longer exist/i.test(text)
}

/** True for Exchange's words for a login that is good and opens no mailbox. */
export function isNotConnected({ text }: Pick<Reply, 'text'>): boolean {
  return NOT_CONNECTED_TEXT.test(text)
}

/** Exchange Online says the same of a mailbox to which there were many connections lately: it forgets them in some minutes. */
export function crowded(what: string, serverText = ''): SealpostError {
  return new SealpostError('throttled', what, { code: NOT_CONNECTED, serverText, retryAfter: 30_000 })
}
