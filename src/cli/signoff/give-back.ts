import { isKind } from '../../core/errors.ts'
import type { GrantRevoker } from '../../core/ports.ts'
import type { CredentialFacts } from '../../signoff/state.ts'
import { openEverySecret } from '../../../vault/erase.ts'
import type { UnlockedOperator } from '../../../vault/operator.ts'
import { openProject } from '../../../vault/projects.ts'
import { wipe } from '../../../vault/secret.ts'
import { isRevocable, notRevoked, revokeGrant, type GivenBack } from '../project/revoke-grant.ts'

/** The project whose credential is given back. */
export interface GrantPlace {
  readonly home: string
  readonly folder: string
  readonly projectId: string
}

/**
 * Gives one credential's grant back, expired or not. The vault is opened for it only where a provider can be asked; one that
 * does not open keeps no sign-off up, and the client must change what is in it. Throws what an aborted signal throws.
 */
export async function giveBack(
  { name, kind }: CredentialFacts,
  { home, folder, projectId }: GrantPlace,
  operator: UnlockedOperator,
  revokers: readonly GrantRevoker[],
  signal: AbortSignal,
): Promise<GivenBack> {
  if (!isRevocable(kind)) return notRevoked(kind)
  try {
    const keys = await openProject(home, operator, projectId)
    try {
      const held = await openEverySecret(folder, projectId, keys.credentialKey)
      try {
        const one = held.find((credential) => credential.name === name)
        return one === undefined ? notRevoked(kind) : await revokeGrant(one, revokers, signal)
      } finally {
        wipe(...held.map(({ bytes }) => bytes))
      }
    } finally {
      keys.wipe()
    }
  } catch (error) {
    if (!isKind(error, 'locked', 'corrupt', 'config')) throw error
    return notRevoked(kind)
  }
}
