import { ApiRefusal } from './gmail-account.ts'
import { jsonOf, messageBody, ok, type Answer, type Call } from './gmail-calls.ts'

/** A resumable upload that was begun. */
interface Session {
  readonly call: Call
  readonly bytes: number
  stored: Answer | null
}

/**
 * Answers `messages.insert` and `messages.import` in all four forms (media, multipart, resumable, JSON), and the
 * sessions of resumable uploads; null for what is none of these.
 */
export function uploadOf(
  call: Call,
  sessions: Map<string, Session>,
  maxBytes: number,
  nameSession: () => string,
): Answer | null {
  if (call.method === 'upload.session') return continueSession(call, sessions, maxBytes)
  if (call.method !== 'messages.insert' && call.method !== 'messages.import') return null
  switch (call.url.searchParams.get('uploadType')) {
    case 'media':
      return store(call, call.body, [], maxBytes)
    case 'multipart': {
      const { labels, raw } = readMultipart(call)
      return store(call, raw, labels, maxBytes)
    }
    case 'resumable': {
      const bytes = Number(call.headers['x-upload-content-length'] ?? Number.NaN)
      if (bytes > maxBytes) throw tooLarge()
      const id = nameSession()
      sessions.set(id, { call, bytes, stored: null })
      const location = new URL(call.url)
      location.searchParams.set('upload_id', id)
      return { status: 200, body: null, headers: { location: location.href } }
    }
    default: {
      const { raw, labelIds } = jsonOf(call) as { readonly raw?: string; readonly labelIds?: readonly string[] }
      return store(call, Buffer.from(raw ?? '', 'base64url'), labelIds ?? [], maxBytes)
    }
  }
}

function continueSession(call: Call, sessions: Map<string, Session>, maxBytes: number): Answer {
  const session = sessions.get(call.url.searchParams.get('upload_id') ?? '')
  if (session === undefined) throw new ApiRefusal(404, 'notFound', 'Not Found')
  if (/^bytes \*\//.test(call.headers['content-range'] ?? '')) {
    return session.stored ?? { status: 308, body: null, headers: {} }
  }
  if (call.body.length !== session.bytes)
    throw new ApiRefusal(400, 'badRequest', 'Failed to parse Content-Range header.')
  const { labelIds } = jsonOf(session.call) as { readonly labelIds?: readonly string[] }
  session.stored = store(session.call, call.body, labelIds ?? [], maxBytes)
  return session.stored
}

function store(call: Call, raw: Buffer, labels: readonly string[], maxBytes: number): Answer {
  if (call.account === null) throw new ApiRefusal(404, 'notFound', 'Not Found')
  if (raw.length > maxBytes) throw tooLarge()
  if (raw.length === 0)
    throw new ApiRefusal(
      400,
      'invalidArgument',
      "'raw' RFC822 payload message string or uploading message via /upload/* URL required",
    )
  const asked = call.url.searchParams.get('internalDateSource')
  const usual = call.method === 'messages.import' ? 'dateHeader' : 'receivedTime'
  const source = (asked ?? usual) === 'dateHeader' ? 'dateHeader' : 'receivedTime'
  return ok(messageBody(call.account.store(raw, labels, source), 'minimal'))
}

/** multipart/related, RFC 2387: JSON first, then the message, each byte of which counts. */
function readMultipart(call: Call): { readonly labels: readonly string[]; readonly raw: Buffer } {
  const bad = (): ApiRefusal => new ApiRefusal(400, 'badContent', 'Malformed multipart body.')
  const boundary = /^multipart\/related;.*boundary="?([^";]+)"?/.exec(call.headers['content-type'] ?? '')?.[1]
  if (boundary === undefined) throw bad()
  const mark = Buffer.from(`--${boundary}`)
  const first = call.body.indexOf(mark)
  const second = call.body.indexOf(mark, first + mark.length)
  const last = call.body.lastIndexOf(Buffer.from(`\r\n--${boundary}--`))
  if (first === -1 || second === -1 || last < second) throw bad()
  const contentOf = (start: number, end: number): Buffer => {
    const blank = call.body.indexOf('\r\n\r\n', start)
    if (blank === -1 || blank + 4 > end) throw bad()
    return call.body.subarray(blank + 4, end)
  }
  const parsed = JSON.parse(contentOf(first, second).toString('utf8')) as { readonly labelIds?: readonly string[] }
  return { labels: parsed.labelIds ?? [], raw: Buffer.from(contentOf(second, last)) }
}

function tooLarge(): ApiRefusal {
  return new ApiRefusal(413, 'uploadTooLarge', 'Request is too large.')
}
