import type { FileHandle } from 'node:fs/promises'
import { isKind } from '../../src/core/errors.ts'
import type { Body, Fetched, FlagState, Mailbox } from '../../src/core/mail.ts'
import { toFileError } from '../shared/file-errors.ts'
import type { Indexed } from './index-cache.ts'
import { openMbox, stateOf, type MboxFile } from './mbox-file.ts'
import type { Entry } from './message-index.ts'
import { piecesOf, readWhole } from './read-body.ts'
import { entryOf, type SessionContext, type SessionFacts } from './session-context.ts'

/** A message in an open file. */
interface Place {
  readonly file: MboxFile
  readonly handle: FileHandle
  readonly entry: Entry
  /** The file is known to be what it was when it was gone through. */
  readonly isSure: boolean
}

/**
 * `Session.fetch`: each body is digested again on its way and compared with what was noted. When a file has changed, it is
 * gone through anew, once; then a message is where it lies now, or gone.
 */
export async function* fetchBodies(
  context: SessionContext,
  mailbox: Mailbox,
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Fetched> {
  if (keys.length === 0) return
  const { cache } = context.facts
  const parts = await context.parts(mailbox, signal)
  const left = new Set(keys)
  for (const round of ['recent', 'current'] as const) {
    for (const part of parts) {
      const indexed: Indexed = await cache[round](part.file, signal)
      const handle = await openMbox(part.file)
      try {
        const { identity } = await stateOf(handle)
        const isSure = indexed.isSure && identity === indexed.index.identity
        for (const key of left) {
          const entry = entryOf(part, indexed.index.find(key))
          if (entry === null) continue
          const place = { file: part.file, handle, entry, isSure }
          const fetched = await readOne(context.facts, key, place, round === 'recent', signal)
          if (fetched === null) continue
          left.delete(key)
          yield fetched
        }
      } finally {
        await handle.close()
      }
    }
    if (left.size === 0) return
  }
  for (const key of left) yield { kind: 'gone', key }
}

/** `Session.flags`. */
export async function* readFlags(
  context: SessionContext,
  mailbox: Mailbox,
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<FlagState> {
  if (keys.length === 0) return
  const left = new Set(keys)
  for (const part of await context.parts(mailbox, signal)) {
    const { index } = await context.facts.cache.current(part.file, signal)
    for (const key of left) {
      const entry = entryOf(part, index.find(key))
      if (entry === null) continue
      left.delete(key)
      yield { key, flags: entry.flags }
    }
  }
}

/** Null when something else lies there now and there is another try. */
async function readOne(
  facts: SessionFacts,
  key: string,
  { file, handle, entry, isSure }: Place,
  isFirstTry: boolean,
  signal: AbortSignal,
): Promise<Fetched | null> {
  if (entry.wireBytes > facts.largeMessageBytes) {
    if (!isSure && isFirstTry) return null
    return { kind: 'large', key, body: largeBody(facts, file, entry, signal) }
  }
  try {
    return { kind: 'whole', key, body: await readWhole(handle, entry, facts.quoting, signal) }
  } catch (error) {
    if (isFirstTry && isKind(error, 'transient')) return null
    throw error
  }
}

function largeBody(facts: SessionFacts, file: MboxFile, entry: Entry, signal: AbortSignal): Body {
  return {
    bytes: entry.wireBytes,
    async *open() {
      try {
        const handle = await openMbox(file)
        try {
          yield* piecesOf(handle, entry, facts.quoting, signal)
        } finally {
          await handle.close()
        }
      } catch (error) {
        throw toFileError(error, 'reading an mbox file')
      }
    },
  }
}
