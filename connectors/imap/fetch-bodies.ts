import type { Fetched, Mailbox } from '../../src/core/mail.ts'
import { isUnmasked, MASKED_NUL } from './binary-form.ts'
import { isExchange, isStandIn } from './stand-in.ts'
import { perCommand, type Context } from './context.ts'
import type { FetchRow } from './fetch-row.ts'
import { findLarge, largeBody, noteLarge } from './large-body.ts'
import { Queue } from './queue.ts'
import { isAboutExpunged, refusalOf } from './response-codes.ts'
import { selectSeeing } from './selection.ts'
import { uidSets, uidsOf } from './uid-set.ts'

/** Bodies waiting for the consumer beyond this many bytes stop the reading. */
const QUEUED_BYTES = 4 * 1024 * 1024
const MAX_MESSAGES = 1000

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
  for (const { text, uids } of uidSets(small, perCommand(context, MAX_MESSAGES))) {
    yield* fetchSet(context, mailbox, { text, open: new Set(uids), large }, signal)
  }
  for (const uid of large) {
    const body = await largeBody(context, mailbox, uid, signal)
    if (body === null) yield { kind: 'gone', key: String(uid) }
    else if (body.bytes === 0) yield unreadable(uid, NO_BODY)
    else yield { kind: 'large', key: String(uid), body }
  }
}

interface BodySet {
  readonly text: string
  /** Not answered yet. */
  readonly open: Set<number>
  /** Takes what turns out to be large. */
  readonly large: Set<number>
}

async function* fetchSet(
  context: Context,
  mailbox: Mailbox,
  set: BodySet,
  signal: AbortSignal,
): AsyncGenerator<Fetched> {
  const { connection } = context
  const release = await context.turns.hold()
  const queue = new Queue<Fetched>(QUEUED_BYTES, {
    full: () => connection.pause(),
    room: () => connection.resume(),
  })
  const running = readSet(context, mailbox, set, queue, signal).then(
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

async function readSet(
  context: Context,
  mailbox: Mailbox,
  set: BodySet,
  queue: Queue<Fetched>,
  signal: AbortSignal,
): Promise<void> {
  const { connection, limits, features, manners } = context
  const { open, large } = set
  const empty = new Set<number>()
  const standsIn = manners.standsIn === true || isExchange(connection.facts.greeting)
  /** Bodies that may hold a NUL which the server has masked. */
  const suspects = new Map<number, Buffer>()
  const onRow = ({ uid, body }: FetchRow): void => {
    // NIL, and no answer at all, are how servers say that a message has been expunged.
    if (uid === undefined || body === undefined || body === null || !open.delete(uid)) return
    if (!Buffer.isBuffer(body)) large.add(uid)
    else if (body.length === 0) empty.add(uid)
    else if (standsIn && isStandIn(body, uid)) queue.push(unreadable(uid, STAND_IN), 0)
    else if (features.binary && body.includes(MASKED_NUL)) suspects.set(uid, body)
    else queue.push(whole(context, uid, body), body.length)
  }
  const room = (bytes: number): Buffer => context.bodies.take(bytes)
  // What is announced with more than a gigabyte comes in ranges when it is asked for the next time, whatever its size is.
  const onBeyond = (text: string): void => {
    const [first, ...more] = open
    const named = Number(/\bUID (\d+)/i.exec(text)?.[1])
    if (open.has(named)) noteLarge(context, mailbox, named)
    else if (first !== undefined && more.length === 0) noteLarge(context, mailbox, first)
  }
  const options = { onRow, onBeyond, room, literalLimit: limits.largeMessageBytes }
  const read = async (text: string): Promise<void> => {
    const reply = await connection.run([`UID FETCH ${text} (UID BODY.PEEK[])`], options, signal)
    if (reply.status !== 'OK' && !isAboutExpunged(reply.code, reply.text)) {
      throw refusalOf(reply, 'imap: reading messages')
    }
  }
  await selectSeeing(context, mailbox, false, Math.max(...open), signal)
  await read(set.text)
  if (open.size > 0) {
    // What is taken for gone is never moved: the server is made to look again first.
    await connection.expectOk(['NOOP'], {}, 'imap: looking again', signal)
    for (const { text } of uidSets(
      [...open].sort((a, b) => a - b),
      MAX_MESSAGES,
    ))
      await read(text)
  }
  // Some servers leave out, or send empty, what they cannot read: that has not gone, and is not all there is of it.
  const announced = await announcedSizes(context, [...open, ...empty], signal)
  for (const uid of open) {
    queue.push(announced.has(uid) ? unreadable(uid, NO_BODY) : { kind: 'gone', key: String(uid) }, 0)
  }
  for (const uid of empty) {
    const isWhole = (announced.get(uid) ?? 0) === 0
    queue.push(isWhole ? whole(context, uid, Buffer.alloc(0)) : unreadable(uid, NO_BODY), 0)
  }
  if (suspects.size > 0) await unmask(context, suspects, queue, signal)
}

/** The messages among these that are there now, and their announced sizes. */
async function announcedSizes(
  context: Context,
  uids: readonly number[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, number>> {
  const sizes = new Map<number, number>()
  const onRow = ({ uid, bytes }: FetchRow): void => {
    if (uid !== undefined && bytes !== undefined) sizes.set(uid, bytes)
  }
  const sets = uidSets(
    uids.toSorted((a, b) => a - b),
    perCommand(context, MAX_MESSAGES),
  )
  for (const { text } of sets) {
    const reply = await context.connection.run([`UID FETCH ${text} (UID RFC822.SIZE)`], { onRow }, signal)
    if (reply.status !== 'OK' && !isAboutExpunged(reply.code, reply.text)) {
      throw refusalOf(reply, 'imap: reading sizes')
    }
  }
  return sizes
}

const NO_BODY = 'imap: the server lists the message and hands over nothing of it'
const STAND_IN = 'imap: the server cannot read the message, and hands over a note that says so in its place'

function unreadable(uid: number, reason: string): Fetched {
  return { kind: 'unreadable', key: String(uid), reason }
}

function whole({ bodies }: Context, uid: number, body: Buffer): Fetched {
  let isGiven = false
  const release = (): void => {
    // Given twice, it would become the memory of two messages.
    if (!isGiven) bodies.give(body)
    isGiven = true
  }
  return { kind: 'whole', key: String(uid), body, release }
}

/**
 * Asks for the bodies once more by BINARY (RFC 3516), which is allowed to hold NUL, and hands out that form where it is
 * the same but for NULs that the first shows as 0x80; else, and where it is refused, the first, which is what the
 * server gives everybody.
 */
async function unmask(
  context: Context,
  suspects: Map<number, Buffer>,
  queue: Queue<Fetched>,
  signal: AbortSignal,
): Promise<void> {
  const handOut = (uid: number, body: Buffer): void => {
    suspects.delete(uid)
    queue.push(whole(context, uid, body), body.length)
  }
  const onRow = ({ uid, body }: FetchRow): void => {
    const first = uid === undefined ? undefined : suspects.get(uid)
    if (uid === undefined || first === undefined || body === undefined) return
    handOut(uid, Buffer.isBuffer(body) && isUnmasked(first, body) ? body : first)
  }
  const uids = [...suspects.keys()].sort((a, b) => a - b)
  const options = { onRow, literalLimit: context.limits.largeMessageBytes }
  for (const set of uidSets(uids, perCommand(context, MAX_MESSAGES))) {
    await context.connection.run([`UID FETCH ${set.text} (UID BINARY.PEEK[])`], options, signal)
  }
  for (const [uid, body] of [...suspects]) handOut(uid, body)
}
