import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isUnmasked } from '../../connectors/imap/binary-form.ts'
import { parseFetchRow, type FetchRow } from '../../connectors/imap/fetch-row.ts'
import { sendableFlags } from '../../connectors/imap/flag-names.ts'
import { Framer } from '../../connectors/imap/framer.ts'
import { formatInternalDate, parseInternalDate } from '../../connectors/imap/internal-date.ts'
import { refusalOf } from '../../connectors/imap/response-codes.ts'
import { parseStatus, parseTokens, type Literal, type Untagged } from '../../connectors/imap/response.ts'
import { expandUids, parseUidRanges, uidOf, uidSets, uidsOf } from '../../connectors/imap/uid-set.ts'
import { decodeUtf7, encodeUtf7, pathOf, wireNameOf, type Namespace } from '../../connectors/imap/wire-name.ts'

/** Level names that a mapper may hand over. */
const level = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 20 })
  .filter((text) => text.isWellFormed() && !/[\p{Cc}./]/u.test(text) && text.toUpperCase() !== 'INBOX')

describe('modified UTF-7', () => {
  it.each([
    ['Entwürfe', 'Entw&APw-rfe'],
    ['&', '&-'],
    ['台北', '&U,BTFw-'],
    ['~peter/mail/台北/日本語', '~peter/mail/&U,BTFw-/&ZeVnLIqe-'],
    ['📬', '&2D3c7A-'],
  ])('%s is %s', (text, raw) => {
    expect(encodeUtf7(text)).toBe(raw)
    expect(decodeUtf7(raw)).toBe(text)
  })

  it.each(['a&b', '&', '&AGE-', '&AOk', '&AOk-&AOk-', '&2D0-', '&AO-', '&A-', '&==-', 'é', 'a\x7f', '&AOl-'])(
    '%s is none',
    (raw) => {
      expect(decodeUtf7(raw)).toBeNull()
    },
  )

  it('comes back, and no two texts are one name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(text.isWellFormed())
        expect(decodeUtf7(encodeUtf7(text))).toBe(text)
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('&', '-', 'A', 'O', 'k', ',', '2', 'D') }), (raw) => {
        const text = decodeUtf7(raw)
        if (text !== null) expect(encodeUtf7(text)).toBe(raw)
      }),
    )
  })
})

describe('wire names', () => {
  const spaces: readonly Namespace[] = [
    { prefix: '', delimiter: '/', utf8: false, foreign: [] },
    { prefix: 'INBOX.', delimiter: '.', utf8: false, foreign: [] },
    { prefix: 'Mail/', delimiter: '/', utf8: true, foreign: [] },
  ]
  it('give back the path that they were made from', () => {
    fc.assert(
      fc.property(fc.constantFrom(...spaces), fc.array(level, { minLength: 1, maxLength: 4 }), (space, path) => {
        expect(pathOf(wireNameOf(path, space), space.delimiter, space)).toEqual(path)
      }),
    )
  })
  it('never double the inbox', () => {
    expect(wireNameOf(['INBOX', 'Sub'], spaces[1] ?? fail())).toBe('INBOX.Sub')
    expect(wireNameOf(['Sub'], spaces[1] ?? fail())).toBe('INBOX.Sub')
    expect(wireNameOf(['inbox'], spaces[1] ?? fail())).toBe('INBOX')
    expect(pathOf('inbox', '.', spaces[1] ?? fail())).toEqual(['INBOX'])
    expect(pathOf('Inbox.Sub', '.', spaces[1] ?? fail())).toEqual(['Sub'])
    expect(pathOf('Inbox/Sub', '/', spaces[0] ?? fail())).toEqual(['INBOX', 'Sub'])
  })
})

describe('sets of UIDs', () => {
  const uids = fc
    .uniqueArray(fc.integer({ min: 1, max: 3000 }), { maxLength: 400 })
    .map((list) => list.sort((a, b) => a - b))
  it('name what they were made of, within their bounds', () => {
    fc.assert(
      fc.property(
        uids,
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 20, max: 200 }),
        (list, messages, characters) => {
          const sets = uidSets(list, messages, characters)
          expect(sets.flatMap((set) => set.uids)).toEqual(list)
          for (const set of sets) {
            expect(expandUids(set.text, 10_000)).toEqual(set.uids)
            expect(set.uids.length).toBeLessThanOrEqual(messages)
            expect(set.text.length).toBeLessThanOrEqual(characters + 21)
          }
        },
      ),
    )
  })
  it('refuse what is none, and what is too much', () => {
    for (const text of ['', '0', '1:', ':1', '1,,2', '*', '1:*', '-1', '4294967296', '1 2', '01x'])
      expect(parseUidRanges(text), text).toBeNull()
    expect(expandUids('1:4294967295', 1_000_000)).toBeNull()
    expect(expandUids('7:5', 10)).toEqual([5, 6, 7])
    for (const key of ['', '0', '-1', '1.5', '1e3', ' 1', '4294967296', 'x', '00'])
      expect(() => uidOf(key), key).toThrow('no UID')
    expect(uidsOf(['3', '1', '3'])).toEqual([1, 3])
  })
})

