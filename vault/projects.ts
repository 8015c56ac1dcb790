import { randomBytes } from 'node:crypto'
import { isAbsolute, join } from 'node:path'
import type { Clock } from '../src/core/clock.ts'
import { SealpostError } from '../src/core/errors.ts'
import { commitTo, deriveKey, openBytes, sealBytes } from './aes.ts'
import { generateAgeKeys } from './age-key.ts'
import { ensurePrivateFolder, readPrivateFile, writePrivateFile } from './files.ts'
import { assertKeystore } from './keystore.ts'
import { withLock } from './lock.ts'
import { assertProjectId } from './names.ts'
import type { UnlockedOperator } from './operator.ts'
import { findOperator, readOperatorChain } from './operator-list.ts'
import { keystoreFolder, projectPath, slotFolder } from './paths.ts'
import {
  COMMITTED_KINDS,
  formatDocument,
  formatProjectFile,
  fromKinds,
  PROJECT_PURPOSE,
  readProjectFile,
  WRAPPED_KINDS,
  type CommittedKind,
  type ProjectDocument,
  type WrappedKind,
} from './project-document.ts'
import { Secret, wipe } from './secret.ts'
import { sealCopies } from './shared-key.ts'
import { signText } from './signed-text.ts'
import { createSlot, destroySlot, readSlot } from './slot.ts'

/** Which project is made. */
export interface NewProject {
  readonly projectId: string
  /** An absolute folder for the shred key, where the keystore lies on a file system that copies on write. */
  readonly shredFolder?: string
}

/** The open keys of a project, 32 bytes each. */
export interface ProjectKeys {
  readonly ledgerKey: Buffer
  readonly credentialKey: Buffer
  readonly spoolKey: Buffer
  /** `AGE-SECRET-KEY-1…`: opens what was sealed to `intakeRecipient`. */
  readonly intakeIdentity: Secret
  /** `age1…` */
  readonly intakeRecipient: string
  /** SHA-256 in hex of each key, made when the project was. */
  readonly commitments: Readonly<Record<CommittedKind, string>>
  /** Forgets the keys. Twice is safe. */
  wipe(): void
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

  const intake = await generateAgeKeys()
  const keys: Record<CommittedKind, Buffer> = fromKinds(COMMITTED_KINDS, () => randomBytes(KEY_BYTES))
  const salt = randomBytes(KEY_BYTES)
  const generation = 1
  try {
    keys.intake = intake.identity.use((bytes) => Buffer.from(bytes))
    keys.project = deriveProjectKey(projectId, keys.grant, keys.shred, salt)
    await createSlot(slot, keys.shred)
    const document: ProjectDocument = {
      project: projectId,
      generation,
      listSequence: current.sequence,
      shredFolder: shredFolder ?? null,
      salt,
      grants: await sealCopies([entry], grantLabels(projectId, generation), keys.grant),
      wrapped: fromKinds(WRAPPED_KINDS, (kind) =>
        sealBytes(keys.project, wrapLabels(projectId, generation, kind), keys[kind]),
      ),
      intakeRecipient: intake.recipient,
      commitments: fromKinds(COMMITTED_KINDS, (kind) => commitTo(keys[kind], [projectId, kind])),
    }
    const signed = await signText(operator.name, operator, PROJECT_PURPOSE, formatDocument(document))
    await writePrivateFile(path, Buffer.from(formatProjectFile(signed), 'utf8'))
  } finally {
    wipe(...Object.values(keys))
    intake.identity.wipe()
  }
}

