import { Option, type Command } from 'commander'
import { formatInstant } from '../../core/clock.ts'
import { SealpostError } from '../../core/errors.ts'
import type { HeldCredential } from '../../../vault/erase.ts'
import type { CredentialKind } from '../../../vault/credential-file.ts'
import type { Secret } from '../../../vault/secret.ts'
import { PER_ACCOUNT } from '../config/project-types.ts'
import { didYouMean } from '../config/did-you-mean.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { descriptorOption, lifeOption } from '../options.ts'
import { table } from '../terminal/table.ts'
import { CANARY_CREDENTIAL } from '../signoff/canary-name.ts'
import { addImport } from './credentials-import.ts'

interface SetOptions {
  readonly kind: CredentialKind
  readonly username?: string
  readonly secretFile?: string
  readonly secretFd?: number
  readonly expires?: number
}

const SETTABLE: readonly CredentialKind[] = ['password', 'client-secret', 'client-certificate', 'service-account']
/** Kinds that are files of several lines. */
const KEY_FILES: readonly CredentialKind[] = ['client-certificate', 'service-account']

/** `credentials set|import|list|remove`. */
export function addCredentials(program: Command, start: Start): void {
  const group = program.command('credentials').description('what opens the accounts, kept sealed in the project')
  group
    .command('set')
    .description('keep one credential; its secret is asked for, or read from a file or descriptor')
    .argument('<name>', 'name of the credential, as project.yaml names it')
    .addOption(
      new Option('--kind <kind>', 'what it is').choices(SETTABLE).default('password' satisfies CredentialKind),
    )
    .option('--username <name>', 'login name of an admin, for {admin}, or of an account')
    .option('--secret-file <file>', 'read the secret from the first line of a file (mode 0600), a key file whole')
    .addOption(
      descriptorOption(
        '--secret-fd <n>',
        'read the secret from the first line of an open descriptor, a key file whole',
      ),
    )
    .addOption(lifeOption())
    .action((name: string, options: SetOptions) => start((context) => setOne(name, options, context)))
  addImport(group, start)
  group
    .command('list')
    .description('names, kinds and dates; never what is kept')
    .action(() => start(list))
  group
    .command('remove')
    .description('forget one credential')
    .argument('<name>', 'name of the credential')
    .action((name: string) => start((context) => remove(name, context)))
}

async function setOne(name: string, options: SetOptions, context: CommandContext): Promise<ExitCode> {
  refuseCanary(name)
  if (name === PER_ACCOUNT) {
    throw new SealpostError('config', `"${PER_ACCOUNT}" stands for the credentials of the accounts`, {
      hint: 'for one account the name is source/ACCOUNT or destination/ACCOUNT',
    })
  }
  if (options.secretFd !== undefined && options.secretFile !== undefined) {
    throw new SealpostError('config', 'both --secret-fd and --secret-file were given', { hint: 'give one' })
  }
  const { openKeys } = await import('../project/open-project.ts')
  const project = await openKeys(context)
  try {
    const secret = await readSecret(name, options, context)
    try {
      await assertKeyFile(name, options.kind, secret)
      const replaced = await project.credentials.has(name)
      const expiresAt = options.expires === undefined ? null : context.clock.now() + options.expires
      const username = options.username ?? null
      const { kind } = options
      await project.credentials.set({ name, kind, username, secret, expiresAt })
      const kept = (await project.credentials.list()).find((credential) => credential.name === name)
      const expires = kept === undefined ? null : formatInstant(kept.expiresAt)
      const facts = { kind, replaced, expires }
      await project.audit.noteCredentials('credentials-set', [{ name, facts }])
      context.output.line(
        `${replaced ? 'Replaced' : 'Kept'} credential "${name}"${expires === null ? '' : `, good until ${expires}`}`,
      )
      context.output.document({ credential: { name, replaced, expires } })
      return EXIT.complete
    } finally {
      secret.wipe()
    }
  } finally {
    await project.close()
  }
}

/** What is no key file replaces none that is good. Whether its provider takes it is seen when it is used. */
async function assertKeyFile(name: string, kind: CredentialKind, secret: Secret): Promise<void> {
  if (kind === 'service-account') {
    const { readServiceAccount } = await import('../../../connectors/shared/google-tokens.ts')
    readServiceAccount(secret.text(), name)
  }
  if (kind === 'client-certificate') {
    const { readClientCertificate } = await import('../../../connectors/shared/microsoft-tokens.ts')
    readClientCertificate(secret.text(), name)
  }
}

