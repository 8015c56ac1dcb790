import { createHash, type Hash } from 'node:crypto'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pack, type Pack } from 'tar-stream'
import { SealpostError, toSealpostError } from '../../src/core/errors.ts'
import type { Body } from '../../src/core/mail.ts'
import type { KeptSealing } from '../../src/core/ports.ts'
import { flushFolder } from '../../src/files/durable.ts'
import { announcedBytes, exactPieces } from '../shared/exact-body.ts'
import { drained } from '../shared/drained.ts'
import { ownPath } from './entry-path.ts'
import { encodeLine, type ManifestLine, type MessageLine, type VolumeHeader } from './manifest.ts'
import { piecesOf, toFileError } from './stored-file.ts'
import { entryBytes, listingBytes, MANIFEST_BYTES, MANIFEST_LINES, VOLUME_END_BYTES } from './volume-size.ts'

const FILE_MODE = 0o600

/** A message on its way into a volume; its size and digest are found out on the way. */
export type NewEntry = Omit<MessageLine, 'kind' | 'size' | 'sha256' | 'mbox'>

/** What came of a volume. */
export interface FinishedVolume {
  readonly bytes: number
  readonly sha256: string
  readonly plainSha256: string
  readonly messages: number
  readonly messageBytes: number
}

/**
 * Writes one volume: an age file around a tar archive. Nothing of it is good before `finish` has returned; after any error
 * it can only be given up. One call at a time.
 */
export class VolumeWriter {
  readonly #path: string
  readonly #header: VolumeHeader
  readonly #sealing: KeptSealing
  readonly #handle: FileHandle
  readonly #pack: Pack = pack()
  readonly #plain: Hash = createHash('sha256')
  readonly #pumped: Promise<void>
  #failure: Error | null = null
  #sealedBytes = 0
  #taken = 0
  #lines: string[] = []
  #lineBytes = 0
  #parts = 0
  #messages = 0
  #messageBytes = 0
  #changes = 0