describe('dates', () => {
  it('come back to the second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
        const text = formatInternalDate(seconds * 1000 + 500)
        expect(text).toMatch(/^"[ \d]\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d \+0000"$/)
        expect(parseInternalDate(text.slice(1, -1))).toBe(seconds * 1000)
      }),
    )
  })
  it('are clamped into what servers keep', () => {
    expect(formatInternalDate(-1)).toBe('" 1-Jan-1970 00:00:00 +0000"')
    expect(formatInternalDate(8.64e15)).toBe('"31-Dec-9999 23:59:59 +0000"')
    expect(formatInternalDate(Number.NaN)).toBe('" 1-Jan-1970 00:00:00 +0000"')
  })
  it.each([
    ['17-Jul-1996 02:44:25 -0700', '1996-07-17T09:44:25Z'],
    [' 1-jan-2020 00:00:00 +1400', '2019-12-31T10:00:00Z'],
    ['31-Dec-1969 23:59:59 +0000', '1969-12-31T23:59:59Z'],
    [' 5-Jul-2005  9:33:57 GMT', '2005-07-05T09:33:57Z'],
    ['05-JUL-2005 09:33:57 +05:30 ', '2005-07-05T04:03:57Z'],
    ['12-Feb-2018 19:50:00 +0300 MSK', '2018-02-12T16:50:00Z'],
    ['12-Feb-2018 19:50:00 +0100 (CET)', '2018-02-12T18:50:00Z'],
    ['Tue, 31 Dec 2024 23:00:02 +0100', '2024-12-31T22:00:02Z'],
  ])('%s is %s', (text, instant) => {
    expect(parseInternalDate(text)).toBe(Date.parse(instant))
  })
  it.each(['', '00-Jan-0000 00:00:00 +0000', '1-Foo-2020 00:00:00 +0000', '1-Jan-20 00:00:00 +0000', 'now'])(
    '%s is none',
    (text) => {
      expect(parseInternalDate(text)).toBeNull()
    },
  )
})

describe('responses', () => {
  it('status lines are read with their codes', () => {
    expect(parseStatus('OK [APPENDUID 1 2:3] done')).toEqual({
      status: 'OK',
      code: 'APPENDUID',
      codeText: '1 2:3',
      text: 'done',
    })
    expect(parseStatus('no [alert]x')).toEqual({ status: 'NO', code: 'ALERT', codeText: '', text: 'x' })
    expect(parseStatus('BAD')).toEqual({ status: 'BAD', code: null, codeText: '', text: '' })
    expect(parseStatus('OK [BADURL "a]b"] x')).toMatchObject({ codeText: '"a]b"', text: 'x' })
    expect(parseStatus('OK [PERMANENTFLAGS (\\Seen \\*)] Limited')).toMatchObject({ codeText: '(\\Seen \\*)' })
    expect(parseStatus('BYE x')).toBeNull()
  })
  it('tokens are read byte for byte', () => {
    expect(parseTokens('(\\A b) "/" "q\\"\\\\" nil {3}\r\n x~{2}\r\n', [Buffer.from('lit')])).toHaveLength(6)
    expect(parseTokens('"caf\xe9"')).toEqual([Buffer.from('caf\xe9', 'latin1')])
    const raw = 'voil\xc3\xa0'
    expect(parseTokens(`(\\A)\t"/"  ${raw}\r\n`)).toEqual([['\\A'], Buffer.from('/'), raw])
    expect(() => parseTokens('('.repeat(100))).toThrow('deep')
    expect(() => parseTokens('(a')).toThrow()
    expect(() => parseTokens('"a')).toThrow()
    expect(() => parseTokens('a)')).toThrow()
  })
  it.each([
    [{ code: 'ALERT', text: 'Mailbox is full' }, 'quota'],
    [{ code: 'ALERT', text: 'Server busy, try again later' }, 'transient'],
    [{ code: 'ALERT', text: 'Your account is not enabled for IMAP use.' }, 'rejected'],
    [{ code: 'NOPERM', text: 'Mailbox is full' }, 'rejected'],
  ])('an alert is taken at its words: %j', (reply, kind) => {
    expect(refusalOf(reply, 'imap: trying').kind).toBe(kind)
  })

  it('unknown codes are refusals of the one message, and words are kept apart', () => {
    const error = refusalOf({ code: 'WHATEVER', text: 'secret words \x1b[0m' }, 'imap: trying')
    expect(error).toMatchObject({
      kind: 'rejected',
      code: 'WHATEVER',
      message: 'imap: trying: the server refused',
    })
    expect(error.serverText).toBe('secret words  [0m')
  })
  it.each([
    [{ code: 'OVERQUOTA', text: 'Quota exceeded' }, 'quota', /more room/],
    [{ code: null, text: 'mailbox is full' }, 'quota', /more room/],
    [{ code: 'SERVERBUG', text: 'Internal error occurred.' }, 'transient', /log of that server/],
  ])('says what to do about %j', (reply, kind, hint) => {
    const error = refusalOf(reply, 'imap: trying')
    expect(error.kind).toBe(kind)
    expect(error.hint).toMatch(hint)
  })

  it('a NUL that was masked is told from another byte', () => {
    expect(isUnmasked(Buffer.from([1, 0x80, 0x80]), Buffer.from([1, 0, 0x80]))).toBe(true)
    expect(isUnmasked(Buffer.from([1, 0x80]), Buffer.from([1, 2]))).toBe(false)
    expect(isUnmasked(Buffer.from([1, 2]), Buffer.from([1, 0]))).toBe(false)
    expect(isUnmasked(Buffer.from([0x80]), Buffer.from([0, 0]))).toBe(false)
  })
  it('flags that a server would choke on are left out', () => {
    expect(
      sendableFlags([
        '\\seen',
        '\\Recent',
        '\\Forwarded',
        '$forwarded',
        '\\*',
        'a b',
        'NIL',
        '{1}',
        'ok',
        'x"y',
        'a\r\nb',
      ]),
    ).toEqual(['$forwarded', 'NIL', '\\Seen', 'ok'])
  })
})

