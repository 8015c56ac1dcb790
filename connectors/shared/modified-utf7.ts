/** Encodes text in modified UTF-7 (RFC 3501 section 5.1.3). The text must be well-formed Unicode. */
export function encodeModifiedUtf7(text: string): string {
  return text.replace(/&|[^\x20-\x7e]+/g, (run) => (run === '&' ? '&-' : `&${encodeRun(run)}-`))
}

/**
 * Decodes modified UTF-7; null for what is none, and for every spelling that encoding would not give, so that no two
 * names read as one.
 */
export function decodeModifiedUtf7(raw: string): string | null {
  let text = ''
  for (let at = 0; at < raw.length;) {
    const start = raw.indexOf('&', at)
    if (start === -1) {
      text += raw.slice(at)
      break
    }
    const end = raw.indexOf('-', start)
    if (end === -1) return null
    text += raw.slice(at, start) + (end === start + 1 ? '&' : decodeRun(raw.slice(start + 1, end)))
    at = end + 1
  }
  return text.isWellFormed() && encodeModifiedUtf7(text) === raw ? text : null
}

function encodeRun(run: string): string {
  const bigEndian = Buffer.from(run, 'utf16le').swap16()
  return bigEndian.toString('base64').replace(/=+$/, '').replaceAll('/', ',')
}

function decodeRun(base64: string): string {
  const bytes = Buffer.from(base64.replaceAll(',', '/'), 'base64')
  return bytes.length % 2 === 0 ? bytes.swap16().toString('utf16le') : '\ufffd'
}
