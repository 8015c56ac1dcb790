import { Option, type Command } from 'commander'
import { SealpostError } from '../../core/errors.ts'
import type { KdfProfile } from '../../../vault/kdf-profile.ts'
import type { OperatorRole } from '../../../vault/operator-list.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { descriptorOption } from '../options.ts'
import { addOperatorTotp } from './operator-totp.ts'
import { table } from '../terminal/table.ts'
import { addRecovery } from './recovery.ts'

interface AddOptions {
  readonly role: OperatorRole
  readonly newPassphraseFd?: number
  readonly newKeyFile?: string
  readonly kdf: KdfProfile
}

/** `operator add|remove|list|recovery` and `grant`: who works here, and on what. */
export function addOperatorCommands(program: Command, start: Start): void {
  const group = program.command('operator').description('who may work in this workspace')
  group
    .command('add')
    .description('add a person, with a passphrase of the own')
    .argument('<name>', 'name of the person, as the log will tell it')
    .addOption(
      new Option('--role <role>', 'what the person may do (docs/access.md)')
        .choices(['engineer', 'lead', 'auditor'])
        .makeOptionMandatory(),
    )
    .addOption(
      descriptorOption(
        '--new-passphrase-fd <n>',
        "read the person's passphrase from the first line of a descriptor",
      ),
    )
    .addOption(
      new Option(
        '--new-key-file <file>',
        'make a key file for the person, on removable media: needed besides the passphrase',
      ),
    )
    .addOption(
      new Option('--kdf <profile>', 'cost of the passphrase')
        .choices(['moderate', 'interactive'])
        .default('moderate'),
    )
    .action((name: string, options: AddOptions) => start((context) => add(name, options, context)))
  group
    .command('remove')
    .description('shut a person out of the workspace')
    .argument('<name>', 'name of the person')
    .action((name: string) => start((context) => remove(name, context)))
  group
    .command('list')
    .description('the persons and their roles')
    .action(() => start(list))
  addOperatorTotp(group, start)
  addRecovery(group, start)
  program
    .command('grant')
    .description('let a person work on the project')
    .argument('<name>', 'name of the person')
    .action((name: string) => start((context) => grant(name, context)))
}

async function add(name: string, options: AddOptions, context: CommandContext): Promise<ExitCode> {
  const { atDesk, makeEvent } = await import('../books/desk.ts')
  const { addOperator } = await import('../../../vault/add-operator.ts')
  const { readOthersPassphrase } = await import('../access/unlock.ts')
  const { createKeyFile, dropKeyFile } = await import('../access/key-file.ts')
  const { wipe } = await import('../../../vault/secret.ts')
  const { assertOperatorName } = await import('../../../vault/names.ts')
  assertOperatorName(name)
  return atDesk(context, { project: null, object: name }, async (books, lead) => {
    const { home, clock, output, stop } = context
    const { role, kdf, newKeyFile } = options
    const passphrase = await readOthersPassphrase(context, name, options.newPassphraseFd ?? null)
    let keyFile: Buffer | null = null
    try {
      keyFile = newKeyFile === undefined ? null : await createKeyFile(newKeyFile, context)
      await addOperator(
        home,
        lead,
        { name, role, passphrase, kdf, ...(keyFile === null ? {} : { keyFile }) },
        clock,
      )
    } catch (error) {
      // Only one that was made here: who fails to make one finds another's in its place.
      if (keyFile !== null && newKeyFile !== undefined) await dropKeyFile(newKeyFile)
      throw error
    } finally {
      passphrase.wipe()
      wipe(keyFile)
    }
    const facts = { role, keyFile: newKeyFile !== undefined }
    await books.log.append(makeEvent(books, 'operator-added', { object: name, facts }), stop)
    output.line(`${name} is an operator now: ${options.role}`)
    if (newKeyFile !== undefined)
      output.line(
        `Key file: ${newKeyFile}. Give it to ${name}, with a copy for a safe: without it the keys are lost`,
      )
    if (options.role !== 'auditor') output.line(`Next, in each project: sealpost grant ${name}`)
    output.document({ operator: { name, role: options.role } })
    return EXIT.complete
  })
}

async function remove(name: string, context: CommandContext): Promise<ExitCode> {
  const { atDesk, makeEvent } = await import('../books/desk.ts')
  const { removeOperator } = await import('../../../vault/remove-operator.ts')
  const { assertOperatorName } = await import('../../../vault/names.ts')
  assertOperatorName(name)
  return atDesk(context, { project: null, object: name }, async (books, lead) => {
    const { home, clock, output, hard } = context
    const { granted, damaged } = await removeOperator(home, lead, name, clock)
    await books.log.append(
      makeEvent(books, 'operator-removed', { object: name, facts: { grants: granted.length } }),
      hard,
    )
    output.line(`${name} is no operator any more`)
    if (granted.length > 0) {
      output.line(`What ${name} could open before may have been copied. Make the keys of these projects anew:`)
      for (const project of granted) output.line(`  ${project}: in its folder, sealpost revoke ${name}`)
    }
    for (const project of damaged)
      output.warn(`the key document of project ${project} is damaged and was left as it is`)
    output.document({ removed: { name, granted, damaged } })
    return EXIT.complete
  })
}

async function list(context: CommandContext): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  const { findUnlock, readTrustedList } = await import('../../../vault/operator.ts')
  const { hasTotp } = await import('../../../vault/totp.ts')
  const { output, home, systemUser } = context
  return atDesk(context, { project: null }, async (_, operator) => {
    const shown = []
    for (const { name, role } of (await readTrustedList(home, operator)).operators) {
      const { keyFile } = await findUnlock(home, { operator: name, systemUser })
      const factors = [...(keyFile ? ['key-file'] : []), ...((await hasTotp(home, name)) ? ['totp'] : [])]
      shown.push({ name, role, factors })
    }
    for (const line of table(
      ['operator', 'role', 'besides the passphrase'],
      shown.map(({ name, role, factors }) => [name, role, factors.join(', ')]),
    ))
      output.line(line)
    output.document({ operators: shown })
    return EXIT.complete
  })
}

async function grant(name: string, context: CommandContext): Promise<ExitCode> {
  const { atDesk, makeEvent } = await import('../books/desk.ts')
  const { findProject } = await import('../project/folder.ts')
  const { grantProject } = await import('../../../vault/projects.ts')
  const { output, home, clock, stop } = context
  const { id } = (await findProject(context.options.project)).record
  return atDesk(context, { project: id, object: name }, async (books, lead) => {
    if (name === lead.name) {
      throw new SealpostError('config', `${name} has this project already`, { code: 'OWN_GRANT' })
    }
    await grantProject(home, lead, id, name, clock)
    await books.log.append(makeEvent(books, 'grant', { project: id, object: name }), stop)
    output.line(`${name} may work on this project`)
    output.document({ granted: { project: id, operator: name } })
    return EXIT.complete
  })
}
