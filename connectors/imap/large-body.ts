import { SealpostError } from '../../src/core/errors.ts'
import type { Body, Listed, Mailbox } from '../../src/core/mail.ts'
import type { Context, SizeBook } from './context.ts'
import { isUnmasked, MASKED_NUL } from './binary-form.ts'
import type { FetchRow } from './fetch-row.ts'
import { refusalOf } from './response-codes.ts'
import { searchUids } from './search.ts'
import { select, selectSeeing, type Selection } from './selection.ts'

/** The largest size that a message can have on any server: what bounds the search for the real one. */
const MAX_BYTES = 2 ** 40

/**
 * Which of these messages are announced as large. What listings have shown is known; for the rest one search answers,
 * once. A server that refuses it is taken at its literals: a large one is passed over as it comes and then read in
 * ranges.
 */
export async function findLarge(
  context: Context,
  mailbox: Mailbox,
  uids: readonly number[],
  signal: AbortSignal,
): Promise<readonly number[]> {
  const last = uids[uids.length - 1]
  if (last === undefined) return []
  const selection = await selectSeeing(context, mailbox, false, last, signal)
  const book = sizeBook(context, mailbox.name, selection.validity)
  if (last >= book.below) {
    const end = Math.max(last, (selection.next ?? 1) - 1)
    const larger = `UID ${book.below}:${end} LARGER ${context.limits.largeMessageBytes}`
    const found = await searchUids(context, larger, signal).catch((error: unknown) => {
      if (error instanceof SealpostError && error.kind === 'rejected') return []
      throw error
    })
    for (const uid of found) book.large.add(uid)
    book.below = end + 1
  }
  const { large } = book
  return uids.filter((uid) => large.has(uid))
}

/** Takes note of a listing that went on where the last one ended: all there is from `low` to `high` is in it. */
export function noteSizes(
  context: Context,
  selection: Selection,
  low: number,
  high: number,
  listed: readonly Listed[],
): void {
  const book = sizeBook(context, selection.name, selection.validity)
  if (low > book.below) return
  for (const { key, bytes } of listed) if (bytes > context.limits.largeMessageBytes) book.large.add(Number(key))
  book.below = Math.max(book.below, high + 1)
}

/** A message of the selected mailbox is to be read in ranges from now on, whatever it was announced as. */
export function noteLarge(context: Context, mailbox: Mailbox, uid: number): void {
  const validity = context.selected?.validity
  if (validity !== undefined) sizeBook(context, mailbox.name, validity).large.add(uid)
}

function sizeBook(context: Context, name: string, validity: string): SizeBook {
  let book = context.sizes.get(name)
  if (book?.validity !== validity) {
    book = { validity, below: 1, large: new Set() }
    context.sizes.set(name, book)
  }
  return book
}

/**
 * A body that is read in ranges, each a round trip of its own. Its size is found out first, from the announced one and
 * by looking whether a byte stands there: RFC822.SIZE decides nothing (invariant 7). Null when the message is gone.
 */
export async function largeBody(
  context: Context,
  mailbox: Mailbox,
  uid: number,
  signal: AbortSignal,
): Promise<Body | null> {
  const announced = await context.turns.take(() => announcedSize(context, mailbox, uid, signal))
  if (announced === null) return null
  const range = (from: number, length: number): Promise<Buffer | null> =>
    context.turns.take(() => readRange(context, mailbox, uid, from, length, signal))
  const bytes = await realSize(range, announced)
  if (bytes === null) return null
  return { bytes, open: () => readAll(range, bytes, context.limits.rangeBytes) }
}

type ReadRange = (from: number, length: number) => Promise<Buffer | null>

/** The first offset at which no byte stands, beginning with the announced one. */
async function realSize(range: ReadRange, announced: number): Promise<number | null> {
  if (announced > 0) {
    const end = await range(announced - 1, 2)
    if (end === null) return null
    if (end.length === 1) return announced
  }
  let low = 0
  let high = Math.max(announced, 1)
  for (;;) {
    const found = await range(high, 1)
    if (found === null) return null
    if (found.length === 0) break
    low = high + 1
    high *= 2
    if (high > MAX_BYTES)
      throw new SealpostError('transient', 'imap: a message without an end', { code: 'PROTOCOL' })
  }
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const found = await range(middle, 1)
    if (found === null) return null
    if (found.length === 0) high = middle
    else low = middle + 1
  }
  return low
}

async function* readAll(range: ReadRange, bytes: number, rangeBytes: number): AsyncGenerator<Uint8Array> {
  let from = 0
  for (;;) {
    const piece = await range(from, rangeBytes)
    if (piece === null) throw new SealpostError('not-found', 'imap: the message was expunged while it was read')
    if (piece.length > rangeBytes || from + piece.length > bytes) throw short('longer')
    if (piece.length === 0) break
    yield piece
    from += piece.length
  }
  if (from !== bytes) throw short('shorter')
}

function short(how: string): SealpostError {
  return new SealpostError('transient', `imap: a message is ${how} than when it was measured`, { code: 'SIZE' })
}

async function announcedSize(
  context: Context,
  mailbox: Mailbox,
  uid: number,
  signal: AbortSignal,
): Promise<number | null> {
  await selectSeeing(context, mailbox, false, uid, signal)
  let bytes: number | null = null
  const onRow = (row: FetchRow): void => {
    if (row.uid === uid && row.bytes !== undefined) bytes = row.bytes
  }
  const command = `UID FETCH ${uid} (UID RFC822.SIZE)`
  await context.connection.expectOk([command], { onRow }, 'imap: reading a size', signal)
  return bytes
}

/** One range; empty at and beyond the end, null when the message is gone. */
async function readRange(
  context: Context,
  mailbox: Mailbox,
  uid: number,
  from: number,
  length: number,
  signal: AbortSignal,
): Promise<Buffer | null> {
  await select(context, mailbox, { write: false, fresh: false }, signal)
  const ask = async (item: string): Promise<Buffer | null | undefined> => {
    let found: Buffer | null | undefined
    const onRow = (row: FetchRow): void => {
      if (row.uid !== uid || row.body === undefined) return
      found = Buffer.isBuffer(row.body) ? row.body : null
    }
    const command = `UID FETCH ${uid} (UID ${item}[]<${from}.${length}>)`
    const reply = await context.connection.run([command], { onRow, literalLimit: length }, signal)
    if (reply.status !== 'OK') throw refusalOf(reply, 'imap: reading a range')
    return found
  }
  const first = await ask('BODY.PEEK')
  if (first === undefined) return null
  if (first === null) return (await stillThere(context, uid, signal)) ? Buffer.alloc(0) : null
  if (!context.features.binary || !first.includes(MASKED_NUL)) return first
  const second = await ask('BINARY.PEEK').catch((error: unknown) => {
    if (error instanceof SealpostError && error.kind === 'rejected') return undefined
    throw error
  })
  return Buffer.isBuffer(second) && isUnmasked(first, second) ? second : first
}

/** Tells NIL for a range beyond the end from NIL for a message that has gone. */
async function stillThere(context: Context, uid: number, signal: AbortSignal): Promise<boolean> {
  const found = await searchUids(context, `UID ${uid}`, signal)
  return found.includes(uid)
}
