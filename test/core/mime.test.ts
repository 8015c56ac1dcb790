import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressesOf, decodeText, decodeWords, fieldValue, leavesOf, readHeader } from '../../src/core/mime.ts'

const utf8 = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('utf8')

describe('a message in parts', () => {
  it('never throws, whatever it is given', () => {
    const pieces = fc.constantFrom(
      '--b',
      '--b--',
      '\r\n',
      '\n',
      'Content-Type: multipart/mixed; boundary=b',
      ':',
      '=',
      '"',
      ';',
      '*0*=x',
      ' ',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.array(pieces).map((words) => Buffer.from(words.join(''))),
        ),
        (bytes) => {
          const leaves = leavesOf(bytes)
          expect(leaves.length).toBeGreaterThan(0)
          const { fields } = readHeader(bytes)
          for (const { value } of fields) expect(typeof decodeWords(value)).toBe('string')
          addressesOf(fields[0]?.value ?? null)
        },
      ),
    )
  })

  it('keeps what base64 held, byte for byte', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (first, second) => {
        const part = (bytes: Uint8Array): string =>
          `Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(bytes).toString('base64')}`
        const text = `Content-Type: multipart/mixed; boundary="b"\r\n\r\npreamble\r\n--b\r\n${part(first)}\r\n--b\r\n${part(second)}\r\n--b--\r\nepilogue`
        const leaves = leavesOf(Buffer.from(text))
        expect(leaves.map(({ body }) => Buffer.from(body))).toEqual([Buffer.from(first), Buffer.from(second)])
      }),
    )
  })

  it('ends where it is nested without end', () => {
    const level = (n: number): string => `Content-Type: multipart/mixed; boundary=b${n}x\r\n\r\n--b${n}x\r\n`
    const nested = Array.from({ length: 500 }, (_, n) => level(n)).join('')
    expect(leavesOf(Buffer.from(nested))).toHaveLength(1)
    expect(
      leavesOf(Buffer.from('Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n'.repeat(5000))),
    ).toHaveLength(1)
  })

  it('reads names of files in every spelling', () => {
    const names = [
      ['filename="a b.txt"', 'a b.txt'],
      ["filename*=utf-8''%C3%A4.txt", 'ä.txt'],
      ['filename*0*=iso-8859-1\'\'%E4; filename*1="b.txt"', 'äb.txt'],
      ['filename="=?utf-8?Q?=C3=A4.txt?="', 'ä.txt'],
      ["filename*=utf-8''%E6%97%A5%E2%82%AC%D0%96.pdf", '日€Ж.pdf'],
      ["filename*1*=%82%AC.txt; filename*0*=utf-8''%E2", '€.txt'],
      ['filename*0="Bob\'s and "; filename*1="Al\'s.txt"', "Bob's and Al's.txt"],
      ['filename*0="=?utf-8?Q?=E2=82=AC"; filename*1=".txt?="', '€.txt'],
      ['filename*0="\xe2\x82"; filename*1="\xac 100%25.txt"', '€ 100%25.txt'],
      ["filename*=utf-8''=%3Futf-8%3FQ%3Fa%3F=", '=?utf-8?Q?a?='],
    ]
    for (const [written, read] of names) {
      const header = `Content-Disposition: attachment; ${written ?? ''}\r\n\r\nx`
      const [leaf] = leavesOf(Buffer.from(header, 'latin1'))
      expect(leaf).toMatchObject({ isAttachment: true, fileName: read })
    }
  })

  it('decodes quoted-printable, charsets and encoded words', () => {
    const [leaf] = leavesOf(Buffer.from('Content-Transfer-Encoding: quoted-printable\r\n\r\na=C3=A4=\r\nb  \r\n'))
    expect(utf8(leaf?.body)).toBe('aäb\r\n')
    expect(decodeText(Buffer.from([0xfc]), 'iso-8859-1')).toBe('ü')
    expect(decodeText(Buffer.from([0xfc]), 'no-such-charset')).toBe('ü')
    // Node 20 by itself makes a control character of it.
    expect(decodeText(Buffer.from([0x80]), 'windows-1252')).toBe('€')
    expect(decodeWords('=?utf-8?B?w6Q=?= =?utf-8?Q?_b?= c')).toBe('ä b c')
    // A percent sign is no escape here, and a character may be cut in two.
    expect(decodeWords('=?utf-8?Q?20%ab_50%20off?=')).toBe('20%ab 50%20off')
    expect(decodeWords('x =?utf-8?B?4g==?= =?UTF-8*de?Q?=82?= =?utf-8?q?=AC?= =?iso-8859-1?Q?=E4?= y')).toBe(
      'x €ä y',
    )
  })

  it('reads folded fields and persons', () => {
    const { fields, bodyAt } = readHeader(
      Buffer.from('To: "A, B" <a@x>,\r\n c@y (note),\r\n nobody\r\nBad line\r\n\r\nbody'),
    )
    expect(addressesOf(fieldValue(fields, 'to'))).toEqual([
      { name: 'A, B', address: 'a@x' },
      { name: '', address: 'c@y' },
    ])
    expect(bodyAt).toBe(54)
  })
})
