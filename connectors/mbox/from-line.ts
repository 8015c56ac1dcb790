import { envelopeDate } from './dates.ts'

/** What a From_ line says (RFC 4155 appendix A). */
export interface FromLine {
  /** The envelope's sender; `-` or nothing where a mail program had none. */
  readonly sender: string
  /** Milliseconds since 1970; null where there is no date. */
  readonly date: number | null
}

const MAX_CHARACTERS = 512

/** Reads a line that begins with `From `. Never throws. */
export function readFromLine(line: Buffer): FromLine {
  const text = line.toString('latin1', 5, Math.min(line.length, MAX_CHARACTERS)).trim()
  return { sender: /^\S*/.exec(text)?.[0] ?? '', date: envelopeDate(text) }
}

/**
 * Whether a line that begins with `From ` begins a message. Every one would, had each writer hidden those in bodies; as
 * not all do, two of three signs must speak for it: a date in the line, a blank line (or nothing) before it, and a
 * header field after it.
 */
export function beginsMessage(line: Buffer, afterBlank: boolean, ahead: Buffer): boolean {
  const signs = [readFromLine(line).date !== null, afterBlank, beginsWithField(ahead)]
  return signs.filter(Boolean).length >= 2
}

/** True for `Name:` (RFC 5322 section 2.2), and for the `>From ` that some delivery programs put before the header. */
function beginsWithField(bytes: Buffer): boolean {
  if (bytes.toString('latin1', 0, 6) === '>From ') return true
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    if (byte === 0x3a) return at > 0
    if (byte <= 0x20 || byte >= 0x7f) return false
  }
  return false
}
