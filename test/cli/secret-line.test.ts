import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SecretLine } from '../../src/cli/terminal/prompt.ts'

/** Types bytes until the line ends; returns what was typed, or how it ended. */
function type(bytes: Buffer | string): string {
  const line = new SecretLine()
  for (const byte of Buffer.from(bytes)) {
    const did = line.type(byte)
    if (did === 'interrupted') return 'interrupted'
    if (did === 'done') return line.take().text()
  }
  return 'unfinished'
}

describe('a line typed in the dark', () => {
  it.each([
    ['enter', 'secret\r', 'secret'],
    ['line feed', 'secret\n', 'secret'],
    ['backspace', 'secrex\u007ft\r', 'secret'],
    ['the other backspace', 'secrex\bt\r', 'secret'],
    ['backspace over a character of three bytes', 'a€\u007fb\r', 'ab'],
    ['backspace over an emoji', 'a😀\u007fb\r', 'ab'],
    ['backspace at the start', '\u007f\u007fa\r', 'a'],
    ['Ctrl-U', 'wrong\u0015right\r', 'right'],
    ['arrow keys', 'a\u001b[Db\u001bOCc\u001b[1;5Dd\r', 'abcd'],
    ['a bracketed paste', '\u001b[200~pasted\u001b[201~\r', 'pasted'],
    ['Ctrl-D after text', 'ab\u0004', 'ab'],
    ['Ctrl-D at the start', '\u0004', 'interrupted'],
    ['Ctrl-C', 'ab\u0003', 'interrupted'],
    ['a tab and other control keys', 'a\tb\u0001c\r', 'abc'],
  ])('%s', (_, typed, expected) => {
    expect(type(typed)).toBe(expected)
  })

  it('keeps every passphrase as it was typed', () => {
    const passphrase = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((text) => !/\p{Cc}/u.test(text))
    fc.assert(fc.property(passphrase, (text) => type(`${text}\r`) === text))
  })

  it('takes back one character at a time, whatever was typed', () => {
    const characters = fc.array(fc.constantFrom('a', 'ä', '€', '😀'), { maxLength: 20 })
    fc.assert(
      fc.property(characters, fc.nat({ max: 25 }), (typed, back) => {
        const expected = typed.slice(0, Math.max(0, typed.length - back)).join('')
        expect(type(`${typed.join('')}${'\u007f'.repeat(back)}\r`)).toBe(expected)
      }),
    )
  })
})
