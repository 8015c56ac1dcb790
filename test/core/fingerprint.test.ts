import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Digester } from '../../src/core/digest.ts'
import { changedParts, contentKey, Fingerprinter, fingerprintOf } from '../../src/core/fingerprint.ts'

/** What a message says, without any form. */
interface Content {
  readonly id: string | null
  readonly subject: string
  readonly to: readonly string[]
  /** Seconds since 1970. */
  readonly date: number
  readonly text: string
  readonly html: string | null
  readonly attachments: readonly { readonly name: string; readonly bytes: Buffer }[]
  readonly forwarded: Content | null
}

/** How a mail system writes it down. */
interface Form {
  readonly boundary: string
  readonly fold: boolean
  readonly words: 'b' | 'q'
  readonly text: 'base64' | 'quoted-printable' | '8bit'
  readonly charset: 'utf-8' | 'utf-16le'
  readonly lineLength: 40 | 76
  readonly trailing: string
  readonly received: number
  readonly reversed: boolean
  readonly zone: number
  readonly names: boolean
}

const line = fc.stringMatching(/^[ -~é€ن]{0,30}$/u).map((text) => text.trim())
const texts = fc
  .array(line, { minLength: 1, maxLength: 6 })
  .map((lines) => lines.join('\r\n'))
  .filter((text) => text.trim() !== '')
const attachment = fc.record({
  // Some of more than a byte: names that say their charset come in Unicode.
  name: fc.stringMatching(/^[a-zé€Ж日]{1,8}\.(pdf|csv)$/u),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
})
const { content: contents } = fc.letrec<{ content: Content }>((tie) => ({
  content: fc.record({
    id: fc.option(fc.stringMatching(/^[a-z0-9]{1,12}@x$/)),
    subject: fc.stringMatching(/^[a-zé€ن][a-zé€ن %0-9]{0,60}[a-z]$/u).map((text) => text.replace(/ +/g, ' ')),
    to: fc.array(fc.stringMatching(/^[a-z]{1,8}@[a-z]{1,8}\.test$/), { minLength: 1, maxLength: 4 }),
    date: fc.integer({ min: 1, max: 2_000_000_000 }),
    text: texts,
    html: fc.option(texts),
    attachments: fc.array(attachment, { maxLength: 3 }),
    forwarded: fc.option(tie('content'), { maxDepth: 2 }),
  }),
}))
const forms: fc.Arbitrary<Form> = fc.record({
  boundary: fc.stringMatching(/^[A-Za-z0-9]{8,30}$/),
  fold: fc.boolean(),
  words: fc.constantFrom('b', 'q'),
  text: fc.constantFrom('base64', 'quoted-printable', '8bit'),
  charset: fc.constantFrom('utf-8', 'utf-16le'),
  lineLength: fc.constantFrom(40, 76),
  trailing: fc.constantFrom('', ' ', '\t '),
  received: fc.nat({ max: 3 }),
  reversed: fc.boolean(),
  zone: fc.integer({ min: -11, max: 13 }),
  names: fc.boolean(),
})

function dateIn(seconds: number, zone: number): string {
  const shifted = new Date((seconds + zone * 3600) * 1000).toUTCString().replace('GMT', '')
  return `${shifted}${zone < 0 ? '-' : '+'}${String(Math.abs(zone)).padStart(2, '0')}00`
}

/** One encoded word for each character, or one for all. */
function encodedWords(text: string, words: 'b' | 'q'): string {
  if (/^[a-z ]*$/.test(text)) return text
  const one = (character: string): string => {
    const bytes = Buffer.from(character)
    const q = [...bytes]
      .map((byte) =>
        byte < 0x80 && byte !== 0x20
          ? String.fromCharCode(byte)
          : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`,
      )
      .join('')
    return `=?utf-8?${words}?${words === 'b' ? bytes.toString('base64') : q}?=`
  }
  return words === 'q' ? one(text) : Array.from(text, one).join(' ')
}

function encode(bytes: Buffer, encoding: Form['text'], form: Form): string {
  if (encoding === '8bit') return bytes.toString('latin1')
  if (encoding === 'base64')
    return (bytes.toString('base64').match(new RegExp(`.{1,${form.lineLength}}`, 'g')) ?? []).join('\r\n')
  const lines = bytes.toString('latin1').split('\r\n')
  return lines
    .map((each) => {
      const atoms = Array.from(each, (character, index) => {
        const isLast = index === each.length - 1
        const isPlain = /[!-<>-~]/.test(character) || (character === ' ' && !isLast)
        return isPlain ? character : `=${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
      })
      const rows: string[] = ['']
      for (const atom of atoms) {
        if ((rows.at(-1) ?? '').length + atom.length >= form.lineLength) rows.push('')
        rows.push((rows.pop() ?? '') + atom)
      }
      return rows.join('=\r\n')
    })
    .join('\r\n')
}

