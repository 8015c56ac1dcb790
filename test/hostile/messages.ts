/** One awkward message. Everything in it is made up. */
export interface HostileMessage {
  /** What is awkward about it; no two are called the same. */
  readonly name: string
  readonly bytes: Buffer
  /** Milliseconds since 1970. */
  readonly internalDate: number
  readonly flags: readonly string[]
  /** Minutes east of Greenwich in which its date is written; 0 where it is left out. */
  readonly zone?: number
}

const CRLF = '\r\n'
const DATE = Date.UTC(2021, 4, 17, 10, 20, 30)
const SECOND = 1_000
const MIB = 1024 * 1024

/**
 * Every case of content that servers and tools are known to stumble over: line ends, NUL and 8-bit, headers of every
 * shape, sizes, identities, dates and flags. The same on every call.
 */
export function hostileMessages(): HostileMessage[] {
  const all = [
    ...shapes(),
    ...lineEnds(),
    ...bytesOfAllKinds(),
    ...headers(),
    ...sizes(),
    ...identities(),
    ...dates(),
    ...flagged(),
  ]
  // Each has a second of its own, so that nothing is told apart by chance.
  return all.map((message, i) =>
    message.internalDate === DATE ? { ...message, internalDate: DATE + i * 61 * SECOND } : message,
  )
}

function made(
  name: string,
  bytes: Buffer | string,
  more: { readonly internalDate?: number; readonly flags?: readonly string[]; readonly zone?: number } = {},
): HostileMessage {
  return {
    ...more,
    name,
    bytes: Buffer.from(bytes as string, typeof bytes === 'string' ? 'latin1' : undefined),
    internalDate: more.internalDate ?? DATE,
    flags: more.flags ?? [],
  }
}

/** A header that every reader knows, its subject the case's name. */
function head(name: string, ...lines: readonly string[]): string {
  const slug = name.toLowerCase().replace(/[^a-z0-9]+/g, '-')
  const usual = [
    'From: Sender <sender@example.com>',
    'To: Receiver <receiver@example.com>',
    `Subject: ${name}`,
    'Date: Mon, 17 May 2021 10:20:30 +0000',
    `Message-ID: <${slug}@hostile.example.com>`,
  ]
  return [...usual, ...lines].join(CRLF) + CRLF
}

/** A whole message: usual header, blank line, body. */
function plain(name: string, body = `${name}${CRLF}`, ...lines: readonly string[]): string {
  return head(name, ...lines) + CRLF + body
}

function shapes(): HostileMessage[] {
  return [
    made('empty', ''),
    made('one byte', 'x'),
    made('only a line end', CRLF),
    made('header only, no blank line', head('header only, no blank line')),
    made('header only, blank line', head('header only, blank line') + CRLF),
    made('no header', `${CRLF}Only a body.${CRLF}`),
    made('no colon in sight', `This is no header at all${CRLF}and neither is this${CRLF}`),
    made('no final line end', plain('no final line end', 'the end')),
    made(
      'header line without a colon',
      head('header line without a colon', 'This line has no colon') + CRLF + `x${CRLF}`,
    ),
    made('leading blank line', CRLF + plain('leading blank line')),
    made(
      'leading From line',
      `From sender@example.com Mon May 17 10:20:30 2021${CRLF}${plain('leading From line')}`,
    ),
    made(
      'From and dot lines in the body',
      plain('From and dot lines in the body', `From here${CRLF}>From there${CRLF}.${CRLF}..${CRLF}.x${CRLF}`),
    ),
    made(
      'what looks like IMAP',
      plain('what looks like IMAP', `)${CRLF}a1 OK done${CRLF}* BYE no${CRLF}{10}${CRLF}+ go on${CRLF}`),
    ),
    made('blank lines at the end', plain('blank lines at the end', `x${CRLF}${CRLF}${CRLF}`)),
    made('blanks at line ends', plain('blanks at line ends', `x  ${CRLF}\t${CRLF} ${CRLF}`)),
  ]
}

function lineEnds(): HostileMessage[] {
  const bare = (name: string, body: string): HostileMessage => made(name, plain(name, body))
  return [
    made('bare LF throughout', plain('bare LF throughout', 'one\r\ntwo\r\n').replaceAll(CRLF, '\n')),
    bare('LF and CRLF mixed', `one\ntwo${CRLF}three\n`),
    bare('bare CR within a line', `one\rtwo${CRLF}`),
    bare('bare CR at the end', 'the end\r'),
    bare('CR CR LF', 'one\r\r\ntwo\r\r\n'),
    bare('CR CR CR LF', 'one\r\r\r\ntwo\r\n'),
    bare('LF CR', 'one\n\rtwo\n\r'),
    made('bare CR in the header', head('bare CR in the header', 'X-Odd: one\rtwo') + CRLF + `x${CRLF}`),
  ]
}