/**
 * Opens the keys of a project; the caller wipes them. Throws `config` when there is no such project, `policy` when the
 * operator was not granted it, `locked` when its shred key is gone, `corrupt` when anything was changed.
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
  const file = await readPrivateFile(projectPath(keystore, projectId))
  if (file === null) throw new SealpostError('config', `the workspace has no keys of a project ${projectId}`)
  const document = readProjectFile(file.toString('utf8'), projectId, chain)
  const grant = document.grants.find((copy) => copy.operator === operator.name)
  if (grant === undefined || findOperator(chain.current, operator.name) === undefined) {
    throw new SealpostError('policy', `operator ${operator.name} was not granted this project`)
  }
  const opened: Buffer[] = []
  const keep = (kind: CommittedKind, key: Buffer): Buffer => {
    opened.push(key)
    if (commitTo(key, [projectId, kind]) === document.commitments[kind]) return key
    throw new SealpostError('corrupt', `the ${kind} key of project ${projectId} was changed or is damaged`)
  }
  try {
    const labels = grantLabels(projectId, document.generation)
    const grantKey = keep('grant', await operator.openSealed(labels, grant.sealed))
    const shredKey = keep('shred', await readSlot(join(document.shredFolder ?? slotFolder(keystore), projectId)))
    const projectKey = keep('project', deriveProjectKey(projectId, grantKey, shredKey, document.salt))
    const unwrap = (kind: WrappedKind): Buffer => {
      const wrapped = document.wrapped[kind]
      const what = `the wrapped ${kind} key of project ${projectId}`
      return keep(kind, openBytes(projectKey, wrapLabels(projectId, document.generation, kind), wrapped, what))
    }
    const [ledgerKey, credentialKey, spoolKey] = [unwrap('ledger'), unwrap('credential'), unwrap('spool')]
    const intakeIdentity = Secret.fromBytes(unwrap('intake'))
    wipe(grantKey, shredKey, projectKey)
    return hideKeys({
      ledgerKey,
      credentialKey,
      spoolKey,
      intakeIdentity,
      intakeRecipient: document.intakeRecipient,
      commitments: document.commitments,
      wipe: () => {
        wipe(ledgerKey, credentialKey, spoolKey)
        intakeIdentity.wipe()
      },
    })
  } catch (error) {
    wipe(...opened)
    throw error
  }
}

/**
 * Grants a project to an operator: the grant key is sealed to him too, and a lead who has it himself signs the document anew.
 * Twice is safe. Throws `config` for an unknown project or operator, `policy` for an auditor, unless `lead` is a lead, and
 * when he was not granted the project.
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
  const path = projectPath(keystore, projectId)
  await withLock(`${path}.lock`, clock, async () => {
    const chain = await readOperatorChain(keystore, lead.firstLead)
    const file = await readPrivateFile(path)
    if (file === null) throw new SealpostError('config', `the workspace has no keys of a project ${projectId}`)
    const document = readProjectFile(file.toString('utf8'), projectId, chain)
    const entry = findOperator(chain.current, name)
    if (entry === undefined) throw new SealpostError('config', `there is no operator named "${name}"`)
    if (entry.role === 'auditor')
      throw new SealpostError('policy', `${name} is an auditor, who works on no project`)
    if (findOperator(chain.current, lead.name)?.role !== 'lead') {
      throw new SealpostError('policy', 'only a lead can grant a project', { code: 'NOT_LEAD' })
    }
    if (document.grants.some(({ operator }) => operator === name)) return
    const own = document.grants.find(({ operator }) => operator === lead.name)
    if (own === undefined) {
      throw new SealpostError('policy', `operator ${lead.name} was not granted this project`)
    }
    const labels = grantLabels(projectId, document.generation)
    const key = await lead.openSealed(labels, own.sealed)
    try {
      if (commitTo(key, [projectId, 'grant']) !== document.commitments.grant) {
        throw new SealpostError('corrupt', `the grant key of project ${projectId} was changed or is damaged`)
      }
      const grants = [...document.grants, ...(await sealCopies([entry], labels, key))]
      const next = formatDocument({ ...document, listSequence: chain.current.sequence, grants })
      const signed = await signText(lead.name, lead, PROJECT_PURPOSE, next)
      await writePrivateFile(path, Buffer.from(formatProjectFile(signed), 'utf8'))
    } finally {
      wipe(key)
    }
  })
}

/** Keeps the keys out of `console.log`, `JSON.stringify` and copies by spreading; they are read by name only. */
function hideKeys(keys: ProjectKeys): ProjectKeys {
  for (const name of ['ledgerKey', 'credentialKey', 'spoolKey'])
    Object.defineProperty(keys, name, { enumerable: false })
  return keys
}

function deriveProjectKey(projectId: string, grantKey: Buffer, shredKey: Buffer, salt: Buffer): Buffer {
  const secret = Buffer.concat([grantKey, shredKey])
  try {
    return deriveKey(secret, salt, ['sealpost/v1/project-key', projectId], KEY_BYTES)
  } finally {
    wipe(secret)
  }
}

function grantLabels(projectId: string, generation: number): readonly string[] {
  return ['grant key', projectId, `${generation}`]
}

function wrapLabels(projectId: string, generation: number, kind: WrappedKind): readonly string[] {
  return ['sealpost/v1/wrapped-key', projectId, `${generation}`, kind]
}
