import { base64Lines, seededBytes } from './bytes.ts'

/** One message of the sample and where it belongs. */
export interface SampleMessage {
  /** Decoded name of its mailbox, one element a level. */
  readonly mailbox: readonly string[]
  readonly bytes: Buffer
  /** Milliseconds since 1970-01-01 UTC, whole seconds. */
  readonly internalDate: number
  /** System flags and keywords; never `\Recent`. */
  readonly flags: readonly string[]
  /** What is awkward about it. */
  readonly note: string
}

/** What the ends of a journey cannot keep, and the sample therefore leaves out. */
export interface SampleLimits {
  /** Levels with a dot in them: not in Maildir++, where the dot stands between levels. */
  readonly dottedNames: boolean
  /** Dates to come: Dovecot puts its own clock's time in their place. */
  readonly futureDates: boolean
}

const INBOX = ['INBOX']
const FILED = ['INBOX', 'Ablage']
const CLIENT = ['Kunden', 'Müller & Söhne']
const QUOTED = ['Kunden', 'Straße "Nord" \\ Süd']
const DATES = ['📬 Post', '日本語']
const TWINS = ['Projekte']
const LOWER = ['projekte']
const BLANK = ['ends in a blank ']
const WILD = ["O'Brien 100% *"]

const BASE = Date.UTC(2024, 1, 29, 8, 30, 0)
const CRLF = '\r\n'

/**
 * Every message of the sample: all written for it, legal by RFC 5322 and its like but for a few line ends, and each
 * awkward in a way that real mail is. The same on every call.
 */
export function sampleMessages(limits: SampleLimits): SampleMessage[] {
  const all = [...lineEnds(), ...headers(), ...identities(), ...structures(), ...flagged(), ...dated(limits)]
  if (limits.dottedNames) all.push(plain(['v1.2 Freigabe', 'ends in a dot.'], 'a name with dots', 'Dots.'))
  return all
}

function made(
  mailbox: readonly string[],
  note: string,
  bytes: Buffer | string,
  more: { flags?: readonly string[]; internalDate?: number } = {},
): SampleMessage {
  const internalDate = more.internalDate ?? BASE + 3_607_000 * note.length
  return { mailbox, note, bytes: Buffer.from(bytes), internalDate, flags: more.flags ?? ['\\Seen'] }
}

/** A header that every reader knows, with further lines below it; each line without its end. */
function header(subject: string, ...lines: readonly string[]): string {
  const slug = subject.toLowerCase().replace(/[^a-z0-9]+/g, '-')
  return [
    'From: Erika Beispiel <erika@example.com>',
    'To: Max Muster <max@example.com>',
    `Subject: ${subject}`,
    'Date: Thu, 29 Feb 2024 09:30:00 +0100',
    `Message-ID: <${slug}@example.com>`,
    ...lines,
    '',
  ].join(CRLF)
}

function plain(mailbox: readonly string[], note: string, body: string): SampleMessage {
  return made(mailbox, note, header(note) + CRLF + body + CRLF)
}

function lineEnds(): SampleMessage[] {
  const text = `${header('line ends')}${CRLF}One line.${CRLF}Another.${CRLF}`
  return [
    plain(INBOX, 'nothing awkward', 'Hello Max,\r\n\r\nthis one is as plain as can be.'),
    made(INBOX, 'no final line end', text.slice(0, -2)),
    made(INBOX, 'ends in CR', text.slice(0, -1)),
    made(INBOX, 'header only, with its blank line', header('header only') + CRLF),
    made(INBOX, 'header only, no blank line', header('no blank line')),
    made(INBOX, 'bare LF throughout', text.replaceAll(CRLF, '\n')),
    made(INBOX, 'bare LF and CRLF mixed', text.replace('line.\r\n', 'line.\n')),
    made(INBOX, 'CR CR LF', text.replace('line.\r\n', 'line.\r\r\n')),
    made(INBOX, 'CR within a line', text.replace('One line', 'One\rline')),
    plain(INBOX, 'lines of dots', '.\r\n..\r\n.leading dot\r\n.'),
    plain(INBOX, 'From_ lines in the body', 'From here on\r\n>From there\r\nFrom erika@example.com Thu Feb 29'),
    made(INBOX, 'a From_ line before the header', `From erika@example.com Thu Feb 29 09:30:00 2024\r\n${text}`),
    plain(INBOX, 'blanks at ends of lines', 'flowed \r\ntext \r\n-- \r\n\t\r\n\r\n\r\n'),
    plain(INBOX, 'form feed and other controls', 'page\fpage\vpage\x1a\x7f\x1b[31m'),
    plain(INBOX, 'a line of 200,000 characters', 'x'.repeat(200_000)),
  ]
}

function headers(): SampleMessage[] {
  const bit8 = header('=?UTF-8?Q?placeholder?=')
  const swapped = (value: string, encoding: BufferEncoding): Buffer =>
    Buffer.concat([
      Buffer.from(bit8.replace('=?UTF-8?Q?placeholder?=', value), encoding),
      Buffer.from('\r\nText.\r\n'),
    ])
  const received = Array.from(
    { length: 2_000 },
    (_, hop) =>
      `Received: from hop${hop}.example.com by hop${hop + 1}.example.com;\r\n\tThu, 29 Feb 2024 09:30:00 +0100`,
  )
  return [
    made(CLIENT, 'UTF-8 in the header (RFC 6532)', swapped('Grüße aus Köln 🎉', 'utf8')),
    made(CLIENT, 'Latin-1 in the header', swapped('Grüße aus Köln', 'latin1')),
    made(
      CLIENT,
      'encoded words, folded (RFC 2047)',
      header('=?UTF-8?B?R3LDvMOfZQ==?=\r\n =?ISO-8859-1?Q?_aus_K=F6ln?=\r\n\t=?utf-8?q?_und_anderswo?=') + CRLF,
    ),
    made(
      CLIENT,
      'a header line of 20,000 characters',
      `${header('long', `X-Long: ${'y'.repeat(20_000)}`)}\r\nText.\r\n`,
    ),
    made(CLIENT, '2,000 Received fields', `${received.join(CRLF)}${CRLF}${header('many hops')}\r\nText.\r\n`),
    made(CLIENT, 'no subject, no date, one field', 'From: <erika@example.com>\r\n\r\nText.\r\n'),
    made(
      CLIENT,
      'asks for a receipt',
      `${header('receipt', 'Disposition-Notification-To: erika@example.com')}\r\nText.\r\n`,
      {
        flags: ['\\Seen', '$MDNSent'],
      },
    ),
  ]
}

