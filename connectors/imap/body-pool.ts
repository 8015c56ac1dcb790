/** Smaller ones come from Node's own slabs, and a block for them would cost more than it spares. */
const SMALLEST_BYTES = 16 * 1024
/** Blocks are made in these steps, so that bodies of about one size share them. */
const STEP_BYTES = 16 * 1024
/** What is given back beyond this many bytes is left to the collector of garbage. */
const KEPT_BYTES = 8 * 1024 * 1024

/**
 * Memory for the bodies that one session reads, used again once a body has been given back: a buffer for each of them
 * brings the collector of garbage every 64 MB, and the kernel clears its pages each time.
 */
export class BodyPool {
  /** Whole blocks, none of them in use. */
  #free: Buffer[] = []
  #freeBytes = 0

  /** Room for exactly so many bytes, which hold anything. */
  take(bytes: number): Buffer {
    if (bytes < SMALLEST_BYTES) return Buffer.allocUnsafe(bytes)
    let best = -1
    for (const [index, { length }] of this.#free.entries()) {
      if (length < bytes || length > 2 * bytes) continue
      if (best === -1 || length < (this.#free[best]?.length ?? 0)) best = index
    }
    const [block] = best === -1 ? [] : this.#free.splice(best, 1)
    if (block === undefined)
      return Buffer.allocUnsafeSlow(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES).subarray(0, bytes)
    this.#freeBytes -= block.length
    return block.subarray(0, bytes)
  }

  /** Takes back what `take` handed out, once, and nothing else. */
  give(body: Buffer): void {
    if (body.length < SMALLEST_BYTES) return
    const block = Buffer.from(body.buffer)
    if (this.#freeBytes + block.length > KEPT_BYTES) return
    this.#freeBytes += block.length
    this.#free.push(block)
  }
}