function bytesOfAllKinds(): HostileMessage[] {
  const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  const withoutEnds = Buffer.from([...every].filter((byte) => ![0, 10, 13].includes(byte)))
  return [
    made('NUL in the body', plain('NUL in the body', `one\0two${CRLF}`)),
    made('NUL in the header', head('NUL in the header', 'X-Nul: one\0two') + CRLF + `x${CRLF}`),
    made('NUL alone', '\0'),
    made('0x80 and NUL', plain('0x80 and NUL', `\x80\0\x80${CRLF}`)),
    made('0x80 alone', plain('0x80 alone', `\x80\x80${CRLF}`)),
    made('every byte', Buffer.concat([Buffer.from(plain('every byte', '')), every, Buffer.from(CRLF)])),
    made(
      'every byte but NUL, CR, LF',
      Buffer.concat([Buffer.from(plain('every byte but NUL, CR, LF', '')), withoutEnds, Buffer.from(CRLF)]),
    ),
    made(
      '8-bit header, latin-1',
      head('8-bit header, latin-1', 'X-Name: M\xfcller Stra\xdfe') + CRLF + `x${CRLF}`,
    ),
    made(
      '8-bit header, UTF-8',
      Buffer.from(head('8-bit header, UTF-8', 'X-Name: Müller Straße 日本 📬') + CRLF + `x${CRLF}`, 'utf8'),
    ),
    made('8-bit body, UTF-8', Buffer.from(plain('8-bit body, UTF-8', `Grüße 日本 📬${CRLF}`), 'utf8')),
    made('8-bit body, no UTF-8', plain('8-bit body, no UTF-8', `\xc3\x28 \xff\xfe${CRLF}`)),
    made('control characters', plain('control characters', `\x01\x02\x07\x08\x1b[2J\x7f${CRLF}`)),
    made('Ctrl-Z', plain('Ctrl-Z', `before\x1aafter${CRLF}`)),
    made('BOM first', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(plain('BOM first'))])),
  ]
}

function headers(): HostileMessage[] {
  const many = Array.from({ length: 20_000 }, (_, i) => `X-H${i}: ${i}`)
  return [
    made('20,000 headers', plain('20,000 headers', `x${CRLF}`, ...many)),
    made('header line of 1 MiB', plain('header line of 1 MiB', `x${CRLF}`, `X-Long: ${'a'.repeat(MIB)}`)),
    made(
      'folded a thousand times',
      plain('folded a thousand times', `x${CRLF}`, `X-Folded: a${`${CRLF} b`.repeat(1_000)}`),
    ),
    made('folded by a blank line', plain('folded by a blank line', `x${CRLF}`, `X-Folded: a${CRLF} ${CRLF} b`)),
    made('no Date', plain('no Date').replace(/Date: .*\r\n/, '')),
    made('bad Date', plain('bad Date').replace(/Date: .*\r\n/, `Date: the day before yesterday${CRLF}`)),
    made(
      'wants a receipt',
      plain('wants a receipt', `x${CRLF}`, 'Disposition-Notification-To: sender@example.com'),
    ),
    made('empty fields', plain('empty fields', `x${CRLF}`, 'X-Empty:', 'X-Blank: ', ':', ': nameless')),
  ]
}

function sizes(): HostileMessage[] {
  let nested = `the innermost${CRLF}`
  for (let depth = 200; depth > 0; depth--) {
    const boundary = `b${depth}`
    nested = `Content-Type: multipart/mixed; boundary=${boundary}${CRLF}${CRLF}--${boundary}${CRLF}${depth === 200 ? CRLF : ''}${nested}${CRLF}--${boundary}--${CRLF}`
  }
  return [
    made('body line of 1 MiB', plain('body line of 1 MiB', `${'b'.repeat(MIB)}${CRLF}`)),
    made(
      'lines of 998, 999, 1000 and 10,240 characters',
      plain(
        'lines of 998, 999, 1000 and 10,240 characters',
        [998, 999, 1000, 10_240].map((n) => 'c'.repeat(n) + CRLF).join(''),
      ),
    ),
    made('200 levels of MIME', head('200 levels of MIME', 'MIME-Version: 1.0') + nested),
    made(
      'MIME that does not end',
      plain(
        'MIME that does not end',
        `--b${CRLF}${CRLF}x${CRLF}--b${CRLF}`,
        'MIME-Version: 1.0',
        'Content-Type: multipart/mixed; boundary=b',
      ),
    ),
    made('4096 bytes', plain('4096 bytes', '').padEnd(4096, 'd')),
    made('4097 bytes', plain('4097 bytes', '').padEnd(4097, 'd')),
    made('3 MiB', plain('3 MiB', `${'e'.repeat(76)}${CRLF}`.repeat(40_330))),
  ]
}

