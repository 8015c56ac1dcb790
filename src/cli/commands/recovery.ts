import { Option, type Command } from 'commander'
import { SealpostError } from '../../core/errors.ts'
import type { KdfProfile } from '../../../vault/kdf-profile.ts'
import type { UnlockedOperator } from '../../../vault/operator.ts'
import type { Recovered } from '../../../vault/recover-workspace.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { descriptorOption, outOption, repeatedOption } from '../options.ts'

interface MakeOptions {
  readonly recipient?: readonly string[]
  readonly out?: string
}

interface UseOptions {
  readonly identity?: string
  readonly fd?: number
  readonly kdf: KdfProfile
}

/** `operator recovery` and `operator recovery use`: what is left when nobody can open the keystore any more. */
export function addRecovery(operators: Command, start: Start): void {
  const group = operators
    .command('recovery')
    .description("seal the records key to the company's key, for the day on which nobody knows a passphrase")
    .addOption(repeatedOption('--recipient <key>', 'age key that can open it; may be repeated'))
    .addOption(outOption('where to write the recovery file'))
    .action((options: MakeOptions) => start((context) => make(options, context)))
  group
    .command('use')
    .description('begin the workspace anew over its records and its log; its projects stay shut')
    .argument('[file]', 'the recovery file')
    .addOption(new Option('--identity <file>', 'age identity that opens it (mode 0600)'))
    .addOption(descriptorOption('--fd <n>', 'read what is in it from a descriptor instead, opened with age'))
    .addOption(
      new Option('--kdf <profile>', 'cost of the new passphrase')
        .choices(['moderate', 'interactive'])
        .default('moderate'),
    )
    .action((file: string | undefined, options: UseOptions) => start((context) => use(file, options, context)))
}

async function make({ recipient, out }: MakeOptions, context: CommandContext): Promise<ExitCode> {
  const { atDesk, makeEvent } = await import('../books/desk.ts')
  const { createRecipientSealer } = await import('../../../vault/age.ts')
  const { writePrivateFile } = await import('../../files/durable.ts')
  const { sealRecovery } = await import('../../../vault/recovery.ts')
  const path = await import('node:path')
  if (recipient === undefined || out === undefined) {
    throw new SealpostError('config', 'a recovery file needs --recipient KEY and --out FILE', {
      hint: 'age-keygen makes the key; its private half belongs in a safe, not on this machine',
      code: 'USAGE',
    })
  }
  // A slip in a key is told before a passphrase is asked for.
  createRecipientSealer(recipient)
  return atDesk(context, { project: null }, async (books, operator) => {
    const { home, clock, output, stop } = context
    const sealed = await sealRecovery(home, operator, recipient, clock)
    // Written down first: a file that nobody knows of would be worse than an entry without one.
    await books.log.append(makeEvent(books, 'recovery-set', { facts: { recipients: recipient.length } }), stop)
    await writePrivateFile(path.resolve(out), sealed)
    output.line(`Wrote ${out}`)
    output.line(`  recipients  ${recipient.join(', ')}`)
    output.line(
      'It opens the records and the log, and no project. Keep it away from this machine, and the key from both.',
    )
    output.document({ file: out, recipients: recipient })
    return EXIT.complete
  })
}

async function use(file: string | undefined, options: UseOptions, context: CommandContext): Promise<ExitCode> {
  const { assertRecordsOpen } = await import('../books/open-books.ts')
  const { readRecoveryFile } = await import('../access/recovery-file.ts')
  const { readNewPassphrase } = await import('../access/unlock.ts')
  const { recoverWorkspace } = await import('../../../vault/recover-workspace.ts')
  const { unlockOperator } = await import('../../../vault/operator.ts')
  const { assertNewName } = await import('../../../vault/recovery.ts')
  const { home, clock, systemUser } = context
  const name = context.options.operator
  if (name === null) {
    throw new SealpostError('config', 'who is to be the new lead? --operator NAME says so', {
      code: 'NO_OPERATOR',
    })
  }
  const recovery = await readRecoveryFile(file, options, context)
  try {
    assertNewName(name, recovery.operators)
    assertRecordsOpen(home, recovery.recordsKeys.privateKey)
    const passphrase = await readNewPassphrase(context)
    try {
      const { kdf } = options
      const recovered = await recoverWorkspace(home, recovery, { operator: name, passphrase, kdf, clock })
      const lead = await unlockOperator(home, { operator: name, systemUser, passphrase })
      return await atNewDesk(recovered, lead, context)
    } finally {
      passphrase.wipe()
    }
  } finally {
    recovery.recordsKeys.privateKey.fill(0)
  }
}

/** The new lead's first entry in the log, and what is to be done next. */
async function atNewDesk(
  { certificateFingerprint, before, projects, operators }: Recovered,
  lead: UnlockedOperator,
  { home, clock, output, hard }: CommandContext,
): Promise<ExitCode> {
  const { makeEvent, noteUnlock } = await import('../books/desk.ts')
  const { openBooks, verifierKeyOf } = await import('../books/open-books.ts')
  try {
    const books = await openBooks(home, lead, clock)
    const facts = { projects: projects.length, keystoreBefore: before !== null }
    await books.log.append(makeEvent(books, 'recovery-used', { object: lead.name, facts }), hard)
    await noteUnlock(books, lead, {}, hard)
    const earlierKeys = operators.map(({ name, signKey }) => verifierKeyOf(books, name, signKey))
    output.line(`The workspace in ${home} begins anew: ${lead.name} is its lead`)
    output.line(
      `  certificate key     ${certificateFingerprint} (a new one: tell the clients whose projects go on)`,
    )
    if (before !== null) {
      output.line(`  keystore of before  ${before}`)
      output.line(
        'Should a passphrase come back to mind, the two folders are exchanged. Else destroy it: its projects',
      )
      output.line('stay shut, and what they hold is noise without it.')
    }
    for (const project of projects)
      output.line(`  shut for good       project ${project}: make another, by intake and adoption`)
    output.line('Checkpoints from before are believed with these keys: sealpost audit verify --key KEY')
    for (const key of earlierKeys) output.line(`  ${key}`)
    output.document({ recovered: { operator: lead.name, before, projects }, certificateFingerprint, earlierKeys })
    return EXIT.complete
  } finally {
    lead.wipe()
  }
}
