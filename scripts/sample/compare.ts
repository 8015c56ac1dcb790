import { createHash } from 'node:crypto'
import type { StoredMessage } from './maildir.ts'

/** What comparing two stores of mail has shown. Lines name a mailbox and a message by digest, never its content. */
export interface Comparison {
  /** Messages that are there on both sides, with equal date and flags. */
  readonly equal: number
  /** Those of them whose bytes are the very same, line ends included. */
  readonly identical: number
  /** What stands only on the first side, and only on the second. */
  readonly missing: readonly string[]
  readonly extra: readonly string[]
}

/**
 * Compares two stores as multisets: mailbox, bytes, date and flags, each message against one other. Line ends and NUL
 * are compared as servers may change them (any run of CR before LF is CRLF, NUL is 0x80), written here a second time
 * on purpose: a witness shares no code with what it bears witness to.
 */
export function compareStores(first: readonly StoredMessage[], second: readonly StoredMessage[]): Comparison {
  const waiting = new Map<string, Buffer[]>()
  for (const message of second) {
    const key = identityOf(message)
    waiting.set(key, [...(waiting.get(key) ?? []), message.bytes])
  }
  const missing: string[] = []
  let equal = 0
  let identical = 0
  for (const message of first) {
    const key = identityOf(message)
    const there = waiting.get(key)
    if (there === undefined || there.length === 0) {
      missing.push(key)
      continue
    }
    const same = there.findIndex((bytes) => bytes.equals(message.bytes))
    there.splice(Math.max(same, 0), 1)
    equal++
    if (same !== -1) identical++
  }
  const extra = [...waiting].flatMap(([key, left]) => left.map(() => key))
  return { equal, identical, missing, extra }
}

function identityOf({ mailbox, bytes, internalDate, flags }: StoredMessage): string {
  const canonical = bytes.toString('latin1').replace(/\r*\n/g, '\r\n').replaceAll('\0', '\x80')
  const digest = createHash('sha256').update(canonical, 'latin1').digest('hex')
  const kept = flags.filter((flag) => flag !== '\\Recent').map((flag) => flag.toLowerCase())
  return `${mailbox.join(' | ')}: ${digest} at ${new Date(internalDate).toISOString()} [${kept.sort().join(' ')}]`
}
