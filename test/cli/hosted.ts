import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startExchangeImap, type ExchangeImap } from '../fakes/exchange-imap.ts'
import { GmailServer } from '../fakes/gmail-server.ts'
import { startGraphServer, type GraphServer } from '../fakes/graph-server.ts'
import { startOauth, type OauthStage } from '../oauth/stage.ts'
import { issue } from '../servers/certificates.ts'
import type { Place } from './program.ts'

/** Stand-ins for both hosted platforms, with whoever gives out their tokens. */
export interface Hosted {
  readonly stage: OauthStage
  readonly google: GmailServer
  readonly microsoft: GraphServer
  /** The tenant's door for IMAP. */
  readonly door: ExchangeImap
  stop(): Promise<void>
}

/** Starts them; the accounts are the caller's to make. */
export async function startHosted(): Promise<Hosted> {
  const stage = await startOauth()
  const google = new GmailServer()
  await google.start(await issue(stage.authority, 'gmail'))
  google.subjectOf = (token) => stage.provider.subjectOf(token)
  const microsoft = await startGraphServer()
  const door = await startExchangeImap(microsoft.tenant, microsoft.credentials)
  return {
    ...{ stage, google, microsoft, door },
    stop: async () => {
      await door.stop()
      await microsoft.stop()
      await google.stop()
      await stage.stop()
    },
  }
}

/** Puts the authorities that both are trusted by into a project, under the names that the ends below give. */
export async function trustHosted({ project }: Place, { stage, microsoft }: Hosted): Promise<void> {
  await writeFile(join(project, 'google-ca.pem'), stage.authority.certificate)
  await writeFile(join(project, 'microsoft-ca.pem'), microsoft.ca)
}

/** An end of project.yaml at Google, with the credential `google`. */
export function gmailEnd({ google, stage }: Hosted): string {
  return `{ kind: gmail, endpoint: "${google.url}", ca: google-ca.pem,
  auth: { credential: google, endpoint: "${stage.provider.url}/token", ca: google-ca.pem } }`
}

/** One at Microsoft, with the credential `app`. */
export function graphEnd({ microsoft, door }: Hosted, tenant = 'contoso-tenant', client = 'app-1'): string {
  const address = `https://localhost:${microsoft.port}`
  return `{ kind: graph, endpoint: "${address}", imap_host: localhost, imap_port: ${door.port}, ca: microsoft-ca.pem,
  auth: { tenant: ${tenant}, client_id: ${client}, credential: app, endpoint: "${address}", ca: microsoft-ca.pem } }`
}
