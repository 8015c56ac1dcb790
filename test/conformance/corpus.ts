import type { Mail } from './harness.ts'

/** Bodies that software has been seen to change, cut or refuse, by name; all in wire form, none empty, none with NUL. */
export const AWKWARD_BODIES: ReadonlyMap<string, Uint8Array> = new Map(
  Object.entries({
    'a plain message': 'Subject: plain\r\n\r\nHello\r\n',
    'a header only': 'Subject: header only\r\n',
    'a header and its blank line only': 'Subject: header and blank line\r\n\r\n',
    'no final line end': 'Subject: no end\r\n\r\nlast line',
    'a blank line first': '\r\nSubject: not a header any more\r\n\r\nbody\r\n',
    'blank lines last': 'Subject: blanks\r\n\r\nbody\r\n\r\n\r\n\r\n',
    'dots alone on lines': 'Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n\r\n.\r\n',
    'From_ lines': 'Subject: from\r\n\r\nFrom here on\r\n>From there\r\nFrom x@y Mon Jan  1 00:00:00 2020\r\n',
    'a From_ line first': 'From x@y Mon Jan  1 00:00:00 2020\r\nSubject: mbox\r\n\r\nbody\r\n',
    'a line without a colon in the header': 'Subject: colon\r\nno colon here\r\nX-After: 1\r\n\r\nbody\r\n',
    'a lone CR inside a line': 'Subject: cr\r\n\r\nover\rtyped\r\n',
    'control characters': 'Subject: controls\r\n\r\n\x01\x02\x07\x08\x0b\x0c\x1a\x1b[31m\x7f\r\n',
    'a tab and trailing blanks': 'Subject: folded\r\n\tline \r\n\r\nbody \t \r\n',
    'words of a protocol': 'Subject: literal {10}\r\n\r\n{10+}\r\na1 LOGOUT\r\n* BYE\r\n)\r\n"\r\n\\\r\n',
    'a byte order mark first': '\ufeffSubject: bom\r\n\r\nbody\r\n',
    'a long line in the body': `Subject: long line\r\n\r\n${'x'.repeat(1024 * 1024)}\r\n`,
    'a long line in the header': `Subject: ${'y'.repeat(64 * 1024)}\r\n\r\nbody\r\n`,
    'many header fields': `${'X-Field: value\r\n'.repeat(2000)}\r\nbody\r\n`,
    'two Message-IDs': 'Message-ID: <a@x>\r\nMessage-ID: <b@x>\r\nSubject: ids\r\n\r\nbody\r\n',
    'UTF-8 in the header': 'Subject: Grüße, 日本語, 📬\r\n\r\nbody\r\n',
  }).map(([name, text]): [string, Uint8Array] => [name, Buffer.from(text, 'utf8')]),
)
  .set('Latin-1 in the header', Buffer.from('Subject: Gr\xfc\xdfe\r\n\r\nbody\r\n', 'latin1'))
  .set(
    'every byte but NUL, CR and LF',
    Buffer.concat([
      Buffer.from('Subject: bytes\r\n\r\n'),
      Buffer.from(Array.from({ length: 256 }, (_, byte) => byte).filter((b) => ![0, 10, 13].includes(b))),
      Buffer.from('\r\n'),
    ]),
  )

/** A body with NUL in header and text. */
export const NUL_BODY: Uint8Array = Buffer.from('Subject: n\0l\r\n\r\nbefore\0after\0\0\r\n')

/** Mailbox names that any end takes whose naming does not forbid a character in them. */
export const ORDINARY_NAMES: readonly string[] = [
  'Archive 2024',
  'Entwürfe',
  '日本語',
  'Ünïcödé ÿ',
  '📬 post',
  'a&b',
  '&',
  'a+b',
  'a,b',
  "it's",
  'a;b',
  'a:b',
  'a(b)',
  'a{5}',
  'a~b',
  '100',
  'x'.repeat(60),
]

/** Mailbox names that an end may take, and must then keep as they are, or refuse. */
export const EVIL_NAMES: readonly string[] = [
  '.',
  '..',
  ' leading blank',
  'trailing blank ',
  ' ',
  '.leading dot',
  'trailing dot.',
  '~leading tilde',
  '#hash',
  'a"b',
  '"',
  'a\\b',
  '\\',
  'a%b',
  'a*b',
  '%',
  '*',
  'a/b',
  'a.b',
  'a|b',
  'a<b>',
  'a?b',
  'a\u00a0b',
  'caf\u00e9',
  'cafe\u0301',
  'a\u200bb',
  'cur',
  'new',
  'tmp',
  'NIL',
  '&AGE-',
  '&-',
  '%41',
  '=?utf-8?q?a?=',
  'y'.repeat(200),
  'ü'.repeat(90),
]

/** Mailbox names that nothing may ever store. */
export const FORBIDDEN_NAMES: readonly string[] = [
  '',
  'a\0b',
  'a\rb',
  'a\nb',
  'a\r\nA1 LOGOUT',
  'a\tb',
  '\x01',
  'a\x7fb',
  'a\u0085b',
  'a\ud800b',
]

/** A small message that differs from every other in its number. */
export function mailNumber(number: number, mail: Partial<Mail> = {}): Mail {
  const text = `Message-ID: <${number}@conformance.example>\r\nSubject: ${number}\r\n\r\nBody ${number}\r\n`
  return { body: Buffer.from(text), internalDate: 1_500_000_000_000 + number * 86_400_000, flags: [], ...mail }
}

/** As many messages as said, numbered from `first`. */
export function mails(count: number, first = 1): readonly Mail[] {
  return Array.from({ length: count }, (_, index) => mailNumber(first + index))
}
