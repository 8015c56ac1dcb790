import { lstat } from 'node:fs/promises'
import type { Position } from '../../src/core/connector.ts'
import { SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import { HEADER_PEEK_BYTES, messageIdOf } from '../../src/core/header.ts'
import type { Candidate, Mailbox } from '../../src/core/mail.ts'
import { isMissing } from '../shared/file-errors.ts'
import { flagsOfInfo } from './file-name.ts'
import type { Folder } from './folder.ts'
import { readKeywords, type Keywords } from './keywords.ts'
import { openMessage, pathOf } from './message-file.ts'
import { MAILDIR_VALIDITY } from './options.ts'
import { scan, type Entry } from './scan.ts'
import type { SessionContext } from './session-context.ts'
import { foreignStamp, isVerbatim, ownStamp } from './unique-name.ts'
import { WireForm } from '../shared/wire-form.ts'

/** How far other programs' clocks and the file system's may stand apart from ours, in microseconds. */
const SLACK = 5_000_000
/** Files that are looked into at once. */
const AT_ONCE = 16

/** `DestinationSession.find`. Each message once; opens only what may be meant. */
export async function* findCandidates(
  context: SessionContext,
  mailbox: Mailbox,
  since: Position | null,
  signal: AbortSignal,
): AsyncGenerator<Candidate> {
  if (since !== null && (since.validity !== MAILDIR_VALIDITY || !/^\d{1,16}$/.test(since.next))) {
    throw new SealpostError('stale', 'the position is not one of a Maildir')
  }
  const folder = context.folder(mailbox)
  const from = since === null ? 0 : Number(since.next)
  const keywords = await readKeywords(folder)
  const named = new Set<string>()
  for await (const step of scan(context.facts.clock, folder, signal)) {
    if (step.kind === 'end') {
      if (step.settled) return
      throw new SealpostError('transient', 'a Maildir folder changes too fast to be searched')
    }
    context.lookUp(mailbox).learn(step.entries)
    const likely = step.entries.filter((entry) => mayBeSince(entry, from) && !named.has(entry.base))
    for (let start = 0; start < likely.length; start += AT_ONCE) {
      throwIfAborted(signal)
      const slice = likely.slice(start, start + AT_ONCE)
      for (const candidate of await Promise.all(slice.map((entry) => describe(folder, entry, from, keywords)))) {
        if (candidate === null || named.has(candidate.key)) continue
        named.add(candidate.key)
        yield candidate
      }
    }
  }
}

/** By its name alone a message is known to be older only when we named it. */
function mayBeSince(entry: Entry, from: number): boolean {
  const stamp = ownStamp(entry.base)
  return stamp === null || stamp >= from
}

/** Null for what is not meant, and for what has been renamed or removed: the scan comes by again. */
async function describe(
  folder: Folder,
  entry: Entry,
  from: number,
  keywords: Keywords,
): Promise<Candidate | null> {
  const path = pathOf(folder, entry.base, entry)
  try {
    const stat = await lstat(path)
    if (!stat.isFile()) return null
    const isOurs = ownStamp(entry.base) !== null
    const isRecent = (foreignStamp(entry.base) ?? 0) + SLACK >= from || stat.ctimeMs * 1000 + SLACK >= from
    if (!isOurs && !isRecent) return null
    const head = await readHead(path)
    const isWhole = head.length === stat.size
    return {
      key: entry.base,
      bytes: isWhole || isVerbatim(entry.base) ? wireBytes(entry.base, head, stat.size) : null,
      internalDate: Math.round(stat.mtimeMs),
      flags: flagsOfInfo(entry.info, keywords),
      messageId: messageIdOf(head),
    }
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

function wireBytes(base: string, head: Buffer, size: number): number {
  return isVerbatim(base) ? size : size + new WireForm().loneLineFeeds(head).length
}

async function readHead(path: Buffer): Promise<Buffer> {
  const { handle } = await openMessage(path)
  try {
    let head = Buffer.alloc(0)
    for (const most of [8_192, HEADER_PEEK_BYTES]) {
      const piece = Buffer.alloc(most - head.length)
      const { bytesRead } = await handle.read(piece, 0, piece.length, head.length)
      head = Buffer.concat([head, piece.subarray(0, bytesRead)])
      if (bytesRead < piece.length || /\n\r?\n/.test(head.toString('latin1'))) break
    }
    return head
  } finally {
    await handle.close()
  }
}
