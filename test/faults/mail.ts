import type { StoredMessage } from '../../scripts/sample/maildir.ts'

const MAILBOXES: readonly (readonly string[])[] = [['INBOX'], ['Work', 'Projects'], ['Archive']]
const FLAGS: readonly (readonly string[])[] = [
  [],
  ['\\Seen'],
  ['\\Answered', '\\Seen'],
  ['$Important', '\\Flagged'],
  ['\\Draft'],
]

/** A small generator of numbers that gives the same ones for the same seed (Mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * So many messages over three mailboxes, of 0.4 to 12 kB, with flags and dates; every eighth is a twin of the one
 * before in its mailbox, equal to the last bit. `mark` finds its way into the text of those whose number it returns
 * true for.
 */
export function plainMail(
  count: number,
  options: {
    readonly seed?: number
    readonly mailboxes?: readonly (readonly string[])[]
    readonly mark?: (index: number) => string
    /** Times so large. */
    readonly scale?: number
  } = {},
): StoredMessage[] {
  const random = seeded(options.seed ?? 1)
  const mailboxes = options.mailboxes ?? MAILBOXES
  const messages: StoredMessage[] = []
  for (let index = 0; messages.length < count; index++) {
    const mailbox = mailboxes[index % mailboxes.length] ?? ['INBOX']
    const message = {
      mailbox,
      bytes: text(
        index,
        300 + Math.floor(random() ** 3 * 12_000 * (options.scale ?? 1)),
        options.mark?.(index) ?? '',
      ),
      internalDate: 1_500_000_000_000 + index * 3_601_000,
      flags: FLAGS[index % FLAGS.length] ?? [],
    }
    messages.push(message)
    if (index % 8 === 3 && messages.length < count) messages.push(message)
  }
  return messages
}

function text(index: number, bytes: number, mark: string): Buffer {
  const id = index % 11 === 5 ? '' : `Message-ID: <m${index}@example.com>\r\n`
  const head = `From: a@example.com\r\nTo: b@example.com\r\n${id}Date: Mon, 4 Jan 2021 10:00:00 +0000\r\nSubject: no. ${index}\r\n\r\n`
  const line = `${index} ${'abcdefghij '.repeat(5)}${mark}\r\n`
  return Buffer.from(head + line.repeat(Math.ceil(bytes / line.length)))
}
