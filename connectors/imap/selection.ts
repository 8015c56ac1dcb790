import { SealpostError } from '../../src/core/errors.ts'
import { normalizeFlags, type Mailbox } from '../../src/core/mail.ts'
import type { ImapManners } from '../shared/imap-manners.ts'
import type { Context } from './context.ts'
import { listOf, parseStatus, parseTokens, textOf, type Untagged } from './response.ts'
import { nameParts } from './wire-name.ts'

/** Untagged responses to SELECT or EXAMINE that are kept: servers give a dozen. */
const MAX_RESPONSES = 10_000

/** What SELECT or EXAMINE said about a mailbox. */
export interface Selection {
  readonly name: string
  readonly writable: boolean
  readonly validity: string
  readonly next: number | null
  readonly messages: number
  /** HIGHESTMODSEQ (RFC 7162); null where the mailbox keeps none. */
  readonly modseq: string | null
  readonly permanentFlags: readonly string[]
  /** Any keyword may be made up (`\*`). */
  readonly anyKeyword: boolean
}

/**
 * Selects the mailbox unless it is selected already; `fresh` asks again all the same. Reading uses EXAMINE, which
 * changes nothing; selecting another mailbox ends the former one without expunging (RFC 9051 section 6.3.2).
 * Throws `not-found`, and `stale` when UIDVALIDITY is not the one that the keys were given out under.
 */
export async function select(
  context: Context,
  mailbox: Mailbox,
  mode: { readonly write: boolean; readonly fresh: boolean; readonly anyValidity?: boolean },
  signal: AbortSignal,
): Promise<Selection> {
  const { connection } = context
  let selection = context.selected
  if (mode.fresh || selection?.name !== mailbox.name || (mode.write && !selection.writable)) {
    context.selected = null
    const seen: Untagged[] = []
    const note = (response: Untagged): void => {
      if (seen.push(response) > MAX_RESPONSES) throw new Error('a mailbox that does not open')
    }
    const reply = await connection.expectOk(
      [mode.write ? 'SELECT ' : 'EXAMINE ', ...nameParts(mailbox.name)],
      { take: { OK: note, EXISTS: note, FLAGS: note } },
      'imap: opening a mailbox',
      signal,
    )
    selection = asChosen(readSelection(mailbox.name, seen, reply.code), context.manners.keywords)
    context.selected = selection
  }
  if (mode.write && !selection.writable) {
    throw new SealpostError('rejected', 'imap: the mailbox can only be read', { code: 'READ-ONLY' })
  }
  const known = context.validities.get(mailbox.name)
  if (mode.anyValidity !== true && known !== undefined && known !== selection.validity) {
    throw new SealpostError('stale', 'imap: the mailbox has a new UIDVALIDITY', { code: 'UIDVALIDITY' })
  }
  return selection
}

/**
 * Selects the mailbox so that the session sees every message up to `highest`. A selected mailbox shows what it held
 * when the server last looked; what another session stored since is passed over without a word by UID FETCH, STORE and
 * MOVE. A UID at or above the UIDNEXT that was seen tells that this is so, and NOOP lets the server look again.
 */
export async function selectSeeing(
  context: Context,
  mailbox: Mailbox,
  write: boolean,
  highest: number,
  signal: AbortSignal,
): Promise<Selection> {
  const selection = await select(context, mailbox, { write, fresh: false }, signal)
  if (selection.next !== null && highest < selection.next) return selection
  await context.connection.expectOk(['NOOP'], {}, 'imap: looking for new messages', signal)
  const seeing = { ...selection, next: Math.max(selection.next ?? 0, highest + 1) }
  context.selected = seeing
  return seeing
}

/** Keys mean nothing without it, so that nothing can be claimed or found again; waiting does not change that. */
export function withoutValidity(): SealpostError {
  return new SealpostError('rejected', 'imap: the server gives the mailbox no UIDVALIDITY', { code: 'PROTOCOL' })
}

function readSelection(name: string, seen: readonly Untagged[], endCode: string | null): Selection {
  let validity = ''
  let next: number | null = null
  let messages = 0
  let modseq: string | null = null
  let permanent: readonly string[] | null = null
  let flags: readonly string[] = []
  for (const response of seen) {
    if (response.keyword === 'EXISTS') messages = response.number
    else if (response.keyword === 'FLAGS') flags = flagList(response.text)
    else {
      const status = parseStatus(`OK ${response.text}`)
      if (status?.code === 'UIDVALIDITY') validity = digits(status.codeText) ?? ''
      else if (status?.code === 'UIDNEXT') next = Number(digits(status.codeText) ?? 0) || null
      else if (status?.code === 'HIGHESTMODSEQ') modseq = digits(status.codeText)
      else if (status?.code === 'PERMANENTFLAGS') permanent = flagList(status.codeText)
    }
  }
  if (validity === '') throw withoutValidity()
  const kept = permanent ?? flags
  return {
    name,
    writable: endCode !== 'READ-ONLY',
    validity,
    next,
    messages,
    modseq: modseq === '0' ? null : modseq,
    permanentFlags: normalizeFlags(kept),
    // Without PERMANENTFLAGS everything may be changed (RFC 9051 section 6.3.2).
    anyKeyword: permanent === null || kept.includes('\\*'),
  }
}

/** Keywords that are not wanted are taken as if the mailbox did not keep them. */
function asChosen(selection: Selection, keywords: ImapManners['keywords']): Selection {
  if (keywords === undefined || keywords === 'all') return selection
  const { permanentFlags, anyKeyword } = selection
  const wanted = new Set((keywords === 'none' ? [] : keywords).map((keyword) => keyword.toLowerCase()))
  const kept = permanentFlags.filter((flag) => flag.startsWith('\\') || wanted.has(flag.toLowerCase()))
  const added = anyKeyword && keywords !== 'none' ? keywords : []
  return { ...selection, permanentFlags: normalizeFlags([...kept, ...added]), anyKeyword: false }
}

function flagList(text: string): readonly string[] {
  return listOf(parseTokens(text)[0])
    .map((token) => textOf(token))
    .filter((flag): flag is string => flag !== null)
}

function digits(text: string): string | null {
  return /^\d{1,19}$/.test(text.trim()) ? text.trim() : null
}
