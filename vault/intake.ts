import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { SealpostError } from '../src/core/errors.ts'
import { formatInstant, type Clock } from '../src/core/clock.ts'
import { writePrivateFile } from '../src/files/durable.ts'
import { readPrivateFile } from '../src/files/private-files.ts'
import { parseFields, readChoice, readInteger, readList, readText, requireFormat, type Fields } from './fields.ts'
import { withFileLock } from '../src/files/file-lock.ts'
import { Secret } from './secret.ts'

/** A page that was made for a client; good for one answer until it expires. */
export interface IssuedPage {
  readonly number: string
  /** RFC 3339. */
  readonly expires: string
}

/** One access detail that came back. The caller wipes the secret. */
export interface IntakeEntry {
  readonly side: 'source' | 'destination'
  readonly account: string
  readonly username: string | null
  readonly secret: Secret
}

/** What a client sealed with the page. */
export interface IntakeAnswer {
  readonly number: string
  readonly entries: readonly IntakeEntry[]
  /** A file that was dropped on the page, and its name. */
  readonly file: { readonly name: string; readonly content: Secret } | null
}

interface IntakePageRecord {
  readonly number: string
  readonly expires: string
  readonly used: string
}

const FORMAT = 'sealpost-intake-pages'
const WHAT = 'the list of intake pages'
const SIDES = ['source', 'destination'] as const

/** The SHA-256 of a page's file in hex, to be read out by telephone. */
export function pageDigest(html: Uint8Array): string {
  return createHash('sha256').update(html).digest('hex')
}

/** Writes down a new page of the project and returns its number. */
export async function issuePage(projectFolder: string, clock: Clock, lifeMs: number): Promise<IssuedPage> {
  return withPages(projectFolder, clock, async (pages) => {
    const page = {
      number: randomBytes(16).toString('hex'),
      expires: formatInstant(clock.now() + lifeMs),
      used: '',
    }
    return { pages: [...pages, page], value: { number: page.number, expires: page.expires } }
  })
}

/**
 * Reads what a page sealed, out of its opened bytes. Throws `config` when it is no answer of an intake page, `policy`
 * when it was sealed for another project.
 */
export function readAnswer(opened: Buffer, projectId: string): IntakeAnswer {
  const what = 'the intake answer'
  let fields: Fields
  try {
    const members = ['format', 'version', 'project', 'number', 'expires', 'entries', 'file']
    fields = parseFields(opened.toString('utf8'), what, members)
    requireFormat(fields, 'sealpost-intake', 1)
  } catch (cause) {
    throw new SealpostError('config', 'that was not sealed with an intake page', {
      hint: 'a list sealed with age goes in by sealpost credentials import',
      code: 'NO_INTAKE',
      cause,
    })
  }
  if (readText(fields, 'project') !== projectId) {
    throw new SealpostError('policy', 'that was sealed for another project', { code: 'FOREIGN_INTAKE' })
  }
  const entries = readList(fields, 'entries', ['side', 'account', 'username', 'secret']).map((entry) => ({
    side: readChoice(entry, 'side', SIDES),
    account: readText(entry, 'account'),
    username: readText(entry, 'username') || null,
    secret: Secret.fromBytes(Buffer.from(readText(entry, 'secret'), 'utf8')),
  }))
  return { number: readText(fields, 'number'), entries, file: readDropped(fields.values.get('file')) }
}

/** Throws `policy` unless the number belongs to a page of this project that has not expired and was not used. */
export async function requirePage(projectFolder: string, number: string, clock: Clock): Promise<void> {
  assertGood(
    (await readPages(projectFolder)).find((page) => page.number === number),
    clock,
  )
}

/** Uses the page up: the same answer is refused from now on. Throws as `requirePage`. */
export async function usePage(projectFolder: string, number: string, clock: Clock): Promise<void> {
  await withPages(projectFolder, clock, async (pages) => {
    assertGood(
      pages.find((page) => page.number === number),
      clock,
    )
    const used = formatInstant(clock.now())
    return { pages: pages.map((page) => (page.number === number ? { ...page, used } : page)), value: undefined }
  })
}

function assertGood(page: IntakePageRecord | undefined, clock: Clock): void {
  if (page === undefined) {
    throw new SealpostError('policy', 'that was sealed with a page this project does not know', {
      code: 'FOREIGN_INTAKE',
    })
  }
  if (page.used !== '') {
    throw new SealpostError('policy', `that page was used already, at ${page.used}`, {
      hint: 'make a new one with sealpost intake page',
      code: 'REPEATED_INTAKE',
    })
  }
  if (Date.parse(page.expires) <= clock.now()) {
    throw new SealpostError('policy', `that page expired at ${page.expires}`, {
      hint: 'make a new one with sealpost intake page',
      code: 'OLD_INTAKE',
    })
  }
}

function readDropped(value: unknown): IntakeAnswer['file'] {
  if (value === null || typeof value !== 'object') return null
  const { name, text } = value as { readonly name?: unknown; readonly text?: unknown }
  if (typeof name !== 'string' || typeof text !== 'string') return null
  return { name: name.slice(0, 255), content: Secret.fromBytes(Buffer.from(text, 'utf8')) }
}

function pagesPath(projectFolder: string): string {
  return join(projectFolder, '.sealpost', 'intake.json')
}

async function readPages(projectFolder: string): Promise<readonly IntakePageRecord[]> {
  const bytes = await readPrivateFile(pagesPath(projectFolder))
  if (bytes === null) return []
  const fields = parseFields(bytes.toString('utf8'), WHAT, ['format', 'version', 'pages'])
  requireFormat(fields, FORMAT, 1)
  readInteger(fields, 'version', 1, 1)
  return readList(fields, 'pages', ['number', 'expires', 'used']).map((page) => ({
    number: readText(page, 'number'),
    expires: readText(page, 'expires'),
    used: readText(page, 'used'),
  }))
}

async function withPages<T>(
  projectFolder: string,
  clock: Clock,
  change: (
    pages: readonly IntakePageRecord[],
  ) => Promise<{ readonly pages: readonly IntakePageRecord[]; readonly value: T }>,
): Promise<T> {
  const path = pagesPath(projectFolder)
  return withFileLock(`${path}.lock`, clock, async () => {
    const { pages, value } = await change(await readPages(projectFolder))
    await writePrivateFile(path, Buffer.from(`${JSON.stringify({ format: FORMAT, version: 1, pages })}\n`, 'utf8'))
    return value
  })
}
