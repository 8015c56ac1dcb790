const CR = 0x0d
const LF = 0x0a

/**
 * Brings the lines of a message file into wire form, where each ends in CRLF: an LF without a CR before it gets one,
 * everything else stays. This is what an IMAP server makes of the same file, so that a message has the same bytes
 * whichever way it is fetched. Fed in pieces of any size; the result does not depend on where they are cut.
 */
export class WireForm {
  #afterCr = false

  /** The next piece in wire form: itself when there is nothing to do, else a new one. */
  convert(piece: Buffer): Buffer {
    const lone = this.loneLineFeeds(piece)
    if (lone.length === 0) return piece
    const converted = Buffer.allocUnsafe(piece.length + lone.length)
    let from = 0
    let to = 0
    for (const at of lone) {
      to += piece.copy(converted, to, from, at)
      converted[to++] = CR
      from = at
    }
    piece.copy(converted, to, from)
    return converted
  }

  /** Where in the next piece the LFs stand that lack their CR. */
  loneLineFeeds(piece: Buffer): readonly number[] {
    const lone: number[] = []
    for (let at = piece.indexOf(LF); at !== -1; at = piece.indexOf(LF, at + 1)) {
      if (at === 0 ? !this.#afterCr : piece[at - 1] !== CR) lone.push(at)
    }
    if (piece.length > 0) this.#afterCr = piece[piece.length - 1] === CR
    return lone
  }
}
