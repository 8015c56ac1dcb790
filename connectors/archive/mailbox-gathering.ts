import { createHash } from 'node:crypto'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { SealpostError } from '../../src/core/errors.ts'
import type { NewMessage } from '../../src/core/mail.ts'
import type { Sealer } from '../../src/core/ports.ts'
import { announcedBytes } from '../shared/exact-body.ts'
import { mboxPath } from './entry-path.ts'
import { encodeLine, type MessageLine } from './manifest.ts'
import { storeInMbox, type MboxPlace } from './mbox-form.ts'
import { toFileError } from './stored-file.ts'
import { listingBytes, mboxFileBytes } from './volume-size.ts'
import type { NewEntry, VolumeWriter } from './volume-writer.ts'

const READ_BYTES = 256 * 1024
/** An mbox file ends after so many messages, so that whoever reads it has to keep no more of the manifest in memory. */
const FILE_MESSAGES = 20_000

/** A sealed piece of the gathering: bytes of the file, and of what is sealed in it. */
interface Segment {
  readonly at: number
  readonly sealedBytes: number
  readonly plainBytes: number
}

/** One batch of a mailbox: its messages as mbox has them, and their lines of the manifest. */
interface Batch {
  readonly messages: number
  readonly bodies: Segment
  readonly lines: Segment
}

interface Gathered {
  readonly account: string
  readonly mailbox: readonly string[]
  readonly batches: (Batch & { readonly first: number; readonly time: number })[]
}

/**
 * Mail of one volume on its way into mbox files. A tar archive asks for the size of a file before its first byte, and the
 * messages of a mailbox come one batch now and one later: until the volume ends they lie sealed in a file beside it, under a
 * key that is in memory alone. One call at a time; after any error it can only be given up.
 */
export class MailboxGathering {
  readonly #path: string
  readonly #handle: FileHandle
  readonly #sealer: Sealer
  readonly #mailboxes = new Map<string, Gathered>()
  #end = 0
  /** What tar and the manifest take for it beside its bytes. */
  #around = 0

  private constructor(path: string, handle: FileHandle, sealer: Sealer) {
    this.#path = path
    this.#handle = handle
    this.#sealer = sealer
  }

  /** Begins the file, which must not exist yet. Throws what the file system says. */
  static async create(path: string, sealer: Sealer): Promise<MailboxGathering> {
    try {
      return new MailboxGathering(path, await open(path, 'wx+', 0o600), sealer)
    } catch (error) {
      throw toFileError(error, 'creating a backup')
    }
  }

  /** What is gathered takes no more bytes than that in the volume. */
  get bytes(): number {
    return this.#end + this.#around
  }

  /** Takes a batch of one mailbox; `entries` say the same of its messages as they would in a volume. */
  async add(
    entries: readonly Omit<NewEntry, 'path'>[],
    batch: readonly NewMessage[],
    signal: AbortSignal,
  ): Promise<void> {
    const [entry] = entries
    if (entry === undefined) return
    const { account, mailbox } = entry
    const key = JSON.stringify([account, mailbox])
    const known = this.#mailboxes.get(key) ?? { account, mailbox, batches: [] }
    this.#mailboxes.set(key, known)
    const number = this.#firstOf(known, entry.number)
    const path = mboxPath(account, mailbox, number)
    const lines: MessageLine[] = []
    const bodies = await this.#seal(storeAll(entries, batch, path, lines, signal))
    const listed = await this.#seal(one(Buffer.from(lines.map(encodeLine).join(''))))
    const fileBytes = number === entry.number ? mboxFileBytes(path) : 0
    this.#around += fileBytes + listingBytes(listed.plainBytes) - listed.plainBytes
    const [first, time] = [entry.number, Math.max(0, Date.parse(entry.internalDate))]
    known.batches.push({ messages: entries.length, bodies, lines: listed, first, time })
  }

