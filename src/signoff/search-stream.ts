import { MultiSearch } from './multi-search.ts'
import type { Needle } from './needles.ts'

/** Searches the bytes of one file after the other, in pieces of any size. Holds copies of what it reads: `wipe` it. */
export class StreamSearch {
  readonly #raw: MultiSearch
  readonly #joined: MultiSearch
  #rawTail: Buffer = Buffer.alloc(0)
  #joinedTail: Buffer = Buffer.alloc(0)
  #hits = new Set<Needle>()

  constructor(needles: readonly Needle[]) {
    this.#raw = new MultiSearch(needles.filter((needle) => !needle.joined))
    this.#joined = new MultiSearch(needles.filter((needle) => needle.joined))
  }

  /** Begins another file. */
  begin(): void {
    this.#rawTail = Buffer.alloc(0)
    this.#joinedTail = Buffer.alloc(0)
    this.#hits = new Set()
  }

  /** Takes the next piece of it. What lies across the border of two pieces is found as well. */
  add(piece: Buffer): void {
    const onHit = (needle: Needle): void => void this.#hits.add(needle)
    const raw = this.#rawTail.length === 0 ? piece : Buffer.concat([this.#rawTail, piece])
    this.#raw.search(raw, onHit)
    this.#rawTail = tailOf(raw, this.#raw.overlap)
    const joined = Buffer.concat([this.#joinedTail, withoutBlanks(piece)])
    this.#joined.search(joined, onHit)
    this.#joinedTail = tailOf(joined, this.#joined.overlap)
  }

  /** What was found in this file: one of each needle. */
  hits(): readonly Needle[] {
    return [...this.#hits]
  }

  /** Forgets the needles and what was read. Twice is safe. */
  wipe(): void {
    this.#raw.wipe()
    this.#joined.wipe()
    this.#rawTail.fill(0)
    this.#joinedTail.fill(0)
    this.#hits.clear()
  }
}

function tailOf(bytes: Buffer, length: number): Buffer {
  return length <= 0 ? Buffer.alloc(0) : Buffer.from(bytes.subarray(Math.max(0, bytes.length - length)))
}

function withoutBlanks(piece: Buffer): Buffer {
  const kept = Buffer.allocUnsafe(piece.length)
  let length = 0
  for (let i = 0; i < piece.length; i++) {
    const byte = piece[i] ?? 0
    if (byte === 0x0a || byte === 0x0d || byte === 0x20 || byte === 0x09) continue
    kept[length++] = byte
  }
  return kept.subarray(0, length)
}
