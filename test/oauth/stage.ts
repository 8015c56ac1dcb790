import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { IdentityProvider } from '../fakes/identity-provider.ts'
import { issue, makeAuthority, type Authority } from '../servers/certificates.ts'

/** A signal that nobody aborts. */
export const quiet = new AbortController().signal

/** A running identity provider, and all that a client needs for it. */
export interface OauthStage {
  readonly provider: IdentityProvider
  readonly authority: Authority
  /** A key file of a service account that the provider knows, with these scopes delegated. */
  serviceAccount(scopes: readonly string[]): string
  /** A certificate with its key, PEM; `days` may lie in the past. */
  clientCertificate(days: number): { readonly both: string; readonly certificate: string; readonly key: string }
  stop(): Promise<void>
}

/** Starts a provider on a free port, with a certificate of an authority of its own. */
export async function startOauth(): Promise<OauthStage> {
  const folder = mkdtempSync(join(tmpdir(), 'sealpost-oauth-'))
  const authority = await makeAuthority(folder)
  const provider = new IdentityProvider()
  await provider.start(await issue(authority, 'identity'))
  let number = 0
  return {
    provider,
    authority,
    serviceAccount: (scopes) => {
      const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
      const email = `mover${++number}@project.iam.example.test`
      provider.serviceAccounts.push({
        email,
        publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
        scopes,
      })
      return JSON.stringify({
        type: 'service_account',
        client_email: email,
        client_id: '1234567890',
        private_key_id: 'key-1',
        private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      })
    },
    clientCertificate: (days) => {
      const file = join(folder, `client${++number}`)
      const subject = ['-subj', '/CN=sealpost client']
      execFileSync(
        'openssl',
        ['req', '-newkey', 'rsa:2048', '-nodes', ...subject, '-keyout', `${file}.key`, '-out', `${file}.csr`],
        { stdio: 'ignore' },
      )
      execFileSync(
        'openssl',
        [
          ...['x509', '-req', '-sha256', '-in', `${file}.csr`, '-signkey', `${file}.key`, '-days', String(days)],
          ...['-out', `${file}.pem`],
        ],
        { stdio: 'ignore' },
      )
      const certificate = readFileSync(`${file}.pem`, 'utf8')
      const key = readFileSync(`${file}.key`, 'utf8')
      return { both: `${key}${certificate}`, certificate, key }
    },
    stop: async () => {
      await provider.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
