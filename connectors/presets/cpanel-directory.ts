import type { AccountDirectory, ListedAccount } from '../../src/core/directory.ts'
import { SealpostError } from '../../src/core/errors.ts'
import { askJson, field, members, noInterface, openApi, sizeOf, type ApiLogin, type ApiPlace } from './ask-json.ts'

const WHAT = 'UAPI of cPanel'
/** `Email::list_pops_with_disk` is a list that changes nothing; nothing else is ever called. */
const PATH = '/execute/Email/list_pops_with_disk?get_restrictions=1'

/**
 * The mail accounts of one cPanel user, over UAPI with an API token. The user's own mailbox, whose login is the name of the
 * user, is `system`.
 */
export function createCpanelDirectory(place: ApiPlace, login: ApiLogin): AccountDirectory {
  const client = openApi(WHAT, place)
  const where = `${WHAT} ${place.host}:${place.port}`
  return {
    async *listAccounts(signal) {
      const { username } = login
      if (username === null || !/^[a-z0-9._-]+$/i.test(username)) {
        throw new SealpostError('config', `${where}: the credential has no cPanel user for its token`, {
          hint: 'sealpost credentials set NAME --username CPANEL_USER',
          code: 'NO_USERNAME',
        })
      }
      const headers = { authorization: `cpanel ${username}:${login.secret.text()}`, accept: 'application/json' }
      const answer = await askJson(client, place, { what: WHAT, method: 'GET', path: PATH, headers }, signal)
      if (field(answer, 'status') !== 1) throw refusal(where, answer)
      const data = field(answer, 'data')
      if (!Array.isArray(data)) throw noInterface(where, 'it lists nothing')
      for (const entry of members(data)) yield accountOf(where, entry, username)
    },
    close: async () => {
      client.close()
    },
  }
}

function accountOf(where: string, entry: unknown, username: string): ListedAccount {
  const email = field(entry, 'email')
  if (typeof email !== 'string' || email === '') throw noInterface(where, 'an account has no name')
  const isSuspended = [field(entry, 'suspended_login'), field(entry, 'suspended_incoming')].some(
    (value) => value === 1 || value === '1',
  )
  return {
    account: email,
    kind: email === username || !email.includes('@') ? 'system' : 'user',
    bytes: sizeOf(field(entry, '_diskused')),
    suspended: isSuspended,
  }
}

/** UAPI answers 200 with `status: 0` and its reasons in words. */
function refusal(where: string, answer: unknown): SealpostError {
  const errors = members(field(answer, 'errors')).filter((error) => typeof error === 'string')
  if (errors.length === 0) return noInterface(where, 'it has no status')
  return new SealpostError('config', `${where}: it would not list the accounts`, {
    serverText: errors.join('; '),
    hint: 'the cPanel user needs the Email Accounts feature',
    code: 'UAPI',
  })
}
