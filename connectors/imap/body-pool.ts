/** As much as a slice of a run holds. */
const BLOCK_BYTES = 4 * 1024 * 1024
/** Empty blocks that are kept; more are left to the collector of garbage. */
const KEPT_BLOCKS = 4

/** Bodies lie in it one after the other; it is begun anew when the last of them has been given back. */
interface Block {
  readonly bytes: Buffer
  used: number
  bodies: number
}

/**
 * Memory for the bodies that one session reads, used again once they have been given back: a buffer for each of them
 * brings the collector of garbage every 64 MB, and the kernel clears its pages each time. What is never given back
 * takes its block out of use, and no more.
 */
export class BodyPool {
  /** By their memory, so that nothing else is taken back. */
  readonly #blocks = new WeakMap<ArrayBufferLike, Block>()
  #current: Block | null = null
  #empty: Block[] = []

  /** Room for exactly so many bytes, which hold anything. */
  take(bytes: number): Buffer {
    if (bytes > BLOCK_BYTES) return Buffer.allocUnsafeSlow(bytes)
    let block = this.#current
    if (block === null || BLOCK_BYTES - block.used < bytes) {
      block = this.#empty.pop() ?? this.#newBlock()
      this.#current = block
    }
    const body = block.bytes.subarray(block.used, block.used + bytes)
    block.used += bytes
    block.bodies++
    return body
  }

  /** Takes back what `take` handed out, once; anything else is left alone. */
  give(body: Buffer): void {
    const block = this.#blocks.get(body.buffer)
    if (block === undefined || --block.bodies > 0) return
    block.used = 0
    if (block !== this.#current && this.#empty.length < KEPT_BLOCKS) this.#empty.push(block)
  }

  #newBlock(): Block {
    const block = { bytes: Buffer.allocUnsafeSlow(BLOCK_BYTES), used: 0, bodies: 0 }
    this.#blocks.set(block.bytes.buffer, block)
    return block
  }
}
