import type { Position } from '../../src/core/connector.ts'
import { SealpostError } from '../../src/core/errors.ts'
import type { Candidate, FlagState, Mailbox } from '../../src/core/mail.ts'
import type { MessageState } from './account-index.ts'
import type { Context } from './context.ts'
import { flagsOf } from './label-flags.ts'
import { liesIn, type Label } from './labels.ts'

/** A mark serves so many appends of a session before it is taken anew: an older one is as good, but finds more. */
const USES_OF_A_MARK = 100

/** What stands for UIDVALIDITY: ids of messages are for ever, but a label that was made again is another mailbox. */
export function validityOf(label: Label): string {
  return label.id ?? 'ALL'
}

/**
 * `DestinationSession.position`: a number of the history, which grows with each message stored anywhere in the
 * account. Between the appends of a session it costs no request.
 */
export async function position(context: Context, mailbox: Mailbox, signal: AbortSignal): Promise<Position> {
  const label = await context.labels.of(mailbox, signal)
  const { mark } = context
  context.mark = null
  if (mark !== null && mark.uses < USES_OF_A_MARK) {
    context.taken = { at: mark.at, uses: mark.uses + 1 }
    return { validity: validityOf(label), next: String(mark.at) }
  }
  const at = await context.index.now(signal)
  context.taken = { at, uses: 0 }
  return { validity: validityOf(label), next: String(at) }
}

/** `DestinationSession.find`. Sizes are left out, since Gmail estimates them. */
export async function* find(
  context: Context,
  mailbox: Mailbox,
  since: Position | null,
  signal: AbortSignal,
): AsyncGenerator<Candidate> {
  // Whoever looks wants to know what came since: the next mark is taken anew.
  context.mark = null
  const label = await context.labels.of(mailbox, signal, true)
  if (since !== null && since.validity !== validityOf(label)) {
    throw new SealpostError('stale', 'Gmail: the label was deleted and made again')
  }
  const from = since === null || !/^\d{1,15}$/.test(since.next) ? null : Number(since.next)
  const changes = from === null ? null : await context.index.since(from, signal)
  // Where the history does not reach back so far any more, everything is looked at.
  const states =
    changes === null || from === null
      ? await everythingIn(context, label, signal)
      : changes.changed.filter(({ joinedAt }) => joinedAt > from)
  for (const { id, labels, internalDate, messageId } of [...states]) {
    if (liesIn(labels, label)) yield { key: id, bytes: null, internalDate, flags: flagsOf(labels), messageId }
  }
}

async function everythingIn(context: Context, label: Label, signal: AbortSignal): Promise<Iterable<MessageState>> {
  return label.id === null ? (await context.index.all(signal)).states : context.index.under(label.id, signal)
}

/** `Session.flags`. */
export async function* readFlags(
  context: Context,
  mailbox: Mailbox,
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<FlagState> {
  if (keys.length === 0) return
  const label = await context.labels.of(mailbox, signal)
  for (const [key, { labels }] of await context.index.of(keys, signal)) {
    if (liesIn(labels, label)) yield { key, flags: flagsOf(labels) }
  }
}
