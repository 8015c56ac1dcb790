import type { Clock } from '../../core/clock.ts'
import type { AccountDirectory } from '../../core/directory.ts'
import { SealpostError } from '../../core/errors.ts'
import type { TokenProvider } from '../../core/ports.ts'
import { createCyrusDirectory } from '../../../connectors/imap/cyrus-directory.ts'
import type { ApiLogin, ApiPlace } from '../../../connectors/presets/ask-json.ts'
import { createCpanelDirectory } from '../../../connectors/presets/cpanel-directory.ts'
import { createDovecotDirectory } from '../../../connectors/presets/dovecot-directory.ts'
import type { DirectoryKind } from '../../../connectors/presets/preset.ts'
import { createZimbraDirectory } from '../../../connectors/presets/zimbra-directory.ts'
import type { CredentialStore } from '../../../vault/credentials.ts'
import type { Secret } from '../../../vault/secret.ts'
import type {
  DirectoryConfig,
  EndConfig,
  GmailEnd,
  GoogleDirectoryConfig,
  GraphEnd,
  ImapEnd,
  ProjectConfig,
} from '../config/project-types.ts'
import { openTokens } from './access-tokens.ts'
import type { Side } from './account-login.ts'
import { readCertificates } from './certificates.ts'
import { graphConfigOf } from './open-graph.ts'

/** Where the interfaces listen unless an end says otherwise. Cyrus is asked over IMAP itself. */
const PORTS: Readonly<Record<Exclude<DirectoryKind, 'cyrus'>, number>> = {
  cpanel: 2083,
  zimbra: 7071,
  dovecot: 8080,
}

/** An end that can list its accounts. */
export interface ListedEnd {
  readonly side: Side
  readonly platform: DirectoryKind | 'google' | 'microsoft'
  /** The name of the credential that it is asked with. */
  readonly credential: string
  /** Opens what lists them. Opens no connection yet; throws what reading the credential throws. */
  open(facts: DirectoryFacts): Promise<AccountDirectory>
}

/** What a directory is opened with. */
export interface DirectoryFacts {
  readonly folder: string
  readonly credentials: Pick<CredentialStore, 'get'>
  readonly clock: Clock
  /** Takes each secret that was lent, to be wiped at the end. */
  readonly keep: (secret: Secret) => void
}

/**
 * The end that `--from` means: `source`, `destination`, or the platform of one of them. Throws `config` when no end fits, when
 * both do, and for an end that names no directory.
 */
export function endToList(config: ProjectConfig, from: string): ListedEnd {
  const sides: readonly Side[] = from === 'source' || from === 'destination' ? [from] : ['source', 'destination']
  const found = sides.flatMap((side): ListedEnd[] => {
    const end = listedEnd(side, config[side])
    if (end === null) return []
    return sides.length === 1 || end.platform === from ? [end] : []
  })
  const [first, second] = found
  if (first === undefined) {
    throw new SealpostError('config', `nothing lists the accounts of ${from}`, {
      hint: 'say where in project.yaml: directory: { kind: cpanel, zimbra, dovecot or cyrus, credential: NAME }, or { admin: NAME } for kind: gmail; kind: graph needs nothing more',
      code: 'NO_DIRECTORY',
    })
  }
  if (second !== undefined) {
    throw new SealpostError('config', `both ends are ${from}`, {
      hint: 'say --from source or --from destination',
      code: 'WHICH_END',
    })
  }
  return first
}

function listedEnd(side: Side, end: EndConfig): ListedEnd | null {
  if (end.kind === 'graph') {
    return {
      side,
      platform: 'microsoft',
      credential: end.auth.credential,
      open: (facts) => openMicrosoftDirectory(end, facts),
    }
  }
  if ((end.kind !== 'imap' && end.kind !== 'gmail') || end.directory === null) return null
  const { kind: platform, credential } = end.directory
  if (end.kind === 'gmail') {
    const { directory } = end
    return { side, platform, credential, open: (facts) => openGoogleDirectory(end, directory, facts) }
  }
  const { directory } = end
  return { side, platform, credential, open: (facts) => openServerDirectory(end, directory, facts) }
}

async function openServerDirectory(
  end: ImapEnd,
  directory: DirectoryConfig,
  facts: DirectoryFacts,
): Promise<AccountDirectory> {
  const credential = await facts.credentials.get(directory.credential)
  facts.keep(credential.secret)
  const login: ApiLogin = { username: credential.username, secret: credential.secret }
  const ca = end.tls.ca === null ? undefined : await readCertificates(facts.folder, end.tls.ca)
  if (directory.kind === 'cyrus') {
    return createCyrusDirectory({
      host: directory.host ?? end.host,
      port: directory.port ?? end.port,
      tls: { mode: end.tls.mode, ca, pin: end.tls.pin ?? undefined },
      clock: facts.clock,
      loginFor: async () => ({ username: usernameOf(directory, login), authorize: null, secret: login.secret }),
    })
  }
  const place: ApiPlace = { host: directory.host ?? end.host, port: directory.port ?? PORTS[directory.kind], ca }
  switch (directory.kind) {
    case 'cpanel':
      return createCpanelDirectory(place, login)
    case 'zimbra':
      return createZimbraDirectory(place, login)
    case 'dovecot':
      return createDovecotDirectory(place, login)
  }
}

// The two below import where they are used: each brings a library of its own.

async function openMicrosoftDirectory(end: GraphEnd, facts: DirectoryFacts): Promise<AccountDirectory> {
  const { createGraphDirectory } = await import('../../../connectors/graph/directory.ts')
  return createGraphDirectory(await graphConfigOf(end, () => end.auth.credential, facts))
}

async function openGoogleDirectory(
  end: GmailEnd,
  directory: GoogleDirectoryConfig,
  facts: DirectoryFacts,
): Promise<AccountDirectory> {
  const { createGoogleDirectory, DIRECTORY_SCOPE } = await import('../../../connectors/gmail/directory.ts')
  const { USAGE_SCOPE } = await import('../../../connectors/gmail/usage-report.ts')
  // What else the end asks for with its scope is no business of the directory's.
  const source = { ...end.auth.tokens, scope: null }
  const tokensFor = (scope: string): Promise<TokenProvider> =>
    openTokens(source, [scope], directory.credential, facts)
  return createGoogleDirectory({
    tokens: await tokensFor(DIRECTORY_SCOPE),
    usageTokens: await tokensFor(USAGE_SCOPE),
    admin: directory.admin,
    domain: directory.domain,
    clock: facts.clock,
    endpoint: directory.endpoint ?? undefined,
    ca: end.ca === null ? undefined : await readCertificates(facts.folder, end.ca),
  })
}

function usernameOf({ credential }: DirectoryConfig, { username }: ApiLogin): string {
  if (username !== null) return username
  throw new SealpostError('config', `credential "${credential}" has no username`, {
    hint: `sealpost credentials set ${credential} --username NAME`,
    code: 'NO_USERNAME',
  })
}
