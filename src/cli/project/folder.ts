import { lstat, realpath, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { CERTIFICATE_FILE, CERTIFICATE_FOLDER } from '../../core/certificate.ts'
import { SealpostError } from '../../core/errors.ts'
import { codeOf } from '../../core/system-faults.ts'
import { writePrivateFile } from '../../files/durable.ts'
import { fileError } from '../../files/file-error.ts'
import { assertNotForAll, assertPrivateFolder, readPrivateFile } from '../../files/private-files.ts'
import { isProjectId } from '../../../vault/names.ts'

/** What `.sealpost/project.json` says; nothing in it is secret. */
export interface ProjectRecord {
  readonly version: 1
  readonly id: string
  readonly client: string
  readonly created: string
  /** Where the folder stood when it was last opened. */
  readonly place: string
}

/** A project folder that was found. */
export interface ProjectFolder {
  /** Absolute, without links. */
  readonly path: string
  /** `.sealpost`. */
  readonly state: string
  readonly record: ProjectRecord
  /** Where it stood before, when it was moved since. */
  readonly movedFrom: string | null
}

/** The folder within a project that is the program's own. */
export const STATE_FOLDER = '.sealpost'

/** The folder within a project where backups go when nobody says where. */
export const BACKUPS_FOLDER = 'backups'

const MAX_RECORD_BYTES = 64 * 1024

/** Where a project folder keeps its record. */
export function recordPath(folder: string): string {
  return join(folder, STATE_FOLDER, 'project.json')
}

/** Writes the record of a project. Twice is safe. */
export async function writeProjectRecord(folder: string, record: ProjectRecord): Promise<void> {
  await writePrivateFile(recordPath(folder), Buffer.from(`${JSON.stringify(record, null, 2)}\n`, 'utf8'))
}

/** What a sign-off leaves is a certificate, and no project. */
async function noProject(path: string): Promise<SealpostError> {
  const certificate = join(path, CERTIFICATE_FOLDER, CERTIFICATE_FILE)
  const isSignedOff = await lstat(certificate).then(
    () => true,
    () => false,
  )
  return isSignedOff
    ? new SealpostError('config', `the project in ${path} was signed off, and nothing of it is held any more`, {
        hint: `sealpost certificate verify ${certificate}; sealpost records list shows what is kept`,
        code: 'NO_PROJECT',
      })
    : new SealpostError('config', `there is no project in ${path}`, {
        hint: 'go to a project folder or name one with --project DIR; sealpost init DIR --client NAME makes one',
        code: 'NO_PROJECT',
      })
}

/**
 * Finds the project in `folder`. A folder that was moved is taken as it is and its new place written down. Throws
 * `config` when there is no project, `policy` when it is open to other users, or to changes by all, or is a copy of one that still stands
 * where it was: two ledgers of one project would each send the mail.
 */
export async function findProject(folder: string): Promise<ProjectFolder> {
  const path = await realpath(resolve(folder)).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') throw new SealpostError('config', `there is no folder ${resolve(folder)}`)
    throw fileError(error, 'open', folder)
  })
  const state = join(path, STATE_FOLDER)
  const record = await readRecord(path)
  if (record === null) throw await noProject(path)
  await assertPrivateFolder(state)
  assertNotForAll(await stat(path), path)
  if (record.place === path) return { path, state, record, movedFrom: null }
  const original = await readRecord(record.place).catch(() => null)
  if (original?.id === record.id && !(await isSameFolder(record.place, path))) {
    throw new SealpostError('policy', `${path} is a copy of the project in ${record.place}`, {
      hint: `work there; a copy does not know what has been moved meanwhile`,
      code: 'COPIED_PROJECT',
    })
  }
  const moved = { ...record, place: path }
  await writeProjectRecord(path, moved)
  return { path, state, record: moved, movedFrom: record.place }
}

/** The record of the project in `folder`, or null when there is none. Throws `corrupt` when it cannot be read. */
export async function readRecord(folder: string): Promise<ProjectRecord | null> {
  const path = recordPath(folder)
  const bytes = await readPrivateFile(path, MAX_RECORD_BYTES).catch((error: unknown) => {
    if (codeOf(error) === 'ENOTDIR') return null
    throw error
  })
  if (bytes === null) return null
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    if (isRecord(value)) return value
  } catch {
    // Told below.
  }
  throw new SealpostError('corrupt', `${path} is damaged`, { hint: 'bring it back from a backup of the folder' })
}

async function isSameFolder(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([lstat(a), lstat(b)])
  return first.ino === second.ino && first.dev === second.dev
}

function isRecord(value: unknown): value is ProjectRecord {
  if (typeof value !== 'object' || value === null) return false
  const { version, id, client, created, place } = value as Readonly<Record<string, unknown>>
  // The id becomes part of paths in the workspace: a folder that somebody else made must not lead out of them.
  if (version !== 1 || typeof id !== 'string' || !isProjectId(id)) return false
  // `init` takes no such client; it is shown on the terminal and stands in the certificate.
  if (typeof client !== 'string' || /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(client)) return false
  return typeof created === 'string' && typeof place === 'string'
}
