import type { AccountDirectory, ListedAccount } from '../../src/core/directory.ts'
import { SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import { askJson, field, members, noInterface, openApi, sizeOf, type ApiLogin, type ApiPlace } from './ask-json.ts'

const WHAT = 'doveadm of Dovecot'
/** Users whose sizes are asked for in one request. */
const AT_ONCE = 20

type Command = readonly [name: string, parameters: object, tag: string]

/**
 * The users of a Dovecot, over the HTTP interface of doveadm with its API key: `user` and `mailboxStatus`, which only
 * read. A user database that cannot be gone through lists nobody, which is an error here.
 */
export function createDovecotDirectory(place: ApiPlace, login: ApiLogin): AccountDirectory {
  const client = openApi(WHAT, place)
  const where = `${WHAT} ${place.host}:${place.port}`

  /** What each command came to, in order. */
  const ask = async (commands: readonly Command[], signal: AbortSignal): Promise<readonly unknown[]> => {
    const key = Buffer.from(login.secret.text()).toString('base64')
    const headers = { 'content-type': 'application/json', authorization: `X-Dovecot-API ${key}` }
    const question = {
      what: WHAT,
      method: 'POST',
      path: '/doveadm/v1',
      headers,
      body: JSON.stringify(commands),
    } as const
    const answers = new Map(
      members(await askJson(client, place, question, signal)).map((answer) => {
        const [kind, value, tag] = members(answer)
        return [tag, { kind, value }]
      }),
    )
    return commands.map(([name, , tag]) => {
      const answer = answers.get(tag)
      if (answer?.kind === 'doveadmResponse') return answer.value
      if (answer?.kind === 'error') throw refusal(where, name, answer.value)
      throw noInterface(where, `it does not answer ${name}`)
    })
  }

  return {
    async *listAccounts(signal) {
      const [found] = await ask([['user', { userMask: ['*'] }, 'users']], signal)
      const users = members(field(found, 'userList')).filter((user) => typeof user === 'string')
      if (users.length === 0) {
        throw new SealpostError('config', `${where}: it lists no user`, {
          hint: 'its userdb needs an iterate_query, or accounts in a file',
          code: 'NO_USERS',
        })
      }
      for (let start = 0; start < users.length; start += AT_ONCE) {
        throwIfAborted(signal)
        const slice = users.slice(start, start + AT_ONCE)
        const commands = slice.map((user, index): Command => {
          return ['mailboxStatus', { user, field: ['vsize'], mailboxMask: ['*'], totalSum: true }, String(index)]
        })
        const sums = await ask(commands, signal)
        for (const [index, account] of slice.entries()) {
          const bytes = sizeOf(field(members(sums[index])[0], 'vsize'))
          yield { account, kind: 'user', bytes, suspended: false } satisfies ListedAccount
        }
      }
    },
    close: async () => {
      client.close()
    },
  }
}

function refusal(where: string, command: string, value: unknown): SealpostError {
  const type = field(value, 'type')
  const word = typeof type === 'string' ? type : 'error'
  return new SealpostError('transient', `${where}: ${command} failed`, { serverText: word, code: word })
}
