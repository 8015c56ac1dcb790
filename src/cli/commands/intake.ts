import { extname, join, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { counted } from '../../core/counted.ts'
import { isKind, SealpostError } from '../../core/errors.ts'
import { writePrivateFile } from '../../files/durable.ts'
import {
  issuePage,
  pageDigest,
  readAnswer,
  requirePage,
  usePage,
  type IntakeAnswer,
} from '../../../vault/intake.ts'
import type { CredentialStore, NewCredential } from '../../../vault/credentials.ts'
import { intakePageHtml } from '../../report/intake-page.ts'
import { LANGUAGES, type Language } from '../../report/intake-words.ts'
import { problemsError } from '../config/problems.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { readPageScript } from '../page-script.ts'
import { readPlainFile } from '../../files/plain-files.ts'
import type { KeyedProject } from '../project/open-project.ts'
import { lifeOption } from '../options.ts'

interface PageOptions {
  readonly out?: string
  readonly language?: Language
  readonly logo?: string
  readonly expires?: number
}

interface OpenOptions {
  readonly replace?: boolean
}

const DEFAULT_LIFE_MS = 14 * 86_400_000
const MAX_LOGO_BYTES = 512 * 1024
const MAX_ANSWER_BYTES = 4 * 1024 * 1024
const LOGO_TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.svg': 'image/svg+xml',
  '.webp': 'image/webp',
}

/** `intake`: how the client hands over access details so that only the project can read them. */
export function addIntake(program: Command, start: Start): void {
  const group = program
    .command('intake')
    .description('get access details from the client over an encrypted channel')
  group
    .command('page')
    .description('write a page in which the client seals access details to this project, offline in a browser')
    .option('--out <file>', 'where to write it (default: intake.html in the project)')
    .addOption(new Option('--language <code>', 'language of the page').choices(LANGUAGES).default('en'))
    .option('--logo <file>', 'picture to show (PNG, JPEG, SVG or WebP, at most 512 KiB)')
    .addOption(lifeOption('14d'))
    .action((options: PageOptions) => start((context) => writePage(options, context)))
  group
    .command('open')
    .description('put into the vault what the client sent back; a page is good for one answer')
    .argument('<file>', 'the sealed text or file')
    .option('--replace', 'replace credentials that are kept already')
    .action((file: string, options: OpenOptions) => start((context) => openAnswer(file, options, context)))
}

async function writePage(options: PageOptions, context: CommandContext): Promise<ExitCode> {
  const { openKeys } = await import('../project/open-project.ts')
  const { certificateFingerprint } = await import('../../../vault/operator.ts')
  const { output, clock, home } = context
  const script = await readPageScript('vault/browser/intake.js')
  const logo = options.logo === undefined ? null : await readLogo(options.logo)
  const project = await openKeys(context)
  try {
    const fingerprint = await certificateFingerprint(home, project.operator)
    const { path, record } = project.folder
    const page = await issuePage(path, clock, options.expires ?? DEFAULT_LIFE_MS)
    await project.audit.note('intake-page', { facts: { expires: page.expires } })
    const checkpoint = await project.audit.checkpoint()
    const html = Buffer.from(
      intakePageHtml(
        {
          client: record.client,
          projectId: record.id,
          recipient: project.keys.intakeRecipient,
          certificateFingerprint: fingerprint,
          language: options.language ?? 'en',
          logo,
          checkpoint,
          ...page,
        },
        script,
      ),
      'utf8',
    )
    const target = resolve(options.out ?? join(path, 'intake.html'))
    await writePrivateFile(target, html)
    const sha256 = pageDigest(html)
    output.line(`Wrote ${target}, good for one answer until ${page.expires}`)
    output.line(`  SHA-256    ${sha256}`)
    output.line(`  recipient  ${project.keys.intakeRecipient}`)
    output.line()
    output.line(
      'Send the file. Then read one of the two to the client by telephone: what a page says about itself',
    )
    output.line(
      'proves nothing. The client compares the SHA-256 (sha256sum FILE, shasum -a 256 FILE, or on Windows',
    )
    output.line('certutil -hashfile FILE SHA256) before typing anything.')
    output.document({ file: target, sha256, recipient: project.keys.intakeRecipient, expires: page.expires })
    return EXIT.complete
  } finally {
    await project.close()
  }
}

