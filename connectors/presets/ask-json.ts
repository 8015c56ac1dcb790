import { SealpostError } from '../../src/core/errors.ts'
import { HttpsClient, readReply } from '../shared/https-client.ts'
import { passingRefusal } from '../shared/oauth-refusals.ts'

/** How an administration interface is reached. */
export interface ApiPlace {
  readonly host: string
  readonly port: number
  /** PEM of the certificates to trust instead of the public roots. */
  readonly ca?: Buffer | undefined
}

/** Who asks: the username and the secret of a credential. The secret is lent for the time of a request. */
export interface ApiLogin {
  readonly username: string | null
  readonly secret: { text(): string }
}

/** One question to an administration interface. */
export interface Question {
  /** The interface, as messages name it: `UAPI of cPanel`. */
  readonly what: string
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024
/** Milliseconds: a server may add up the sizes of many mailboxes before it says anything. */
const PATIENCE = 300_000

/** A client for one interface. Opens no connection yet. */
export function openApi(what: string, place: ApiPlace): HttpsClient {
  return new HttpsClient({ what, ca: place.ca, idle: PATIENCE, connections: 2 })
}

/**
 * Asks once, and returns what the answer holds, whatever its status says about the question itself (200 to 299, and those
 * of `readable`). Throws `auth` for a refused credential, `config` for what is no such interface, `throttled` or
 * `transient` for what passes.
 */
export async function askJson(
  client: HttpsClient,
  { host, port }: ApiPlace,
  question: Question,
  signal: AbortSignal,
  readable: readonly number[] = [],
): Promise<unknown> {
  const { what, method, path, headers, body } = question
  const where = `${what} ${host}:${port}`
  const url = new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}${path}`)
  const bytes = body === undefined ? undefined : Buffer.from(body)
  try {
    const reply = await client.send({ method, url, headers, body: bytes }, signal)
    const content = await readReply(reply, MAX_ANSWER_BYTES)
    const { status } = reply
    if (!readable.includes(status)) {
      if (status === 401) throw refusedLogin(where)
      if (status === 403) {
        throw new SealpostError('auth', `${where}: the credential may not do this`, {
          hint: 'give it the right to list accounts',
          code: 'HTTP_403',
        })
      }
      const passing = passingRefusal(where, reply)
      if (passing !== null) throw passing
      if (status < 200 || status > 299) throw noInterface(where, `HTTP ${status}`)
    }
    return parse(where, content)
  } finally {
    bytes?.fill(0)
  }
}

/** What is thrown when the interface refuses the credential. */
export function refusedLogin(where: string, serverText?: string): SealpostError {
  return new SealpostError('auth', `${where}: the credential was refused`, {
    hint: 'set it anew with sealpost credentials set; nothing is tried a second time',
    code: 'HTTP_401',
    ...(serverText === undefined ? {} : { serverText }),
  })
}

/** What is thrown when something else answers, or in another way than is known. */
export function noInterface(where: string, why: string): SealpostError {
  return new SealpostError('config', `${where}: this is not the interface that was expected (${why})`, {
    hint: 'check directory.host and directory.port',
    code: 'NO_INTERFACE',
  })
}

/** The value of a key of a JSON object; undefined where there is none, or no object. */
export function field(value: unknown, ...path: readonly string[]): unknown {
  let found = value
  for (const key of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined
    found = (found as Readonly<Record<string, unknown>>)[key]
  }
  return found
}

/** The members of a JSON array; none where there is no array. */
export function members(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : []
}

/** A size as interfaces write it, a number or its digits; null for anything else. */
export function sizeOf(value: unknown): number | null {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(Math.round(number)) && number >= 0
    ? Math.round(number)
    : null
}

function parse(where: string, content: Buffer): unknown {
  try {
    return JSON.parse(content.toString('utf8')) as unknown
  } catch {
    throw noInterface(where, 'its answer is no JSON')
  }
}
