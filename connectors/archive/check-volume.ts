import { createHash } from 'node:crypto'
import { isKind, SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import type { OpenedBytes } from '../../src/core/ports.ts'
import { Cutter } from './cutter.ts'
import { OWN_FOLDER } from './entry-path.ts'
import { readFromMbox } from './mbox-form.ts'
import { entriesOf, offsetOf, type Entry } from './tar-entries.ts'
import {
  encodeLine,
  parseEnd,
  parseHeader,
  parseLine,
  type ManifestLine,
  type MessageLine,
  type VolumeEnd,
  type VolumeHeader,
} from './manifest.ts'

/** Parts of a manifest are written at 500 lines; what lists more, or nothing for so long, is none of ours. */
const MAX_UNLISTED = 5_000
/** An mbox file is ended after 20,000 messages, and the batch that made it so many. */
const MAX_PENDING = 25_000
const MAX_OWN_BYTES = 16 * 1024 * 1024
const MAX_LINE_CHARACTERS = 64 * 1024

/** A part of the manifest, and where the messages lie that it lists. */
export interface ManifestPart {
  /** Where its text lies in the plain archive. */
  readonly from: number
  readonly to: number
  readonly lines: readonly ManifestLine[]
  /** Where the bytes of the messages begin, in the order of its message lines. */
  readonly offsets: readonly number[]
}

/** A volume that was read whole. */
export interface CheckedVolume {
  readonly header: VolumeHeader
  readonly end: VolumeEnd
  /** SHA-256 in hex of the plain archive. */
  readonly plainSha256: string
}

/** What was seen of a message and is not listed yet. */
interface Seen {
  readonly path: string
  readonly size: number
  readonly sha256: string
  readonly offset: number
}

/**
 * Reads a volume whole: every tag, every digest, the manifest against what is there. Calls back with each part of the
 * manifest, in order. Throws `corrupt` for whatever is wrong, naming the message where there is one: a changed or missing
 * byte, an entry that is no plain file, a path that leads out or comes twice, a size that cannot be, a list that lies.
 */
export async function checkVolume(
  opened: OpenedBytes,
  onPart: (part: ManifestPart, header: VolumeHeader) => void,
  signal: AbortSignal,
): Promise<CheckedVolume> {
  const plain = createHash('sha256')
  const reading = new VolumeReading(opened.bytes, onPart)
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const piece of opened.readAll()) {
      throwIfAborted(signal)
      plain.update(piece)
      yield piece
    }
  }
  try {
    for await (const entry of entriesOf(hashed())) await reading.take(entry)
  } catch (error) {
    if (!isKind(error, 'corrupt') || reading.place === '') throw error
    throw new SealpostError('corrupt', `${error.message} (${reading.place})`, { cause: error })
  }
  return { ...reading.finish(), plainSha256: plain.digest('hex') }
}

/** The header of a volume, without reading more than its beginning. */
export async function readVolumeHeader(opened: OpenedBytes): Promise<VolumeHeader> {
  const start = opened.read(0, Math.min(opened.bytes, MAX_OWN_BYTES))
  for await (const entry of entriesOf(start)) return headerIn(entry, opened.bytes)
  throw new SealpostError('corrupt', 'nothing is in the archive')
}

/** What has been read of a volume so far. */
class VolumeReading {
  readonly #bytes: number
  readonly #onPart: (part: ManifestPart, header: VolumeHeader) => void
  readonly #last = new Map<string, number>()
  #header: VolumeHeader | null = null
  #end: VolumeEnd | null = null
  #unlisted: Seen[] = []
  /** Parts that list the mbox file which must follow. */
  #pending: Omit<ManifestPart, 'offsets'>[] = []
  #messages = 0
  #messageBytes = 0
  #changes = 0
  #parts = 0
  /** For errors: in which message, or after which. */
  place = ''

  constructor(bytes: number, onPart: (part: ManifestPart, header: VolumeHeader) => void) {
    this.#bytes = bytes
    this.#onPart = onPart
  }

