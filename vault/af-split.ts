import { hash, randomBytes } from 'node:crypto'

/**
 * The anti-forensic splitter of TKS1 as LUKS1 uses it, with SHA-256: a key of 32 bytes becomes 4,000 stripes of 32 bytes,
 * all of which are needed. One lost or changed bit anywhere gives another key, so that a partial remnant is useless.
 */
export const STRIPES = 4000
const KEY_BYTES = 32
const NUMBER_BYTES = 4
/** The length of a split key: 128,000 bytes. */
export const SLOT_BYTES = STRIPES * KEY_BYTES

/** Splits a key into 128,000 bytes that look random. The caller wipes them. */
export function splitKey(key: Buffer): Buffer {
  const slot = Buffer.allocUnsafeSlow(SLOT_BYTES)
  slot.set(randomBytes(SLOT_BYTES - KEY_BYTES))
  const state = diffuseStripes(slot)
  xorInto(state, key)
  slot.set(state, SLOT_BYTES - KEY_BYTES)
  state.fill(0)
  return slot
}

/** The key that a slot holds; it never fails, so that the caller must check the key. The caller wipes it. */
export function mergeKey(slot: Buffer): Buffer {
  const state = diffuseStripes(slot)
  xorInto(state, slot.subarray(SLOT_BYTES - KEY_BYTES))
  return state
}

/** Runs every stripe but the last through the chain: XOR, then SHA-256 of the block's number (0, big-endian) and the block. */
function diffuseStripes(slot: Buffer): Buffer {
  const block = Buffer.allocUnsafeSlow(NUMBER_BYTES + KEY_BYTES).fill(0)
  const state = block.subarray(NUMBER_BYTES)
  for (let stripe = 0; stripe < STRIPES - 1; stripe++) {
    xorInto(state, slot.subarray(stripe * KEY_BYTES, (stripe + 1) * KEY_BYTES))
    const digest = hash('sha256', block, 'buffer')
    state.set(digest)
    digest.fill(0)
  }
  return state
}

function xorInto(target: Buffer, mask: Buffer): void {
  for (let i = 0; i < KEY_BYTES; i++) target[i] = (target[i] ?? 0) ^ (mask[i] ?? 0)
}
