import { createGoogleRevoker } from '../../../connectors/shared/google-revoke.ts'
import type { GrantRevoker, RevocationAnswer } from '../../core/ports.ts'
import type { CredentialKind } from '../../../vault/credential-file.ts'
import type { HeldCredential } from '../../../vault/erase.ts'

/** What came of giving a grant back; `asked` is true where a provider was. */
export interface GivenBack extends RevocationAnswer {
  readonly asked: boolean
}

/** Every provider with an endpoint. Microsoft has none for an application's credentials. */
export function grantRevokers(): readonly GrantRevoker[] {
  return [createGoogleRevoker()]
}

/** True for what a provider may take back; of all else the kind alone says what the client has to change. */
export function isRevocable(kind: string): boolean {
  return kind === 'token'
}

/** What is not revoked at its provider, and what the client has to change instead. */
export function notRevoked(kind: string): GivenBack {
  return { revoked: false, answer: MUST_CHANGE[kind as CredentialKind], asked: false }
}

const MUST_CHANGE: Readonly<Record<CredentialKind, string>> = {
  password: 'no endpoint to revoke it at: the client must change it',
  token: 'no provider is known that takes this token back: the client must revoke it',
  'service-account':
    'no endpoint to revoke it at: the client must delete this key of the service account and remove its domain-wide delegation',
  'client-secret': 'no endpoint to revoke it at: the client must delete this secret of the application',
  'client-certificate': 'no endpoint to revoke it at: the client must delete this certificate of the application',
}

/**
 * Gives a credential's grant back at the provider that takes it, else says what the client must change. Throws only what
 * an aborted signal throws.
 */
export async function revokeGrant(
  { name, kind, bytes }: HeldCredential,
  revokers: readonly GrantRevoker[],
  signal: AbortSignal,
): Promise<GivenBack> {
  if (isRevocable(kind)) {
    for (const revoker of revokers) {
      const answer = await revoker.revoke({ name, kind, text: () => bytes.toString('utf8') }, signal)
      if (answer !== null) return { ...answer, asked: true }
    }
  }
  return notRevoked(kind)
}