  async take(entry: Entry): Promise<void> {
    if (this.#end !== null) throw new SealpostError('corrupt', 'the volume goes on after its end')
    if (this.#header === null) {
      this.#header = await headerIn(entry, this.#bytes)
      return
    }
    const { name } = entry.header
    checkEntry(entry, this.#bytes)
    if (!name.startsWith(`${OWN_FOLDER}/`)) {
      if (this.#header.form === 'eml') await this.#takeMessage(entry)
      else await this.#takeMailbox(entry, this.#header)
    } else if (/\/manifest-\d{6}\.jsonl$/.test(name)) await this.#takePart(entry, this.#header)
    else if (name.endsWith('/end.json')) this.#end = parseEnd(await textOf(entry))
    else throw new SealpostError('corrupt', 'the volume holds a file that is none of ours')
  }

  finish(): { readonly header: VolumeHeader; readonly end: VolumeEnd } {
    if (this.#header === null) throw new SealpostError('corrupt', 'nothing is in the archive')
    if (this.#end === null)
      throw new SealpostError('corrupt', `the volume ends too early${this.place && `, ${this.place}`}`)
    if (this.#unlisted.length > 0)
      throw new SealpostError('corrupt', `the manifest does not list ${this.#unlisted[0]?.path ?? ''}`)
    const missing = pathIn(this.#pending)
    if (missing !== null) throw new SealpostError('corrupt', `${missing} is listed and is not there`)
    const { messages, messageBytes, changes } = this.#end
    if (messages !== this.#messages || messageBytes !== this.#messageBytes || changes !== this.#changes) {
      throw new SealpostError('corrupt', `the volume counts ${messages} messages and holds ${this.#messages}`)
    }
    return { header: this.#header, end: this.#end }
  }

  async #takeMessage(entry: Entry): Promise<void> {
    const { name, size } = entry.header
    const offset = offsetOf(entry)
    this.place = `in ${name}`
    const digest = createHash('sha256')
    for await (const piece of entry) digest.update(piece)
    this.place = `after ${name}`
    this.#unlisted.push({ path: name, size, sha256: digest.digest('hex'), offset })
    if (this.#unlisted.length > MAX_UNLISTED)
      throw new SealpostError('corrupt', `the manifest does not list ${this.#unlisted[0]?.path ?? ''}`)
  }

  async #takePart(entry: Entry, header: VolumeHeader): Promise<void> {
    const from = offsetOf(entry)
    const to = from + entry.header.size
    this.#parts++
    if (!entry.header.name.endsWith(`manifest-${String(this.#parts).padStart(6, '0')}.jsonl`)) {
      throw new SealpostError('corrupt', `part ${this.#parts} of the manifest is not where it belongs`)
    }
    const lines = parseLines(await textOf(entry))
    if (header.form === 'mbox') {
      this.#await({ from, to, lines }, header)
      return
    }
    const seen = this.#unlisted
    this.#unlisted = []
    const offsets: number[] = []
    for (const line of lines) {
      if (line.kind === 'flags') this.#changes++
      if (line.kind === 'message') offsets.push(this.#match(line, seen[offsets.length]))
    }
    const left = seen[offsets.length]
    if (left !== undefined) throw new SealpostError('corrupt', `the manifest does not list ${left.path}`)
    this.#onPart({ from, to, lines, offsets }, header)
  }

  /** Keeps a part until the mbox file has been read that it lists. */
  #await(part: Omit<ManifestPart, 'offsets'>, header: VolumeHeader): void {
    this.#changes += part.lines.filter(({ kind }) => kind === 'flags').length
    this.#pending.push(part)
    if (pathIn(this.#pending) === null) this.#settle([], header)
    const pending = this.#pending.reduce((sum, { lines }) => sum + lines.length, 0)
    if (pending > MAX_PENDING) {
      throw new SealpostError('corrupt', `${pathIn(this.#pending) ?? ''} is listed and is not there`)
    }
  }

  /** Hands the parts on that were kept; `offsets` are those of their messages. */
  #settle(offsets: readonly number[], header: VolumeHeader): void {
    let done = 0
    for (const part of this.#pending) {
      const messages = part.lines.filter(({ kind }) => kind === 'message').length
      this.#onPart({ ...part, offsets: offsets.slice(done, done + messages) }, header)
      done += messages
    }
    this.#pending = []
  }

  /** An mbox file: every message in it by the length that its line gives. */
  async #takeMailbox(entry: Entry, header: VolumeHeader): Promise<void> {
    const { name, size } = entry.header
    this.place = `in ${name}`
    const lines = this.#pending.flatMap((part) => part.lines).filter((line) => line.kind === 'message')
    const bytes = lines.reduce((sum, { mbox }) => sum + (mbox?.bytes ?? 0), 0)
    const stranger = lines.find(({ path, mbox }) => path !== name || mbox === undefined)
    if (stranger !== undefined) throw new SealpostError('corrupt', `${stranger.path} is listed and is not there`)
    if (lines.length === 0 || bytes !== size) {
      throw new SealpostError('corrupt', `the manifest does not list ${name} as it is`)
    }
    const offsets: number[] = []
    let offset = offsetOf(entry)
    const cutter = new Cutter(entry)
    for (const line of lines) {
      const place = line.mbox ?? { bytes: 0, lineEnds: 'kept' }
      this.place = `in ${name}, message ${line.number}`
      const digest = createHash('sha256')
      let length = 0
      for await (const piece of readFromMbox(cutter.take(place.bytes), place, line.size)) {
        digest.update(piece)
        length += piece.length
      }
      this.#count(line, { path: name, size: length, sha256: digest.digest('hex'), offset })
      offsets.push(offset)
      offset += place.bytes
    }
    this.place = `after ${name}`
    await cutter.end()
    this.#settle(offsets, header)
  }

  /** Holds a line against the message that lies there; returns where its bytes begin. */
  #match(line: MessageLine, seen: Seen | undefined): number {
    if (line.mbox !== undefined)
      throw new SealpostError('corrupt', `${line.path} is listed as another kind of file`)
    return this.#count(line, seen)
  }

  #count(line: MessageLine, seen: Seen | undefined): number {
    if (seen?.path !== line.path) throw new SealpostError('corrupt', `${line.path} is listed and is not there`)
    if (seen.size !== line.size || seen.sha256 !== line.sha256) {
      throw new SealpostError('corrupt', `${line.path} is not what the manifest says`)
    }
    // Numbers only grow, so that none comes twice; with mbox files, mailbox by mailbox.
    const scope = line.mbox === undefined ? line.account : JSON.stringify([line.account, line.mailbox])
    if (line.number <= (this.#last.get(scope) ?? 0)) {
      throw new SealpostError('corrupt', `${line.path} comes twice or out of order`)
    }
    this.#last.set(scope, line.number)
    this.#messages++
    this.#messageBytes += line.size
    return seen.offset
  }
}

/** The path of the first message that parts list, or null when they list none. */
function pathIn(parts: readonly Pick<ManifestPart, 'lines'>[]): string | null {
  for (const { lines } of parts) for (const line of lines) if (line.kind === 'message') return line.path
  return null
}

/** The lines of a part. Throws `corrupt` for one that is none. */
export function parseLines(text: string): readonly ManifestLine[] {
  const lines = text.split('\n')
  if (lines.pop() !== '') throw new SealpostError('corrupt', 'a part of the manifest ends within a line')
  return lines.map((line) => {
    if (line.length > MAX_LINE_CHARACTERS) throw new SealpostError('corrupt', 'the manifest has an endless line')
    return parseLine(line)
  })
}

async function headerIn(entry: Entry, bytes: number): Promise<VolumeHeader> {
  checkEntry(entry, bytes)
  if (!entry.header.name.startsWith(`${OWN_FOLDER}/`) || !entry.header.name.endsWith('/volume.json')) {
    throw new SealpostError('corrupt', 'the archive inside is no backup of Sealpost')
  }
  const header = parseHeader(await textOf(entry))
  if (encodeLine(header).length > MAX_LINE_CHARACTERS) throw new SealpostError('corrupt', 'the header is endless')
  return header
}

/** Refuses whatever is not a plain file of a possible size below the place where it is unpacked. */
function checkEntry(entry: Entry, bytes: number): void {
  const { name, type, size } = entry.header
  const shown = name.slice(0, 200)
  if (type !== 'file')
    throw new SealpostError('corrupt', `the archive holds a ${type}, which is no plain file: ${shown}`)
  if (name.startsWith('/') || /^[A-Za-z]:/.test(name)) {
    throw new SealpostError('corrupt', `the archive holds an absolute path: ${shown}`)
  }
  if (name.split('/').some((part) => part === '..' || part === '.' || part === '') || /[\\\p{Cc}]/u.test(name)) {
    throw new SealpostError('corrupt', `the archive holds a path that leads elsewhere: ${shown}`)
  }
  if (offsetOf(entry) + size > bytes) {
    throw new SealpostError('corrupt', `${shown} claims ${size} bytes, more than the volume holds`)
  }
}

async function textOf(entry: Entry): Promise<string> {
  if (entry.header.size > MAX_OWN_BYTES) {
    throw new SealpostError('corrupt', `${entry.header.name.slice(0, 200)} is too large`)
  }
  const pieces: Uint8Array[] = []
  for await (const piece of entry) pieces.push(piece)
  return Buffer.concat(pieces).toString('utf8')
}
