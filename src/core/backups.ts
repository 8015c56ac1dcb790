import type { Candidate, SpecialUse } from './mail.ts'
import type { Recipient } from './ports.ts'

/**
 * A backup is a set of volumes: files that are sealed to keys of the client. Sets of one account (or of the whole project)
 * follow one another; each later one holds what is new and names its parent.
 */
export interface BackupSet {
  /** 32 random hexadecimal digits. */
  readonly id: string
  /** 1 for the first of its chain. */
  readonly sequence: number
  /** The destination account that it holds, or null when it holds all. */
  readonly account: string | null
  readonly parent: { readonly set: string; readonly sha256: string } | null
  readonly recipients: readonly Recipient[]
  /** Milliseconds since 1970. */
  readonly beganAt: number
  /** Null while volumes are still to come. */
  readonly endedAt: number | null
}

/** What holds the messages of a backup: a file each (`eml`), or one for many of a mailbox (`mbox`, as mboxrd). */
export type BackupForm = 'eml' | 'mbox'

/** A set as far as it has come, for whoever writes its next volume. */
export interface SetState extends Omit<BackupSet, 'recipients' | 'endedAt'> {
  /** Number of the next volume, from 1. */
  readonly volume: number
  /** SHA-256 in hex of the plain archive in the volume before, or null for the first. */
  readonly previous: string | null
}

/** One volume that was written, read again and found to be what was written. */
export interface WrittenVolume {
  readonly set: SetState
  readonly number: number
  /** No other follows in its set. */
  readonly last: boolean
  /** Absolute. */
  readonly path: string
  /** Of the sealed file. */
  readonly bytes: number
  readonly sha256: string
  /** SHA-256 in hex of the archive inside, which the next volume names. */
  readonly plainSha256: string
  readonly messages: number
  readonly messageBytes: number
  /** Milliseconds since 1970. */
  readonly writtenAt: number
  readonly recipients: readonly Recipient[]
  readonly mailboxes: readonly ArchivedMailbox[]
}

/** What a backup knows of what it holds already, since it cannot read it. Every method is one transaction. */
export interface ArchiveBook {
  /** Says that keys still mean what they meant: it is part of every one. */
  readonly series: string
  /** The set under way of an account, or of the project; a new one when there is none. Nothing is written down yet. */
  setOf(account: string | null): SetState
  /** One above the highest number that a message of the account has. */
  nextNumber(account: string): number
  /** The mailboxes that the account has in its volumes. */
  mailboxes(account: string): readonly ArchivedMailbox[]
  /** What landed in a mailbox, from a number on. */
  find(account: string, path: readonly string[], from: number): Iterable<Candidate>
  /**
   * Writes the volume down; what is held in it has landed. Throws `bug` when what is held is not what the volume has, and
   * then nothing was written down.
   */
  commit(volume: WrittenVolume): void
  /** The volume under way is given up: what is held in it is to be moved again. Twice is safe. */
  discard(account: string | null): void
}

/** A mailbox as a volume has it. */
export interface ArchivedMailbox {
  readonly account: string
  readonly mailbox: readonly string[]
  readonly specialUse: SpecialUse | null
  readonly subscribed: boolean
}

/** A volume as it stands in the record. */
export interface VolumeRecord extends Omit<WrittenVolume, 'set' | 'recipients' | 'mailboxes'> {
  readonly set: BackupSet
  /** Our copy is gone. */
  readonly removed: boolean
  readonly handover: Handover | null
}

/** How a volume got to the client. */
export interface Handover {
  readonly to: string
  readonly how: string | null
  /** Milliseconds since 1970. */
  readonly at: number
  readonly confirmed: Confirmation | null
}

/** What shows that the client has the volume. */
export interface Confirmation {
  readonly by: 'checksum' | 'receipt'
  /** For a receipt, the fingerprint of the key that signed it. */
  readonly key: string | null
  readonly at: number
}
