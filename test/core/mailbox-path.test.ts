import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileGlob, formatPath, parsePath } from '../../src/core/mailbox-path.ts'

const levels = fc.array(fc.string({ minLength: 1, unit: fc.constantFrom('a', '/', '\\', '*', '?', 'é', '.') }), {
  minLength: 1,
  maxLength: 4,
})

describe('paths', () => {
  it('read back as they were written', () => {
    fc.assert(
      fc.property(levels, (path) => {
        expect(parsePath(formatPath(path))).toEqual(path)
      }),
    )
  })

  it('are matched by themselves as a glob, when nothing in them is special', () => {
    fc.assert(
      fc.property(levels, (path) => {
        const glob = formatPath(path).replace(/[*?]/g, '\\$&')
        expect(compileGlob(glob)(path)).toBe(true)
      }),
    )
  })

  it.each([
    ['Old/**', ['Old', 'a', 'b'], true],
    ['Old/*', ['Old', 'a', 'b'], false],
    ['Old/*', ['Old', 'a/b'], true],
    ['Old', ['Old', 'a'], false],
    ['*', ['INBOX'], true],
    ['**', ['a', 'b'], true],
    ['a.c', ['abc'], false],
    ['A?', ['A1'], true],
    ['A\\*', ['A*'], true],
    ['A\\*', ['AB'], false],
  ] as const)('%s on %j: %s', (glob, path, expected) => {
    expect(compileGlob(glob)(path)).toBe(expected)
  })
})
