import type { Fetched, Mailbox } from '../../src/core/mail.ts'
import type { Context } from './context.ts'
import type { FetchRow } from './fetch-row.ts'
import { findLarge, largeBody } from './large-body.ts'
import { Queue } from './queue.ts'
import { refusalOf } from './response-codes.ts'
import { select } from './selection.ts'
import { uidSets, uidsOf } from './uid-set.ts'

/** Bodies waiting for the consumer beyond this many bytes stop the reading. */
const QUEUED_BYTES = 4 * 1024 * 1024
const MASKED_NUL = 0x80

/**
 * Bodies of many messages a round trip, handed out as each literal is whole. The command's end is waited for before
 * the iteration ends, and what goes wrong until then is thrown: the engine then takes nothing of this call for good
 * (invariant 7). Large ones come last, when nothing else is being read.
 */
export async function* fetchBodies(
  context: Context,
  mailbox: Mailbox,
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Fetched> {
  const wanted = uidsOf(keys)
  const large = new Set(await context.turns.take(() => findLarge(context, mailbox, wanted, signal)))
  const small = wanted.filter((uid) => !large.has(uid))
  for (const set of uidSets(small, 1000)) {
    yield* fetchSet(context, mailbox, set.text, new Set(set.uids), large, signal)
  }
  for (const uid of large) {
    const body = await largeBody(context, mailbox, uid, signal)
    yield body === null ? { kind: 'gone', key: String(uid) } : { kind: 'large', key: String(uid), body }
  }
}

async function* fetchSet(
  context: Context,
  mailbox: Mailbox,
  set: string,
  open: Set<number>,
  large: Set<number>,
  signal: AbortSignal,
): AsyncGenerator<Fetched> {
  const { connection, limits, features } = context
  const release = await context.turns.hold()
  const queue = new Queue<Fetched>(QUEUED_BYTES, {
    full: () => connection.pause(),
    room: () => connection.resume(),
  })
  /** Bodies that may hold a NUL which the server has masked. */
  const suspects = new Map<number, Buffer>()
  const onRow = (row: FetchRow): void => {
    const { uid, body } = row
    if (uid === undefined || body === undefined || !open.delete(uid)) return
    if (body === null) queue.push({ kind: 'gone', key: String(uid) }, 0)
    else if (!Buffer.isBuffer(body)) large.add(uid)
    else if (features.binary && body.includes(MASKED_NUL)) suspects.set(uid, body)
    else queue.push({ kind: 'whole', key: String(uid), body }, body.length)
  }
  const run = async (): Promise<void> => {
    await select(context, mailbox, { write: false, fresh: false }, signal)
    const options = { onRow, literalLimit: limits.largeMessageBytes }
    const reply = await connection.run([`UID FETCH ${set} (UID BODY.PEEK[])`], options, signal)
    if (reply.status !== 'OK' && !isAboutExpunged(reply.code, reply.text))
      throw refusalOf(reply, 'imap: reading messages')
    for (const uid of open) queue.push({ kind: 'gone', key: String(uid) }, 0)
    if (suspects.size > 0) await unmask(context, suspects, signal)
    for (const [uid, body] of suspects) queue.push({ kind: 'whole', key: String(uid), body }, body.length)
  }
  const running = run().then(
    () => queue.end(),
    (error: unknown) => queue.fail(error),
  )
  try {
    yield* queue.items()
  } finally {
    // Left early: the rest of the answer is read and thrown away, so that the session can go on.
    queue.discard()
    await running
    release()
  }
}

/** RFC 5530 and servers before it: what is left out has been expunged, the rest is there. */
function isAboutExpunged(code: string | null, text: string): boolean {
  return code === 'EXPUNGEISSUED' || /no longer exist/i.test(text)
}

/**
 * Asks for the bodies once more by BINARY (RFC 3516), which is allowed to hold NUL, and puts that form in the place of
 * the first where it is the same but for NULs that the first shows as 0x80.
 */
async function unmask(context: Context, suspects: Map<number, Buffer>, signal: AbortSignal): Promise<void> {
  const onRow = (row: FetchRow): void => {
    const first = row.uid === undefined ? undefined : suspects.get(row.uid)
    if (row.uid === undefined || first === undefined || !Buffer.isBuffer(row.body)) return
    if (isUnmasked(first, row.body)) suspects.set(row.uid, row.body)
  }
  const uids = [...suspects.keys()].sort((a, b) => a - b)
  const options = { onRow, literalLimit: context.limits.largeMessageBytes }
  for (const set of uidSets(uids, 1000)) {
    // A refusal (UNKNOWN-CTE) leaves the first form, which is what the server gives everybody.
    await context.connection.run([`UID FETCH ${set.text} (UID BINARY.PEEK[])`], options, signal)
  }
}

/** True when `second` is `first` with some 0x80 read as NUL. */
export function isUnmasked(first: Uint8Array, second: Uint8Array): boolean {
  if (first.length !== second.length) return false
  for (let at = 0; at < first.length; at++) {
    if (first[at] !== second[at] && !(first[at] === MASKED_NUL && second[at] === 0)) return false
  }
  return true
}
