import { rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ArchiveBook, ArchivedMailbox, SetState } from '../../src/core/backups.ts'
import { formatInstant, type Clock } from '../../src/core/clock.ts'
import type { Outcome } from '../../src/core/connector.ts'
import { SealpostError, throwIfAborted, toSealpostError } from '../../src/core/errors.ts'
import { normalizeFlags, type FlagChange, type NewMessage } from '../../src/core/mail.ts'
import type { BackupSealer, Sealer } from '../../src/core/ports.ts'
import { flushFolder } from '../../src/files/durable.ts'
import { announcedBytes } from '../shared/exact-body.ts'
import { mailboxFolder, messagePath, volumeName } from './entry-path.ts'
import { MailboxGathering } from './mailbox-gathering.ts'
import { encodeLine, FORMAT, type MailboxLine } from './manifest.ts'
import { toFileError } from './stored-file.ts'
import { batchBytes, sealedBytes } from './volume-size.ts'
import { VolumeWriter, type NewEntry } from './volume-writer.ts'

/** What volumes are written with. */
export interface ArchiveWriterOptions {
  /** Where they go; it is there already. */
  readonly folder: string
  /** The file's name, without what tells sets and volumes apart and without `.age`. */
  readonly name: string
  /** The account that it holds, or null for all. */
  readonly account: string | null
  readonly sealer: BackupSealer
  readonly book: ArchiveBook
  readonly clock: Clock
  /** A volume has no more bytes than that, but for a single message that alone has more. */
  readonly volumeBytes: number
  /** Null: a file for each message. Else mbox files, and what seals the mail until its volume ends. */
  readonly mbox: Sealer | null
}

/** What a volume is called before it is whole. */
export const PART_SUFFIX = '.part'
/** What the mail of a volume is called while it is gathered into mbox files. */
const GATHERING_SUFFIX = '.mail.part'

interface OpenVolume {
  readonly writer: VolumeWriter
  readonly gathering: MailboxGathering | null
  readonly set: SetState
  readonly path: string
}

/**
 * Writes the volumes of one set, one after the other. What goes into a volume is held until the volume was ended, read
 * again and written into the book; an error gives the volume up and all that is held in it. Calls wait for one another.
 */
