import type { Command } from 'commander'
import { SealpostError } from '../../core/errors.ts'
import type { WorkspaceBooks } from '../books/open-books.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { descriptorOption } from '../options.ts'

/** `operator totp enrol|remove|reset`, below the group `operator`. */
export function addOperatorTotp(operator: Command, start: Start): void {
  const group = operator
    .command('totp')
    .description('codes of an authenticator, asked for at sign-off, hold and export (docs/access.md)')
  group
    .command('enrol')
    .alias('enroll')
    .description('enrol an authenticator of your own')
    .addOption(
      descriptorOption('--secret-fd <n>', 'read the secret, in base32, from the first line of a descriptor'),
    )
    .action((options: { readonly secretFd?: number }) =>
      start((context) => enrol(options.secretFd ?? null, context)),
    )
  group
    .command('remove')
    .description('remove your own again, with a last code')
    .action(() => start(remove))
  group
    .command('reset')
    .description('remove that of another person, who has lost the authenticator')
    .argument('<name>', 'name of the person')
    .action((name: string) => start((context) => reset(name, context)))
}

async function enrol(secretFd: number | null, context: CommandContext): Promise<ExitCode> {
  const { atDesk, makeEvent } = await import('../books/desk.ts')
  const { enrolTotp, hasTotp, newTotpSecret } = await import('../../../vault/totp.ts')
  const { assertNeverEnrolled, readCode, watchCodes } = await import('../access/second-factor.ts')
  const { home, output, options, stop } = context
  return atDesk(context, { project: null }, async (books, operator) => {
    const { name } = operator
    if (!(await hasTotp(home, name))) await assertNeverEnrolled(books, name, stop)
    const secret = secretFd === null ? newTotpSecret() : await readSecret(secretFd, context)
    try {
      if (secretFd === null) await showSecret(name, secret, context)
      const code = await readCode(context, name, { descriptor: options.totpFd, option: '--totp-fd' })
      await enrolTotp(home, operator, secret, code, watchCodes(context, books))
    } finally {
      secret.fill(0)
    }
    await books.log.append(
      makeEvent(books, 'second-factor-enrolled', { object: name, facts: { kind: 'totp' } }),
      stop,
    )
    output.line(`Enrolled: from now on ${name} is asked for a code at sign-off, hold and export`)
    output.document({ enrolled: { operator: name, kind: 'totp' } })
    return EXIT.complete
  })
}

async function remove(context: CommandContext): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  return atDesk(context, { project: null }, (books, { name }) => forget(name, books, context))
}

async function reset(name: string, context: CommandContext): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  return atDesk(context, { project: null, object: name }, async (books, lead) => {
    if (name === lead.name) {
      throw new SealpostError('config', 'nobody resets his own', { hint: 'sealpost operator totp remove' })
    }
    return forget(name, books, context)
  })
}

async function forget(name: string, books: WorkspaceBooks, context: CommandContext): Promise<ExitCode> {
  const { makeEvent } = await import('../books/desk.ts')
  const { removeTotp } = await import('../../../vault/totp.ts')
  const { home, output, stop } = context
  // Written down first: cut in between, the code is still asked for, and this can be given again.
  const event = makeEvent(books, 'second-factor-removed', { object: name, facts: { kind: 'totp' } })
  await books.log.append(event, stop)
  const existed = await removeTotp(home, name)
  output.line(existed ? `Removed: ${name} is asked for no code` : `${name} had none enrolled`)
  output.document({ removed: { operator: name, kind: 'totp', existed } })
  return EXIT.complete
}

async function readSecret(descriptor: number, { stop }: CommandContext): Promise<Buffer> {
  const { readSecretLine } = await import('../access/secret-input.ts')
  const { parseTotpSecret } = await import('../../../vault/totp.ts')
  const line = await readSecretLine(descriptor, 'the secret', stop)
  try {
    return parseTotpSecret(line.text())
  } finally {
    line.wipe()
  }
}

/** On the terminal alone, never on stdout: that may go to a file. */
async function showSecret(name: string, secret: Buffer, { output }: CommandContext): Promise<void> {
  const { canPrompt } = await import('../terminal/prompt.ts')
  if (!canPrompt()) {
    throw new SealpostError('config', 'there is no terminal to show the secret on', {
      hint: 'bring one: --secret-fd N, and a first code with --totp-fd N',
      code: 'NO_TERMINAL',
    })
  }
  const { describeTotp } = await import('../../../vault/totp.ts')
  const { base32, uri } = describeTotp(name, secret)
  output.prompt(
    'Give this to the authenticator (SHA-1, 6 digits, 30 seconds), and put a copy on paper into a safe: a lost\n' +
      'authenticator is set up again with it. It is shown this once.\n\n' +
      `  ${base32.replace(/(.{4})(?=.)/g, '$1 ')}\n  ${uri}\n\n`,
  )
}
