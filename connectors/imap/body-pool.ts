/** As much as a slice of a run holds. */
const BLOCK_BYTES = 4 * 1024 * 1024
/** Empty blocks that are kept for all sessions; more are left to the collector of garbage. */
const KEPT_BLOCKS = 8

/** Bodies lie in it one after the other, until the last of them has been given back. */
interface Block {
  readonly bytes: Buffer
  used: number
  bodies: number
  /** The one pool that puts bodies into it; null while it is empty. */
  owner: BodyPool | null
}

/** Blocks of memory that several sessions use in turn, each of them at one session at a time. */
export class BodyBlocks {
  readonly #empty: Block[] = []
  /** By their memory, so that nothing else is taken back. */
  readonly #known = new WeakMap<ArrayBufferLike, Block>()

  take(): Block {
    return this.#empty.pop() ?? this.#made()
  }

  give(block: Block): void {
    if (this.#empty.length < KEPT_BLOCKS) this.#empty.push(block)
  }

  of(body: Buffer): Block | undefined {
    return this.#known.get(body.buffer)
  }

  #made(): Block {
    const block = { bytes: Buffer.allocUnsafeSlow(BLOCK_BYTES), used: 0, bodies: 0, owner: null }
    this.#known.set(block.bytes.buffer, block)
    return block
  }
}

/**
 * Memory for the bodies that one session reads, used again once they have been given back: a buffer for each of them
 * brings the collector of garbage every 64 MB, and the kernel clears its pages each time. What is never given back
 * takes its block out of use, and no more. A session that holds no body holds no block.
 */
export class BodyPool {
  readonly #blocks: BodyBlocks
  #current: Block | null = null

  constructor(blocks: BodyBlocks) {
    this.#blocks = blocks
  }

  /** Room for exactly so many bytes, which hold anything. */
  take(bytes: number): Buffer {
    if (bytes > BLOCK_BYTES) return Buffer.allocUnsafeSlow(bytes)
    let block = this.#current
    if (block === null || BLOCK_BYTES - block.used < bytes) {
      block = this.#blocks.take()
      block.owner = this
      this.#current = block
    }
    const body = block.bytes.subarray(block.used, block.used + bytes)
    block.used += bytes
    block.bodies++
    return body
  }

  /** Takes back what `take` handed out, once; anything else is left alone. */
  give(body: Buffer): void {
    const block = this.#blocks.of(body)
    if (block?.owner !== this || --block.bodies > 0) return
    block.used = 0
    block.owner = null
    if (block === this.#current) this.#current = null
    this.#blocks.give(block)
  }
}
