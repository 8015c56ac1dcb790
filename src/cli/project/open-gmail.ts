import type { Connector } from '../../core/connector.ts'
import type { AccountPair } from '../config/mailboxes-csv.ts'
import type { GmailEnd } from '../config/project-types.ts'
import { openTokens, tokensByCredential } from './access-tokens.ts'
import { credentialNameOf, type Side } from './account-login.ts'
import { readCertificates } from './certificates.ts'
import type { EndFacts } from './open-end.ts'

const READING = 'https://www.googleapis.com/auth/gmail.readonly'
/** Reads, stores and changes labels; it cannot delete for good. */
const WRITING = 'https://www.googleapis.com/auth/gmail.modify'

/** The Gmail API at one end. A source asks for no more than the right to read. */
export async function openGmail(
  side: Side,
  end: GmailEnd,
  rowOf: (account: string) => AccountPair,
  facts: EndFacts,
): Promise<Connector> {
  const { createGmailConnector } = await import('../../../connectors/gmail/gmail-connector.ts')
  const { limits } = facts.config
  const scopes = [side === 'source' ? READING : WRITING]
  const tokensOf = tokensByCredential((credential) => openTokens(end.auth.tokens, scopes, credential, facts))
  const credentialOf = (account: string): string => credentialNameOf(side, end, rowOf(account))
  return createGmailConnector({
    tokens: {
      token: async (account, force, signal) =>
        (await tokensOf(credentialOf(account))).token(account, force, signal),
    },
    clock: facts.clock,
    endpoint: end.endpoint ?? undefined,
    ca: end.ca === null ? undefined : await readCertificates(facts.folder, end.ca),
    write: end.write,
    unitsPerMinute: end.unitsPerMinute ?? undefined,
    costs: end.costs,
    sessions: limits.connections,
    idleMs: limits.deadAfterMs,
    largeMessageBytes: limits.spoolThresholdBytes,
    // A refused token says nothing about other users, and nothing locks.
    credentialOf: (account) => `${credentialOf(account)} for ${account}`,
  })
}