async function openAnswer(file: string, options: OpenOptions, context: CommandContext): Promise<ExitCode> {
  const { openKeys } = await import('../project/open-project.ts')
  const { output, clock } = context
  const project = await openKeys(context)
  try {
    const { path, record } = project.folder
    const answer = readAnswer(await readSealed(file, project), record.id)
    await requirePage(path, answer.number, clock)
    const credentials = await credentialsOf(answer)
    try {
      const present = await namesPresent(project.credentials, credentials)
      for (const { name, username, kind } of credentials) {
        const user = username === null ? '' : ` (user name ${username})`
        output.line(`  ${name}: ${kind}${user}${present.has(name) ? ', is kept already' : ''}`)
      }
      if (present.size > 0 && options.replace !== true) {
        throw new SealpostError('config', `${present.size} of these are kept already; nothing was changed`, {
          hint: 'give --replace to put the new ones in their place',
          code: 'WOULD_REPLACE',
        })
      }
      await project.credentials.setAll(credentials)
      await usePage(path, answer.number, clock)
      await project.audit.note('intake-opened', { facts: { credentials: credentials.length } })
      await project.audit.noteCredentials(
        'credentials-set',
        credentials.map(({ name, kind }) => ({ name, facts: { kind, replaced: present.has(name) } })),
      )
    } finally {
      for (const { secret } of credentials) secret.wipe()
    }
    output.line(`Kept ${counted(credentials.length, 'credential')}`)
    output.document({ kept: credentials.map(({ name }) => name) })
    return EXIT.complete
  } finally {
    await project.close()
  }
}

/** A dropped JSON file is a service account for both ends' accounts to name; a dropped CSV holds rows like typed ones. */
async function credentialsOf(answer: IntakeAnswer): Promise<NewCredential[]> {
  const { accountCredentialName, readCredentials } = await import('../config/credentials-csv.ts')
  const credentials: NewCredential[] = answer.entries.map(({ side, account, username, secret }) => ({
    name: accountCredentialName(side, account),
    kind: 'password',
    username,
    secret,
    expiresAt: null,
  }))
  const { file } = answer
  if (file === null) return credentials
  if (extname(file.name).toLowerCase() === '.json') {
    const name = file.name.slice(0, -extname(file.name).length)
    return [
      ...credentials,
      { name, kind: 'service-account', username: null, secret: file.content, expiresAt: null },
    ]
  }
  const reading = file.content.use((bytes) => readCredentials(file.name, Buffer.from(bytes)))
  file.content.wipe()
  if (reading.problems.length > 0) throw problemsError(reading.problems)
  return [
    ...credentials,
    ...reading.credentials.map((row) => ({ ...row, kind: 'password' as const, expiresAt: null })),
  ]
}

async function namesPresent(store: CredentialStore, credentials: readonly NewCredential[]): Promise<Set<string>> {
  const present = new Set<string>()
  for (const { name } of credentials) if (await store.has(name)) present.add(name)
  return present
}

async function readSealed(file: string, project: KeyedProject): Promise<Buffer> {
  const { openAgeFile } = await import('../../../vault/age.ts')
  try {
    const tooLarge = `${file} is too large for an intake answer`
    return await openAgeFile(project.keys.intakeIdentity, file, MAX_ANSWER_BYTES, tooLarge)
  } catch (error) {
    if (isKind(error, 'corrupt')) {
      const hint = 'it is another file, or came incomplete: ask for it again'
      throw new SealpostError('corrupt', `${file}: ${error.message}`, { hint, cause: error })
    }
    if (!isKind(error, 'locked')) throw error
    throw new SealpostError('locked', `${file} is not sealed to this project's keys`, {
      hint: 'it is of another project, or of a page from before a revoke: ask for an answer on a new page',
      cause: error,
      code: 'OTHER_PROJECT',
    })
  }
}

async function readLogo(file: string): Promise<string> {
  const type = LOGO_TYPES[extname(file).toLowerCase()]
  if (type === undefined) throw new SealpostError('config', `${file} is not a PNG, JPEG, SVG or WebP picture`)
  const bytes = await readPlainFile(file, 'read', MAX_LOGO_BYTES)
  return `data:${type};base64,${bytes.toString('base64')}`
}
