import type { RouteAnswer } from './graph-routes.ts'
import type { FakeTenant } from './tenant.ts'

const AUDIENCES = [
  ['https://graph.microsoft.com/.default', 'graph'],
  ['https://outlook.office365.com/.default', 'exchange'],
] as const

/** `POST /{tenant}/oauth2/v2.0/token` with client credentials; refusals in the words and numbers of Entra. */
export function answerToken(tenant: FakeTenant, path: string, body: Buffer): RouteAnswer {
  const [, asked = ''] = path.split('/')
  const form = new URLSearchParams(body.toString('utf8'))
  const refuse = (error: string, description: string): RouteAnswer => ({
    status: 400,
    body: { error, error_description: description },
  })
  if (decodeURIComponent(asked) !== tenant.id) {
    return refuse('invalid_request', `AADSTS90002: Tenant '${asked}' not found.`)
  }
  if (form.get('client_id') !== tenant.clientId) {
    return refuse('unauthorized_client', 'AADSTS700016: Application was not found in the directory.')
  }
  if (form.get('client_secret') !== tenant.clientSecret) {
    return refuse('invalid_client', 'AADSTS7000215: Invalid client secret provided.')
  }
  const scopes = form.get('scope')?.split(' ') ?? []
  const audience = AUDIENCES.find(([scope]) => scopes.includes(scope))?.[1]
  if (audience === undefined)
    return refuse('invalid_scope', 'AADSTS70011: The provided value for scope is not valid.')
  const access_token = tenant.issueToken(audience)
  return { status: 200, body: { token_type: 'Bearer', expires_in: tenant.tokenSeconds, access_token } }
}