export class ArchiveWriter {
  readonly #options: ArchiveWriterOptions
  readonly #mailboxes = new Map<string, ArchivedMailbox>()
  /** A mailbox has come up that no volume has. */
  #news = false
  #open: OpenVolume | null = null
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: ArchiveWriterOptions) {
    this.#options = options
  }

  /** Writes down that a mailbox exists, with each volume. Twice is safe. */
  declare(mailbox: ArchivedMailbox): Promise<void> {
    return this.#inTurn(async () => {
      const key = JSON.stringify([mailbox.account, mailbox.mailbox])
      const known = this.#mailboxes.get(key)
      if (known !== undefined && isSame(known, mailbox)) return
      this.#mailboxes.set(key, mailbox)
      const written = this.#options.book.mailboxes(mailbox.account)
      this.#news ||= !written.some((other) => isSame(other, mailbox))
      const line = lineOf(mailbox)
      // A volume that is begun lists them all.
      await this.#makeRoom(Buffer.byteLength(encodeLine(line)))
      await this.#open?.writer.addLine(line)
    })
  }

  /** Stores a batch; the first message gets the number `first`. Throws only when the whole volume is given up. */
  append(
    account: string,
    mailbox: readonly string[],
    first: number,
    batch: readonly NewMessage[],
    signal: AbortSignal,
  ): Promise<readonly Outcome[]> {
    return this.#inTurn(async () => {
      throwIfAborted(signal)
      const { book, mbox } = this.#options
      const { series } = book
      const entries = batch.map((message, index) => entryOf(account, mailbox, first + index, message))
      const sizes = batch.map(({ body }) => announcedBytes(body))
      await this.#makeRoom(batchBytes(entries, sizes, mbox === null ? 'eml' : 'mbox'))
      const { writer, gathering } = await this.#begin()
      try {
        if (gathering !== null) await gathering.add(entries, batch, signal)
        else {
          for (const [index, entry] of entries.entries()) {
            await writer.addMessage(entry, batch[index]?.body ?? Buffer.alloc(0), signal)
          }
        }
        return entries.map(({ number }) => ({ kind: 'held', key: String(number), validity: series }))
      } catch (error) {
        await this.#giveUp()
        throw toSealpostError(error, 'writing a backup')
      }
    })
  }

  /** Writes changed flags down; they are in force from this volume on. */
  changeFlags(account: string, changes: readonly FlagChange[]): Promise<void> {
    return this.#inTurn(async () => {
      if (changes.length === 0) return
      try {
        for (const { key, add, remove } of changes) {
          const line = { kind: 'flags', account, number: Number(key), add, remove } as const
          await this.#makeRoom(Buffer.byteLength(encodeLine(line)))
          await (await this.#begin()).writer.addLine(line)
        }
      } catch (error) {
        await this.#giveUp()
        throw toSealpostError(error, 'writing a backup')
      }
    })
  }

  /**
   * Ends the volume under way, and with `last` the set. A set in which nothing would be new is not begun. Afterwards nothing
   * is held any more.
   */
  finish(last: boolean): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#open === null) {
        const { sequence, volume } = this.#options.book.setOf(this.#options.account)
        if (!last || (volume === 1 && sequence > 1 && !this.#news)) return
        await this.#begin()
      }
      await this.#end(last)
    })
  }

  /** Gives up the volume under way. Twice is safe. */
  abandon(): Promise<void> {
    return this.#inTurn(() => this.#giveUp())
  }

  /** Ends the volume under way where so many bytes more would make it larger than it may be. */
  async #makeRoom(bytes: number): Promise<void> {
    if (this.#open === null) return
    const { sealer, volumeBytes } = this.#options
    const plainBytes = bytesOf(this.#open) + bytes
    if (sealedBytes(plainBytes, sealer.recipients.length) > volumeBytes) await this.#end(false)
  }

  async #begin(): Promise<OpenVolume> {
    if (this.#open !== null) return this.#open
    const { book, folder, name, sealer, account, mbox } = this.#options
    const set = book.setOf(account)
    const header = {
      format: FORMAT,
      series: book.series,
      set: set.id,
      sequence: set.sequence,
      volume: set.volume,
      previous: set.previous,
      parent: set.parent,
      account,
      form: mbox === null ? 'eml' : 'mbox',
      began: formatInstant(set.beganAt),
    } as const
    const path = join(folder, volumeName(name, set.sequence, set.volume))
    const writer = await VolumeWriter.create(path + PART_SUFFIX, header, await sealer.begin())
    this.#open = { writer, gathering: null, set, path }
    try {
      if (mbox !== null) {
        this.#open = { writer, gathering: await MailboxGathering.create(path + GATHERING_SUFFIX, mbox), set, path }
      }
      for (const mailbox of this.#mailboxes.values()) await writer.addLine(lineOf(mailbox))
    } catch (error) {
      await this.#giveUp()
      throw error
    }
    return this.#open
  }

  async #end(last: boolean): Promise<void> {
    const { book, clock, sealer } = this.#options
    if (this.#open === null) throw new SealpostError('bug', 'there is no volume to end')
    const { writer, gathering, set, path } = this.#open
    try {
      await gathering?.writeTo(writer)
      const finished = await writer.finish(last)
      // Written down first: a whole file under its last name is always one that the book has.
      book.commit({
        ...finished,
        set,
        number: set.volume,
        last,
        path,
        writtenAt: clock.now(),
        recipients: sealer.recipients,
        mailboxes: [...this.#mailboxes.values()],
      })
    } catch (error) {
      await this.#giveUp()
      throw error
    }
    this.#open = null
    this.#news = false
    await gathering?.remove()
    try {
      await rename(path + PART_SUFFIX, path)
      await flushFolder(dirname(path))
    } catch (error) {
      throw toFileError(error, 'naming a backup')
    }
  }

  async #giveUp(): Promise<void> {
    const given = this.#open
    this.#open = null
    await given?.writer.abandon()
    await given?.gathering?.remove()
    if (given !== null) this.#options.book.discard(this.#options.account)
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#turn
    let end: () => void = () => undefined
    this.#turn = new Promise<void>((resolve) => (end = resolve))
    await before
    try {
      return await work()
    } finally {
      end()
    }
  }
}

function bytesOf({ writer, gathering }: OpenVolume): number {
  return writer.bytes + (gathering?.bytes ?? 0)
}

/** What a manifest says of a message; a volume of mbox files has it at another path. */
function entryOf(
  account: string,
  mailbox: readonly string[],
  number: number,
  { flags, internalDate, sourceKey }: NewMessage,
): NewEntry {
  const all = normalizeFlags(flags)
  return {
    path: messagePath(account, mailbox, number),
    account,
    mailbox,
    number,
    uid: sourceKey ?? null,
    internalDate: new Date(internalDate).toISOString(),
    flags: all.filter((flag) => flag.startsWith('\\')),
    keywords: all.filter((flag) => !flag.startsWith('\\')),
    labels: [],
  }
}

function lineOf(mailbox: ArchivedMailbox): MailboxLine {
  return { kind: 'mailbox', path: mailboxFolder(mailbox.account, mailbox.mailbox), ...mailbox }
}

function isSame(a: ArchivedMailbox, b: ArchivedMailbox): boolean {
  const text = ({ account, mailbox, specialUse, subscribed }: ArchivedMailbox): string =>
    JSON.stringify([account, mailbox, specialUse, subscribed])
  return text(a) === text(b)
}
