import type { Needle } from './needles.ts'

const BLOCKS = 65_536
const LONGEST_SHIFT = 255

/**
 * Searches bytes for many needles at once, by the shift table of Wu and Manber over blocks of two bytes: the time hardly
 * depends on how many needles there are. The table holds parts of the needles: `wipe` it.
 */
export class MultiSearch {
  readonly #shifts = new Uint8Array(BLOCKS)
  readonly #buckets = new Map<number, Needle[]>()
  readonly #shortest: number
  /** Bytes of the end of one piece that must be searched again with the next one. */
  readonly overlap: number

  constructor(needles: readonly Needle[]) {
    const lengths = needles.map(({ bytes }) => bytes.length)
    this.#shortest = Math.min(...lengths, LONGEST_SHIFT)
    this.overlap = Math.max(0, ...lengths) - 1
    const last = this.#shortest - 1
    this.#shifts.fill(last)
    for (const needle of needles) {
      for (let end = 1; end <= last; end++) {
        const block = blockAt(needle.bytes, end)
        this.#shifts[block] = Math.min(this.#shifts[block] ?? 0, last - end)
      }
      const block = blockAt(needle.bytes, last)
      this.#buckets.set(block, [...(this.#buckets.get(block) ?? []), needle])
    }
  }

  /** Calls back for every needle that begins in `bytes`, as often as it does. */
  search(bytes: Buffer, onHit: (needle: Needle) => void): void {
    const last = this.#shortest - 1
    if (last < 1 || this.#buckets.size === 0) return
    const shifts = this.#shifts
    let end = last
    while (end < bytes.length) {
      const block = ((bytes[end - 1] ?? 0) << 8) | (bytes[end] ?? 0)
      const shift = shifts[block] ?? 0
      if (shift > 0) {
        end += shift
        continue
      }
      const start = end - last
      for (const needle of this.#buckets.get(block) ?? []) {
        const length = needle.bytes.length
        if (start + length > bytes.length) continue
        if (needle.bytes.compare(bytes, start, start + length) === 0) onHit(needle)
      }
      end++
    }
  }

  /** Forgets the needles. Twice is safe. */
  wipe(): void {
    this.#shifts.fill(0)
    this.#buckets.clear()
  }
}

function blockAt(bytes: Buffer, end: number): number {
  return ((bytes[end - 1] ?? 0) << 8) | (bytes[end] ?? 0)
}
