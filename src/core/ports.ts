import type { Body } from './mail.ts'

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

/** Access tokens for one account at a time, refreshed before they expire. */
export interface TokenProvider {
  /** `force`: the last one was refused. Throws `auth`. */
  token(account: string, force: boolean, signal: AbortSignal): Promise<string>
}
