import { SealpostError, type ErrorKind } from '../../src/core/errors.ts'
import type { HttpsReply } from './https-client.ts'

interface Rule {
  readonly when: RegExp
  readonly kind: ErrorKind
  readonly says: string
  readonly hint: string
  readonly code: string
}

/** What a refusal of Google is about. */
export interface GoogleSubject {
  readonly subject: string
  readonly credential: string
  /** The number of the service account. */
  readonly clientId: string
}

/** What a refusal of Microsoft is about. */
export interface MicrosoftSubject {
  readonly tenant: string
  readonly clientId: string
  readonly credential: string
  readonly scope: string
}

/** An answer that says to come later, or that the service is ill: it tells nothing about the credential. */
export function passingRefusal(what: string, reply: Pick<HttpsReply, 'status' | 'headers'>): SealpostError | null {
  const seconds = Number(reply.headers['retry-after'])
  const wait = Number.isFinite(seconds) && seconds > 0 ? { retryAfter: seconds * 1000 } : {}
  if (reply.status === 429) {
    return new SealpostError('throttled', `${what}: too many requests`, { code: 'HTTP_429', ...wait })
  }
  if (reply.status < 500 && reply.status !== 408) return null
  return new SealpostError('transient', `${what}: the service failed (HTTP ${reply.status})`, {
    code: `HTTP_${reply.status}`,
    ...wait,
  })
}

/** What a refused grant of a Google service account means, in one line that names what to change. */
export function googleRefusal(status: number, answer: unknown, text: string, about: GoogleSubject): SealpostError {
  const { subject, credential, clientId } = about
  const delegation = `Admin console > Security > API controls > Domain-wide delegation, client ${clientId}`
  const anew = `sealpost credentials set ${credential} --kind service-account --secret-file KEY.json`
  const rules: readonly Rule[] = [
    {
      when: /^unauthorized_client\b|^access_denied\b/,
      kind: 'auth',
      says: `the service account of credential "${credential}" may not act for ${subject} with these scopes`,
      hint: `authorise its scopes: ${delegation}`,
      code: 'SCOPE_NOT_DELEGATED',
    },
    {
      when: /^invalid_scope\b/,
      kind: 'config',
      says: 'a scope is not known',
      hint: 'check auth.scope in project.yaml',
      code: 'BAD_SCOPE',
    },
    {
      when: /invalid email or user id|account_not_found|user .*not found/i,
      kind: 'auth',
      says: `there is no user ${subject}`,
      hint: 'check mailboxes.csv; the account must be a user of the domain that delegated',
      code: 'NO_USER',
    },
    {
      when: /^(account_disabled|admin_policy_enforced|org_internal)\b/,
      kind: 'auth',
      says: `the domain does not let the service account act for ${subject}`,
      hint: `have the user enabled, and check ${delegation}`,
      code: 'POLICY',
    },
    {
      when: /short-lived token|iat and exp|reasonable timeframe/i,
      kind: 'config',
      says: 'the clock of this machine is wrong',
      hint: 'set the clock',
      code: 'CLOCK',
    },
    {
      when: /^invalid_grant\b.*(signature|no valid verifier|key)/i,
      kind: 'auth',
      says: `the key of credential "${credential}" was deleted or replaced`,
      hint: `make a new key and set it: ${anew}`,
      code: 'KEY_REVOKED',
    },
    {
      when: /^invalid_client\b|account not found/i,
      kind: 'auth',
      says: `the service account of credential "${credential}" does not exist any more`,
      hint: anew,
      code: 'NO_SERVICE_ACCOUNT',
    },
  ]
  return refusal('Google sign-in', rules, status, answer, text, {
    hint: `check credential "${credential}" and ${delegation}`,
  })
}