function identities(): SampleMessage[] {
  const twin = `${header('twins')}\r\nThese two are equal.\r\n`
  const nameless = header('nameless').replace(/Message-ID: .*\r\n/, '')
  return [
    made(TWINS, 'no Message-ID', `${nameless}\r\nNobody can refer to this.\r\n`),
    made(TWINS, 'no Message-ID, twin', `${nameless}\r\nNobody can refer to this.\r\n`),
    made(TWINS, 'equal Message-IDs, one', `${header('same id')}\r\nFirst.\r\n`),
    made(TWINS, 'equal Message-IDs, other', `${header('same id')}\r\nSecond.\r\n`),
    made(TWINS, 'twin, one', twin, { internalDate: BASE }),
    made(TWINS, 'twin, other', twin, { internalDate: BASE }),
    made(LOWER, 'twin, in the mailbox of the other case', twin, { internalDate: BASE }),
  ]
}

function structures(): SampleMessage[] {
  const attachment = base64Lines(seededBytes(7, 300_000))
  let nested = 'Content-Type: text/plain\r\n\r\nThe innermost part.\r\n'
  for (let level = 200; level > 0; level--) {
    nested = `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n${nested}\r\n--b${level}--\r\n`
  }
  const part = (type: string, body: string): string => `--edge\r\nContent-Type: ${type}\r\n${body}`
  return [
    made(
      QUOTED,
      'an attachment of 300,000 bytes',
      header('attachment', 'MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=edge') +
        CRLF +
        part('text/plain; charset=utf-8', '\r\nSee the attachment.\r\n') +
        part('application/pdf; name="Angebot.pdf"', `Content-Transfer-Encoding: base64\r\n\r\n${attachment}`) +
        '--edge--\r\n',
    ),
    made(QUOTED, 'MIME nested 200 levels deep', header('deep', 'MIME-Version: 1.0') + nested),
    made(
      QUOTED,
      'a message within a message',
      `${header('forwarded', 'MIME-Version: 1.0', 'Content-Type: message/rfc822')}\r\n${header('inner')}\r\nInner.\r\n`,
    ),
    made(
      QUOTED,
      'a signed part, whose blanks matter',
      header('signed', 'MIME-Version: 1.0', 'Content-Type: multipart/signed; boundary=edge; micalg=sha-256') +
        CRLF +
        part('text/plain', '\r\nBlanks at the end   \r\n\r\n') +
        part(
          'application/pkcs7-signature',
          `Content-Transfer-Encoding: base64\r\n\r\n${base64Lines(seededBytes(9, 900))}`,
        ) +
        '--edge--\r\n',
    ),
    made(
      QUOTED,
      '8-bit text that is not UTF-8',
      Buffer.concat([
        Buffer.from(`${header('8bit', 'Content-Transfer-Encoding: 8bit')}\r\n`),
        Buffer.from('Fünf Öfen für Ärzte\r\n', 'latin1'),
        Buffer.from([0xff, 0xfe, 0x80, 0x81, 0xc0, 0x0d, 0x0a]),
      ]),
    ),
    plain(QUOTED, 'a byte order mark and invisible letters', '\ufeffte\u00adxt\u200b \u202eright to left'),
  ]
}

function flagged(): SampleMessage[] {
  const with_ = (note: string, flags: readonly string[]): SampleMessage =>
    made(WILD, note, `${header(note)}\r\nText.\r\n`, { flags })
  return [
    with_('no flag at all', []),
    with_('every system flag', ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen']),
    with_('deleted, but not expunged', ['\\Deleted']),
    with_('known keywords', ['$Forwarded', '$NotJunk']),
    with_('keywords of somebody', ['\\Seen', 'Steuer-2023', 'to.do', '$label1']),
  ]
}

function dated(limits: SampleLimits): SampleMessage[] {
  const at = (note: string, internalDate: number, mailbox = DATES): SampleMessage =>
    made(mailbox, note, `${header(note)}\r\nText.\r\n`, { internalDate })
  const past = [
    at('arrived in 1971', Date.UTC(1971, 0, 1, 0, 0, 1)),
    at('arrived in the second of a leap', Date.UTC(2017, 0, 1, 0, 0, 0)),
    at('arrived in the hour that summer time takes', Date.UTC(2024, 2, 31, 1, 30, 0)),
    at('arrived on a leap day, last second', Date.UTC(2000, 1, 29, 23, 59, 59), BLANK),
    at('arrived at the billionth second', 1_000_000_000_000, FILED),
  ]
  if (!limits.futureDates) return past
  return [
    ...past,
    at('arrives when 32 bits run out', 2 ** 31 * 1000),
    at('arrives in 2099', Date.UTC(2099, 11, 31)),
  ]
}
