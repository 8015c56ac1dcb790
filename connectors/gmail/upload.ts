import { randomUUID } from 'node:crypto'
import { isKind, SealpostError } from '../../src/core/errors.ts'
import type { Body } from '../../src/core/mail.ts'
import { announcedBytes, exactPieces } from '../shared/exact-body.ts'
import { readReply, type HttpsReply } from '../shared/https-client.ts'
import { parseJson, type AccountApi } from './api.ts'

/** What came of an upload. `unknown`: the last byte was handed over and no answer came. */
export type Uploaded =
  { readonly kind: 'stored'; readonly id: string } | { readonly kind: 'unknown'; readonly error: SealpostError }

const WHAT = 'storing a message'
const ANSWER_LIMIT = 1024 * 1024
/** An upload that is not complete yet (resumable uploads of Google). */
const INCOMPLETE = 308

/**
 * Stores one message with its labels. Throws while nothing can have been stored; once the last byte was handed over
 * only the server's answer decides.
 */
export async function upload(
  api: AccountApi,
  body: Uint8Array | Body,
  labels: readonly string[],
  signal: AbortSignal,
): Promise<Uploaded> {
  const isLarge = announcedBytes(body) > api.limits.resumableBytes
  return isLarge ? resumable(api, body, labels, signal) : multipart(api, body, labels, signal)
}

/** One request with labels and message (multipart/related, RFC 2387). */
async function multipart(
  api: AccountApi,
  body: Uint8Array | Body,
  labels: readonly string[],
  signal: AbortSignal,
): Promise<Uploaded> {
  const boundary = `part-${randomUUID()}`
  const before = Buffer.from(
    `--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${JSON.stringify({ labelIds: labels })}\r\n` +
      `--${boundary}\r\nContent-Type: message/rfc822\r\n\r\n`,
  )
  const after = Buffer.from(`\r\n--${boundary}--\r\n`)
  const whole: Body = {
    bytes: before.length + announcedBytes(body) + after.length,
    async *open() {
      yield before
      yield* exactPieces(body, signal)
      yield after
    },
  }
  const handed = { over: false }
  try {
    const reply = await api.send(
      WHAT,
      unitsOf(api),
      {
        method: 'POST',
        url: uploadUrl(api, 'multipart'),
        headers: { 'content-type': `multipart/related; boundary=${boundary}` },
        body: whole,
        onHandingOver: () => void (handed.over = true),
      },
      [],
      signal,
    )
    return await storedBy(reply)
  } catch (error) {
    return inDoubt(error, handed.over)
  }
}

/** A session is opened, then the message is sent to it; after a lost answer the session says what came of it. */
async function resumable(
  api: AccountApi,
  body: Uint8Array | Body,
  labels: readonly string[],
  signal: AbortSignal,
): Promise<Uploaded> {
  const bytes = announcedBytes(body)
  const session = await openSession(api, bytes, labels, signal)
  const handed = { over: false }
  try {
    const reply = await api.send(
      WHAT,
      0,
      {
        method: 'PUT',
        url: session,
        headers: { 'content-type': 'message/rfc822' },
        body,
        onHandingOver: () => void (handed.over = true),
      },
      [],
      signal,
    )
    return await storedBy(reply)
  } catch (error) {
    if (!handed.over || !isDoubtful(error)) return inDoubt(error, handed.over)
    return (await askSession(api, session, bytes, signal).catch(() => null)) ?? inDoubt(error, true)
  }
}

/** Opens a session for an upload of so many bytes: the place to send them to. Throws `rejected` where they are too many. */
export async function openSession(
  api: AccountApi,
  bytes: number,
  labels: readonly string[],
  signal: AbortSignal,
): Promise<URL> {
  const opened = await api.send(
    WHAT,
    unitsOf(api),
    {
      method: 'POST',
      url: uploadUrl(api, 'resumable'),
      headers: {
        'content-type': 'application/json; charset=UTF-8',
        'x-upload-content-type': 'message/rfc822',
        'x-upload-content-length': String(bytes),
      },
      body: Buffer.from(JSON.stringify({ labelIds: labels })),
    },
    [],
    signal,
  )
  await readReply(opened, ANSWER_LIMIT)
  return sessionUrl(api, opened)
}

/** What a session of an upload says after a lost answer; null while it leaves that open. */
async function askSession(
  api: AccountApi,
  session: URL,
  bytes: number,
  signal: AbortSignal,
): Promise<Uploaded | null> {
  const reply = await api.send(
    WHAT,
    0,
    { method: 'PUT', url: session, headers: { 'content-range': `bytes */${bytes}` }, body: new Uint8Array() },
    [INCOMPLETE],
    signal,
  )
  if (reply.status !== INCOMPLETE) return storedBy(reply)
  // Incomplete, but the bytes that were handed over may still be on their way to it.
  await readReply(reply, ANSWER_LIMIT)
  return null
}

async function storedBy(reply: HttpsReply): Promise<Uploaded> {
  const answer = parseJson((await readReply(reply, ANSWER_LIMIT)).toString('utf8'))
  const id = typeof answer === 'object' && answer !== null && 'id' in answer ? answer.id : undefined
  if (typeof id === 'string' && id !== '') return { kind: 'stored', id }
  throw new SealpostError('transient', 'Gmail: the answer to an upload names no message', { code: 'NO_ID' })
}

/** A server that failed may have stored what it had; a refusal has not. */
function isDoubtful(error: unknown): boolean {
  return !isKind(error) || isKind(error, 'transient', 'cancelled', 'bug')
}

function inDoubt(error: unknown, isHandedOver: boolean): Uploaded {
  if (!isHandedOver || !isDoubtful(error)) throw error
  const code = isKind(error) ? error.code : undefined
  return {
    kind: 'unknown',
    error: new SealpostError('unknown-outcome', 'Gmail: the connection was lost before the server answered', {
      cause: error,
      ...(code === undefined ? {} : { code }),
    }),
  }
}

function unitsOf(api: AccountApi): number {
  return api.limits.costs[api.limits.write]
}

function uploadUrl(api: AccountApi, uploadType: 'multipart' | 'resumable'): URL {
  const { endpoint, write } = api.limits
  const method = write === 'import' ? 'messages/import' : 'messages'
  const url = new URL(`upload/gmail/v1/users/me/${method}`, endpoint)
  url.searchParams.set('uploadType', uploadType)
  url.searchParams.set('internalDateSource', 'dateHeader')
  url.searchParams.set('fields', 'id')
  if (write === 'import') {
    url.searchParams.set('neverMarkSpam', 'true')
    url.searchParams.set('processForCalendar', 'false')
  }
  return url
}

/** Where the session is; only on the host that was asked, since the token goes there too. */
function sessionUrl(api: AccountApi, opened: HttpsReply): URL {
  const { location } = opened.headers
  const url = location === undefined || !URL.canParse(location) ? null : new URL(location)
  if (url?.origin === new URL(api.limits.endpoint).origin) return url
  throw new SealpostError('transient', 'Gmail: the answer names no place for an upload', { code: 'NO_SESSION' })
}
