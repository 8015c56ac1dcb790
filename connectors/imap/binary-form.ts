/** What servers show in the place of a NUL where a literal may not hold one (RFC 9051 section 4.3). */
export const MASKED_NUL = 0x80

/** True when `second` is `first` with some of its 0x80 read as NUL. */
export function isUnmasked(first: Uint8Array, second: Uint8Array): boolean {
  if (first.length !== second.length) return false
  for (let at = 0; at < first.length; at++) {
    if (first[at] !== second[at] && !(first[at] === MASKED_NUL && second[at] === 0)) return false
  }
  return true
}