function textPart(text: string, type: string, form: Form): string {
  const blank = form.text === 'base64' ? '' : form.trailing
  const charset = form.text === '8bit' ? 'utf-8' : form.charset
  const padded = text.split('\r\n').join(`${form.text === '8bit' ? form.trailing : ''}\r\n`)
  const bytes = Buffer.from(padded, charset === 'utf-8' ? 'utf8' : 'utf16le')
  const encoding = charset === 'utf-8' ? form.text : 'base64'
  return `Content-Type: ${type};${form.fold ? '\r\n\t' : ' '}charset="${charset}"\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${encode(bytes, encoding, form)}${encoding === '8bit' ? blank : ''}`
}

function attached({ name, bytes }: Content['attachments'][number], form: Form): string {
  const file =
    form.words === 'b' ? `filename*=utf-8''${encodeURIComponent(name)}` : `filename="${encodedWords(name, 'q')}"`
  return `Content-Disposition: attachment; ${file}\r\nContent-Transfer-Encoding: base64\r\nContent-Type: application/octet-stream\r\n\r\n${encode(bytes, 'base64', form)}`
}

function multipart(kind: string, parts: readonly string[], boundary: string): string {
  const body = parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')
  return `Content-Type: multipart/${kind}; boundary="${boundary}"\r\n\r\n${body}--${boundary}--`
}

/** Writes a message down in a form. */
function written(content: Content, form: Form, depth = 0): string {
  const fold = form.fold ? '\r\n ' : ''
  const fields = [
    `Subject:${form.fold ? '\r\n ' : ' '}${encodedWords(content.subject, form.words).replaceAll('?= =?', `?=${fold || ' '}=?`)}`,
    `To: ${content.to.map((to) => (form.names ? `"A, B" <${to}>` : to.toUpperCase())).join(`,${fold || ' '}`)}`,
    `Date: ${dateIn(content.date, form.zone)}${form.names ? ' (somewhere)' : ''}`,
    'From: Somebody <some@body.test>',
    ...(content.id === null ? [] : [`Message-ID: ${fold}<${content.id}>`]),
  ]
  if (form.reversed) fields.reverse()
  const received = Array.from(
    { length: form.received },
    (_, hop) => `Received: from h${hop} by x; ${dateIn(hop, 0)}`,
  )
  const boundary = `${form.boundary}-${depth}`
  const plain = textPart(content.text, 'text/plain', form)
  const body =
    content.html === null
      ? plain
      : multipart('alternative', [plain, textPart(content.html, 'text/html', form)], `${boundary}a`)
  const others = [
    ...content.attachments.map((each) => attached(each, form)),
    ...(content.forwarded === null
      ? []
      : [`Content-Type: message/rfc822\r\n\r\n${written(content.forwarded, form, depth + 1)}`]),
  ]
  const whole = others.length === 0 ? body : multipart('mixed', [body, ...others], boundary)
  return `${[...received, ...fields, 'MIME-Version: 1.0'].join('\r\n')}\r\n${whole}`
}

const bytesOf = (content: Content, form: Form): Buffer => Buffer.from(written(content, form), 'latin1')
const latin = (text: string): Buffer => Buffer.from(text, 'latin1')

