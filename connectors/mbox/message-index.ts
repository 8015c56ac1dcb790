import { DIGEST_BYTES } from './message-reading.ts'

/** One message of a file, and where it lies. */
export interface Entry {
  /** Where its first byte stands, behind the From_ line. */
  readonly offset: number
  readonly rawBytes: number
  readonly wireBytes: number
  readonly internalDate: number
  readonly flags: readonly string[]
  /** The mailbox of a Takeout that it belongs to, as JSON; null in an ordinary file. */
  readonly place: string | null
  readonly digest: Buffer
}

const NUMBERS = 4
const WORDS = 3

/**
 * All messages of one file, in some 70 bytes each, so that a file of ten gigabytes needs a few dozen megabytes. A key is the
 * digest of a message and its number among those that are equal to it, counted from the start of the file: it stays the
 * same when the file grows, is compacted, sorted or written anew.
 */
export class MessageIndex {
  /** What the file was when it was gone through. */
  readonly identity: string
  #count = 0
  #numbers = new Float64Array(256 * NUMBERS)
  #words = new Uint32Array(256 * WORDS)
  #digests = Buffer.alloc(256 * DIGEST_BYTES)
  readonly #flagSets = new Interned<readonly string[]>()
  readonly #places = new Interned<string>()
  /** Numbers of the messages, by digest and then as in the file. */
  #order = new Uint32Array(0)

  constructor(identity: string) {
    this.identity = identity
  }

  get count(): number {
    return this.#count
  }

  /** The mailboxes of a Takeout that have messages here, as JSON. */
  get places(): readonly string[] {
    return this.#places.values
  }

  /** Adds the next message of the file. */
  add(entry: Entry): void {
    const at = this.#count++
    if (at * DIGEST_BYTES === this.#digests.length) this.#grow()
    this.#numbers.set([entry.offset, entry.rawBytes, entry.wireBytes, entry.internalDate], at * NUMBERS)
    const place = entry.place === null ? 0 : this.#places.number(entry.place, entry.place) + 1
    this.#words.set([this.#flagSets.number(entry.flags.join(' '), entry.flags), place, 0], at * WORDS)
    entry.digest.copy(this.#digests, at * DIGEST_BYTES)
  }

  /** Ends the adding; from now on there are keys. May be called once. */
  seal(): void {
    this.#order = Uint32Array.from({ length: this.#count }, (_, at) => at)
    this.#order.sort((a, b) => this.#compare(a, b) || a - b)
    let ordinal = 0
    for (let rank = 0; rank < this.#count; rank++) {
      const at = this.#order[rank] ?? 0
      const isTwin = rank > 0 && this.#compare(this.#order[rank - 1] ?? 0, at) === 0
      ordinal = isTwin ? ordinal + 1 : 0
      this.#words[at * WORDS + 2] = ordinal
    }
  }

  /** The message with a number from 0 to `count - 1`. */
  entry(at: number): Entry {
    const [offset = 0, rawBytes = 0, wireBytes = 0, internalDate = 0] = this.#numbers.subarray(
      at * NUMBERS,
      at * NUMBERS + NUMBERS,
    )
    const [flags = 0, place = 0] = this.#words.subarray(at * WORDS, at * WORDS + 2)
    return {
      offset,
      rawBytes,
      wireBytes,
      internalDate,
      flags: this.#flagSets.values[flags] ?? [],
      place: place === 0 ? null : (this.#places.values[place - 1] ?? null),
      digest: this.#digest(at),
    }
  }

  /** The key of the message with this number. */
  key(at: number): string {
    return `${this.#digest(at).toString('hex')}.${this.#words[at * WORDS + 2] ?? 0}`
  }

  /** The message that a key names, or null. */
  find(key: string): Entry | null {
    const parts = /^([0-9a-f]{32})\.(\d{1,9})$/.exec(key)
    if (parts === null) return null
    const digest = Buffer.from(parts[1] ?? '', 'hex')
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#digest(this.#order[middle] ?? 0).compare(digest) < 0) low = middle + 1
      else high = middle
    }
    const rank = low + Number(parts[2])
    const at = this.#order[rank]
    return at !== undefined && this.#digest(at).equals(digest) ? this.entry(at) : null
  }

  #digest(at: number): Buffer {
    return this.#digests.subarray(at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES)
  }

  #compare(a: number, b: number): number {
    const [x, y] = [a * DIGEST_BYTES, b * DIGEST_BYTES]
    return this.#digests.compare(this.#digests, y, y + DIGEST_BYTES, x, x + DIGEST_BYTES)
  }

  #grow(): void {
    const room = this.#count * 2
    const [numbers, words, digests] = [this.#numbers, this.#words, this.#digests]
    this.#numbers = new Float64Array(room * NUMBERS)
    this.#numbers.set(numbers)
    this.#words = new Uint32Array(room * WORDS)
    this.#words.set(words)
    this.#digests = Buffer.alloc(room * DIGEST_BYTES)
    digests.copy(this.#digests)
  }
}

/** Values of which there are few, by number. */
class Interned<Value> {
  readonly values: Value[] = []
  readonly #numbers = new Map<string, number>()

  number(name: string, value: Value): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    this.#numbers.set(name, this.values.length)
    return this.values.push(value) - 1
  }
}
