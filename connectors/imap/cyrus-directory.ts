import type { AccountDirectory } from '../../src/core/directory.ts'
import { SealpostError, toSealpostError } from '../../src/core/errors.ts'
import { assertTransportAllowed } from '../shared/tls.ts'
import { limitsOf, type ImapEndConfig } from './config.ts'
import type { Connection } from './connection.ts'
import { openConnection } from './login.ts'
import { listOf, parseTokens, textOf, type Untagged } from './response.ts'
import { decodeUtf7, nameParts } from './wire-name.ts'

/** Where users' mailboxes lie for an administrator. */
interface UsersRoot {
  readonly prefix: string
  readonly delimiter: string
}

const KIB = 1024

/**
 * The users of a Cyrus, over IMAP itself: an administrator who names nobody else sees each user's inbox below `user`.
 * Sizes are those of quota roots; an account without one has none. Opens no mailbox.
 */
export function createCyrusDirectory(config: ImapEndConfig): AccountDirectory {
  assertTransportAllowed(config.tls, config.host)
  const where = `IMAP ${config.host}:${config.port}`
  let connection: Connection | null = null
  return {
    async *listAccounts(signal) {
      try {
        connection ??= await openConnection(config, limitsOf(config), 'the administrator', signal)
        const root = await readRoot(connection, signal)
        const names = await listNames(connection, root, signal)
        if (names.length === 0) {
          throw new SealpostError('config', `${where}: no users are shown`, {
            hint: 'the login must stand in admins of imapd.conf',
            code: 'NO_USERS',
          })
        }
        for (const name of names) {
          const bytes = await usedBytes(connection, name, signal)
          yield { account: accountOf(name, root), kind: 'user', bytes, suspended: false }
        }
      } catch (error) {
        throw toSealpostError(error, where)
      }
    },
    close: async () => {
      await connection?.close()
      connection = null
    },
  }
}

/** The namespace of other users (RFC 2342), in which an administrator sees everybody. */
async function readRoot(connection: Connection, signal: AbortSignal): Promise<UsersRoot> {
  let text = ''
  const take = { NAMESPACE: (response: Untagged): void => void (text = response.text) }
  await connection.expectOk(['NAMESPACE'], { take }, 'imap: reading namespaces', signal)
  const [, others] = parseTokens(text)
  const [prefix, delimiter] = listOf(listOf(others)[0]).map(textOf)
  return { prefix: prefix ?? 'user.', delimiter: delimiter ?? '.' }
}

/**
 * Names of the users' inboxes. `%` would do but for domains: a dot in one counts as a level for it, and a domain stands
 * behind the whole name (`user.anna.Sent@example.com`).
 */
async function listNames(
  connection: Connection,
  root: UsersRoot,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { prefix, delimiter } = root
  const names: string[] = []
  const take = {
    LIST: (row: Untagged): void => {
      const name = textOf(parseTokens(row.text, row.literals)[2])
      if (name === null || !name.startsWith(prefix)) return
      const { local } = partsOf(name, root)
      if (local !== '' && !local.includes(delimiter)) names.push(name)
    },
  }
  await connection.expectOk(['LIST "" ', ...nameParts(`${prefix}*`)], { take }, 'imap: listing users', signal)
  return names
}

/** Storage used under the quota root of an inbox (RFC 9208), in bytes; null where there is none. */
async function usedBytes(connection: Connection, name: string, signal: AbortSignal): Promise<number | null> {
  if (!connection.has('QUOTA')) return null
  let used: number | null = null
  const take = {
    QUOTA: (row: Untagged): void => {
      const [, resources] = parseTokens(row.text, row.literals)
      const words = listOf(resources).map((token) => textOf(token) ?? '')
      const at = words.findIndex((word) => word.toUpperCase() === 'STORAGE')
      const figure = words[at + 1] ?? ''
      if (at !== -1 && /^\d{1,15}$/.test(figure)) used = Number(figure) * KIB
    },
  }
  await connection.run(['GETQUOTAROOT ', ...nameParts(name)], { take }, signal)
  return used
}

/** The account behind `user.anna` or `user.anna@example.com`; where levels are parted by dots, `^` stands for one in a name. */
function accountOf(name: string, root: UsersRoot): string {
  const { local, domain } = partsOf(name, root)
  const text = decodeUtf7(local) ?? local
  return (root.delimiter === '.' ? text.replaceAll('^', '.') : text) + domain
}

/** What stands between the prefix and the domain, and the domain with its @; empty where there is none. */
function partsOf(name: string, { prefix }: UsersRoot): { readonly local: string; readonly domain: string } {
  const rest = name.slice(prefix.length)
  const at = rest.lastIndexOf('@')
  return at === -1 ? { local: rest, domain: '' } : { local: rest.slice(0, at), domain: rest.slice(at) }
}
