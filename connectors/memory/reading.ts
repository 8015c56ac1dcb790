import { SealpostError } from '../../src/core/errors.ts'
import type { Body, Fetched, FlagState, Mailbox, Quota } from '../../src/core/mail.ts'
import { uidOf } from './memory-mailbox.ts'
import type { SessionContext } from './session-context.ts'

const LARGE_MESSAGE_BYTES = 16 * 1024 * 1024
const PIECE_BYTES = 64 * 1024

/** `Session.listMailboxes`. */
export async function* listMailboxes(context: SessionContext, signal: AbortSignal): AsyncGenerator<Mailbox> {
  await context.before('listMailboxes', {}, signal)
  const described = context.account.mailboxes.map((mailbox) => mailbox.describe())
  await context.after('listMailboxes', {})
  yield* described
}

/** `Session.fetch`. */
export async function* fetchBodies(
  context: SessionContext,
  mailbox: Mailbox,
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Fetched> {
  await context.before('fetch', { mailbox, keys }, signal)
  context.mailbox(mailbox)
  for (const key of keys) {
    await context.before('body', { mailbox, keys: [key] }, signal)
    const message = context.mailbox(mailbox).messages.get(uidOf(key) ?? 0)
    if (message === undefined) {
      yield { kind: 'gone', key }
    } else if (message.bytes.length > (context.options.largeMessageBytes ?? LARGE_MESSAGE_BYTES)) {
      yield { kind: 'large', key, body: largeBody(context, mailbox, key, message.bytes.length, signal) }
    } else {
      const body = Uint8Array.from(message.bytes)
      // As if another body lay there by now: who reads on has lost.
      yield { kind: 'whole', key, body, release: () => void body.fill(0xee) }
    }
  }
  await context.after('fetch', { mailbox, keys })
}

/** `Session.flags`. */
export async function* readFlags(
  context: SessionContext,
  mailbox: Mailbox,
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<FlagState> {
  await context.before('flags', { mailbox, keys }, signal)
  const stored = context.mailbox(mailbox)
  const states: FlagState[] = []
  for (const key of keys) {
    const message = stored.messages.get(uidOf(key) ?? 0)
    if (message !== undefined) states.push({ key, flags: message.flags })
  }
  await context.after('flags', { mailbox, keys })
  yield* states
}

/** `Session.quota`. */
export async function readQuota(context: SessionContext, signal: AbortSignal): Promise<Quota | null> {
  await context.before('quota', {}, signal)
  const { limitBytes } = context.account
  return limitBytes === null ? null : { usedBytes: context.account.usedBytes(), limitBytes }
}

/** `Session.close`: never throws, but for a crash that the hook asks for. */
export async function close(context: SessionContext): Promise<void> {
  if (!context.alive) return
  try {
    await context.before('close', {}, null)
  } catch (error) {
    if (!(error instanceof SealpostError)) throw error
  }
  context.disconnect()
}

/** A body that is read in pieces over the session, as from a server that reads ranges. */
function largeBody(
  context: SessionContext,
  mailbox: Mailbox,
  key: string,
  bytes: number,
  signal: AbortSignal,
): Body {
  const pieceBytes = context.options.pieceBytes ?? PIECE_BYTES
  return {
    bytes,
    async *open() {
      for (let start = 0; start < bytes; start += pieceBytes) {
        await context.before('read', { mailbox, keys: [key] }, signal)
        const message = context.mailbox(mailbox).messages.get(uidOf(key) ?? 0)
        if (message === undefined) throw new SealpostError('not-found', 'the message has gone while it was read')
        yield Uint8Array.from(message.bytes.subarray(start, start + pieceBytes))
      }
    },
  }
}
