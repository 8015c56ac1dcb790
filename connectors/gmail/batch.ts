import { randomUUID } from 'node:crypto'
import { SealpostError } from '../../src/core/errors.ts'
import { readReply, type HttpsReply } from '../shared/https-client.ts'
import { parseJson, type AccountApi } from './api.ts'

/** One answer within a batch. */
export interface BatchAnswer {
  readonly status: number
  readonly body: unknown
}

const ANSWER_LIMIT = 32 * 1024 * 1024

/**
 * Asks for several paths with one request (multipart/mixed, at most 100) and returns the answers in order. Each costs
 * its own units. Throws `transient` when an answer is missing, and what refuses the batch as a whole.
 */
export async function batchGet(
  api: AccountApi,
  what: string,
  units: number,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<readonly BatchAnswer[]> {
  const boundary = `batch-${randomUUID()}`
  const parts = paths.map(
    (path, index) =>
      `--${boundary}\r\nContent-Type: application/http\r\nContent-ID: <item-${index}>\r\n\r\nGET ${path} HTTP/1.1\r\n\r\n\r\n`,
  )
  const request = {
    method: 'POST',
    url: new URL('batch/gmail/v1', api.limits.endpoint),
    headers: { 'content-type': `multipart/mixed; boundary=${boundary}` },
    body: Buffer.from(`${parts.join('')}--${boundary}--\r\n`),
  } as const
  const read = async (reply: HttpsReply): Promise<ReadonlyMap<number, BatchAnswer>> => {
    const text = (await readReply(reply, ANSWER_LIMIT)).toString('utf8')
    const found = parseAnswers(reply.headers['content-type'] ?? '', text)
    // Google lets a batch in with a token that is over, and refuses each request in it.
    const refused = [...found.values()].find(({ status }) => status === 401)
    if (refused !== undefined) throw api.refusal(refused.status, refused.body, what)
    return found
  }
  const answers = await api.sendAndRead(what, units * paths.length, request, [], read, signal)
  return paths.map((_, index) => {
    const answer = answers.get(index)
    if (answer === undefined)
      throw new SealpostError('transient', `Gmail: ${what}: an answer is missing from a batch`)
    return answer
  })
}

/** The answers of a batch by the number of their request. Never throws; what cannot be read is left out. */
export function parseAnswers(contentType: string, text: string): ReadonlyMap<number, BatchAnswer> {
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1]
  const answers = new Map<number, BatchAnswer>()
  if (boundary === undefined) return answers
  for (const part of text.split(`--${boundary}`).slice(1)) {
    const match = /^\r?\n([\s\S]*?)\r?\n\r?\n(HTTP\/[\d.]+ (\d{3})[\s\S]*?)\r?\n\r?\n([\s\S]*)$/.exec(part)
    const number = /content-id: *<?response-<?item-(\d+)>?/i.exec(match?.[1] ?? '')?.[1]
    if (match === null || number === undefined) continue
    answers.set(Number(number), { status: Number(match[3]), body: parseJson((match[4] ?? '').trim()) })
  }
  return answers
}