describe('a fingerprint', () => {
  it('is the same for whatever form a mail system gives a message', () => {
    fc.assert(
      fc.property(contents, forms, forms, (content, one, other) => {
        const [a, b] = [bytesOf(content, one), bytesOf(content, other)]
        expect(changedParts(fingerprintOf(a), fingerprintOf(b))).toEqual([])
      }),
      { numRuns: 150 },
    )
  })

  it('does not depend on the pieces', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 50 })
    fc.assert(
      fc.property(contents, forms, cuts, (content, form, lengths) => {
        const bytes = bytesOf(content, form)
        const pieces = new Fingerprinter()
        for (let at = 0, index = 0; at < bytes.length; index++) {
          const length = lengths[index % lengths.length] ?? 1
          pieces.update(bytes.subarray(at, at + length))
          at += length
        }
        expect(Buffer.from(pieces.finish())).toEqual(Buffer.from(fingerprintOf(bytes)))
      }),
      { numRuns: 100 },
    )
  })

  it('differs for each changed byte of an attachment, of the text, of a chosen field', () => {
    fc.assert(
      fc.property(contents, forms, forms, fc.nat(), (content, one, other, at) => {
        const found = (changed: Partial<Content>): readonly string[] =>
          changedParts(
            fingerprintOf(bytesOf(content, one)),
            fingerprintOf(bytesOf({ ...content, ...changed }, other)),
          )
        const letters = Array.from(content.text)
        const index = at % letters.length
        // A blank may stand at the end of a line, and a line end is no byte.
        if (/[!-~]/.test(letters[index] ?? '')) {
          letters[index] = letters[index] === 'x' ? 'y' : 'x'
          expect(found({ text: letters.join('') })).toEqual(['text'])
        }
        const [first, ...others] = content.attachments
        if (first !== undefined) {
          const bytes = Buffer.from(first.bytes)
          bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ (1 + (at % 255))
          expect(found({ attachments: [{ ...first, bytes }, ...others] })).toEqual(['attachments'])
          expect(found({ attachments: [{ ...first, name: `z${first.name}` }, ...others] })).toEqual([
            'attachments',
          ])
          expect(found({ attachments: others })).toEqual(['attachments'])
        }
        if (content.forwarded !== null)
          expect(found({ forwarded: { ...content.forwarded, subject: `z${content.forwarded.subject}` } })).toEqual(
            ['text'],
          )
        expect(found({ subject: `z${content.subject}` })).toEqual(['headers'])
        expect(found({ date: content.date + 1 })).toEqual(['headers'])
        // Nobody whom the mail may be to already: the same one twice says nothing more.
        expect(found({ to: [...content.to, 'added@elsewhere.example'] })).toEqual(['headers'])
        expect(found({ id: `z${content.id}` })).toEqual(content.id === null ? [] : ['message-id'])
      }),
      { numRuns: 60 },
    )
  })

  it('knows a Message-ID that was added from one that was taken away', () => {
    const [without, with_] = [latin('Subject: a\r\n\r\nb'), latin('Message-ID: <i@x>\r\nSubject: a\r\n\r\nb')].map(
      fingerprintOf,
    )
    if (without === undefined || with_ === undefined) throw new Error()
    expect(changedParts(without, with_)).toEqual([])
    expect(changedParts(with_, without)).toEqual(['message-id'])
    expect(contentKey(with_)).toBe(contentKey(without))
  })

  it.each([
    ['text', 'text', 'Content-Type: text/plain'],
    ['a type that is none is text', 'text', 'Content-Type: text'],
    ['another type', 'attachments', 'Content-Type: application/json'],
    ['text to be kept apart', 'attachments', 'Content-Type: text/plain\r\nContent-Disposition: attachment'],
    ['text with a name', 'attachments', 'Content-Type: text/plain; name=a.txt'],
    ['text to be shown in its place', 'text', 'Content-Type: text/plain\r\nContent-Disposition: inline'],
  ])('tells what a part is: %s', (_name, kind, header) => {
    const [one, other] = ['one', 'other'].map((body) => fingerprintOf(latin(`${header}\r\n\r\n${body}\r\n`)))
    if (one === undefined || other === undefined) throw new Error()
    expect(changedParts(one, other)).toEqual([kind])
  })

  it('takes a date without a zone by its words, since it is an instant nowhere', () => {
    const dated = (date: string): Uint8Array => fingerprintOf(latin(`Date: ${date}\r\nSubject: a\r\n\r\nb`))
    const words = dated('Tue, 10 Mar 2026 12:00:00')
    expect(changedParts(words, dated('Tue, 10 Mar 2026 12:00:00 +0000'))).toEqual(['headers'])
    expect(changedParts(words, dated('Tue,  10 Mar 2026 12:00:00 (noon)'))).toEqual([])
    expect(changedParts(dated('Tue, 10 Mar 2026 12:00:00 +0100'), dated('10 Mar 2026 11:00:00 GMT'))).toEqual([])
  })

  it.each([
    ['a signed part whose encoding was changed', 'multipart/signed', 'attachments'],
    ['while of a part that is not signed only the content counts', 'multipart/mixed', undefined],
  ])('%s', (_name, type, changed) => {
    const signed = (part: string): Buffer =>
      latin(
        `Content-Type: ${type}; boundary=b\r\n\r\n--b\r\n${part}\r\n--b\r\nContent-Type: application/pkcs7-signature; name=s\r\n\r\nsig\r\n--b--\r\n`,
      )
    const [plain, encoded] = [
      signed('\r\nhello'),
      signed('Content-Transfer-Encoding: base64\r\n\r\naGVsbG8='),
    ].map(fingerprintOf)
    expect(changedParts(plain ?? new Uint8Array(), encoded ?? new Uint8Array())).toEqual(
      changed === undefined ? [] : [changed],
    )
  })

  it.each([
    ['bytes that break their charset', 'charset=utf-8', '\xe9', '\xe8'],
    ['bytes without a charset', '', '\xe9', '\xe8'],
    ['bytes of an unknown charset', 'charset=x-none', '\xe9', '\xe8'],
    ['a preamble with no part after it', 'boundary=b', 'a', 'b'],
    ['blanks within a line', '', 'a b', 'a  b'],
    ['a line end', '', 'a\r\nb', 'a b'],
  ])('tells %s apart', (_name, parameter, one, other) => {
    const type = parameter.startsWith('boundary') ? 'multipart/mixed' : 'text/plain'
    const [a, b] = [one, other].map((text) =>
      fingerprintOf(latin(`Content-Type: ${type}; ${parameter}\r\n\r\n${text}`)),
    )
    expect(changedParts(a ?? new Uint8Array(), b ?? new Uint8Array())).toHaveLength(1)
  })

  it('holds Windows-1252 and Unicode for the same text', () => {
    const text = 'caf\u00e9 \u20ac'
    const one = latin('Content-Type: text/plain; charset=windows-1252\r\n\r\ncaf\xe9 \x80')
    const other = Buffer.from(`Content-Type: text/plain; charset=utf-8\r\n\r\n${text}\r\n\r\n`)
    expect(changedParts(fingerprintOf(one), fingerprintOf(other))).toEqual([])
  })
})

