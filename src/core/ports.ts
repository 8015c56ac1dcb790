import type { Body, Mailbox, Quota } from './mail.ts'
import type { ProbeFinding } from './probe.ts'

/** Seals and opens streams under a key of the project. `context` is bound in: what was sealed under another does not open. */
export interface Sealer {
  seal(context: string, pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
  /** Yields only authenticated bytes; throws `corrupt` on any change, and at the end of a truncated stream. */
  open(context: string, pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
}

/** Seals a stream to public keys whose private halves are not here. */
export interface RecipientSealer {
  seal(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
}

/** One sealed file whose key is still in memory, so that what was written can be read back and compared. */
export interface KeptSealing {
  /** May be called once: a key is good for one file. */
  seal(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
  /** Opens what `seal` made, as it was read back. Throws `corrupt` on any change. */
  open(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
  /** Forgets the key: from now on only the recipients can open the file. Twice is safe. */
  wipe(): void
}

/** Seals files to the public keys of a client. */
export interface BackupSealer {
  readonly recipients: readonly Recipient[]
  begin(): Promise<KeptSealing>
}

/** A public key of the client. */
export interface Recipient {
  readonly key: string
  /** SHA-256 in hex of its text. */
  readonly fingerprint: string
}

/** Bytes that lie still and can be read anywhere, such as an open file. */
export interface StoredBytes {
  readonly bytes: number
  /** Exactly so many bytes from `position` on. Throws `corrupt` when they are not there. */
  read(position: number, length: number): Promise<Uint8Array>
}

/** An opened file: its plain bytes, readable anywhere. Every read yields authenticated bytes alone. */
export interface OpenedBytes {
  readonly bytes: number
  read(from: number, to: number): AsyncIterable<Uint8Array>
  /** From the first to the last byte; only its end without an error proves that nothing was cut off. */
  readAll(): AsyncIterable<Uint8Array>
  /** Forgets the key. Twice is safe. */
  close(): void
}

/** Opens what was sealed to one of our own public keys, or to a client's by the client. */
export interface RecipientOpener {
  /** Throws `locked` when the file is sealed to other keys, `corrupt` when it is damaged or no such file. */
  openFile(file: StoredBytes): Promise<OpenedBytes>
}

/** A sealed temporary copy of one body. */
export interface SpoolObject extends Body {
  /** Twice is safe. */
  remove(): Promise<void>
}

/** Holds what is too large for memory, sealed, until it has landed. */
export interface Spool {
  /** Returns when the object is whole and on the disk; leaves nothing behind when reading `pieces` fails. */
  write: (pieces: AsyncIterable<Uint8Array>) => Promise<SpoolObject>
  /** Removes what an earlier process left; returns how many objects that were. */
  sweep(): Promise<number>
}

/**
 * What a second way into an account (an API beside IMAP) tells about it that the first one does not. Throws as a session does.
 */
export interface AccountGuide {
  /** Every mailbox that holds mail, and what it is for. */
  mailboxes(account: string, signal: AbortSignal): Promise<readonly Pick<Mailbox, 'path' | 'specialUse'>[]>
  quota(account: string, signal: AbortSignal): Promise<Quota | null>
  /**
   * `DestinationSession.probeWriting` by this way, for a mailbox that the other way made; `stored` is what lies in it. Absent
   * where there is nothing to ask.
   */
  probeWriting?(
    account: string,
    path: readonly string[],
    stored: readonly StoredForProbe[],
    signal: AbortSignal,
  ): AsyncIterable<ProbeFinding>
  /** `DestinationSession.endProbe` by this way. */
  endProbe?(account: string, path: readonly string[], signal: AbortSignal): AsyncIterable<ProbeFinding>
}

/** A message of the round trip of `doctor`, as the way shows it by which it was stored. */
export interface StoredForProbe {
  readonly messageId: string
  readonly internalDate: number
  readonly flags: readonly string[]
}

/** Access tokens for one account at a time, refreshed before they expire. */
export interface TokenProvider {
  /** `force`: the last one was refused. Throws `auth`. */
  token(account: string, force: boolean, signal: AbortSignal): Promise<string>
}

/** A grant that is to be given back, such as a refresh token; lent for the call. */
export interface HeldGrant {
  /** The name of the credential, for messages. */
  readonly name: string
  readonly kind: string
  readonly text: () => string
}

/** What a provider said when it was asked to end a grant. */
export interface RevocationAnswer {
  /** The provider said that the grant is good for nothing any more. */
  readonly revoked: boolean
  /** Its answer; where it has no endpoint, or did not do it, what the client has to change. */
  readonly answer: string
}

/** Gives grants back at one provider. */
export interface GrantRevoker {
  /**
   * Null for a grant that is none of this provider's. Never throws for what the provider or the network says: that is the
   * answer. Twice is safe.
   */
  revoke(grant: HeldGrant, signal: AbortSignal): Promise<RevocationAnswer | null>
}
