import type { AccountDirectory, AccountKind, ListedAccount } from '../../src/core/directory.ts'
import { SealpostError } from '../../src/core/errors.ts'
import {
  askJson,
  field,
  members,
  noInterface,
  openApi,
  refusedLogin,
  sizeOf,
  type ApiLogin,
  type ApiPlace,
} from './ask-json.ts'

const WHAT = 'admin SOAP of Zimbra'
const PATH = '/service/admin/soap'
const QUOTA_PAGE = 1000

/** An attribute of an account, as Zimbra's JSON writes it. */
type Attributes = ReadonlyMap<string, string>

/**
 * The accounts and resources of a Zimbra, over its admin SOAP in JSON: one sign-in, then `GetAllAccounts`,
 * `GetAllCalendarResources` and `GetQuotaUsage`, all of which only read. The token lives in memory until `close`.
 */
export function createZimbraDirectory(place: ApiPlace, login: ApiLogin): AccountDirectory {
  const client = openApi(WHAT, place)
  const where = `${WHAT} ${place.host}:${place.port}`
  let token: string | null = null

  const ask = async (name: string, request: object, signal: AbortSignal): Promise<unknown> => {
    const context = { _jsns: 'urn:zimbra', ...(token === null ? {} : { authToken: { _content: token } }) }
    const body = JSON.stringify({
      Header: { context },
      Body: { [`${name}Request`]: { _jsns: 'urn:zimbraAdmin', ...request } },
    })
    const headers = { 'content-type': 'application/soap+json; charset=utf-8' }
    // A fault comes with HTTP 500, its reason in the body.
    const answer = await askJson(
      client,
      place,
      { what: WHAT, method: 'POST', path: PATH, headers, body },
      signal,
      [500],
    )
    const fault = field(answer, 'Body', 'Fault')
    if (fault !== undefined) throw refusal(where, fault)
    const response = field(answer, 'Body', `${name}Response`)
    if (response === undefined) throw noInterface(where, `it does not answer ${name}`)
    return response
  }

  return {
    async *listAccounts(signal) {
      if (login.username === null) {
        throw new SealpostError('config', `${where}: the credential has no username`, {
          hint: 'sealpost credentials set NAME --username ADMIN',
          code: 'NO_USERNAME',
        })
      }
      const auth = await ask('Auth', { name: login.username, password: login.secret.text() }, signal)
      token = textOf(members(field(auth, 'authToken'))[0] ?? field(auth, 'authToken'))
      if (token === null) throw noInterface(where, 'it gives no token')
      const sizes = await quotaUse(ask, signal)
      const accounts = members(field(await ask('GetAllAccounts', {}, signal), 'account'))
      for (const entry of accounts) yield accountOf(where, entry, sizes)
      const resources = members(field(await ask('GetAllCalendarResources', {}, signal), 'calresource'))
      for (const entry of resources) yield accountOf(where, entry, sizes)
    },
    close: async () => {
      token = null
      client.close()
    },
  }
}

/** Bytes used by account, page by page. */
async function quotaUse(
  ask: (name: string, request: object, signal: AbortSignal) => Promise<unknown>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>()
  for (let offset = 0; ; offset += QUOTA_PAGE) {
    const page = await ask('GetQuotaUsage', { allServers: 1, limit: QUOTA_PAGE, offset }, signal)
    const accounts = members(field(page, 'account'))
    for (const entry of accounts) {
      const [name, used] = [field(entry, 'name'), sizeOf(field(entry, 'used'))]
      if (typeof name === 'string' && used !== null) sizes.set(name, used)
    }
    if (field(page, 'more') !== true || accounts.length === 0) return sizes
  }
}

function accountOf(where: string, entry: unknown, sizes: ReadonlyMap<string, number>): ListedAccount {
  const name = field(entry, 'name')
  if (typeof name !== 'string' || name === '') throw noInterface(where, 'an account has no name')
  const attributes = attributesOf(entry)
  const status = attributes.get('zimbraAccountStatus') ?? 'active'
  return {
    account: name,
    kind: kindOf(attributes),
    bytes: sizes.get(name) ?? null,
    suspended: status !== 'active',
  }
}

function kindOf(attributes: Attributes): AccountKind {
  const resource = attributes.get('zimbraCalResType')
  if (resource !== undefined) return resource === 'Location' ? 'room' : 'equipment'
  const isSystem = ['zimbraIsSystemResource', 'zimbraIsSystemAccount'].some(
    (name) => attributes.get(name) === 'TRUE',
  )
  return isSystem ? 'system' : 'user'
}

function attributesOf(entry: unknown): Attributes {
  return new Map(
    members(field(entry, 'a')).flatMap((attribute): [string, string][] => {
      const [name, value] = [field(attribute, 'n'), textOf(attribute)]
      return typeof name === 'string' && value !== null ? [[name, value]] : []
    }),
  )
}

/** The text of an element, which JSON writes as itself or as `_content`. */
function textOf(element: unknown): string | null {
  const content = typeof element === 'string' ? element : field(element, '_content')
  return typeof content === 'string' ? content : null
}

/** Zimbra's own word for what went wrong. */
function refusal(where: string, fault: unknown): SealpostError {
  const code = field(fault, 'Detail', 'Error', 'Code')
  const word = typeof code === 'string' ? code : 'no code'
  const text = field(fault, 'Reason', 'Text')
  const words = typeof text === 'string' ? text : word
  if (/AUTH_FAILED|AUTH_EXPIRED|AUTH_REQUIRED|CHANGE_PASSWORD/.test(word)) return refusedLogin(where, words)
  if (/PERM_DENIED|NO_SUCH_DOMAIN/.test(word)) {
    return new SealpostError('auth', `${where}: the credential may not list the accounts`, {
      serverText: words,
      hint: 'use a global administrator, or give it the rights listAccount and getAccount',
      code: word,
    })
  }
  return new SealpostError('transient', `${where}: it failed`, { serverText: words, code: word })
}
