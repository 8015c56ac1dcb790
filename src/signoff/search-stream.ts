import { MultiSearch } from './multi-search.ts'
import type { Needle } from './needles.ts'

/** Searches the bytes of one file after the other, in pieces of any size. Holds copies of what it reads: `wipe` it. */
export class StreamSearch {
  readonly #raw: Window
  readonly #joined: Window
  #hits = new Set<Needle>()

  constructor(needles: readonly Needle[]) {
    this.#raw = new Window(new MultiSearch(needles.filter((needle) => !needle.joined)), copyAll)
    this.#joined = new Window(new MultiSearch(needles.filter((needle) => needle.joined)), copyWithoutBlanks)
  }

  /** So many bytes at a border of two pieces belong to values that lie in both, at most. */
  get overlap(): number {
    return Math.max(this.#raw.overlap, this.#joined.overlap)
  }

  /** Begins another file. */
  begin(): void {
    this.#raw.begin()
    this.#joined.begin()
    this.#hits = new Set()
  }

  /** Takes the next piece of it. What lies across the border of two pieces is found as well. */
  add(piece: Buffer): void {
    const onHit = (needle: Needle): void => void this.#hits.add(needle)
    this.#raw.add(piece, onHit)
    this.#joined.add(piece, onHit)
  }

  /** What was found in this file: one of each needle. */
  hits(): readonly Needle[] {
    return [...this.#hits]
  }

  /** Forgets the needles and what was read. Twice is safe. */
  wipe(): void {
    this.#raw.wipe()
    this.#joined.wipe()
    this.#hits.clear()
  }
}

/** Puts what of a piece is searched into `into` from `at` on, and says where it ends. There is room for all of it. */
type Copy = (piece: Buffer, into: Buffer, at: number) => number

/** A piece behind the end of the one before, in memory that is used again for the next: most of the time went into new memory. */
class Window {
  readonly #search: MultiSearch
  readonly #copy: Copy
  #bytes: Buffer = Buffer.alloc(0)
  #tail = 0

  constructor(search: MultiSearch, copy: Copy) {
    this.#search = search
    this.#copy = copy
  }

  get overlap(): number {
    return this.#search.overlap
  }

  begin(): void {
    this.#tail = 0
  }

  add(piece: Buffer, onHit: (needle: Needle) => void): void {
    const room = this.#tail + piece.length
    if (this.#bytes.length < room) {
      const larger = Buffer.allocUnsafeSlow(room)
      this.#bytes.copy(larger, 0, 0, this.#tail)
      this.#bytes.fill(0)
      this.#bytes = larger
    }
    const end = this.#copy(piece, this.#bytes, this.#tail)
    this.#search.search(this.#bytes.subarray(0, end), onHit)
    this.#tail = Math.min(end, this.#search.overlap)
    this.#bytes.copyWithin(0, end - this.#tail, end)
  }

  wipe(): void {
    this.#search.wipe()
    this.#bytes.fill(0)
    this.#tail = 0
  }
}

function copyAll(piece: Buffer, into: Buffer, at: number): number {
  return at + piece.copy(into, at)
}

/** 1 for each byte that stays when blanks and line ends go. */
const KEEPS = Uint8Array.from({ length: 256 }, (_, byte) => ([0x09, 0x0a, 0x0d, 0x20].includes(byte) ? 0 : 1))

/** Writes every byte, and goes on only behind one that stays: twice as fast as a branch for each. */
function copyWithoutBlanks(piece: Buffer, into: Buffer, at: number): number {
  let end = at
  for (let i = 0; i < piece.length; i++) {
    const byte = piece[i] ?? 0
    into[end] = byte
    end += KEEPS[byte] ?? 0
  }
  return end
}
