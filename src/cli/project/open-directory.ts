import type { Clock } from '../../core/clock.ts'
import type { AccountDirectory } from '../../core/directory.ts'
import { SealpostError } from '../../core/errors.ts'
import { createCyrusDirectory } from '../../../connectors/imap/cyrus-directory.ts'
import type { ApiLogin, ApiPlace } from '../../../connectors/presets/ask-json.ts'
import { createCpanelDirectory } from '../../../connectors/presets/cpanel-directory.ts'
import { createDovecotDirectory } from '../../../connectors/presets/dovecot-directory.ts'
import type { DirectoryKind } from '../../../connectors/presets/preset.ts'
import { createZimbraDirectory } from '../../../connectors/presets/zimbra-directory.ts'
import type { CredentialStore } from '../../../vault/credentials.ts'
import type { Secret } from '../../../vault/secret.ts'
import type { DirectoryConfig, GraphEnd, ImapEnd, ProjectConfig } from '../config/project-types.ts'
import type { Side } from './account-login.ts'
import { readCertificates } from './certificates.ts'
import { graphConfigOf } from './open-graph.ts'

/** Where the interfaces listen unless an end says otherwise. Cyrus is asked over IMAP itself. */
const PORTS: Readonly<Record<Exclude<DirectoryKind, 'cyrus'>, number>> = {
  cpanel: 2083,
  zimbra: 7071,
  dovecot: 8080,
}

/** An end that can list its accounts. A tenant of Microsoft 365 always can. */
export type ListedEnd =
  | { readonly side: Side; readonly end: ImapEnd; readonly directory: DirectoryConfig }
  | {
      readonly side: Side
      readonly end: GraphEnd
      readonly directory: { readonly kind: 'microsoft'; readonly credential: string }
    }

/** What a directory is opened with. */
export interface DirectoryFacts {
  readonly folder: string
  readonly credentials: CredentialStore
  readonly clock: Clock
  /** Takes each secret that was lent, to be wiped at the end. */
  readonly keep: (secret: Secret) => void
}

/**
 * The end that `from` means: `source`, `destination`, or the platform that one of them lists its accounts with. Throws
 * `config` when it lists none, or when both do.
 */
export function endToList(config: ProjectConfig, from: string): ListedEnd {
  const sides: readonly Side[] = from === 'source' || from === 'destination' ? [from] : ['source', 'destination']
  const found = sides.flatMap((side): ListedEnd[] => {
    const end = config[side]
    if (end.kind === 'graph') {
      const directory = { kind: 'microsoft', credential: end.auth.credential } as const
      return sides.length === 1 || from === 'microsoft' ? [{ side, end, directory }] : []
    }
    if (end.kind !== 'imap' || end.directory === null) return []
    return sides.length === 1 || end.directory.kind === from ? [{ side, end, directory: end.directory }] : []
  })
  const [first, second] = found
  if (first === undefined) {
    throw new SealpostError('config', `nothing lists the accounts of ${from}`, {
      hint: 'say where in project.yaml: directory: { kind: cpanel, zimbra, dovecot or cyrus, credential: NAME }',
      code: 'NO_DIRECTORY',
    })
  }
  if (second !== undefined) {
    throw new SealpostError('config', `both ends list their accounts with ${from}`, {
      hint: 'say --from source or --from destination',
      code: 'BOTH_ENDS',
    })
  }
  return first
}

/** Opens what lists the accounts of an end. Opens no connection yet; throws what reading the credential throws. */
export async function openDirectory(listed: ListedEnd, facts: DirectoryFacts): Promise<AccountDirectory> {
  if (listed.end.kind === 'graph') {
    const { createGraphDirectory } = await import('../../../connectors/graph/directory.ts')
    return createGraphDirectory(await graphConfigOf(listed.end, () => listed.directory.credential, facts))
  }
  return openOwnDirectory(listed as Extract<ListedEnd, { end: ImapEnd }>, facts)
}

async function openOwnDirectory(
  { end, directory }: Extract<ListedEnd, { end: ImapEnd }>,
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

function usernameOf({ credential }: DirectoryConfig, { username }: ApiLogin): string {
  if (username !== null) return username
  throw new SealpostError('config', `credential "${credential}" has no username`, {
    hint: `sealpost credentials set ${credential} --username NAME`,
    code: 'NO_USERNAME',
  })
}