describe('the framer', () => {
  it('takes no words of a server for the announcement of a literal', () => {
    const words = ['A1 NO no mailbox called a {5}', '* NO [ALERT] gone: a {5}', '+ give me {5}', '* BYE {5}']
    const got = frame([Buffer.from([...words, '* LIST () "/" {1}', 'x', 'A2 OK done', ''].join('\r\n'))])
    expect(got.others).toEqual([words[0], '+give me {5}', 'A2 OK done'])
    expect(got.untagged.map(({ literals }) => hexOf(literals[0]))).toEqual(['78'])
  })

  it('is not put off by blanks', () => {
    const got = frame([Buffer.from('*  5  FETCH  (UID\t7 FLAGS (\\Seen  a) BODY[] {1}\r\nx  )\r\n')])
    expect(got.rows).toMatchObject([{ uid: 7, flags: ['\\Seen', 'a'], body: Buffer.from('x') }])
  })

  const body = fc.uint8Array({ maxLength: 200 })
  const responses = fc.array(
    fc.oneof(
      fc.record({
        kind: fc.constant('fetch' as const),
        uid: fc.integer({ min: 1, max: 9999 }),
        body,
        quoted: fc.boolean(),
      }),
      fc.record({ kind: fc.constant('list' as const), body }),
      fc.record({ kind: fc.constant('other' as const), body, text: fc.stringMatching(/^[a-z ]{0,20}$/) }),
    ),
    { maxLength: 12 },
  )

  it('gives the same whatever way the bytes are cut, and steps over what nobody claims', () => {
    fc.assert(
      fc.property(responses, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (list, cuts) => {
        const wire: Buffer[] = []
        const rows: string[] = []
        const lists: string[] = []
        const rest: string[] = []
        for (const each of list) {
          const literal = Buffer.from(each.body)
          const marker = Buffer.concat([Buffer.from(`{${literal.length}}\r\n`), literal])
          if (each.kind === 'fetch') {
            wire.push(
              Buffer.from(`* 3 FETCH (UID ${each.uid} FLAGS (\\Seen) BODY[] `),
              marker,
              Buffer.from(')\r\n'),
            )
            rows.push(`${each.uid} ${literal.toString('hex')}`)
          } else if (each.kind === 'list') {
            wire.push(Buffer.from('* LIST () "/" '), marker, Buffer.from('\r\n'))
            lists.push(literal.toString('hex'))
          } else {
            wire.push(Buffer.from(`* OTHER ${each.text} `), marker, Buffer.from(' end\r\n1F OK done\r\n+ go\r\n'))
            rest.push('1F OK done', '+go')
          }
        }
        const got = frame(cut(Buffer.concat(wire), cuts))
        expect(
          got.rows.map(
            (row) => `${row.uid ?? 0} ${Buffer.isBuffer(row.body) ? row.body.toString('hex') : 'none'}`,
          ),
        ).toEqual(rows)
        expect(got.untagged.map(({ literals }) => hexOf(literals[0]))).toEqual(lists)
        expect(got.others).toEqual(rest)
        expect(got.isBetween).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('counts what is above the limit and throws it away', () => {
    const wire = Buffer.from(
      '* 1 FETCH (UID 1 BODY[] {10}\r\n0123456789)\r\n* 2 FETCH (UID 2 BODY[] {3}\r\nabc)\r\n',
    )
    for (const size of [1, 3, 7, 100]) {
      const got = frame(cut(wire, [size]), 5)
      expect(got.rows.map(({ body }) => body)).toEqual([{ skipped: 10 }, Buffer.from('abc')])
    }
  })

  it('ends a response that goes on and on, a small literal at a time', () => {
    const more = Buffer.from('{1}\r\nx '.repeat(1000))
    let parts = 0
    function* endless(): Generator<Buffer> {
      yield Buffer.from('* LIST ')
      for (; parts < 1_000_000; parts += 1000) yield more
    }
    expect(() => frame(endless(), 100)).toThrow('a response that does not end')
    expect(parts).toBeLessThan(300_000)
  })

  it('ends a line that comes byte for byte before its pieces fill the memory, and takes a long one in larger pieces', () => {
    function* pieces(count: number, bytes: number): Generator<Buffer> {
      const piece = Buffer.alloc(bytes, 'a')
      for (let i = 0; i < count; i++) yield piece
    }
    expect(() => frame(pieces(300_000, 1))).toThrow('a line that does not end')
    const line = frame([...pieces(1_000, 4_096), Buffer.from('\r\n')]).others[0]
    expect(line?.length).toBe(4_096_000)
  })

  it('reads items in any order and steps over those it does not know', () => {
    const text =
      '(MODSEQ (12) X (a "b)" (NIL)) RFC822.SIZE 7 BODY[HEADER.FIELDS (MESSAGE-ID)] {2}\r\n INTERNALDATE " 1-Jan-2020 00:00:00 +0000" UID 4 FLAGS ())'
    expect(parseFetchRow(text, [Buffer.from('ab')])).toEqual({
      uid: 4,
      flags: [],
      internalDate: Date.UTC(2020, 0, 1),
      bytes: 7,
      body: undefined,
      header: Buffer.from('ab'),
    })
  })

  it('never hangs on garbage', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), (chunks) => {
        try {
          frame(chunks.map((chunk) => Buffer.from(chunk)))
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
    )
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('(', ')', '"', '\\', ' ', '[', ']', 'U', 'I', 'D', '1', '<', '{', '}', '\r', '\n'),
        }),
        (text) => {
          try {
            parseFetchRow(`(${text}`, [])
          } catch (error) {
            expect(error).toBeInstanceOf(Error)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})

interface Framed {
  readonly rows: FetchRow[]
  readonly untagged: Untagged[]
  /** Tagged lines, and what stands after each `+`. */
  readonly others: string[]
  /** Nothing has been begun that has not ended. */
  readonly isBetween: boolean
}

function frame(chunks: Iterable<Buffer>, limit = Infinity): Framed {
  const got = { rows: [] as FetchRow[], untagged: [] as Untagged[], others: [] as string[] }
  const framer = new Framer({
    claims: (keyword) => keyword === 'LIST',
    untagged: (response) => got.untagged.push(response),
    row: (row) => got.rows.push(row),
    beyond: () => {
      throw new Error('beyond all bounds')
    },
    room: (bytes) => Buffer.alloc(bytes),
    tagged: (line) => got.others.push(line),
    continuation: (text) => got.others.push(`+${text}`),
  })
  framer.literalLimit = limit
  // What is handed over is good only until the call returns: the next piece comes into the same place.
  for (const chunk of chunks) {
    const place = Buffer.from(chunk)
    framer.push(place)
    place.fill('?')
  }
  return { ...got, isBetween: framer.isBetween }
}

function cut(bytes: Buffer, sizes: readonly number[]): readonly Buffer[] {
  const chunks: Buffer[] = []
  let at = 0
  for (let turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}

function hexOf(literal: Literal | undefined): string {
  return Buffer.isBuffer(literal) ? literal.toString('hex') : 'none'
}

function fail(): never {
  throw new Error('nothing there')
}
