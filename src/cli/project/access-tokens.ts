import type { TokenProvider } from '../../core/ports.ts'
import type { TokenSource } from '../config/project-types.ts'
import { readCertificates } from './certificates.ts'
import type { EndFacts } from './open-end.ts'

/**
 * Access tokens by way of one credential, for `scopes` unless project.yaml names others. The credential is opened for
 * each request for a token and wiped right after; nothing is asked for yet. Throws `config` for a CA file that cannot
 * be read.
 */
export async function openTokens(
  source: TokenSource,
  scopes: readonly string[],
  credential: string,
  {
    credentials,
    clock,
    folder,
  }: Pick<EndFacts, 'clock' | 'folder'> & { readonly credentials: Pick<EndFacts['credentials'], 'get'> },
): Promise<TokenProvider> {
  const ca = source.ca === null ? undefined : await readCertificates(folder, source.ca)
  const lend = async (): Promise<{ text(): string }> => {
    const { secret } = await credentials.get(credential)
    try {
      const text = secret.text()
      return { text: () => text }
    } finally {
      secret.wipe()
    }
  }
  const asked = source.scope === null ? scopes : source.scope.split(/\s+/)
  // Imported where they are used: each brings a library of its own.
  if (source.provider === 'google') {
    const { createGoogleTokens } = await import('../../../connectors/shared/google-tokens.ts')
    const tokenUrl = source.endpoint ?? undefined
    return createGoogleTokens({ credential, serviceAccount: lend, scopes: asked, clock, tokenUrl, ca })
  }
  const { createMicrosoftTokens } = await import('../../../connectors/shared/microsoft-tokens.ts')
  const { tenant, clientId, endpoint } = source
  const authority = endpoint ?? undefined
  return createMicrosoftTokens({
    tenant,
    clientId,
    credential,
    secret: lend,
    scope: asked.join(' '),
    clock,
    authority,
    ca,
  })
}

/** One provider a credential, made when it is first needed: rows may name credentials of their own. */
export function tokensByCredential(
  open: (credential: string) => Promise<TokenProvider>,
): (credential: string) => Promise<TokenProvider> {
  const opened = new Map<string, Promise<TokenProvider>>()
  return (credential) => {
    const known = opened.get(credential) ?? open(credential)
    opened.set(credential, known)
    return known
  }
}
