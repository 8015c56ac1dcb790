import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Digester, digestWhole, hasBytesOf } from '../../src/core/digest.ts'

/** The canonical form, written as plainly as can be. */
function canonical(body: Uint8Array): Buffer {
  const lines = Buffer.from(body).toString('latin1').replaceAll('\r', '').replaceAll('\0', '\x80').split('\n')
  if (lines.at(-1) === '') lines.pop()
  return Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1')
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Bytes in which line ends and NUL are as common as anything else. */
const bodies = fc
  .array(fc.constantFrom(0x0d, 0x0a, 0x00, 0x80, 0x41, 0x0d, 0x0a), { maxLength: 60 })
  .map((bytes) => Buffer.from(bytes))
const cuts = fc.array(fc.nat({ max: 8 }), { maxLength: 40 })

describe('digests', () => {
  it('are those of the bytes and of the canonical form, wherever the pieces are cut', () => {
    fc.assert(
      fc.property(bodies, cuts, (body, lengths) => {
        const digester = new Digester()
        let at = 0
        for (const length of [...lengths, body.length]) {
          digester.update(body.subarray(at, at + length))
          at = Math.min(body.length, at + length)
        }
        const { digest, matchDigest, bytes, matchBytes, nul } = digester.finish()
        expect(hexOf(digest)).toBe(sha256(body))
        expect(hexOf(matchDigest)).toBe(sha256(canonical(body)))
        expect(bytes).toBe(body.length)
        expect(matchBytes).toBe(canonical(body).length)
        expect(nul).toBe(body.includes(0))
      }),
      { numRuns: 3000 },
    )
  })

  it('match what a server makes of line ends and NUL, however often it does', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        const stored = digestWhole(canonical(body))
        expect(hexOf(stored.matchDigest)).toBe(hexOf(digestWhole(body).matchDigest))
        expect(hexOf(digestWhole(canonical(canonical(body))).matchDigest)).toBe(hexOf(stored.matchDigest))
      }),
      { numRuns: 1000 },
    )
  })

  it('are known again by the very bytes alone', () => {
    fc.assert(
      fc.property(bodies, bodies, (body, other) => {
        expect(hasBytesOf(body, digestWhole(body))).toBe(true)
        expect(hasBytesOf(other, digestWhole(body))).toBe(other.equals(body))
        expect(hasBytesOf(canonical(body), digestWhole(body))).toBe(canonical(body).equals(body))
      }),
      { numRuns: 1000 },
    )
  })

  it('match what Courier makes of a CR within a line and of a last line without an end', () => {
    const sent = digestWhole(Buffer.from('a\rb\r\nthe end\r'))
    const kept = digestWhole(Buffer.from('ab\r\nthe end\r\n'))
    expect(hexOf(sent.matchDigest)).toBe(hexOf(kept.matchDigest))
    expect(hexOf(sent.digest)).not.toBe(hexOf(kept.digest))
  })

  it.each([
    ['ab', 'a b'],
    ['a\r\nb', 'ab'],
    ['a\r\n', 'a\r\n\r\n'],
    ['', '\r\n'],
    ['a\0', 'a'],
  ])('tell %j and %j apart', (one, other) => {
    const [a, b] = [one, other].map((text) => hexOf(digestWhole(Buffer.from(text)).matchDigest))
    expect(a).not.toBe(b)
  })
})
