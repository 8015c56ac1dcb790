import { resolve } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import type { Connector } from '../../core/connector.ts'
import { SealpostError } from '../../core/errors.ts'
import { PRESETS } from '../../../connectors/presets/presets.ts'
import type { CredentialStore } from '../../../vault/credentials.ts'
import type { Secret } from '../../../vault/secret.ts'
import { EXCHANGE_IMAP_SCOPE, GOOGLE_IMAP_SCOPE } from '../../../connectors/shared/sign-in-places.ts'
import { openTokens, tokensByCredential } from './access-tokens.ts'
import { credentialNameOf, loginNamesOf, type Side } from './account-login.ts'
import { readCertificates } from './certificates.ts'
import { openGraph } from './open-graph.ts'
import { openGmail } from './open-gmail.ts'
import type { AccountPair } from '../config/mailboxes-csv.ts'
import { isFileEnd, type ImapEnd, type MaildirEnd, type ProjectConfig } from '../config/project-types.ts'
import { fillTemplate } from '../config/templates.ts'

/** What an end is opened with. */
export interface EndFacts {
  readonly folder: string
  readonly config: ProjectConfig
  readonly accounts: readonly AccountPair[]
  readonly credentials: CredentialStore
  readonly clock: Clock
  /** Takes each secret that was lent to a connector, to be wiped at the end. */
  readonly keep: (secret: Secret) => void
}

/** The connector of one end, with its credentials. Opens no connection. Throws `config` for a CA file that cannot be read. */
export async function openEnd(side: Side, facts: EndFacts): Promise<Connector> {
  const end = facts.config[side]
  // Connectors are imported where they are opened: a project has two ends, and most commands open none.
  switch (end.kind) {
    case 'imap':
      return openImap(side, end, rowsOf(side, facts), facts)
    case 'gmail':
      return openGmail(side, end, rowsOf(side, facts), facts)
    case 'graph':
      return openGraph(side, end, rowsOf(side, facts), facts)
    case 'maildir':
      return openMaildir(side, end, facts)
    case 'mbox': {
      const { createMboxConnector } = await import('../../../connectors/mbox/mbox-connector.ts')
      return createMboxConnector({
        path: (account) => pathOf(facts, end.path, account),
        clock: facts.clock,
        quoting: end.quoting,
        largeMessageBytes: facts.config.limits.spoolThresholdBytes,
      })
    }
  }
}

/** What IMAP needs of each provider. */
const IMAP_SCOPES = { google: GOOGLE_IMAP_SCOPE, microsoft: EXCHANGE_IMAP_SCOPE } as const

/** The rows of mailboxes.csv by the account's name at one end. */
function rowsOf(side: Side, facts: EndFacts): (account: string) => AccountPair {
  const rows = new Map(facts.accounts.map((pair) => [pair[side], pair]))
  return (account) => {
    const row = rows.get(account)
    if (row === undefined) throw new SealpostError('bug', 'an account that is in no row was opened')
    return row
  }
}

async function openImap(
  side: Side,
  end: ImapEnd,
  rowOf: (account: string) => AccountPair,
  facts: EndFacts,
): Promise<Connector> {
  const { clock, credentials, keep } = facts
  const { limits } = facts.config
  const { auth } = end
  const preset = end.preset === null ? null : PRESETS[end.preset]
  const tokensOf =
    auth.mode === 'password'
      ? null
      : tokensByCredential((credential) =>
          openTokens(auth.tokens, [IMAP_SCOPES[auth.tokens.provider]], credential, facts),
        )
  const nameOf = (account: string): string => credentialNameOf(side, end, rowOf(account))
  const { createImapConnector } = await import('../../../connectors/imap/imap-connector.ts')
  return createImapConnector({
    host: end.host,
    port: end.port,
    tls: {
      mode: end.tls.mode,
      ca: end.tls.ca === null ? undefined : await readCertificates(facts.folder, end.tls.ca),
      pin: end.tls.pin ?? undefined,
    },
    clock,
    timeouts: { idle: limits.deadAfterMs },
    sessions: end.connections ?? Math.min(limits.connections, preset?.connections ?? Infinity),
    compress: end.compress,
    keepsBytes: preset?.keepsBytes === false ? false : undefined,
    manners: {
      ...preset?.manners,
      ...(end.maxMessageBytes === null ? {} : { maxMessageBytes: end.maxMessageBytes }),
    },
    largeMessageBytes: limits.spoolThresholdBytes,
    // A refused token says nothing about other users, and nothing locks.
    credentialOf: (account) => (tokensOf === null ? nameOf(account) : `${nameOf(account)} for ${account}`),
    loginFor: async (account, signal) => {
      const row = rowOf(account)
      const credential = await credentials.get(nameOf(account))
      const names = loginNamesOf(side, end, row, credential)
      if (tokensOf === null) {
        keep(credential.secret)
        const again = `sealpost credentials set ${credential.name}${credential.username === null ? '' : ' --username NAME'}`
        const refusedHint = `nothing more is tried with it in this run; check user name and secret of the ${side}, then: ${again}`
        return { ...names, secret: credential.secret, refusedHint }
      }
      credential.secret.wipe()
      const tokens = await tokensOf(credential.name)
      return { ...names, secret: { token: (force) => tokens.token(names.username, force, signal) } }
    },
  })
}

async function openMaildir(side: Side, end: MaildirEnd, facts: EndFacts): Promise<Connector> {
  const { createMaildirConnector } = await import('../../../connectors/maildir/maildir-connector.ts')
  const { accounts, clock, config } = facts
  const { source } = config
  // That no destination lies in the source of another account was checked by name; here links are resolved too.
  const ownSource = (account: string): readonly string[] =>
    !isFileEnd(source)
      ? []
      : accounts
          .filter((pair) => pair.destination === account)
          .map((pair) => pathOf(facts, source.path, pair.source))
  return createMaildirConnector({
    path: (account) => pathOf(facts, end.path, account),
    clock,
    largeMessageBytes: config.limits.spoolThresholdBytes,
    ...(side === 'source' ? {} : { apartFrom: ownSource }),
  })
}

function pathOf({ folder }: EndFacts, template: string, account: string): string {
  return resolve(folder, fillTemplate(template, { account, admin: '' }))
}