function identities(): HostileMessage[] {
  const same = head('same Message-ID').replace(/Subject: .*\r\n/, '')
  const twin = plain('twins')
  return [
    made('same Message-ID, first', `${same}${CRLF}first${CRLF}`),
    made('same Message-ID, second', `${same}${CRLF}second${CRLF}`),
    made('twins, first', twin),
    made('twins, second', twin),
    made('twins, third, flagged', twin, { flags: ['\\Flagged'] }),
    made('twins, fourth, of another day', twin, { internalDate: DATE - 86_400 * SECOND }),
    made('no Message-ID', plain('no Message-ID').replace(/Message-ID: .*\r\n/, '')),
    made('no Message-ID, the same again', plain('no Message-ID').replace(/Message-ID: .*\r\n/, '')),
    made('two Message-IDs', plain('two Message-IDs', `x${CRLF}`, 'Message-ID: <second@hostile.example.com>')),
    made(
      'Message-ID without brackets',
      plain('Message-ID without brackets').replace(/Message-ID: <(.*)>/, 'Message-ID: $1'),
    ),
    made('empty Message-ID', plain('empty Message-ID').replace(/Message-ID: .*\r\n/, `Message-ID:${CRLF}`)),
    made(
      'Message-ID of 2,000 characters',
      plain('Message-ID of 2,000 characters').replace(
        /Message-ID: .*\r\n/,
        `Message-ID: <${'i'.repeat(2_000)}@example.com>${CRLF}`,
      ),
    ),
    made(
      'Message-ID beyond the first 64 KiB',
      plain('Message-ID beyond the first 64 KiB', `x${CRLF}`).replace(
        /(Message-ID: .*\r\n)/,
        `X-Before: ${'p'.repeat(70_000)}${CRLF}$1`,
      ),
    ),
  ]
}

function dates(): HostileMessage[] {
  const dated = (name: string, internalDate: number, zone = 0): HostileMessage =>
    made(name, plain(name), { internalDate, zone })
  return [
    dated('date 1900', Date.UTC(1900, 0, 1)),
    dated('date 1969', Date.UTC(1969, 11, 31, 23, 59, 58)),
    dated('date 1970', 0),
    dated('date 1971', Date.UTC(1971, 5, 1, 12)),
    dated('date 1990', Date.UTC(1990, 11, 24, 18)),
    dated('date 2000, leap day', Date.UTC(2000, 1, 29, 23, 59, 59)),
    dated('date in the hour that came twice', Date.UTC(2021, 9, 31, 0, 30)),
    dated('date 2038', Date.UTC(2038, 0, 20)),
    dated('date 2099', Date.UTC(2099, 11, 31)),
    dated('date 9999', Date.UTC(9999, 11, 31, 12)),
    dated('date 14 hours east', Date.UTC(2020, 0, 1, 3), 14 * 60),
    dated('date 9.5 hours west', Date.UTC(2020, 11, 31, 20), -(9 * 60 + 30)),
  ]
}

function flagged(): HostileMessage[] {
  const kept = (name: string, ...flags: readonly string[]): HostileMessage => made(name, plain(name), { flags })
  const forty = Array.from({ length: 40 }, (_, i) => kept(`keyword ${i} of 40`, `Label${i}`))
  return [
    kept('all five system flags', '\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen'),
    kept('\\Deleted alone', '\\Deleted'),
    kept('known keywords', '$Forwarded', '$MDNSent', '$Junk', 'NonJunk', '$Label1'),
    kept('keyword in capitals', 'TODO'),
    kept('the same keyword in small letters', 'todo'),
    kept('keyword with punctuation', 'a.b-c_d:e;f+g@h!i?j~k|l'),
    kept('keyword of 50 characters', 'k'.repeat(50)),
    kept('keyword of 60 characters', 'k'.repeat(60)),
    kept('keyword in brackets', '[Sub]'),
    kept('keyword with an opening bracket', 'a[b'),
    kept('keyword with percent', '50%'),
    kept('keyword with a star', 'a*b'),
    kept('keyword with a backslash within', 'a\\b'),
    kept('keyword in quotes', '"quoted"'),
    kept('keyword of 8-bit letters', 'm\xfcll'),
    kept('\\Recent and an unknown system flag', '\\Recent', '\\Foo'),
    kept('a system flag that some servers know', '\\Forwarded'),
    kept('a keyword that is NIL', 'NIL'),
    kept('twenty keywords on one message', ...Array.from({ length: 20 }, (_, i) => `Label${i}`)),
    ...forty,
  ]
}
