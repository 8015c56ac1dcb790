import { readFile } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import type { Connector } from '../../core/connector.ts'
import { SealpostError } from '../../core/errors.ts'
import { createImapConnector } from '../../../connectors/imap/imap-connector.ts'
import { createMboxConnector } from '../../../connectors/mbox/mbox-connector.ts'
import { createMaildirConnector } from '../../../connectors/maildir/maildir-connector.ts'
import type { CredentialStore } from '../../../vault/credentials.ts'
import { fileError } from '../../../vault/files.ts'
import type { Secret } from '../../../vault/secret.ts'
import { credentialNameOf, loginNamesOf, type Side } from './account-login.ts'
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
  switch (end.kind) {
    case 'imap':
      return openImap(side, end, facts)
    case 'maildir':
      return openMaildir(side, end, facts)
    case 'mbox':
      return createMboxConnector({
        path: (account) => pathOf(facts, end.path, account),
        clock: facts.clock,
        quoting: end.quoting,
        largeMessageBytes: facts.config.limits.spoolThresholdBytes,
      })
  }
}

async function openImap(side: Side, end: ImapEnd, facts: EndFacts): Promise<Connector> {
  const { clock, credentials, keep } = facts
  const { limits } = facts.config
  const rows = new Map(facts.accounts.map((pair) => [pair[side], pair]))
  const rowOf = (account: string): AccountPair => {
    const row = rows.get(account)
    if (row === undefined) throw new SealpostError('bug', 'an account that is in no row was opened')
    return row
  }
  return createImapConnector({
    host: end.host,
    port: end.port,
    tls: {
      mode: end.tls.mode,
      ca: end.tls.ca === null ? undefined : await readCertificates(facts.folder, end.tls.ca),
      pin: end.tls.pin ?? undefined,
    },
    clock,
    sessions: limits.connections,
    timeouts: { idle: limits.deadAfterMs },
    largeMessageBytes: limits.spoolThresholdBytes,
    credentialOf: (account) => credentialNameOf(side, end, rowOf(account)),
    loginFor: async (account) => {
      const row = rowOf(account)
      const credential = await credentials.get(credentialNameOf(side, end, row))
      keep(credential.secret)
      return { ...loginNamesOf(side, end, row, credential), secret: credential.secret }
    },
  })
}

function openMaildir(side: Side, end: MaildirEnd, facts: EndFacts): Connector {
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

async function readCertificates(folder: string, file: string): Promise<Buffer> {
  const path = isAbsolute(file) ? file : resolve(folder, file)
  try {
    return await readFile(path)
  } catch (error) {
    throw fileError(error, 'read the certificates in', path)
  }
}