describe('hostile mail', () => {
  const deep = Array.from(
    { length: 200 },
    (_, level) => `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n`,
  ).join('')
  it.each([
    ['nested without end', (text: string) => `${deep}\r\n${text}`],
    [
      'messages in messages',
      (text: string) => `${'Content-Type: message/rfc822\r\n\r\n'.repeat(1_000)}\r\n${text}`,
    ],
    [
      'parts without number',
      (text: string) =>
        `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(3_000)}--b\r\n\r\n${text}`,
    ],
    ['a line without end', (text: string) => `\r\n${'x'.repeat(500_000)}${text}`],
    [
      'a header without end',
      (text: string) => `X: ${'<'.repeat(400_000)}\r\nTo: ${'"<('.repeat(10_000)}\r\n\r\n${text}`,
    ],
    ['blanks without end', (text: string) => `\r\n${' '.repeat(100_000)}${text}\r\n${'\r\n'.repeat(70_000)}`],
    [
      'a boundary that is never closed',
      (text: string) =>
        `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; name=x\r\n\r\n${text}`,
    ],
  ])('%s ends, wherever it is cut, and no byte of it is lost', (_name, message) => {
    const whole = (text: string): string => Buffer.from(fingerprintOf(latin(message(text)))).toString('hex')
    const pieces = new Digester({ content: true })
    const bytes = latin(message('a'))
    for (let at = 0; at < bytes.length; at += 4_099) pieces.update(bytes.subarray(at, at + 4_099))
    expect(Buffer.from(pieces.finish().fingerprint ?? []).toString('hex')).toBe(whole('a'))
    expect(whole('b')).not.toBe(whole('a'))
  })

  it('never throws, whatever it is given', () => {
    const words = fc.constantFrom(
      '--b',
      '--b--',
      '\r\n',
      '\n',
      'Content-Type: multipart/signed; boundary=b',
      'Content-Type: message/rfc822',
      'Content-Transfer-Encoding: quoted-printable',
      '=',
      '=4',
      '=?utf-8?q?',
      ' ',
    )
    const hostile = fc.oneof(
      fc.uint8Array(),
      fc.array(words, { maxLength: 60 }).map((all) => latin(all.join(''))),
    )
    fc.assert(fc.property(hostile, (bytes) => fingerprintOf(bytes).length === 128))
  })
})