  private constructor(path: string, header: VolumeHeader, sealing: KeptSealing, handle: FileHandle) {
    this.#path = path
    this.#header = header
    this.#sealing = sealing
    this.#handle = handle
    // Told through the entry or the pump, whichever waits.
    this.#pack.on('error', () => undefined)
    this.#pumped = this.#pump().catch((error: unknown) => {
      this.#failure = toFileError(error, 'writing a backup')
      this.#pack.destroy(this.#failure)
    })
  }

  /** Begins a file that must not exist yet. `sealing` is taken over. Throws what the file system says. */
  static async create(path: string, header: VolumeHeader, sealing: KeptSealing): Promise<VolumeWriter> {
    let handle: FileHandle
    try {
      handle = await open(path, 'wx+', FILE_MODE)
    } catch (error) {
      sealing.wipe()
      throw toFileError(error, 'creating a backup')
    }
    const writer = new VolumeWriter(path, header, sealing, handle)
    await writer.#file('volume.json', Buffer.from(encodeLine(header)))
    return writer
  }

  /** The plain archive has no more bytes than that if it is ended with what is in it so far. */
  get bytes(): number {
    return this.#taken + listingBytes(this.#lineBytes) + VOLUME_END_BYTES
  }

  /** Adds a message. Throws `corrupt` for a body that is not as long as it says, and then the volume is lost. */
  async addMessage(entry: NewEntry, body: Uint8Array | Body, signal: AbortSignal): Promise<void> {
    const digest = createHash('sha256')
    async function* hashed(): AsyncGenerator<Uint8Array> {
      for await (const piece of exactPieces(body, signal)) {
        digest.update(piece)
        yield piece
      }
    }
    const size = announcedBytes(body)
    // A tar archive knows no time before 1970; the manifest has the true one.
    const time = Math.max(0, Date.parse(entry.internalDate))
    await this.#entry(entry.path, size, time, hashed())
    await this.addLine({ kind: 'message', ...entry, size, sha256: digest.digest('hex') })
  }

  /** Adds an mbox file, which the lines list that were added since the one before. */
  async addMailbox(path: string, bytes: number, time: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#flushLines()
    await this.#entry(path, bytes, time, pieces)
  }

  /** Adds a line to the manifest. */
  async addLine(line: ManifestLine): Promise<void> {
    const text = encodeLine(line)
    if (line.kind === 'flags') this.#changes++
    if (line.kind === 'message') {
      this.#messages++
      this.#messageBytes += line.size
    }
    this.#lines.push(text)
    this.#lineBytes += Buffer.byteLength(text)
    if (this.#lines.length >= MANIFEST_LINES || this.#lineBytes >= MANIFEST_BYTES) await this.#flushLines()
  }

  /**
   * Ends the volume and brings it to the disk; reads it again, opens it with the key that is still in memory, compares and
   * forgets the key. Throws `corrupt` when it does not read back as it was written.
   */
  async finish(last: boolean): Promise<FinishedVolume> {
    try {
      await this.#flushLines()
      const [messages, messageBytes, changes] = [this.#messages, this.#messageBytes, this.#changes]
      await this.#file('end.json', Buffer.from(encodeLine({ messages, messageBytes, changes, last })))
      this.#pack.finalize()
      await this.#pumped
      if (this.#failure !== null) throw this.#failure
      await this.#handle.sync()
      const found = await this.#readBack()
      // The tags bind every sealed byte, and the header is compared: what opens to the same is the same.
      if (found.plainSha256 !== this.#plain.digest('hex')) {
        throw new SealpostError('corrupt', 'a backup does not read back as it was written', {
          hint: 'the disk or the memory is at fault; try another one',
        })
      }
      await this.#handle.close()
      await flushFolder(dirname(this.#path))
      return { ...found, bytes: this.#sealedBytes, messages, messageBytes }
    } catch (error) {
      throw toFileError(error, 'ending a backup')
    } finally {
      this.#sealing.wipe()
    }
  }

  /** Gives the volume up and removes it. Twice is safe; never throws. */
  async abandon(): Promise<void> {
    this.#pack.destroy(new SealpostError('cancelled', 'a backup volume was given up'))
    await this.#pumped
    this.#sealing.wipe()
    await this.#handle.close().catch(() => undefined)
    await unlink(this.#path).catch(() => undefined)
  }

  async #readBack(): Promise<{ readonly sha256: string; readonly plainSha256: string }> {
    const sealed = createHash('sha256')
    const plain = createHash('sha256')
    const handle = this.#handle
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of piecesOf(handle)) {
        sealed.update(piece)
        yield piece
      }
    }
    for await (const piece of this.#sealing.open(pieces())) plain.update(piece)
    return { sha256: sealed.digest('hex'), plainSha256: plain.digest('hex') }
  }

  async #flushLines(): Promise<void> {
    if (this.#lines.length === 0) return
    const name = `manifest-${String(++this.#parts).padStart(6, '0')}.jsonl`
    const bytes = Buffer.from(this.#lines.join(''))
    this.#lines = []
    this.#lineBytes = 0
    await this.#file(name, bytes)
  }

  async #file(name: string, bytes: Buffer): Promise<void> {
    const path = ownPath(this.#header.set, this.#header.volume, name)
    await this.#entry(path, bytes.length, Date.parse(this.#header.began), one(bytes))
  }

  async #entry(name: string, size: number, time: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    this.#taken += entryBytes(name, size)
    const header = { name, size, mtime: new Date(time), mode: FILE_MODE }
    let end: (error?: Error | null) => void = () => undefined
    const ended = new Promise<void>((resolve, reject) => {
      end = (error) =>
        error == null ? resolve() : reject(this.#failure ?? toSealpostError(error, 'writing a backup'))
    })
    // Waited for below, or not at all when reading fails first.
    ended.catch(() => undefined)
    const target = this.#pack.entry(header, (error) => end(error))
    target.on('error', () => undefined)
    try {
      for await (const piece of pieces) {
        if (!target.write(piece)) await drained(target)
        if (target.destroyed) break
      }
    } catch (error) {
      const failure = toSealpostError(error, 'writing a backup')
      this.#pack.destroy(failure)
      throw failure
    }
    target.end(null)
    await ended
  }

  async #pump(): Promise<void> {
    const tar = this.#pack
    const plain = this.#plain
    async function* hashed(): AsyncGenerator<Uint8Array> {
      for await (const piece of tar as AsyncIterable<Uint8Array>) {
        plain.update(piece)
        yield piece
      }
    }
    // One piece is written while the next one is sealed.
    let writing: Promise<void> = Promise.resolve()
    try {
      for await (const piece of this.#sealing.seal(hashed())) {
        await writing
        this.#sealedBytes += piece.length
        writing = this.#handle.writeFile(piece)
        // Thrown above or below.
        writing.catch(() => undefined)
      }
    } finally {
      await writing
    }
  }
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