  /** Writes every mailbox into the volume: the lines that list it, then its file. */
  async writeTo(writer: VolumeWriter): Promise<void> {
    for (const { account, mailbox, batches } of this.#mailboxes.values()) {
      for (const file of inFiles(batches)) {
        const [begin] = file
        if (begin === undefined) continue
        for (const { lines } of file) {
          const pieces: Uint8Array[] = []
          for await (const piece of this.#open(lines)) pieces.push(piece)
          const text = Buffer.concat(pieces).toString('utf8').trimEnd()
          for (const line of text.split('\n')) await writer.addLine(JSON.parse(line) as MessageLine)
        }
        const bytes = file.reduce((sum, { bodies }) => sum + bodies.plainBytes, 0)
        await writer.addMailbox(mboxPath(account, mailbox, begin.first), bytes, begin.time, this.#openAll(file))
      }
    }
  }

  /** Closes the file and removes it; what was in it is of no more use to anybody. Twice is safe; never throws. */
  async remove(): Promise<void> {
    await this.#handle.close().catch(() => undefined)
    await unlink(this.#path).catch(() => undefined)
  }

  /** The number in the name of the file that the next batch of a mailbox goes to. */
  #firstOf({ batches }: Gathered, next: number): number {
    const last = inFiles(batches).at(-1)
    return last === undefined || isFull(last) ? next : (last[0]?.first ?? next)
  }

  async #seal(pieces: AsyncIterable<Uint8Array>): Promise<Segment> {
    const at = this.#end
    let plainBytes = 0
    async function* counted(): AsyncGenerator<Uint8Array> {
      for await (const piece of pieces) {
        plainBytes += piece.length
        yield piece
      }
    }
    for await (const sealed of this.#sealer.seal(String(at), counted())) {
      await this.#handle.writeFile(sealed).catch((error: unknown) => {
        throw toFileError(error, 'writing a backup')
      })
      this.#end += sealed.length
    }
    return { at, sealedBytes: this.#end - at, plainBytes }
  }

  #open({ at, sealedBytes }: Segment): AsyncIterable<Uint8Array> {
    return this.#sealer.open(String(at), this.#read(at, sealedBytes))
  }

  async *#openAll(batches: readonly Batch[]): AsyncGenerator<Uint8Array> {
    for (const { bodies } of batches) yield* this.#open(bodies)
  }

  async *#read(from: number, length: number): AsyncGenerator<Uint8Array> {
    for (let done = 0; done < length;) {
      const bytes = Buffer.allocUnsafe(Math.min(READ_BYTES, length - done))
      const { bytesRead } = await this.#handle.read(bytes, 0, bytes.length, from + done)
      if (bytesRead === 0) throw new SealpostError('corrupt', 'what was gathered for a backup was cut')
      done += bytesRead
      yield bytes.subarray(0, bytesRead)
    }
  }
}

/** The batches of a mailbox as they go into one file each. */
function inFiles<T extends Batch>(batches: readonly T[]): readonly (readonly T[])[] {
  const files: T[][] = []
  for (const batch of batches) {
    const last = files.at(-1)
    if (last === undefined || isFull(last)) files.push([batch])
    else last.push(batch)
  }
  return files
}

function isFull(batches: readonly Batch[]): boolean {
  return batches.reduce((sum, { messages }) => sum + messages, 0) >= FILE_MESSAGES
}

async function* storeAll(
  entries: readonly Omit<NewEntry, 'path'>[],
  batch: readonly NewMessage[],
  path: string,
  lines: MessageLine[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (const [index, entry] of entries.entries()) {
    const message = batch[index]
    if (message === undefined) throw new SealpostError('bug', 'an entry without its message')
    const digest = createHash('sha256')
    const list = (mbox: MboxPlace): void => {
      const size = announcedBytes(message.body)
      lines.push({ kind: 'message', ...entry, path, size, sha256: digest.digest('hex'), mbox })
    }
    yield* storeInMbox(message.body, message.internalDate, (piece) => digest.update(piece), list, signal)
  }
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
