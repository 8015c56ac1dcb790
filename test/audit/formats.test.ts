import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeHead } from '../../src/audit/audit-head.ts'
import { parseLine } from '../../src/audit/audit-line.ts'
import { formatRanges, parseRanges } from '../../src/audit/index-ranges.ts'
import { parseRow } from '../../src/audit/personal-row.ts'
import { verifyTlogProof } from '../../src/audit/tlog-proof.ts'
import { mth } from './naive-merkle.ts'
import { testSigner } from './signer.ts'
import { formatVerifierKey } from '../../src/audit/signed-note.ts'
import fc from 'fast-check'

/** The examples of docs/formats.md, by the word behind their fence. */
function examples(): ReadonlyMap<string, string> {
  const text = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8')
  return new Map(
    [...text.matchAll(/^```(audit-[a-z]+)\n([^`]*)^```$/gm)].map(([, name = '', body = '']) => [name, body]),
  )
}

const example = (name: string): string => {
  const body = examples().get(name)
  if (body === undefined) throw new Error(`docs/formats.md has no example ${name}`)
  return body
}
const sha256 = (...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('base64')
}

describe('the examples of docs/formats.md', () => {
  const lines = example('audit-log').split('\n').slice(0, -1)
  const leaves = lines.map((line) => line.slice(line.indexOf('{')))
  const head = JSON.parse(example('audit-head')) as Record<string, unknown>

  it('hold by the words of the document alone', () => {
    expect(lines).toHaveLength(3)
    let previous: string | null = null
    for (const [i, leaf] of leaves.entries()) {
      const hash = sha256(Buffer.from([0]), leaf)
      expect(lines[i]).toBe(`${i} ${hash} ${leaf}`)
      expect(JSON.parse(leaf)).toMatchObject({ v: 1, index: i, previous })
      previous = hash
    }
    const root = mth(leaves.map((leaf) => Buffer.from(leaf))).toString('base64')
    const range = [mth(leaves.slice(0, 2).map((leaf) => Buffer.from(leaf))).toString('base64'), previous]
    const logBytes = Buffer.byteLength(example('audit-log'))
    const personalBytes = Buffer.byteLength(example('audit-personal'))
    expect(head).toMatchObject({ size: 3, root, range, last: previous, logBytes, personalBytes })
    const text = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8')
    expect(text).toContain(`Three entries, ${logBytes.toLocaleString('en')} bytes`)
    expect(text).toContain(`The one row of the example, ${personalBytes} bytes`)
    expect(example('audit-checkpoint').split('\n').slice(0, 3)).toEqual([head['origin'], '3', root])
  })

  it('commit to the fields', () => {
    const plain = Buffer.from(example('audit-plain').trim(), 'hex')
    const [row = '', sealed = ''] = example('audit-personal').trim().split(' ')
    const { personal } = JSON.parse(leaves[1] ?? '') as { personal: Record<string, string> }
    expect(personal).toEqual({
      row,
      commitment: sha256('sealpost/v1/audit-personal\n', plain),
      sealed: sha256(Buffer.from(sealed, 'base64')),
    })
    expect(plain.subarray(32).toString()).toBe('{"recipient":"Layla Hassan"}')
    expect(readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8')).toContain(
      `Its \`plain\` is ${plain.length} bytes`,
    )
  })

  it('are read by the program', () => {
    for (const [i, line] of lines.entries())
      expect(parseLine(Buffer.from(line))).toMatchObject({ index: i, state: 'intact' })
    expect(decodeHead(Buffer.from(example('audit-head')))).toMatchObject({ size: 3, erasing: null })
    expect(parseRow(Buffer.from(example('audit-personal').trimEnd()))?.sealed).not.toBeNull()
    const vkey = example('audit-vkey').trim()
    const origin = String(head['origin'])
    const signer = testSigner(origin, 7)
    expect(vkey).toBe(formatVerifierKey(origin, signer.publicKey))
    const leafHash = createHash('sha256')
      .update(Buffer.from([0]))
      .update(leaves[1] ?? '')
      .digest()
    expect(verifyTlogProof(example('audit-proof'), leafHash, origin, [vkey]).size).toBe(3)
    expect(example('audit-proof').endsWith(example('audit-checkpoint'))).toBe(true)
  })
})

describe('ranges of indexes', () => {
  it('go there and back', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { maxLength: 40 }), (indexes) => {
        const sorted = [...new Set(indexes)].sort((a, b) => a - b)
        expect(parseRanges(formatRanges(indexes), 1000)).toEqual(sorted)
      }),
    )
    expect(formatRanges([4, 3, 5, 9, 11, 12])).toBe('3-5,9,11-12')
  })

  it.each(['1,', '2-1', '1-1', '5,3', '1,2', '01', 'a', '1-', '-1', '0-99999999999', '1 ,3'])(
    'are not %j',
    (text) => {
      expect(parseRanges(text, 1000)).toBeNull()
    },
  )
})

describe('a line or a head that is none', () => {
  it('is refused and never crashes the reader', () => {
    const line = Buffer.from(example('audit-log').split('\n')[1] ?? '')
    const head = Buffer.from(example('audit-head'))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(line.length - 1), fc.nat(40), (noise, at, cut) => {
        const spliced = Buffer.concat([line.subarray(0, at), noise, line.subarray(at + cut)])
        const parsed = parseLine(spliced)
        if (!spliced.equals(line) && parsed?.state === 'intact') throw new Error('a changed line passed')
        const broken = Buffer.concat([head.subarray(0, at), noise, head.subarray(at + cut)])
        try {
          decodeHead(broken)
        } catch (error) {
          expect(error).toMatchObject({ kind: 'corrupt' })
        }
      }),
      { numRuns: 2000 },
    )
  })
})
