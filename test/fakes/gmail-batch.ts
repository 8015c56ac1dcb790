import type { Answer } from './gmail-calls.ts'

const MOST = 100

/** Answers a batch (multipart/mixed of application/http): each request by itself, in order, its id echoed. */
export function answerBatch(
  contentType: string,
  body: Buffer,
  answer: (verb: string, path: string) => Answer,
): Answer {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1]
  const text = body.toString('latin1')
  const parts = boundary === undefined ? [] : text.split(`--${boundary}`).slice(1, -1)
  if (parts.length === 0 || parts.length > MOST) {
    return { status: 400, body: { error: { code: 400, message: 'The batch request is malformed.' } }, headers: {} }
  }
  const mark = 'batch_answer_boundary'
  const answers = parts.map((part) => {
    const id = /content-id: *<?([^>\r\n]+)>?/i.exec(part)?.[1] ?? ''
    const [, verb = '', path = ''] = /\r\n\r\n([A-Z]+) (\S+)/.exec(part) ?? []
    const { status, body: inner } = answer(verb, path)
    const json = JSON.stringify(inner, null, 1)
    return [
      `--${mark}\r\nContent-Type: application/http\r\nContent-ID: <response-${id}>\r\n\r\n`,
      `HTTP/1.1 ${status} ${status === 200 ? 'OK' : 'Error'}\r\nContent-Type: application/json; charset=UTF-8\r\n`,
      `Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}\r\n`,
    ].join('')
  })
  return {
    status: 200,
    body: `${answers.join('')}--${mark}--\r\n`,
    headers: { 'content-type': `multipart/mixed; boundary=${mark}` },
  }
}
