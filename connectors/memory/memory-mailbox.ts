import { normalizeFlags, type Mailbox, type SpecialUse } from '../../src/core/mail.ts'

/** One stored message. */
export interface MemoryMessage {
  readonly uid: number
  readonly bytes: Uint8Array
  readonly internalDate: number
  readonly flags: readonly string[]
  /** Counts changes of the mailbox (RFC 7162 section 3.1). */
  readonly modseq: number
}

/** Mail handed to a store by a test or by `append`. */
export interface MemoryMail {
  readonly bytes: Uint8Array
  readonly internalDate: number
  readonly flags: readonly string[]
}

/** One mailbox: messages by UID in ascending order, with the counters of RFC 3501 section 2.3.1.1. */
export class MemoryMailbox {
  path: readonly string[]
  readonly specialUse: SpecialUse | null
  readonly selectable: boolean
  subscribed = false
  uidValidity: number
  uidNext = 1
  modseq = 1
  /** Cursors older than this are no longer good. */
  oldestModseq = 0
  readonly messages = new Map<number, MemoryMessage>()
  /** UIDs that are gone, with the count at which they went. */
  readonly expunged = new Map<number, number>()

  constructor(path: readonly string[], uidValidity: number, specialUse: SpecialUse | null, selectable: boolean) {
    this.path = path
    this.uidValidity = uidValidity
    this.specialUse = specialUse
    this.selectable = selectable
  }

  /** Stores mail under the next UID, or under `uid` where messages keep one in every mailbox. */
  add(mail: MemoryMail, uid = this.uidNext): MemoryMessage {
    const message = { ...mail, flags: normalizeFlags(mail.flags), uid, modseq: ++this.modseq }
    this.messages.set(uid, message)
    this.expunged.delete(uid)
    this.uidNext = Math.max(this.uidNext, uid + 1)
    return message
  }

  /** Sets all flags of a message; false when it is not there. */
  setFlags(uid: number, flags: readonly string[]): boolean {
    const message = this.messages.get(uid)
    if (message === undefined) return false
    const normal = normalizeFlags(flags)
    if (normal.join(' ') === message.flags.join(' ')) return true
    this.messages.set(uid, { ...message, flags: normal, modseq: ++this.modseq })
    return true
  }

  /** Removes a message and returns it, or undefined when it is not there. */
  expunge(uid: number): MemoryMessage | undefined {
    const message = this.messages.get(uid)
    if (message === undefined) return undefined
    this.messages.delete(uid)
    this.expunged.set(uid, ++this.modseq)
    return message
  }

  /** Gives the mailbox a new UIDVALIDITY and its messages new UIDs, as after a restore of the server. */
  renumber(): void {
    const kept = [...this.messages.values()]
    this.messages.clear()
    this.expunged.clear()
    this.uidValidity++
    this.uidNext = 1
    for (const message of kept) this.add(message)
  }

  /** The mailbox as sessions list it. */
  describe(): Mailbox {
    return {
      path: this.path,
      name: this.path.join('\0'),
      specialUse: this.specialUse,
      selectable: this.selectable,
      subscribed: this.subscribed,
    }
  }
}

/** The UID that a key names, or null for a key that none of ours can be. */
export function uidOf(key: string): number | null {
  return /^[1-9][0-9]{0,9}$/.test(key) ? Number(key) : null
}
