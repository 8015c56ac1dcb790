import { decodeWords, fieldValue, readHeader } from '../../src/core/mime.ts'

/** The note has a few lines, and no attachment. */
const MOST_BYTES = 32 * 1024
const SUBJECT = /^retrieval using the imap4 protocol failed for the following message:/i
const SENDER = /microsoft exchange server/i
const TEXT = /server (?:could not|couldn.{1,9}t) retrieve the following message/is
/** In any language: a sender by name alone, with no address, which no mail that came from anywhere has. */
const BARE_SENDER = /^"?microsoft exchange server(?: \d{4})?"?$/i
/** All the fields of the header. What was sent or delivered has a Date, a Message-ID or a Received at least. */
const FIELDS: ReadonlySet<string> = new Set([
  ...['mime-version', 'content-type', 'content-transfer-encoding', 'content-language'],
  ...['from', 'to', 'subject'],
])

/** True for a server that greets as Microsoft Exchange, which keeps properties of messages and makes their text anew. */
export function isExchange(greeting: string): boolean {
  return /Microsoft Exchange/i.test(greeting)
}

/**
 * True for the note that Exchange hands out in the place of a message which it cannot turn into MIME. In English by its subject,
 * and by its sender or its text, since builds differ in both; mail that answers or quotes such a note has another subject. In
 * any language by what Exchange does not translate: the bare fields, the sender, and no other number than the message's UID in
 * the subject. A note that somebody has stored as mail before has the UID of another message there. Where the subject has none,
 * it counts as the note: a message that is said to be unreadable is looked at, and a note that was moved in its place is not.
 */
export function isStandIn(body: Buffer, uid: number): boolean {
  if (body.length > MOST_BYTES) return false
  const { fields, bodyAt } = readHeader(body)
  const valueOf = (name: string): string => decodeWords(fieldValue(fields, name) ?? '').trim()
  const [subject, sender] = [valueOf('subject'), valueOf('from')]
  if (SUBJECT.test(subject)) return SENDER.test(sender) || TEXT.test(body.toString('latin1', bodyAt))
  if (!BARE_SENDER.test(sender) || !fields.every(({ name }) => FIELDS.has(name.toLowerCase()))) return false
  const numbers = (subject.replace(/imap4/gi, '').match(/\d+/g) ?? []).map(Number)
  return numbers.length === 0 || numbers.includes(uid)
}