async function readSecret(name: string, options: SetOptions, context: CommandContext): Promise<Secret> {
  const { readKeyFile, readSecretFile, readSecretLine, readWholeSecret } =
    await import('../access/secret-input.ts')
  const { canPrompt, promptSecret } = await import('../terminal/prompt.ts')
  if (KEY_FILES.includes(options.kind)) {
    const what = options.kind === 'service-account' ? 'the key file' : 'the certificate with its key'
    if (options.secretFd !== undefined) return readWholeSecret(options.secretFd, what, context.stop)
    if (options.secretFile !== undefined) return readKeyFile(options.secretFile, what)
    throw new SealpostError('config', `${what} has several lines and is not typed in`, {
      hint: 'use --secret-file FILE or --secret-fd N',
      code: 'NO_SECRET',
    })
  }
  if (options.secretFd !== undefined) return readSecretLine(options.secretFd, 'the secret', context.stop)
  if (options.secretFile !== undefined) return readSecretFile(options.secretFile, 'the secret')
  if (!canPrompt()) {
    throw new SealpostError('config', 'the secret is needed and there is no terminal to ask on', {
      hint: 'use --secret-fd N or --secret-file FILE',
      code: 'NO_SECRET',
    })
  }
  return promptSecret(`Secret of "${name}"`, (text) => context.output.prompt(text), context.stop)
}

async function list(context: CommandContext): Promise<ExitCode> {
  const { openKeys } = await import('../project/open-project.ts')
  const project = await openKeys(context)
  try {
    const credentials = (await project.credentials.list()).filter(({ name }) => name !== CANARY_CREDENTIAL)
    if (credentials.length === 0) context.output.line('No credentials are kept.')
    else {
      const rows = credentials.map(({ name, kind, createdAt, expiresAt, expired }) => [
        name,
        kind,
        formatInstant(createdAt),
        `${formatInstant(expiresAt)}${expired ? ' (expired)' : ''}`,
      ])
      for (const line of table(['name', 'kind', 'set', 'good until'], rows)) context.output.line(line)
    }
    context.output.document({
      credentials: credentials.map(({ name, kind, createdAt, expiresAt, expired }) => ({
        name,
        kind,
        created: formatInstant(createdAt),
        expires: formatInstant(expiresAt),
        expired,
      })),
    })
    return EXIT.complete
  } finally {
    await project.close()
  }
}

async function remove(name: string, context: CommandContext): Promise<ExitCode> {
  refuseCanary(name)
  const { openKeys } = await import('../project/open-project.ts')
  const { grantRevokers, revokeGrant } = await import('../project/revoke-grant.ts')
  const { openEverySecret } = await import('../../../vault/erase.ts')
  const { wipe } = await import('../../../vault/secret.ts')
  const { output } = context
  const project = await openKeys(context)
  let held: readonly HeldCredential[] = []
  try {
    const { path, record } = project.folder
    // Expired ones too: what has expired here may be good at its provider.
    held = await openEverySecret(path, record.id, project.keys.credentialKey)
    const one = held.find((credential) => credential.name === name)
    if (one === undefined) {
      const known = held.map((credential) => credential.name).filter((other) => other !== CANARY_CREDENTIAL)
      const meant = didYouMean(name, known)
      throw new SealpostError('config', `there is no credential "${name}"`, {
        hint: meant === null ? 'sealpost credentials list shows the names' : `did you mean "${meant}"?`,
        code: 'NO_CREDENTIAL',
      })
    }
    const { revoked, answer, asked } = await revokeGrant(one, grantRevokers(), context.stop)
    await project.credentials.remove(name)
    const { kind } = one
    await project.audit.noteCredentials('credentials-removed', [{ name, facts: { kind } }])
    if (asked) {
      await project.audit.noteCredentials('token-revoked', [{ name, outcome: revoked ? 'done' : 'failed' }])
    }
    output.line(`Removed credential "${name}"`)
    output.line(`  at the provider: ${answer}`)
    output.document({ removed: name, kind, revoked, answer })
    return EXIT.complete
  } finally {
    wipe(...held.map(({ bytes }) => bytes))
    await project.close()
  }
}

/** Sign-off shows by it that credentials cannot be opened any more. */
function refuseCanary(name: string): void {
  if (name !== CANARY_CREDENTIAL) return
  throw new SealpostError('config', `"${name}" is kept for the proof at sign-off`, { hint: 'choose another name' })
}
