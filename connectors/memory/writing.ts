import type { Outcome, Position } from '../../src/core/connector.ts'
import { SealpostError } from '../../src/core/errors.ts'
import { messageIdOf } from '../../src/core/header.ts'
import type { Candidate, FlagChange, FlagRefusal, Mailbox, SpecialUse } from '../../src/core/mail.ts'
import { canonicalPath, checkName } from '../shared/mailbox-names.ts'
import { storableFlags } from './append.ts'
import { uidOf } from './memory-mailbox.ts'
import type { SessionContext } from './session-context.ts'

/** `DestinationSession.ensureMailbox`. */
export async function ensureMailbox(
  context: SessionContext,
  path: readonly string[],
  specialUse: SpecialUse | null,
  signal: AbortSignal,
): Promise<Mailbox> {
  checkName(path, context.naming)
  await context.before('ensureMailbox', {}, signal)
  const whole = canonicalPath(path, context.naming)
  for (let levels = 1; levels < whole.length; levels++) {
    const parent = whole.slice(0, levels)
    if (context.lookUp(parent) === undefined) context.account.create(parent)
  }
  const mailbox = context.lookUp(whole) ?? context.account.create(whole, specialUse)
  await context.after('ensureMailbox', { mailbox: mailbox.describe() })
  return mailbox.describe()
}

/** `DestinationSession.subscribe`. */
export async function subscribe(context: SessionContext, mailbox: Mailbox, signal: AbortSignal): Promise<void> {
  await context.before('subscribe', { mailbox }, signal)
  context.mailbox(mailbox).subscribed = true
  await context.after('subscribe', { mailbox })
}

/** `DestinationSession.position`. */
export async function readPosition(
  context: SessionContext,
  handle: Mailbox,
  signal: AbortSignal,
): Promise<Position> {
  await context.before('position', { mailbox: handle }, signal)
  const mailbox = context.mailbox(handle)
  return { validity: String(mailbox.uidValidity), next: String(mailbox.uidNext) }
}

/** `DestinationSession.find`. Throws `stale` when the position's validity has gone. */
export async function* findCandidates(
  context: SessionContext,
  handle: Mailbox,
  since: Position | null,
  signal: AbortSignal,
): AsyncGenerator<Candidate> {
  await context.before('find', { mailbox: handle }, signal)
  const mailbox = context.mailbox(handle)
  if (since !== null && since.validity !== String(mailbox.uidValidity)) {
    throw new SealpostError('stale', 'the destination mailbox has a new UIDVALIDITY')
  }
  const from = since === null ? 0 : Number(since.next)
  for (const message of [...mailbox.messages.values()].sort((a, b) => a.uid - b.uid)) {
    if (message.uid < from) continue
    const key = String(message.uid)
    await context.before('candidate', { mailbox: handle, keys: [key] }, signal)
    yield {
      key,
      bytes: message.bytes.length,
      internalDate: message.internalDate,
      flags: message.flags,
      messageId: messageIdOf(message.bytes),
    }
  }
}

/** `DestinationSession.setFlags`. */
export async function setFlags(
  context: SessionContext,
  handle: Mailbox,
  changes: readonly FlagChange[],
  signal: AbortSignal,
): Promise<readonly FlagRefusal[]> {
  const subject = { mailbox: handle, keys: changes.map(({ key }) => key) }
  await context.before('setFlags', subject, signal)
  const mailbox = context.mailbox(handle)
  const refusals: FlagRefusal[] = []
  for (const { key, add, remove } of changes) {
    const message = mailbox.messages.get(uidOf(key) ?? 0)
    if (message === undefined) continue
    const storable = storableFlags(context, add)
    for (const flag of add) {
      if (!storable.includes(flag)) refusals.push({ key, flag, reason: 'this end does not store it' })
    }
    const removed = new Set(remove.map((flag) => flag.toLowerCase()))
    const kept = message.flags.filter((flag) => !removed.has(flag.toLowerCase()))
    mailbox.setFlags(message.uid, [...kept, ...storable])
  }
  await context.after('setFlags', subject)
  return refusals
}

/** `DestinationSession.move`. Throws `bug` where the capability is denied. */
export async function moveMessages(
  context: SessionContext,
  from: Mailbox,
  keys: readonly string[],
  to: Mailbox,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  if (!context.capabilities.move) throw new SealpostError('bug', 'this end cannot move messages')
  await context.before('move', { mailbox: from, keys }, signal)
  const source = context.mailbox(from)
  const target = context.mailbox(to)
  const outcomes = keys.map((key): Outcome => {
    const moved = source.expunge(uidOf(key) ?? 0)
    if (moved === undefined) {
      return { kind: 'refused', error: new SealpostError('not-found', 'the message is no longer there') }
    }
    const stored = target.add(moved, context.capabilities.labels ? moved.uid : undefined)
    if (!context.capabilities.keyOnAppend) return { kind: 'landed', key: null, validity: null }
    return { kind: 'landed', key: String(stored.uid), validity: String(target.uidValidity) }
  })
  await context.after('move', { mailbox: from, keys })
  return outcomes
}

/** `DestinationSession.addToMailbox`. Throws `bug` where the capability is denied, `not-found` for an unknown key. */
export async function addToMailbox(
  context: SessionContext,
  key: string,
  handle: Mailbox,
  signal: AbortSignal,
): Promise<void> {
  if (!context.capabilities.labels) throw new SealpostError('bug', 'this end has no labels')
  await context.before('addToMailbox', { mailbox: handle, keys: [key] }, signal)
  const uid = uidOf(key) ?? 0
  const message = context.account.mailboxes.map((mailbox) => mailbox.messages.get(uid)).find((found) => found)
  if (message === undefined) throw new SealpostError('not-found', 'the message is no longer there')
  const mailbox = context.mailbox(handle)
  if (!mailbox.messages.has(uid)) mailbox.add(message, uid)
  await context.after('addToMailbox', { mailbox: handle, keys: [key] })
}
