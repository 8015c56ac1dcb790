import type { Connector } from '../../core/connector.ts'
import type { TokenProvider } from '../../core/ports.ts'
import { SealpostError } from '../../core/errors.ts'
import type { GraphEndConfig, WriteMode } from '../../../connectors/graph/config.ts'
import {
  EXCHANGE_ONLINE_MANNERS,
  EXCHANGE_ONLINE_SESSIONS,
  MICROSOFT_CLOUDS,
} from '../../../connectors/presets/exchange-online.ts'
import type { AccountPair } from '../config/mailboxes-csv.ts'
import type { GraphEnd } from '../config/project-types.ts'
import { openTokens, tokensByCredential } from './access-tokens.ts'
import { credentialNameOf, type Side } from './account-login.ts'
import { readCertificates } from './certificates.ts'
import type { EndFacts } from './open-end.ts'

/** What reaching a tenant needs of a project. */
type TenantFacts = Pick<EndFacts, 'folder' | 'clock'> & {
  readonly credentials: Pick<EndFacts['credentials'], 'get'>
}

/**
 * A Microsoft 365 tenant at one end: Graph and IMAP, each with tokens of its own audience. A source is read by Graph unless the
 * end says IMAP. A destination is written by IMAP, with Graph as its guide, unless the end says otherwise; and it is read the
 * way it is written, since keys mean something one way alone.
 */
export async function openGraph(
  side: Side,
  end: GraphEnd,
  rowOf: (account: string) => AccountPair,
  facts: EndFacts,
): Promise<Connector> {
  const { createGraphConnector } = await import('../../../connectors/graph/graph-connector.ts')
  const { limits } = facts.config
  const nameOf = (account: string): string => credentialNameOf(side, end, rowOf(account))
  // A refused token says nothing about other users, and nothing locks.
  const credentialOf = (account: string): string => `${nameOf(account)} for ${account}`
  const graph: GraphEndConfig = {
    ...(await graphConfigOf(end, nameOf, facts)),
    largeMessageBytes: limits.spoolThresholdBytes,
    idleMs: limits.deadAfterMs,
    sessions: Math.min(limits.connections, EXCHANGE_ONLINE_SESSIONS),
    credentialOf,
  }
  const isGraph = side === 'source' ? end.read === 'graph' : end.write !== 'imap'
  if (isGraph) {
    const write = side === 'source' ? undefined : await writeModeOf(end, facts)
    return createGraphConnector({ ...graph, write })
  }
  const { createImapConnector } = await import('../../../connectors/imap/imap-connector.ts')
  const { createGraphGuide } = await import('../../../connectors/graph/guide.ts')
  const tokens = tokensFor(end, MICROSOFT_CLOUDS[end.cloud].imap, nameOf, facts)
  const { maxMessageBytes, keywords, ca } = end
  return createImapConnector({
    host: end.imap.host,
    port: end.imap.port,
    tls: { mode: 'implicit', ca: ca === null ? undefined : await readCertificates(facts.folder, ca) },
    clock: facts.clock,
    sessions: Math.min(limits.connections, EXCHANGE_ONLINE_SESSIONS),
    timeouts: { idle: limits.deadAfterMs },
    largeMessageBytes: limits.spoolThresholdBytes,
    keepsBytes: false,
    manners: { ...EXCHANGE_ONLINE_MANNERS, keywords, ...(maxMessageBytes === null ? {} : { maxMessageBytes }) },
    guide: createGraphGuide(graph),
    credentialOf,
    loginFor: async (username, signal) => ({
      username,
      authorize: null,
      secret: { token: (force) => tokens.token(username, force, signal) },
    }),
  })
}

async function writeModeOf(end: GraphEnd, facts: EndFacts): Promise<WriteMode> {
  if (end.write === 'transfer') return transferFrom(end, facts)
  const mode = end.write === 'drafts' ? 'drafts-only' : 'rebuild'
  return { mode, attachOriginal: end.write === 'rebuild-with-original' }
}

/** Items come from the source's tenant by its own credential. */
async function transferFrom({ maxMessageBytes }: GraphEnd, facts: EndFacts): Promise<WriteMode> {
  const { source } = facts.config
  if (source.kind !== 'graph') throw new SealpostError('bug', 'items are transferred from another kind of end')
  const { createGraphExporter } = await import('../../../connectors/graph/exporter.ts')
  const rows = new Map(facts.accounts.map((row) => [row.destination, row]))
  const bySource = new Map(facts.accounts.map((row) => [row.source, row]))
  const sourceOf = (account: string): string => rows.get(account)?.source ?? account
  const nameOf = (account: string): string => {
    const row = bySource.get(account)
    return row === undefined ? source.auth.credential : credentialNameOf('source', source, row)
  }
  return {
    mode: 'transfer',
    from: createGraphExporter({
      ...(await graphConfigOf(source, nameOf, facts)),
      idleMs: facts.config.limits.deadAfterMs,
    }),
    sourceOf,
    maxMessageBytes: maxMessageBytes ?? EXCHANGE_ONLINE_MANNERS.maxMessageBytes,
  }
}

/** What the graph connector and the list of accounts need to reach the tenant. `nameOf` says whose credential opens an account. */
export async function graphConfigOf(
  end: GraphEnd,
  nameOf: (account: string) => string,
  facts: TenantFacts,
): Promise<GraphEndConfig> {
  const cloud = MICROSOFT_CLOUDS[end.cloud]
  const place = end.endpoint === null ? null : new URL(end.endpoint)
  return {
    host: place?.hostname ?? cloud.graph,
    port: place === null || place.port === '' ? undefined : Number(place.port),
    tls: { ca: end.ca === null ? undefined : await readCertificates(facts.folder, end.ca) },
    tokens: tokensFor(end, cloud.graph, nameOf, facts),
    clock: facts.clock,
  }
}

/** Tokens of one audience; a service of the cloud names it, wherever it is reached. */
function tokensFor(
  end: GraphEnd,
  service: string,
  nameOf: (account: string) => string,
  facts: TenantFacts,
): TokenProvider {
  const { tokens } = end.auth
  const endpoint = tokens.endpoint ?? `https://${MICROSOFT_CLOUDS[end.cloud].login}`
  const tokensOf = tokensByCredential((credential) =>
    openTokens({ ...tokens, endpoint }, [`https://${service}/.default`], credential, facts),
  )
  return {
    token: async (account, force, signal) => (await tokensOf(nameOf(account))).token(account, force, signal),
  }
}
