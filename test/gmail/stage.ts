import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GmailEndConfig } from '../../connectors/gmail/config.ts'
import { createGmailConnector, type GmailConnector } from '../../connectors/gmail/gmail-connector.ts'
import { systemClock } from '../../src/core/clock.ts'
import { GmailServer } from '../fakes/gmail-server.ts'
import { issue, makeAuthority } from '../servers/certificates.ts'

/** Scopes as a destination needs them. */
export const MODIFY = 'https://www.googleapis.com/auth/gmail.modify'

/** A running stub, and connectors to it whose tokens are the account's name. */
export interface GmailStage {
  readonly server: GmailServer
  readonly ca: string
  connector(options?: Partial<GmailEndConfig>): GmailConnector
  stop(): Promise<void>
}

/** Starts the stub on a free port, with a certificate of an authority of its own. */
export async function startGmail(): Promise<GmailStage> {
  const folder = mkdtempSync(join(tmpdir(), 'sealpost-gmail-'))
  const authority = await makeAuthority(folder)
  const server = new GmailServer()
  await server.start(await issue(authority, 'gmail'))
  server.subjectOf = (token) => (server.accounts.has(token) ? { subject: token, scope: MODIFY } : null)
  return {
    server,
    ca: authority.certificate,
    connector: (options = {}) =>
      createGmailConnector({
        tokens: { token: async (account) => account },
        clock: systemClock,
        endpoint: server.url,
        ca: authority.certificate,
        unitsPerMinute: 1_000_000,
        ...options,
      }),
    stop: async () => {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
