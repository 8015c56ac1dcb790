import type { FileHandle } from 'node:fs/promises'
import { headerDate } from '../../src/core/header-date.ts'
import { beginsMessage, readFromLine, type FromLine } from './from-line.ts'
import { LineReader, startsWithFrom } from './line-reader.ts'
import { MessageIndex } from './message-index.ts'
import { isBlank, MessageReading, type Reading } from './message-reading.ts'
import type { Quoting } from './options.ts'
import { readStatus } from './status-flags.ts'
import { placeOf } from './takeout-labels.ts'

/** How a file is gone through. */
export interface ScanFacts {
  readonly identity: string
  readonly bytes: number
  /** Where its lines begin: behind a byte order mark, where there is one. */
  readonly start: number
  readonly quoting: Quoting
  /** Labels say where each message belongs. */
  readonly isTakeout: boolean
  /** INTERNALDATE of a message that names no date anywhere. */
  readonly fallbackDate: number
  /** See `LineReader`. */
  readonly windowBytes?: number
}

/** A blank line that may be the end of the present message or what parts it from the next one. */
interface HeldBlank {
  readonly bytes: Buffer
  readonly from: number
  readonly to: number
}

/** The message that is being gone through. */
interface Open {
  readonly offset: number
  readonly fromLine: FromLine
  readonly reading: MessageReading
  rawBytes: number
}

/**
 * Goes through a file once and notes its messages. The blank line before a From_ line, or before the end of the file, is
 * no part of a message; what stands before the first From_ line, as `beginningOf` lets through, neither. Throws
 * `transient` when the file is cut short meanwhile.
 */
export async function scanFile(handle: FileHandle, facts: ScanFacts, signal: AbortSignal): Promise<MessageIndex> {
  const index = new MessageIndex(facts.identity)
  const lines = new LineReader(handle, facts.start, facts.bytes, facts.windowBytes)
  let open: Open | null = null
  let held: HeldBlank | null = null

  const take = (bytes: Buffer, from: number, to: number, isStart: boolean): void => {
    if (open === null) return
    open.rawBytes += to - from
    open.reading.feed(bytes, from, to, isStart)
  }
  do {
    while (lines.next()) {
      const { window, from, to, isStart } = lines
      if (isStart && startsWithFrom(window, from)) {
        const line = window.subarray(from, to)
        if (open === null || beginsMessage(line, held !== null, lines.ahead())) {
          if (open !== null) note(index, open, facts)
          held = null
          open = begin(line, lines.offset + to - from, facts.quoting)
          continue
        }
      }
      if (open === null) continue
      if (held !== null) take(held.bytes, held.from, held.to, true)
      held = isStart && isBlank(window, from, to) ? { bytes: window, from, to } : null
      if (held === null) take(window, from, to, isStart)
    }
    open?.reading.flush()
    if (held !== null) held = copyOf(held)
  } while (await lines.fill(signal))
  if (open !== null) note(index, open, facts)
  index.seal()
  return index
}

/** The same in a buffer of its own, since the window goes on. */
function copyOf({ bytes, from, to }: HeldBlank): HeldBlank {
  return { bytes: Buffer.from(bytes.subarray(from, to)), from: 0, to: to - from }
}

function begin(line: Buffer, offset: number, quoting: Quoting): Open {
  return { offset, fromLine: readFromLine(line), reading: new MessageReading(quoting), rawBytes: 0 }
}

function note(index: MessageIndex, { offset, fromLine, reading, rawBytes }: Open, facts: ScanFacts): void {
  const read = reading.finish()
  const { digest, wireBytes, fields } = read
  const internalDate = dateOf(fromLine, read) ?? facts.fallbackDate
  const { flags, isRemoved } = readStatus(fields)
  if (facts.isTakeout) {
    const placement = placeOf(fields.get('x-gmail-labels') ?? '')
    const place = JSON.stringify(placement.path)
    index.add({ offset, rawBytes, wireBytes, internalDate, flags: placement.flags, place, digest })
  } else if (!isRemoved) {
    index.add({ offset, rawBytes, wireBytes, internalDate, flags, place: null, digest })
  }
}

/**
 * The date of the envelope. Thunderbird knows no sender and writes when it stored the message, which after an import is
 * no time that anybody looks for: there, when the last server received it, else when it says that it was written.
 */
function dateOf(fromLine: FromLine, { fields }: Reading): number | null {
  const hasEnvelope = fromLine.sender !== '' && fromLine.sender !== '-'
  if (hasEnvelope && fromLine.date !== null) return fromLine.date
  const received = (fields.get('received') ?? '').replace(/^.*;/s, '')
  return headerDate(received) ?? headerDate(fields.get('date') ?? '') ?? fromLine.date
}
