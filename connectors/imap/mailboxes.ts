import { SealpostError } from '../../src/core/errors.ts'
import type { Mailbox, MailboxNaming, SpecialUse } from '../../src/core/mail.ts'
import { canonicalPath, checkName } from '../shared/mailbox-names.ts'
import type { Context } from './context.ts'
import { checkHoldsMail, guided } from './guide.ts'
import { refusalOf } from './response-codes.ts'
import { listOf, parseTokens, textOf, type Untagged } from './response.ts'
import { isForeign, nameParts, pathOf, wireNameOf, type Namespace } from './wire-name.ts'

const MAX_MAILBOXES = 1_000_000

const SPECIAL_USE: Readonly<Record<string, SpecialUse>> = {
  '\\all': 'all',
  '\\archive': 'archive',
  '\\drafts': 'drafts',
  '\\flagged': 'flagged',
  '\\important': 'important',
  '\\junk': 'junk',
  '\\sent': 'sent',
  '\\trash': 'trash',
}

/**
 * Lists the personal namespace with one command where the server has LIST-EXTENDED (RFC 5258), else with LIST and LSUB.
 * Other users' and shared namespaces are left out. Patterns are `*` or a name that holds no wildcard, never a raw name.
 */
export async function listMailboxes(context: Context, signal: AbortSignal): Promise<readonly Mailbox[]> {
  const found = await guided(context, await list(context, ['"*"'], signal), signal)
  context.known = new Map(found.map((mailbox) => [mailbox.name, mailbox]))
  return found
}

async function list(
  context: Context,
  pattern: ReturnType<typeof nameParts>,
  signal: AbortSignal,
): Promise<readonly Mailbox[]> {
  const { connection } = context
  const rows: Untagged[] = []
  const subscribed = new Set<string>()
  const options = {
    take: {
      LIST: (row: Untagged) => {
        if (rows.push(row) > MAX_MAILBOXES) throw new Error('a list without an end')
      },
    },
  }
  const wanted = connection.has('SPECIAL-USE') ? 'SUBSCRIBED SPECIAL-USE' : 'SUBSCRIBED'
  const extended = ['LIST "" ', ...pattern, ` RETURN (${wanted})`]
  const done = connection.has('LIST-EXTENDED') && (await connection.run(extended, options, signal)).status === 'OK'
  if (!done) {
    rows.length = 0
    await connection.expectOk(['LIST "" ', ...pattern], options, 'imap: listing mailboxes', signal)
    const note = (row: Untagged): void => {
      const name = textOf(parseTokens(row.text, row.literals)[2])
      if (name !== null) subscribed.add(inboxed(name))
      if (subscribed.size > MAX_MAILBOXES) throw new Error('a list without an end')
    }
    // A server without subscriptions may refuse it.
    await connection.run(['LSUB "" ', ...pattern], { take: { LSUB: note } }, signal)
  }
  const found = new Map<string, Mailbox>()
  for (const row of rows) {
    const mailbox = readRow(row, context, subscribed)
    if (mailbox !== null) found.set(mailbox.name, mailbox)
  }
  return distinct([...found.values()], context.namespace)
}

/** A name that cannot be decoded may read like one that can: it is numbered then, so that no two paths are one. */
function distinct(mailboxes: readonly Mailbox[], namespace: Namespace): readonly Mailbox[] {
  const idOf = (path: readonly string[]): string => path.join('\0')
  const taken = new Set<string>()
  const doubtful: Mailbox[] = []
  for (const mailbox of mailboxes) {
    if (mailbox.name === 'INBOX' || wireNameOf(mailbox.path, namespace) === mailbox.name)
      taken.add(idOf(mailbox.path))
    else doubtful.push(mailbox)
  }
  const renamed = new Map<string, readonly string[]>()
  for (const { name, path } of doubtful.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    let free = path
    for (let number = 2; taken.has(idOf(free)); number++)
      free = [...path.slice(0, -1), `${path.at(-1) ?? ''} [${number}]`]
    taken.add(idOf(free))
    renamed.set(name, free)
  }
  return mailboxes.map((mailbox) => ({ ...mailbox, path: renamed.get(mailbox.name) ?? mailbox.path }))
}

