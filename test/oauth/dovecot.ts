import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startDovecot, type Dovecot, type DovecotOptions } from '../servers/dovecot.ts'
import type { OauthStage } from './stage.ts'

/** Starts Dovecot with its own `oauth2` passdb, which has each token introspected by the provider (RFC 7662). */
export async function startOauthDovecot(
  stage: OauthStage,
  mechanisms: string,
  users: readonly string[],
  options: Pick<DovecotOptions, 'capabilities'> = {},
): Promise<Dovecot> {
  const file = join(stage.authority.folder, 'dovecot-oauth2.conf')
  const lines = [
    `introspection_url = ${stage.provider.plainUrl}/introspect`,
    'introspection_mode = post',
    'force_introspection = yes',
    'username_attribute = email',
    'active_attribute = active',
    'active_value = true',
  ]
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o644 })
  const settings = [
    `auth_mechanisms = plain login ${mechanisms}`,
    'passdb {',
    '  driver = oauth2',
    `  mechanisms = ${mechanisms}`,
    `  args = ${file}`,
    '}',
  ]
  return startDovecot({ ...options, users, settings: settings.join('\n') })
}
