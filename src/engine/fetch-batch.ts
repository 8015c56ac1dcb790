import type { Body, Mailbox } from '../core/mail.ts'
import type { SourceSession } from '../core/connector.ts'
import { Digester, digestWhole, type DigestOptions, type Digests } from '../core/digest.ts'
import { SealpostError } from '../core/errors.ts'
import { dateOf, HEADER_PEEK_BYTES, messageIdOf } from '../core/header.ts'
import type { MessageRecord } from '../core/ledger.ts'
import type { Spool, SpoolObject } from '../core/ports.ts'

/** A message that has been fetched to its confirmed end and waits to be stored. */
export interface Prepared {
  readonly row: MessageRecord
  readonly digests: Digests
  readonly messageId: string | null
  /** That of the source; where it has none that a server could keep, the one in the header. */
  readonly internalDate: number
  readonly body: Uint8Array | SpoolObject
  /** `Fetched.release`. */
  readonly release?: (() => void) | undefined
}

/** What came of fetching a slice. */
export interface FetchedBatch {
  readonly prepared: readonly Prepared[]
  /** Rows whose message has vanished from the source. */
  readonly goneIds: readonly number[]
  /** Rows whose message the source cannot hand over, and why. */
  readonly unreadable: readonly { readonly id: number; readonly reason: string }[]
}

/**
 * Fetches and digests the bodies of `rows`. Large ones go through the spool, sealed. Throws when any of them could
 * not be read to its end, and then nothing is kept: a body handed out by a fetch that failed is not trusted.
 */
export async function fetchBatch(
  session: SourceSession,
  spool: Spool,
  mailbox: Mailbox,
  rows: readonly MessageRecord[],
  options: DigestOptions,
  signal: AbortSignal,
): Promise<FetchedBatch> {
  const awaited = new Map(rows.map((row) => [row.key, row]))
  const prepared: Prepared[] = []
  const goneIds: number[] = []
  const unreadable: { readonly id: number; readonly reason: string }[] = []
  try {
    for await (const fetched of session.fetch(mailbox, [...awaited.keys()], signal)) {
      const row = awaited.get(fetched.key)
      if (row === undefined) continue
      awaited.delete(fetched.key)
      if (fetched.kind === 'gone') goneIds.push(row.id)
      else if (fetched.kind === 'unreadable') unreadable.push({ id: row.id, reason: fetched.reason })
      else if (fetched.kind === 'whole') {
        const { body, release } = fetched
        const digests = digestWhole(body, options)
        prepared.push({ row, digests, ...readHeader(row, body), body, release })
      } else prepared.push(await spoolLarge(spool, row, fetched.body, options))
    }
    if (awaited.size > 0) {
      throw new SealpostError(
        'transient',
        `the source gave no answer for ${awaited.size} of ${rows.length} messages`,
      )
    }
  } catch (error) {
    await discard(prepared)
    throw error
  }
  prepared.sort((a, b) => a.row.id - b.row.id)
  return { prepared, goneIds, unreadable }
}

/** Removes the spool objects of messages that are through or given up. Twice is safe. */
export async function discard(prepared: readonly Prepared[]): Promise<void> {
  for (const { body } of prepared) if (!(body instanceof Uint8Array)) await body.remove()
}

async function spoolLarge(
  spool: Spool,
  row: MessageRecord,
  body: Body,
  options: DigestOptions,
): Promise<Prepared> {
  const digester = new Digester(options)
  let head = Buffer.alloc(0)
  async function* observed(): AsyncIterable<Uint8Array> {
    for await (const piece of body.open()) {
      digester.update(piece)
      if (head.length < HEADER_PEEK_BYTES) head = Buffer.concat([head, piece.subarray(0, HEADER_PEEK_BYTES)])
      yield piece
    }
  }
  const object = await spool.write(observed())
  const digests = digester.finish()
  if (object.bytes !== digests.bytes) {
    await object.remove()
    throw new SealpostError('corrupt', `a spool object holds ${object.bytes} bytes of ${digests.bytes}`)
  }
  return { row, digests, ...readHeader(row, head), body: object }
}

function readHeader(row: MessageRecord, head: Uint8Array): Pick<Prepared, 'messageId' | 'internalDate'> {
  const internalDate = row.internalDate > 0 ? row.internalDate : (dateOf(head) ?? row.internalDate)
  return { messageId: messageIdOf(head), internalDate }
}