function readRow(row: Untagged, context: Context, subscribed: ReadonlySet<string>): Mailbox | null {
  const [attributes, separator, rawName] = parseTokens(row.text, row.literals)
  const raw = textOf(rawName)
  if (raw === null || raw === '') return null
  const name = inboxed(raw)
  if (isForeign(name, context.namespace)) return null
  const flags = listOf(attributes).map((token) => (textOf(token) ?? '').toLowerCase())
  const delimiter = textOf(separator)
  const isInbox = name === 'INBOX'
  return {
    path: pathOf(name, delimiter === '' ? null : delimiter, context.namespace),
    name,
    specialUse: isInbox
      ? 'inbox'
      : (flags.map((flag) => SPECIAL_USE[flag]).find((use) => use !== undefined) ?? null),
    selectable: !flags.includes('\\noselect') && !flags.includes('\\nonexistent'),
    subscribed: flags.includes('\\subscribed') || subscribed.has(name),
    ...(flags.includes('\\noinferiors') ? { childless: true } : {}),
  }
}

/** The inbox has one name, in whatever case the server writes it (RFC 9051 section 5.1). */
function inboxed(name: string): string {
  return name.toUpperCase() === 'INBOX' ? 'INBOX' : name
}

/** The mailbox of exactly this wire name, or null. */
async function findByName(context: Context, name: string, signal: AbortSignal): Promise<Mailbox | null> {
  const pattern = /[%*]/.test(name) ? ['"*"'] : nameParts(name)
  const found = await list(context, pattern, signal)
  return found.find((mailbox) => mailbox.name === name) ?? null
}

/**
 * Finds or creates the mailbox at `path`, and its parents where the server does not by itself, with its special use
 * where that can be given (RFC 6154). What was created is looked up again: it must be what was meant. Twice is safe.
 * Throws `rejected` for a name that the server does not take.
 */
export async function ensureMailbox(
  context: Context,
  naming: MailboxNaming,
  path: readonly string[],
  specialUse: SpecialUse | null,
  signal: AbortSignal,
): Promise<Mailbox> {
  const meant = canonicalPath(path, naming)
  checkName(meant, naming)
  const name = wireNameOf(meant, context.namespace)
  // All are looked at once: most of what an account needs is there, or is asked for again and again.
  if (context.known === null) await listMailboxes(context, signal)
  checkHoldsMail(context, name)
  const before = context.known?.get(name)
  if (before?.selectable === true) return before
  let refusal = await create(context, name, specialUse, signal)
  if (refusal !== null && meant.length > 1) {
    for (let depth = 1; depth < meant.length; depth++) {
      const parent = wireNameOf(meant.slice(0, depth), context.namespace)
      if ((await findByName(context, parent, signal)) === null) await create(context, parent, null, signal)
    }
    refusal = await create(context, name, specialUse, signal)
  }
  let after = await findByName(context, name, signal)
  // A server may compose what it is given (RFC 9051 section 5.1); no two names of ours are one by that.
  const composed = wireNameOf(
    meant.map((level) => level.normalize('NFC')),
    context.namespace,
  )
  if (after === null && composed !== name) after = await findByName(context, composed, signal)
  if (after?.selectable === true) {
    context.known?.set(after.name, after)
    return after
  }
  throw (
    refusal ??
    new SealpostError('rejected', 'imap: the server made another mailbox than the one asked for', {
      code: 'CANNOT',
    })
  )
}

async function create(
  context: Context,
  name: string,
  specialUse: SpecialUse | null,
  signal: AbortSignal,
): Promise<SealpostError | null> {
  const { connection } = context
  if (specialUse !== null && specialUse !== 'inbox' && connection.has('CREATE-SPECIAL-USE')) {
    const use = `\\${specialUse.charAt(0).toUpperCase()}${specialUse.slice(1)}`
    const reply = await connection.run(['CREATE ', ...nameParts(name), ` (USE (${use}))`], {}, signal)
    if (reply.status === 'OK') return null
  }
  const reply = await connection.run(['CREATE ', ...nameParts(name)], {}, signal)
  return reply.status === 'OK' ? null : refusalOf(reply, 'imap: creating a mailbox')
}

/** Subscribes to the mailbox. Twice is safe. */
export async function subscribe(context: Context, mailbox: Mailbox, signal: AbortSignal): Promise<void> {
  const parts = ['SUBSCRIBE ', ...nameParts(mailbox.name)]
  await context.connection.expectOk(parts, {}, 'imap: subscribing to a mailbox', signal)
}
