import { SealpostError } from '../../src/core/errors.ts'
import type { Capabilities } from '../../src/core/connector.ts'
import type { ImapEndConfig, Limits } from './config.ts'
import type { CommandOptions } from './command-options.ts'
import type { Connection } from './connection.ts'
import type { Context, Features } from './context.ts'
import { refusalOf } from './response-codes.ts'
import { listOf, parseTokens, textOf, type Token, type Untagged } from './response.ts'
import { isExchange } from './stand-in.ts'
import type { Namespace } from './wire-name.ts'

/**
 * The first commands after the login. Enables what the sessions use (RFC 5161): CONDSTORE, with QRESYNC where there is one;
 * UTF8=ACCEPT is left alone unless the server insists on it (RFC 6855 section 6), since it changes how names and messages are
 * sent. Reads the personal namespace unless it is `known`, in the same round trip. It also tells an account that is logged
 * in but has no mailbox (Exchange): `config`.
 */
export async function introduce(
  connection: Connection,
  known: Namespace | null,
  signal: AbortSignal,
): Promise<{ readonly features: Features; readonly namespace: Namespace }> {
  if (wantsName(connection)) await connection.run([identify(connection)], {}, signal)
  const wanted = ['CONDSTORE', 'QRESYNC'].filter((name) => connection.has(name))
  if (connection.has('UTF8=ONLY')) wanted.push('UTF8=ACCEPT')
  const enabled = new Set<string>()
  const take = {
    ENABLED: (response: Untagged): void => {
      for (const name of response.text.trim().split(/\s+/)) enabled.add(name.toUpperCase())
    },
  }
  const enable = wanted.length > 0 && connection.has('ENABLE') ? `ENABLE ${wanted.join(' ')}` : null
  const first = { take, ...(enable === null ? {} : { ahead: enable }) }
  const hasNamespace = connection.has('NAMESPACE')
  let namespace = known
  if (namespace === null) {
    const told = hasNamespace ? await readNamespace(connection, first, signal) : null
    const read = told ?? (await readDelimiter(connection, hasNamespace ? { take } : first, signal))
    namespace = { foreign: [], ...read, utf8: enabled.has('UTF8=ACCEPT') }
  } else if (enable !== null) await connection.run([enable], { take }, signal)
  const qresync = enabled.has('QRESYNC')
  const features = {
    qresync,
    condstore: connection.has('CONDSTORE') || qresync,
    esearch: connection.has('ESEARCH'),
    binary: connection.has('BINARY'),
    multiAppend: connection.has('MULTIAPPEND'),
    uidPlus: connection.has('UIDPLUS'),
    move: connection.has('MOVE'),
    messageLimit: connection.facts.numberOf('MESSAGELIMIT') ?? Infinity,
  }
  return { features, namespace }
}

/** ID (RFC 2971), without a word about ourselves but for a server that insists on it. */
export function identify(connection: Connection): string {
  return wantsName(connection) ? 'ID ("name" "Sealpost" "version" "1" "vendor" "Sealpost")' : 'ID NIL'
}

/** Coremail (163, 126, yeah.net and others) lets everybody log in, and opens no mailbox to a client that has not said what it is. */
function wantsName(connection: Connection): boolean {
  return connection.has('ID') && (connection.has('X-CM-EXT-1') || /coremail/i.test(connection.facts.greeting))
}

/** The personal namespace and the prefixes of the others (RFC 2342); null where the server tells none. */
async function readNamespace(
  connection: Connection,
  options: CommandOptions,
  signal: AbortSignal,
): Promise<Omit<Namespace, 'utf8'> | null> {
  let text = ''
  const take = { ...options.take, NAMESPACE: (response: Untagged): void => void (text = response.text) }
  const reply = await connection.run(['NAMESPACE'], { ...options, take }, signal)
  const refusal = reply.status === 'OK' ? null : refusalOf(reply, 'imap: reading namespaces')
  if (refusal !== null && refusal.kind !== 'rejected') throw refusal
  const [personal, others, shared] = parseTokens(text)
  const own = prefixes(personal)[0]
  if (own === undefined) return null
  return { ...own, foreign: [...prefixes(others), ...prefixes(shared)].map((each) => each.prefix) }
}

async function readDelimiter(
  connection: Connection,
  options: CommandOptions,
  signal: AbortSignal,
): Promise<Pick<Namespace, 'prefix' | 'delimiter'>> {
  let delimiter: string | null = null
  const take = {
    ...options.take,
    LIST: (response: Untagged): void =>
      void (delimiter = textOf(parseTokens(response.text, response.literals)[1])),
  }
  await connection.expectOk(['LIST "" ""'], { ...options, take }, 'imap: listing mailboxes', signal)
  return { prefix: '', delimiter }
}

function prefixes(token: Token | undefined): { prefix: string; delimiter: string | null }[] {
  return listOf(token).flatMap((entry) => {
    const [prefix, delimiter] = listOf(entry)
    const text = textOf(prefix)
    return text === null ? [] : [{ prefix: text, delimiter: textOf(delimiter) }]
  })
}

/**
 * What the engine is told about a session. `keywords` turns to `none` when a mailbox was seen that takes no new ones:
 * the engine then appends with system flags alone and tries each keyword by `setFlags`, which says what is refused.
 */
export function capabilitiesOf(
  connection: Connection,
  features: Features,
  flagsKept: Context['flagsKept'],
  config: ImapEndConfig,
  limits: Limits,
  end: 'source' | 'destination',
): Capabilities {
  const gmail = connection.has('X-GM-EXT-1')
  const { manners = {} } = config
  // Keywords that are chosen go by STORE, which tells of each that it does not set.
  const areChosen = manners.keywords !== undefined && manners.keywords !== 'all'
  return {
    sessions: limits.sessions,
    appendBatch: features.multiAppend
      ? { messages: 200, bytes: 8 * 1024 * 1024 }
      : { messages: 1, bytes: Number.MAX_SAFE_INTEGER },
    maxMessageBytes: smaller(connection.facts.numberOf('APPENDLIMIT'), manners.maxMessageBytes ?? null),
    ...(manners.maxLineBytes === undefined ? {} : { maxLineBytes: manners.maxLineBytes }),
    ...(manners.lateFlags === undefined ? {} : { lateFlags: manners.lateFlags }),
    keepsBytes: config.keepsBytes ?? !isExchange(connection.facts.greeting),
    keepsInternalDate: true,
    get keywords() {
      return !areChosen && [...flagsKept.values()].every(({ anyKeyword }) => anyKeyword) ? 'any' : 'none'
    },
    // Gmail's mailboxes are labels (X-GM-EXT-1). What is appended gets one; which others it has cannot be said by UID.
    labels: gmail && end === 'source',
    keyOnAppend: features.uidPlus,
    delta: features.condstore ? 'modseq' : 'scan',
    merges: gmail ? 'message-id' : 'none',
    move: features.move,
    readable: true,
  }
}

function smaller(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b)
}

/** Throws `rejected` for a message that the server has said it will not take (RFC 7889). */
export function checkSize(bytes: number, limit: number | null): void {
  if (limit !== null && bytes > limit) {
    throw new SealpostError(
      'rejected',
      `imap: the message is larger than the ${limit} bytes that the server takes`,
      {
        code: 'TOOBIG',
      },
    )
  }
}
