import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CompactRange, hashEmptyTree, hashLeaf, rangeSpans } from '../../src/audit/merkle.ts'
import {
  proveConsistency,
  proveInclusion,
  verifyConsistency,
  verifyInclusion,
} from '../../src/audit/merkle-proof.ts'
import { mth, path, proof } from './naive-merkle.ts'

/** The leaves and roots that the implementations of RFC 6962 share as test vectors. */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]
const INCLUSION: readonly (readonly [number, number, readonly string[]])[] = [
  [0, 1, []],
  [
    0,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    5,
    8,
    [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [2, 3, ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125']],
]
const CONSISTENCY: readonly (readonly [number, number, readonly string[]])[] = [
  [1, 1, []],
  [
    1,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    6,
    8,
    [
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [
    2,
    5,
    [
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  ],
]

const bytes = LEAVES.map((leaf) => Buffer.from(leaf, 'hex'))
const hashes = bytes.map(hashLeaf)
const at =
  (all: readonly Uint8Array[]) =>
  (index: number): Uint8Array => {
    const hash = all[index]
    if (hash === undefined) throw new Error(`asked for leaf ${index}`)
    return hash
  }
const hex = (all: readonly Uint8Array[]): string[] => all.map((hash) => Buffer.from(hash).toString('hex'))

function rangeOf(leaves: readonly Uint8Array[]): CompactRange {
  const range = new CompactRange()
  for (const leaf of leaves) range.append(hashLeaf(leaf))
  return range
}

describe('the tree of RFC 6962', () => {
  it('has the known roots', () => {
    expect(hashEmptyTree().toString('hex')).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    )
    for (const [i, root] of ROOTS.entries()) {
      expect(
        rangeOf(bytes.slice(0, i + 1))
          .root()
          .toString('hex'),
      ).toBe(root)
      expect(mth(bytes.slice(0, i + 1)).toString('hex')).toBe(root)
    }
  })

  it.each(INCLUSION)('has the known path of leaf %i of %i', (index, size, expected) => {
    expect(hex(proveInclusion(at(hashes), index, size))).toEqual(expected)
    expect(hex(path(index, bytes.slice(0, size)))).toEqual(expected)
  })

  it.each(CONSISTENCY)('has the known proof from %i to %i', (first, second, expected) => {
    expect(hex(proveConsistency(at(hashes), first, second))).toEqual(expected)
    expect(hex(proof(first, bytes.slice(0, second)))).toEqual(expected)
  })

  it('agrees with the definition for every leaf of every tree up to 40, and for every pair of trees', () => {
    const many = Array.from({ length: 40 }, (_, i) => Buffer.from(`leaf ${i}`))
    const all = many.map(hashLeaf)
    for (let size = 1; size <= many.length; size++) {
      const part = many.slice(0, size)
      const root = mth(part)
      expect(rangeOf(part).root()).toEqual(root)
      for (let i = 0; i < size; i++) {
        const inclusion = proveInclusion(at(all), i, size)
        expect(hex(inclusion)).toEqual(hex(path(i, part)))
        expect(verifyInclusion(at(all)(i), i, size, inclusion, root)).toBe(true)
        const consistency = proveConsistency(at(all), i + 1, size)
        expect(hex(consistency)).toEqual(hex(proof(i + 1, part)))
        expect(verifyConsistency(i + 1, size, mth(many.slice(0, i + 1)), root, consistency)).toBe(true)
      }
    }
  })

  it('goes on from a range that was written down', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70 }), fc.integer({ min: 0, max: 70 }), (first, more) => {
        const leaves = Array.from({ length: first + more }, (_, i) => Buffer.from([i]))
        const begun = rangeOf(leaves.slice(0, first))
        const resumed = new CompactRange(begun.size, begun.hashes)
        for (const leaf of leaves.slice(first)) resumed.append(hashLeaf(leaf))
        expect(resumed.root()).toEqual(mth(leaves))
        expect(resumed.size).toBe(leaves.length)
        for (const [i, [from, to]] of rangeSpans(leaves.length).entries()) {
          expect(resumed.hashes[i]).toEqual(mth(leaves.slice(from, to)))
        }
      }),
    )
    expect(() => new CompactRange(3, [hashEmptyTree()])).toThrow('do not make a tree of 3')
    expect(() => new CompactRange(1, [Buffer.alloc(31)])).toThrow('do not make')
  })
})

