import { SealpostError } from '../core/errors.ts'
import { CompactRange, hashNode, largestPowerAtMost } from './merkle.ts'

/** Gives the hash of leaf `index`. */
export type LeafHashes = (index: number) => Uint8Array

/**
 * The audit path of one leaf in the tree of the first `size` leaves, its sibling first (RFC 6962 section 2.1.1). Throws
 * `config` for an index outside of the tree.
 */
export function proveInclusion(leaves: LeafHashes, index: number, size: number): Uint8Array[] {
  if (!isIndex(index) || !isIndex(size) || index >= size) {
    throw new SealpostError('config', `entry ${index} is not in a tree of ${size}`)
  }
  const proof: Uint8Array[] = []
  let from = 0
  let to = size
  while (to - from > 1) {
    const middle = from + splitOf(to - from)
    if (index < middle) {
      proof.push(rootOf(leaves, middle, to))
      to = middle
    } else {
      proof.push(rootOf(leaves, from, middle))
      from = middle
    }
  }
  return proof.reverse()
}

/** True when the leaf is at `index` of the tree (RFC 9162 section 2.1.3.2). Never throws. */
export function verifyInclusion(
  leafHash: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!isIndex(index) || !isIndex(size) || index >= size) return false
  let node = index
  let last = size - 1
  let hash = leafHash
  for (const sibling of proof) {
    if (last === 0) return false
    if (isOdd(node) || node === last) {
      hash = hashNode(sibling, hash)
      while (!isOdd(node) && node !== 0) {
        node = half(node)
        last = half(last)
      }
    } else hash = hashNode(hash, sibling)
    node = half(node)
    last = half(last)
  }
  return last === 0 && isSame(hash, root)
}

/**
 * Shows that the tree of the first `first` leaves is a beginning of that of the first `second` (RFC 6962 section 2.1.2).
 * Empty when either there is nothing to show. Throws `config` when the sizes are the wrong way round.
 */
export function proveConsistency(leaves: LeafHashes, first: number, second: number): Uint8Array[] {
  if (!isIndex(first) || !isIndex(second) || first > second) {
    throw new SealpostError('config', `a tree of ${first} is not before one of ${second}`)
  }
  if (first === 0 || first === second) return []
  const proof: Uint8Array[] = []
  let from = 0
  let to = second
  let known = true
  let rest = first
  while (rest !== to - from) {
    const split = splitOf(to - from)
    if (rest <= split) {
      proof.push(rootOf(leaves, from + split, to))
      to = from + split
    } else {
      proof.push(rootOf(leaves, from, from + split))
      from += split
      rest -= split
      known = false
    }
  }
  if (!known) proof.push(rootOf(leaves, from, to))
  return proof.reverse()
}

/** True when the proof shows that one tree is a beginning of the other (RFC 9162 section 2.1.4.2). Never throws. */
export function verifyConsistency(
  first: number,
  second: number,
  firstRoot: Uint8Array,
  secondRoot: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (!isIndex(first) || !isIndex(second) || first > second) return false
  if (first === second) return proof.length === 0 && isSame(firstRoot, secondRoot)
  // Anything begins with nothing.
  if (first === 0) return proof.length === 0
  const path = largestPowerAtMost(first) === first ? [firstRoot, ...proof] : [...proof]
  let node = first - 1
  let last = second - 1
  while (isOdd(node)) {
    node = half(node)
    last = half(last)
  }
  const start = path.shift()
  if (start === undefined) return false
  let firstHash = start
  let secondHash = start
  for (const hash of path) {
    if (last === 0) return false
    if (isOdd(node) || node === last) {
      firstHash = hashNode(hash, firstHash)
      secondHash = hashNode(hash, secondHash)
      while (!isOdd(node) && node !== 0) {
        node = half(node)
        last = half(last)
      }
    } else secondHash = hashNode(secondHash, hash)
    node = half(node)
    last = half(last)
  }
  return last === 0 && isSame(firstHash, firstRoot) && isSame(secondHash, secondRoot)
}

/** The root over leaves `from` to `to`, the latter not included. */
function rootOf(leaves: LeafHashes, from: number, to: number): Uint8Array {
  const range = new CompactRange()
  for (let i = from; i < to; i++) range.append(leaves(i))
  return range.root()
}

/** The largest power of two below `n` (RFC 6962 section 2.1: k). */
function splitOf(n: number): number {
  return largestPowerAtMost(n - 1)
}

function isIndex(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0
}

function isOdd(n: number): boolean {
  return n % 2 === 1
}

function half(n: number): number {
  return Math.floor(n / 2)
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