/** What a refused grant of Microsoft's identity platform means. Its codes are AADSTS numbers. */
export function microsoftRefusal(
  status: number,
  answer: unknown,
  text: string,
  about: MicrosoftSubject,
): SealpostError {
  const { tenant, clientId, credential, scope } = about
  const rules: readonly Rule[] = [
    {
      when: /AADSTS(90002|900023|900021|90013)\b/,
      kind: 'config',
      says: `there is no tenant ${tenant}`,
      hint: 'set auth.tenant to the tenant id or a domain of the client',
      code: 'NO_TENANT',
    },
    {
      when: /AADSTS(700016|700038|7000112)\b/,
      kind: 'config',
      says: `the application ${clientId} is not in tenant ${tenant}, or is switched off there`,
      hint: 'check auth.client_id and auth.tenant, and have an administrator of that tenant consent',
      code: 'NO_APPLICATION',
    },
    {
      when: /AADSTS7000222\b/,
      kind: 'auth',
      says: `the client secret of credential "${credential}" has expired`,
      hint: `add a new one to the application and set it: sealpost credentials set ${credential}`,
      code: 'SECRET_EXPIRED',
    },
    {
      when: /AADSTS(7000215|7000218|7000216)\b/,
      kind: 'auth',
      says: `the client secret of credential "${credential}" is wrong`,
      hint: 'set the value of the secret and not its id',
      code: 'BAD_SECRET',
    },
    {
      when: /AADSTS(700024|50013)\b/,
      kind: 'config',
      says: 'the clock of this machine is wrong',
      hint: 'set the clock',
      code: 'CLOCK',
    },
    {
      when: /AADSTS(700027|700030|700023)\b/,
      kind: 'auth',
      says: `the certificate of credential "${credential}" is not one of application ${clientId}`,
      hint: 'upload it to the application (Certificates & secrets), or set the one that is there',
      code: 'BAD_CERTIFICATE',
    },
    {
      when: /AADSTS(70011|1002012|28002|28003)\b|^invalid_scope\b/,
      kind: 'config',
      says: `the scope ${scope} is not one that an application can ask for`,
      hint: 'set auth.scope to a resource followed by /.default',
      code: 'BAD_SCOPE',
    },
    {
      when: /AADSTS(500011|500014|650052|650057)\b/,
      kind: 'config',
      says: `the service behind ${scope} is not available in tenant ${tenant}`,
      hint: 'check auth.scope, and the API permissions of the application',
      code: 'NO_RESOURCE',
    },
    {
      when: /AADSTS(53003|530034|530032|53000)\b/,
      kind: 'auth',
      says: `a Conditional Access policy of tenant ${tenant} keeps the application out`,
      hint: 'exclude the application, or run from a location that the policy allows',
      code: 'CONDITIONAL_ACCESS',
    },
    {
      when: /AADSTS(65001|65004|90094|90095|501051)\b|^(consent_required|unauthorized_client|access_denied)\b/,
      kind: 'auth',
      says: `an administrator of tenant ${tenant} has not consented to application ${clientId}`,
      hint: 'have the API permissions of the application granted (admin consent)',
      code: 'NO_CONSENT',
    },
  ]
  return refusal('Microsoft sign-in', rules, status, answer, text, {
    hint: `check auth.tenant, auth.client_id and credential "${credential}"`,
  })
}

function refusal(
  what: string,
  rules: readonly Rule[],
  status: number,
  answer: unknown,
  text: string,
  fallback: { readonly hint: string },
): SealpostError {
  const fields = (typeof answer === 'object' && answer !== null ? answer : {}) as Readonly<Record<string, unknown>>
  const word = typeof fields['error'] === 'string' ? fields['error'] : ''
  const description = typeof fields['error_description'] === 'string' ? fields['error_description'] : ''
  const said =
    word === '' && description === '' ? `HTTP ${status} ${text.slice(0, 100)}` : `${word} ${description}`
  const rule = rules.find(({ when }) => when.test(said))
  if (rule === undefined) {
    return new SealpostError('auth', `${what}: the grant was refused`, {
      serverText: said,
      code: word === '' ? `HTTP_${status}` : word,
      ...fallback,
    })
  }
  return new SealpostError(rule.kind, `${what}: ${rule.says}`, {
    hint: rule.hint,
    code: rule.code,
    serverText: said,
  })
}
