import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { generateSeed, signerOf, type Signer } from '../../vault/ed25519.ts'
import {
  extendOperatorList,
  fingerprintLead,
  verifyChain,
  type OperatorEntry,
  type OperatorRole,
} from '../../vault/operator-list.ts'

const [ada, bob, eve] = [signerOf(generateSeed()), signerOf(generateSeed()), signerOf(generateSeed())]
const PINNED = fingerprintLead(ada.publicKey)

function entry(name: string, role: OperatorRole, signer: Signer): OperatorEntry {
  return { name, role, boxKey: randomBytes(32), signKey: signer.publicKey }
}

function state(...operators: readonly OperatorEntry[]): Parameters<typeof extendOperatorList>[1] {
  return {
    issued: '2026-01-01T00:00:00Z',
    operators,
    recordsKey: Buffer.alloc(32, 1),
    certificateKey: Buffer.alloc(32, 2),
  }
}

async function chain(): Promise<string> {
  const first = await extendOperatorList([], state(entry('ada', 'lead', ada)), 'ada', ada)
  const second = state(entry('ada', 'lead', ada), entry('bob', 'lead', bob), entry('eve', 'engineer', eve))
  return extendOperatorList(verifyChain(first, PINNED).signed, second, 'ada', ada)
}

describe('the chain of operator lists', () => {
  test('a lead of the last state signs the next one, also after the first lead has left', async () => {
    const before = verifyChain(await chain(), PINNED)
    const next = await extendOperatorList(before.signed, state(entry('bob', 'lead', bob)), 'bob', bob)
    const after = verifyChain(next, PINNED)
    expect(after.lists.map((list) => list.operators.length)).toEqual([1, 3, 1])
    expect(after.current.operators.map((operator) => operator.name)).toEqual(['bob'])
    const back = await extendOperatorList(after.signed, state(entry('ada', 'lead', ada)), 'ada', ada)
    expect(() => verifyChain(back, PINNED)).toThrow('not signed by a lead')
  })

  test('an engineer cannot sign, nor anybody in the name of a lead', async () => {
    const { signed } = verifyChain(await chain(), PINNED)
    const next = state(entry('eve', 'lead', eve))
    expect(() => verifyChain(JSON.stringify({}), PINNED)).toThrow('lacks')
    const asHerself = await extendOperatorList(signed, next, 'eve', eve)
    expect(() => verifyChain(asHerself, PINNED)).toThrow('not signed by a lead')
    const asAda = await extendOperatorList(signed, next, 'ada', eve)
    expect(() => verifyChain(asAda, PINNED)).toThrow('signature does not match')
  })

  test('another first lead, a state left out, states exchanged: all are found', async () => {
    const other = await extendOperatorList([], state(entry('eve', 'lead', eve)), 'eve', eve)
    expect(verifyChain(other, null).current.operators).toHaveLength(1)
    expect(() => verifyChain(other, PINNED)).toThrow('replaced')
    const file = JSON.parse(await chain()) as { lists: unknown[] }
    const withLists = (lists: readonly unknown[]): string => JSON.stringify({ ...file, lists })
    expect(() => verifyChain(withLists(file.lists.slice(1)), PINNED)).toThrow()
    expect(() => verifyChain(withLists([...file.lists].reverse()), PINNED)).toThrow()
    expect(() => verifyChain(withLists([file.lists[0], file.lists[0]]), PINNED)).toThrow()
    expect(() => verifyChain(withLists([]), PINNED)).toThrow('empty')
  })

  test('a name twice is refused', async () => {
    const twice = await extendOperatorList(
      [],
      state(entry('ada', 'lead', ada), entry('ada', 'lead', eve)),
      'ada',
      ada,
    )
    expect(() => verifyChain(twice, PINNED)).toThrow('twice')
  })
})
