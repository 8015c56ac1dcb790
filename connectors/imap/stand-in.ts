/** The note has a few lines, and no attachment. */
const MOST_BYTES = 32 * 1024
const SUBJECT = /^subject:[ \t]*retrieval using the imap4 protocol failed for the following message:/im
const SENDER = /^from:[^\r\n]*microsoft exchange server/im
const TEXT = /server (?:could not|couldn.{1,9}t) retrieve the following message/is

/** True for a server that greets as Microsoft Exchange, which keeps properties of messages and makes their text anew. */
export function isExchange(greeting: string): boolean {
  return /Microsoft Exchange/i.test(greeting)
}

/**
 * True for the note that Exchange hands out in the place of a message which it cannot turn into MIME: by its subject, and by its
 * sender or its text, since builds differ in both. Mail that answers or quotes such a note has another subject.
 */
export function isStandIn(body: Buffer): boolean {
  if (body.length > MOST_BYTES) return false
  const text = body.toString('latin1')
  const end = text.search(/\r?\n\r?\n/)
  const header = text.slice(0, end)
  return (
    end !== -1 && SUBJECT.test(header.replace(/\r?\n[ \t]+/g, ' ')) && (SENDER.test(header) || TEXT.test(text))
  )
}