describe('a proof that was changed', () => {
  const tree = fc.integer({ min: 1, max: 64 }).chain((size) =>
    fc.record({
      size: fc.constant(size),
      index: fc.integer({ min: 0, max: size - 1 }),
      first: fc.integer({ min: 1, max: size }),
      at: fc.nat(),
      bit: fc.integer({ min: 0, max: 255 }),
    }),
  )

  it('of inclusion is refused: another leaf, index, size, root, a hash more, less or changed', () => {
    fc.assert(
      fc.property(tree, ({ size, index, at: place, bit }) => {
        const leaves = Array.from({ length: size + 1 }, (_, i) => Buffer.from(`${i}`))
        const all = leaves.map(hashLeaf)
        const root = mth(leaves.slice(0, size))
        const good = proveInclusion(at(all), index, size)
        const leaf = at(all)(index)
        expect(verifyInclusion(leaf, index, size, good, root)).toBe(true)
        expect(verifyInclusion(at(all)(index + 1), index, size, good, root)).toBe(false)
        expect(verifyInclusion(leaf, index + 1, size, good, root)).toBe(false)
        expect(verifyInclusion(leaf, index, size, good, mth(leaves))).toBe(false)
        expect(verifyInclusion(leaf, index, size, [...good, leaf], root)).toBe(false)
        expect(verifyInclusion(leaf, index, size, [leaf, ...good], root)).toBe(false)
        if (good.length === 0) return
        expect(verifyInclusion(leaf, index, size, good.slice(1), root)).toBe(false)
        expect(verifyInclusion(leaf, index, size, good.slice(0, -1), root)).toBe(false)
        const bad = good.map((hash) => Buffer.from(hash))
        const changed = bad[place % bad.length]
        if (changed === undefined) throw new Error('no hash')
        changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
        expect(verifyInclusion(leaf, index, size, bad, root)).toBe(false)
      }),
    )
  })

  it('of consistency is refused: other roots, a hash more, less or changed', () => {
    fc.assert(
      fc.property(tree, ({ size, first, at: place, bit }) => {
        const leaves = Array.from({ length: size }, (_, i) => Buffer.from(`${i}`))
        const all = leaves.map(hashLeaf)
        const [before, after] = [mth(leaves.slice(0, first)), mth(leaves)]
        const other = mth([Buffer.from('other')])
        const good = proveConsistency(at(all), first, size)
        expect(verifyConsistency(first, size, before, after, good)).toBe(true)
        expect(verifyConsistency(first, size, other, after, good)).toBe(false)
        expect(verifyConsistency(first, size, before, other, good)).toBe(false)
        expect(verifyConsistency(first, size, before, after, [...good, other])).toBe(false)
        expect(verifyConsistency(size, first - 1, before, after, good)).toBe(false)
        if (good.length === 0) return
        expect(verifyConsistency(first, size, before, after, good.slice(1))).toBe(false)
        expect(verifyConsistency(first, size, before, after, good.slice(0, -1))).toBe(false)
        const bad = good.map((hash) => Buffer.from(hash))
        const changed = bad[place % bad.length]
        if (changed === undefined) throw new Error('no hash')
        changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
        expect(verifyConsistency(first, size, before, after, bad)).toBe(false)
      }),
    )
  })

  it('with sizes that are none is refused', () => {
    const root = hashEmptyTree()
    for (const bad of [-1, 0.5, NaN, Infinity, 2 ** 60]) {
      expect(verifyInclusion(root, bad, 8, [], root)).toBe(false)
      expect(verifyInclusion(root, 0, bad, [], root)).toBe(false)
      expect(verifyConsistency(bad, 8, root, root, [])).toBe(false)
      expect(verifyConsistency(1, bad, root, root, [])).toBe(false)
    }
    expect(() => proveInclusion(at(hashes), 8, 8)).toThrow('not in a tree of 8')
    expect(() => proveConsistency(at(hashes), 8, 7)).toThrow('not before')
  })
})
