import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SealpostError } from '../src/core/errors.ts'
import { readPrivateFile } from '../src/files/private-files.ts'
import { openField, readIndex, requireCredentialKey, type CredentialKind } from './credential-file.ts'
import { credentialFilePath } from './credentials.ts'
import { eraseFile, type ErasedFile } from './erase-file.ts'
import { assertProjectId } from './names.ts'
import { openRecordsKeys, type UnlockedOperator } from './operator.ts'
import { readOperatorChain } from './operator-list.ts'
import { keystoreFolder, nextProjectPath, projectFolder, projectPath, slotFolder } from './paths.ts'
import { COMMITTED_KINDS, readProjectFile, WRAPPED_KINDS, type ProjectDocument } from './project-document.ts'
import { openProject } from './projects.ts'
import { wipe } from './secret.ts'
import { readSharedKeyCopy, sharedKeyLabels } from './shared-key.ts'

/** What the keystore holds of a project, without opening any of it. */
export interface HeldKeys {
  /** False when there is no document, or none that a lead signed. */
  readonly known: boolean
  readonly slotExists: boolean
  /** True where the slot lies in a folder of its own outside of the keystore. */
  readonly slotElsewhere: boolean
  /** Wrapped under the project key, and sealed to operators. */
  readonly wrappedKeys: number
  /** Made when the project was: SHA-256 in hex of each key. */
  readonly commitments: readonly { readonly key: string; readonly sha256: string }[]
}

/** A secret of a project, expired ones included. The caller wipes `bytes`. */
export interface HeldCredential {
  readonly name: string
  readonly kind: CredentialKind
  readonly bytes: Buffer
}

/** A key that an operator can open. The caller wipes it. */
export interface RemainingKey {
  readonly what: string
  readonly key: Buffer
}

/** Says what the keystore holds of a project. Throws nothing for a project that it does not hold. */
export async function inspectProjectKeys(
  root: string,
  operator: UnlockedOperator,
  projectId: string,
): Promise<HeldKeys> {
  const document = await readDocument(root, operator, projectId)
  const slots = slotPaths(root, projectId, document)
  const existing = await Promise.all(slots.map(exists))
  return {
    known: document !== null,
    slotExists: existing.includes(true),
    slotElsewhere: document?.shredFolder != null,
    wrappedKeys: document === null ? 0 : WRAPPED_KINDS.length + document.grants.length,
    commitments:
      document === null ? [] : COMMITTED_KINDS.map((key) => ({ key, sha256: document.commitments[key] })),
  }
}

/** The folder in which the project's shred key lies. */
export async function slotFolderOf(root: string, operator: UnlockedOperator, projectId: string): Promise<string> {
  const document = await readDocument(root, operator, projectId)
  return document?.shredFolder ?? slotFolder(keystoreFolder(root))
}

/**
 * Destroys the keys of a project for good: first the slot of its shred key, overwritten in place, brought to the disk,
 * read back and removed, then every file with a wrapped key. Once the first step is done nothing of the project opens, nor
 * does any copy of it. Twice is safe, and safe after a kill at any point. Throws `config` when a file cannot be written.
 */
export async function destroyProjectKeys(
  root: string,
  operator: UnlockedOperator,
  projectId: string,
): Promise<{ readonly slot: ErasedFile; readonly documents: number }> {
  assertProjectId(projectId)
  const document = await readDocument(root, operator, projectId)
  let slot: ErasedFile = { existed: false, bytes: 0, readBackDiffers: null }
  for (const path of slotPaths(root, projectId, document)) {
    const erased = await eraseFile(path)
    if (erased.existed) slot = erased
  }
  let documents = 0
  for (const path of await documentPaths(root, projectId)) if ((await eraseFile(path)).existed) documents++
  return { slot, documents }
}

/** Every secret of a project, those that have expired too. Throws `corrupt` when the key does not open them. */
export async function openEverySecret(
  folder: string,
  projectId: string,
  credentialKey: Buffer,
): Promise<readonly HeldCredential[]> {
  const { records } = await readIndex(credentialFilePath(folder), projectId, requireCredentialKey(credentialKey))
  const opened: HeldCredential[] = []
  try {
    for (const record of records) {
      const bytes = openField(credentialKey, projectId, record, 'secret')
      opened.push({ name: record.name, kind: record.kind, bytes })
    }
    return opened
  } catch (error) {
    wipe(...opened.map(({ bytes }) => bytes))
    throw error
  }
}

/** Every symmetric key that this operator can still open in this workspace, those of other projects included. */
export async function openRemainingKeys(
  root: string,
  operator: UnlockedOperator,
): Promise<readonly RemainingKey[]> {
  const keys: RemainingKey[] = [{ what: 'records', key: (await openRecordsKeys(root, operator)).privateKey }]
  const keystore = keystoreFolder(root)
  if (operator.role === 'lead') {
    const sealed = await readSharedKeyCopy(keystore, 'certificate', operator.name)
    const key = await operator.openSealed(sharedKeyLabels('certificate'), sealed)
    keys.push({ what: 'certificate', key })
  }
  for (const name of await readdir(projectFolder(keystore))) {
    if (!name.endsWith('.json') || name.startsWith('.')) continue
    try {
      const opened = await openProject(root, operator, name.slice(0, -'.json'.length))
      opened.intakeIdentity.wipe()
      for (const key of [opened.ledgerKey, opened.credentialKey, opened.spoolKey]) {
        keys.push({ what: 'another project', key })
      }
    } catch (error) {
      // Not granted, or damaged: no key of it can be opened, so none can be tried.
      if (!(error instanceof SealpostError)) throw error
    }
  }
  return keys
}

/** The document, or null when it is gone or cannot be trusted: then nothing in it says where to write. */
async function readDocument(
  root: string,
  operator: UnlockedOperator,
  projectId: string,
): Promise<ProjectDocument | null> {
  const keystore = keystoreFolder(root)
  const file = await readPrivateFile(projectPath(keystore, projectId))
  if (file === null) return null
  const chain = await readOperatorChain(keystore, operator.firstLead)
  try {
    return readProjectFile(file.toString('utf8'), projectId, chain)
  } catch (error) {
    if (error instanceof SealpostError && error.kind === 'corrupt') return null
    throw error
  }
}

function slotPaths(root: string, projectId: string, document: ProjectDocument | null): readonly string[] {
  const folders = [document?.shredFolder ?? null, slotFolder(keystoreFolder(root))]
  return folders.flatMap((folder) => (folder === null ? [] : [join(folder, projectId)]))
}

/** The document, the next one of a revoke that was interrupted, and drafts that a killed process left. */
async function documentPaths(root: string, projectId: string): Promise<readonly string[]> {
  const folder = projectFolder(keystoreFolder(root))
  const drafts: string[] = []
  for (const name of await readdir(folder)) {
    if (!/^\..*\.tmp$/.test(name)) continue
    const draft = await readPrivateFile(join(folder, name))
    if (draft?.includes(projectId) === true) drafts.push(join(folder, name))
  }
  const keystore = keystoreFolder(root)
  return [projectPath(keystore, projectId), nextProjectPath(keystore, projectId), ...drafts]
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
