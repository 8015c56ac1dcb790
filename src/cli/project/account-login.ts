import { SealpostError } from '../../core/errors.ts'
import { accountCredentialName } from '../config/credentials-csv.ts'
import type { AccountPair } from '../config/mailboxes-csv.ts'
import type { CredentialKind } from '../../../vault/credential-file.ts'
import { PER_ACCOUNT, type ImapEnd, type ServerEnd } from '../config/project-types.ts'
import { fillTemplate, hasPlaceholder } from '../config/templates.ts'

/** The two ends of a project. */
export type Side = 'source' | 'destination'

/** The name of the credential that opens an account: its row's own, else the account's, else the end's. */
export function credentialNameOf(side: Side, end: ServerEnd, pair: AccountPair): string {
  const own = side === 'source' ? pair.sourceCredential : pair.destinationCredential
  if (own !== null) return own
  return end.auth.credential === PER_ACCOUNT ? accountCredentialName(side, pair[side]) : end.auth.credential
}

/** The kinds of credential that open an end, the usual one first. */
export function kindsOpening(end: ServerEnd): readonly CredentialKind[] {
  if (!('tokens' in end.auth)) return ['password']
  // Keys that were set as a password, which is what `credentials set` takes a secret for, are as good.
  return end.auth.tokens.provider === 'google'
    ? ['service-account', 'password']
    : ['client-secret', 'client-certificate', 'password']
}

/** Who signs in to which mailboxes. */
export interface LoginNames {
  readonly username: string
  readonly authorize: string | null
}

/**
 * Fills the templates of an end in. Without a username template an account that has a credential of its own signs in
 * with that credential's username where it has one, and every other account under its own name. Throws `config` when a
 * template needs `{admin}` and the credential has no username.
 */
export function loginNamesOf(
  side: Side,
  end: ImapEnd,
  pair: AccountPair,
  credential: { readonly name: string; readonly username: string | null },
): LoginNames {
  const account = pair[side]
  const fill = (template: string): string => {
    if (credential.username === null && hasPlaceholder(template, 'admin')) {
      throw new SealpostError('config', `credential "${credential.name}" has no username for {admin}`, {
        hint: `sealpost credentials set ${credential.name} --username NAME`,
        code: 'NO_USERNAME',
      })
    }
    return fillTemplate(template, { account, admin: credential.username ?? '' })
  }
  const { username, authorize } = end.auth
  const shared = credentialNameOf(side, end, pair) === end.auth.credential
  const own = shared ? null : credential.username
  return {
    username: username === null ? (own ?? account) : fill(username),
    authorize: authorize === null ? null : fill(authorize),
  }
}
