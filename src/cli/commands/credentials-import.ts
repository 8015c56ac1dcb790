import { realpath } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Command } from 'commander'
import { counted } from '../../core/counted.ts'
import { isKind, SealpostError } from '../../core/errors.ts'
import { fileError } from '../../files/file-error.ts'
import { readPrivateFile } from '../../files/private-files.ts'
import type { CredentialReading } from '../config/credentials-csv.ts'
import { problemsError } from '../config/problems.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { KeyedProject } from '../project/open-project.ts'
import { descriptorOption, lifeOption } from '../options.ts'
import { notePlaintext } from '../project/plaintext-notes.ts'
import { isPathWithin } from '../path-within.ts'

interface ImportOptions {
  readonly fd?: number
  readonly plaintextFile?: string
  readonly expires?: number
}

const MAX_FILE_BYTES = 16 * 1024 * 1024

/** `credentials import`: many at once, all or none. */
export function addImport(group: Command, start: Start): void {
  group
    .command('import')
    .description('keep many credentials from lines of side,account,secret[,username]; all or none')
    .argument('[file]', 'an age file sealed to the intake recipient of the project')
    .addOption(descriptorOption('--fd <n>', 'read the lines from an open descriptor'))
    .option('--plaintext-file <file>', 'read the lines from a file (mode 0600) outside of project and workspace')
    .addOption(lifeOption())
    .action((file: string | undefined, options: ImportOptions) =>
      start((context) => importAll(file ?? null, options, context)),
    )
}

async function importAll(file: string | null, options: ImportOptions, context: CommandContext): Promise<ExitCode> {
  const given = [file !== null, options.fd !== undefined, options.plaintextFile !== undefined].filter(Boolean)
  if (given.length !== 1) {
    throw new SealpostError('config', 'one place to read credentials from is needed', {
      hint: 'give one of FILE.age, --fd N and --plaintext-file FILE',
    })
  }
  const { openKeys } = await import('../project/open-project.ts')
  const project = await openKeys(context)
  try {
    const { name, content } = await readSource(file, options, project, context)
    const { credentials, problems } = await readContent(name, content)
    try {
      if (problems.length > 0) throw problemsError(problems)
      if (credentials.length === 0) throw new SealpostError('config', `${name} holds no credential`)
      const expiresAt = options.expires === undefined ? null : context.clock.now() + options.expires
      if (options.plaintextFile !== undefined) await notePlaintext(project.folder.state, context.clock)
      await project.credentials.setAll(
        credentials.map((credential) => ({ ...credential, kind: 'password' as const, expiresAt })),
      )
      const facts = { kind: 'password', plaintext: options.plaintextFile !== undefined }
      await project.audit.noteCredentials(
        'credentials-set',
        credentials.map(({ name: credential }) => ({ name: credential, facts })),
      )
    } finally {
      for (const credential of credentials) credential.secret.wipe()
    }
    context.output.line(`Kept ${counted(credentials.length, 'credential')}`)
    if (options.plaintextFile !== undefined) {
      context.output.warn(`${options.plaintextFile} still holds the secrets in the clear; destroy it now`)
    }
    context.output.document({ imported: credentials.map((credential) => credential.name) })
    return EXIT.complete
  } finally {
    await project.close()
  }
}

async function readContent(name: string, content: Buffer): Promise<CredentialReading> {
  const { readCredentials } = await import('../config/credentials-csv.ts')
  try {
    return readCredentials(name, content)
  } finally {
    content.fill(0)
  }
}

async function readSource(
  file: string | null,
  options: ImportOptions,
  project: KeyedProject,
  context: CommandContext,
): Promise<{ readonly name: string; readonly content: Buffer }> {
  if (options.fd !== undefined) {
    const { readDescriptorWhole } = await import('../access/secret-input.ts')
    const content = await readDescriptorWhole(options.fd, 'the credentials', context.stop)
    return { name: `descriptor ${options.fd}`, content }
  }
  if (options.plaintextFile !== undefined) return readPlaintext(options.plaintextFile, project, context.home)
  return { name: basename(file ?? ''), content: await readSealed(file ?? '', project) }
}

/** Inside project or workspace a plaintext file would be copied along with them. */
async function readPlaintext(
  file: string,
  project: KeyedProject,
  home: string,
): Promise<{ readonly name: string; readonly content: Buffer }> {
  const path = await realpath(file).catch((error: unknown) => {
    throw fileError(error, 'read', file)
  })
  const workspace = await realpath(home)
  if (isPathWithin(path, project.folder.path) || isPathWithin(path, workspace)) {
    throw new SealpostError('policy', 'a plaintext file of secrets must not lie in the project or the workspace', {
      hint: 'move it to a place that is not backed up, or use --fd N',
      code: 'PLAINTEXT_INSIDE',
    })
  }
  const content = await readPrivateFile(path, MAX_FILE_BYTES)
  if (content === null) throw new SealpostError('config', `there is no file ${path}`)
  return { name: basename(path), content }
}

async function readSealed(file: string, project: KeyedProject): Promise<Buffer> {
  const { openAgeFile } = await import('../../../vault/age.ts')
  try {
    return await openAgeFile(project.keys.intakeIdentity, file, MAX_FILE_BYTES, `${file} is too large`)
  } catch (error) {
    if (!isKind(error, 'locked') && !isKind(error, 'corrupt')) throw error
    throw new SealpostError(error.kind, `${file}: ${error.message}`, {
      hint: `seal the list to this project: age -r ${project.keys.intakeRecipient}`,
      cause: error,
    })
  }
}
