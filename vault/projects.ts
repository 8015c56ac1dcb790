import { randomBytes } from 'node:crypto'
import { lstat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import type { Clock } from '../src/core/clock.ts'
import { SealpostError } from '../src/core/errors.ts'
import { codeOf } from '../src/core/system-faults.ts'
import { writePrivateFile } from '../src/files/durable.ts'
import { fileError } from '../src/files/file-error.ts'
import { ensurePrivateFolder, readPrivateFile } from '../src/files/private-files.ts'
import { assertKeystore } from './keystore.ts'
import { withFileLock } from '../src/files/file-lock.ts'
import { assertProjectId } from './names.ts'
import type { UnlockedOperator } from './operator.ts'
import { findOperator, readOperatorChain, type OperatorChain } from './operator-list.ts'
import { keystoreFolder, nextProjectPath, projectLockPath, projectPath, slotFolder } from './paths.ts'
import {
  formatDocument,
  formatProjectFile,
  PROJECT_PURPOSE,
  readProjectFile,
  type ProjectDocument,
} from './project-document.ts'
import { grantLabels, makeDocument, openDocument, openGrantKey, type ProjectKeys } from './project-keys.ts'
import { wipe } from './secret.ts'
import { sealCopies } from './shared-key.ts'
import { signText } from './signed-text.ts'
import { createSlot, destroySlot } from './slot.ts'

/** Which project is made. */
export interface NewProject {
  readonly projectId: string
  /** An absolute folder for the shred key, where the keystore lies on a file system that copies on write. */
  readonly shredFolder?: string
}

const KEY_BYTES = 32

/**
 * Makes the keys of a project and grants it to the operator, who must be a lead: grants are a lead's to sign. The project
 * exists once its signed document does, so what an interrupted call left behind is made anew. Throws `config` when it
 * exists already, `policy` unless the operator is a lead.
 */
export async function createProject(root: string, operator: UnlockedOperator, project: NewProject): Promise<void> {
  const { projectId, shredFolder } = project
  assertProjectId(projectId)
  if (shredFolder !== undefined && !isAbsolute(shredFolder)) {
    throw new SealpostError('config', 'the folder for shred keys must be an absolute path')
  }
  await assertKeystore(root)
  const keystore = keystoreFolder(root)
  const { current } = await readOperatorChain(keystore, operator.firstLead)
  const entry = findOperator(current, operator.name)
  if (entry?.role !== 'lead') throw new SealpostError('policy', 'only a lead can make a project')
  const path = projectPath(keystore, projectId)
  if ((await readPrivateFile(path)) !== null) {
    throw new SealpostError('config', `the workspace has keys of a project ${projectId} already`)
  }
  if (shredFolder !== undefined) await ensurePrivateFolder(shredFolder)
  const slot = join(shredFolder ?? slotFolder(keystore), projectId)
  // Left by a call that was interrupted: no key was ever wrapped with it that anything was sealed under.
  await destroySlot(slot)
  const shredKey = randomBytes(KEY_BYTES)
  try {
    await createSlot(slot, shredKey)
    const { sequence } = current
    const about = { project: projectId, generation: 1, listSequence: sequence, shredFolder: shredFolder ?? null }
    await writeSigned(path, operator, await makeDocument(about, [entry], shredKey))
  } finally {
    wipe(shredKey)
  }
}

/**
 * Opens the keys of a project; the caller wipes them. Throws `config` when there is no such project, `policy` when the
 * operator was not granted it or its keys are being made anew, `locked` when its shred key is gone, `corrupt` when anything
 * was changed.
 */
export async function openProject(
  root: string,
  operator: UnlockedOperator,
  projectId: string,
): Promise<ProjectKeys> {
  assertProjectId(projectId)
  await assertKeystore(root)
  const keystore = keystoreFolder(root)
  const chain = await readOperatorChain(keystore, operator.firstLead)
  const document = await readDocument(keystore, projectId, chain)
  await assertNotRekeying(keystore, projectId)
  return openDocument(keystore, operator, document, chain.current)
}

/**
 * Grants a project to an operator: the grant key is sealed to him too, and a lead who has it himself signs the document anew.
 * Twice is safe. Throws `config` for an unknown project or operator, `policy` for an auditor, unless `lead` is a lead, when
 * he was not granted the project, and while its keys are being made anew.
 */
export async function grantProject(
  root: string,
  lead: UnlockedOperator,
  projectId: string,
  name: string,
  clock: Clock,
): Promise<void> {
  assertProjectId(projectId)
  await assertKeystore(root)
  const keystore = keystoreFolder(root)
  await withFileLock(projectLockPath(keystore, projectId), clock, async () => {
    const chain = await readOperatorChain(keystore, lead.firstLead)
    const { current } = chain
    const document = await readDocument(keystore, projectId, chain)
    await assertNotRekeying(keystore, projectId)
    const entry = findOperator(current, name)
    if (entry === undefined) throw new SealpostError('config', `there is no operator named "${name}"`)
    if (entry.role === 'auditor')
      throw new SealpostError('policy', `${name} is an auditor, who works on no project`)
    if (findOperator(current, lead.name)?.role !== 'lead') {
      throw new SealpostError('policy', 'only a lead can grant a project', { code: 'NOT_LEAD' })
    }
    if (document.grants.some(({ operator }) => operator === name)) return
    const key = await openGrantKey(lead, document, current)
    try {
      const copies = await sealCopies([entry], grantLabels(projectId, document.generation), key)
      const grants = [...document.grants, ...copies]
      const next = { ...document, listSequence: current.sequence, grants }
      await writeSigned(projectPath(keystore, projectId), lead, next)
    } finally {
      wipe(key)
    }
  })
}

/** Signs a document as this lead and writes it as one step. */
export async function writeSigned(path: string, lead: UnlockedOperator, document: ProjectDocument): Promise<void> {
  const signed = await signText(lead.name, lead, PROJECT_PURPOSE, formatDocument(document))
  await writePrivateFile(path, Buffer.from(formatProjectFile(signed), 'utf8'))
}

/** The document of a project, verified. Throws `config` when there is none. */
export async function readDocument(
  keystore: string,
  projectId: string,
  chain: OperatorChain,
): Promise<ProjectDocument> {
  const file = await readPrivateFile(projectPath(keystore, projectId))
  if (file === null) throw new SealpostError('config', `the workspace has no keys of a project ${projectId}`)
  return readProjectFile(file.toString('utf8'), projectId, chain)
}

/** Files are partly under the old keys and partly under the new ones until the revoke has come to its end. */
async function assertNotRekeying(keystore: string, projectId: string): Promise<void> {
  const path = nextProjectPath(keystore, projectId)
  try {
    await lstat(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw fileError(error, 'open', path)
  }
  throw new SealpostError(
    'policy',
    'the keys of this project are being made anew, and that has not come to its end',
    {
      hint: 'a lead who has the project finishes it: sealpost revoke NAME, once more',
      code: 'REVOKE_UNDER_WAY',
    },
  )
}
