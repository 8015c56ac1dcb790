import { randomUUID } from 'node:crypto'
import { mkdir, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { formatInstant } from '../../core/clock.ts'
import { SealpostError } from '../../core/errors.ts'
import { codeOf } from '../../core/system-faults.ts'
import { writeNewFile } from '../../files/durable.ts'
import { fileError } from '../../files/file-error.ts'
import { ensurePrivateFolder } from '../../files/private-files.ts'
import type { KdfProfile } from '../../../vault/kdf-profile.ts'
import type { UnlockedOperator } from '../../../vault/operator.ts'
import { wipe } from '../../../vault/secret.ts'
import { projectTemplate } from '../config/project-template.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { isPathWithin } from '../path-within.ts'
import { readRecord, STATE_FOLDER, writeProjectRecord } from '../project/folder.ts'

interface InitOptions {
  readonly client: string
  readonly kdf: KdfProfile
  readonly newKeyFile?: string
}

/** `init DIR`: makes a project, and the workspace on first use. */
export function addInit(program: Command, start: Start): void {
  program
    .command('init')
    .description('make a project folder, and the workspace with its keys on first use')
    .argument('<dir>', 'folder of the project; made when it is not there')
    .requiredOption('--client <name>', 'the client whose mail is moved')
    .addOption(
      new Option(
        '--new-key-file <file>',
        'make a key file, needed besides the passphrase, when the workspace is made',
      ),
    )
    .addOption(
      new Option('--kdf <profile>', 'cost of the passphrase, when the workspace is made')
        .choices(['moderate', 'interactive'])
        .default('moderate'),
    )
    .action((dir: string, options: InitOptions) => start((context) => init(dir, options, context)))
}

async function init(dir: string, options: InitOptions, context: CommandContext): Promise<ExitCode> {
  const { output, home, clock } = context
  const client = options.client.trim()
  if (client === '' || /\p{C}/u.test(client)) {
    throw new SealpostError('config', 'the client needs a name that can be printed', { hint: '--client NAME' })
  }
  await assertFree(resolve(dir), home)
  const { operator, workspaceMade } = await openOrMakeWorkspace(options, context)
  try {
    const { makeEvent, noteUnlock } = await import('../books/desk.ts')
    const { openBooks } = await import('../books/open-books.ts')
    const books = await openBooks(home, operator, clock)
    if (workspaceMade) {
      const { writeWorkspaceConfig } = await import('../config/workspace-config.ts')
      await writeWorkspaceConfig(home)
    }
    await noteUnlock(books, operator, {}, context.stop)
    const { authorize } = await import('../access/authorize.ts')
    await authorize(books, context.options.command, { project: null }, context.stop)
    const path = await makeFolder(resolve(dir))
    const { certificateFingerprint } = await import('../../../vault/operator.ts')
    const { createProject, openProject } = await import('../../../vault/projects.ts')
    const id = randomUUID()
    await createProject(home, operator, { projectId: id })
    const keys = await openProject(home, operator, id)
    const { plantCanaries } = await import('../signoff/canaries.ts')
    await plantCanaries({ folder: path, state: join(path, STATE_FOLDER), projectId: id }, keys, clock).finally(
      () => keys.wipe(),
    )
    const fingerprint = await certificateFingerprint(home, operator)
    const created = formatInstant(clock.now())
    const yamlMade = await writeNew(join(path, 'project.yaml'), projectTemplate(client))
    const { MAILBOXES_HEADER } = await import('../config/mailboxes-csv.ts')
    const csvMade = await writeNew(join(path, 'mailboxes.csv'), MAILBOXES_HEADER)
    const event = { project: id, facts: { workspaceMade }, personal: { client } }
    await books.log.append(makeEvent(books, 'init', event), context.stop)
    await books.log.checkpoint(books.signer, context.stop)
    // Last: the project is there once this is.
    await writeProjectRecord(path, { version: 1, id, client, created, place: path })

    output.line(`Project ${output.paint('bold', path)} for ${client}`)
    output.line(`  id                  ${id}`)
    output.line(`  workspace           ${home}${workspaceMade ? ' (new)' : ''}, operator ${operator.name}`)
    output.line(`  certificate key     ${fingerprint}`)
    output.line(`  intake recipient    ${keys.intakeRecipient}`)
    if (!yamlMade) output.line('  project.yaml was there and is kept as it is')
    if (!csvMade) output.line('  mailboxes.csv was there and is kept as it is')
    output.line()
    output.line(
      'Give the client the fingerprint of the certificate key now: the deletion certificate is checked with it.',
    )
    output.line(
      'Next: fill in project.yaml and mailboxes.csv, then `sealpost credentials import`, then `sealpost plan`.',
    )
    output.document({
      project: { path, id, client, created },
      workspace: { path: home, created: workspaceMade, operator: operator.name },
      certificateFingerprint: fingerprint,
      intakeRecipient: keys.intakeRecipient,
    })
    return EXIT.complete
  } finally {
    operator.wipe()
  }
}

/** Refuses a folder that cannot become a project, before the passphrase is asked for and anything is made. */
async function assertFree(path: string, home: string): Promise<void> {
  if ((await readRecord(path)) !== null) {
    throw new SealpostError('config', `there is a project in ${path} already`, {
      hint: 'go on with it, or name another folder',
      code: 'PROJECT_EXISTS',
    })
  }
  const workspace = await realPathOf(home)
  const real = await realPathOf(path)
  const { findJournal } = await import('../signoff/journal.ts')
  if ((await findJournal(home, real)) !== null) {
    throw new SealpostError('config', `the sign-off of the project that was in ${path} has not ended`, {
      hint: 'end it first: sealpost signoff, in that folder',
      code: 'SIGNOFF_UNDER_WAY',
    })
  }
  if (isPathWithin(real, workspace) || isPathWithin(workspace, real)) {
    throw new SealpostError(
      'config',
      'project and workspace must lie apart, so that a copy of one never holds the other',
      {
        hint: `the workspace is ${workspace}`,
        code: 'WORKSPACE_OVERLAP',
      },
    )
  }
}

/** The path without links, also of what is not there yet. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(await realPathOf(parent), basename(path))
  }
}

async function makeFolder(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOTDIR') {
      throw new SealpostError('config', `${path} is not a folder`, { cause: error })
    }
    throw fileError(error, 'create', path)
  }
  const real = await realpath(path)
  await ensurePrivateFolder(join(real, STATE_FOLDER))
  return real
}

async function openOrMakeWorkspace(
  { kdf, newKeyFile }: InitOptions,
  context: CommandContext,
): Promise<{ readonly operator: UnlockedOperator; readonly workspaceMade: boolean }> {
  const { createWorkspace, workspaceExists } = await import('../../../vault/keystore.ts')
  const { openOperator, readNewPassphrase, unlock } = await import('../access/unlock.ts')
  const { createKeyFile, dropKeyFile } = await import('../access/key-file.ts')
  const { home, clock, systemUser } = context
  if (await workspaceExists(home)) {
    if (newKeyFile === undefined) return { operator: await unlock(context), workspaceMade: false }
    throw new SealpostError(
      'config',
      `there is a workspace in ${home} already, and its operators have their keys`,
      {
        hint: 'a key file is made with a person: sealpost operator add',
      },
    )
  }
  const { assertNoBooks } = await import('../books/open-books.ts')
  assertNoBooks(home)
  const name = context.options.operator ?? systemUser.toLowerCase()
  const { assertOperatorName } = await import('../../../vault/names.ts')
  assertOperatorName(name)
  const passphrase = await readNewPassphrase(context)
  const keyFile = newKeyFile === undefined ? null : await createKeyFile(newKeyFile, context)
  try {
    await createWorkspace(home, {
      operator: name,
      passphrase,
      ...(keyFile === null ? {} : { keyFile }),
      kdf,
      clock,
    }).catch(async (error: unknown) => {
      if (newKeyFile !== undefined) await dropKeyFile(newKeyFile)
      throw error
    })
    return { operator: await openOperator(context, name, { passphrase, keyFile }), workspaceMade: true }
  } finally {
    passphrase.wipe()
    wipe(keyFile)
  }
}

/** Writes a file that is not there yet; false when it is, which stays as it is. */
async function writeNew(path: string, content: string): Promise<boolean> {
  try {
    await writeNewFile(path, content)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}
