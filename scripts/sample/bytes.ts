/** A small generator of pseudo-random bytes: equal seeds give equal bytes, so that the sample is the same everywhere. */
export function seededBytes(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed >>> 0
  for (let at = 0; at < length; at++) {
    // mulberry32, one byte of each round.
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    bytes[at] = (mixed ^ (mixed >>> 14)) & 0xff
  }
  return bytes
}

/** Base64 in lines of 76 characters that end in CRLF (RFC 2045 section 6.8). */
export function base64Lines(bytes: Buffer): string {
  return `${(bytes.toString('base64').match(/.{1,76}/g) ?? []).join('\r\n')}\r\n`
}
