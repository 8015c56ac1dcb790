import type { Body } from '../../src/core/mail.ts'
import { exactPieces } from '../shared/exact-body.ts'

const LF = 0x0a
const CR = 0x0d

/** Bytes of the longest line of a message, its line end not counted. Reads the body to its end; throws as `exactPieces` does. */
export async function longestLine(body: Uint8Array | Body, signal: AbortSignal): Promise<number> {
  let longest = 0
  let line = 0
  let last = 0
  for await (const piece of exactPieces(body, signal)) {
    let from = 0
    for (let end = piece.indexOf(LF); end !== -1; end = piece.indexOf(LF, from)) {
      const before = end > 0 ? piece[end - 1] : last
      longest = Math.max(longest, line + end - from - (before === CR ? 1 : 0))
      line = 0
      from = end + 1
    }
    line += piece.length - from
    last = piece.at(-1) ?? last
  }
  return Math.max(longest, line)
}
