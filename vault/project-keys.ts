import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { SealpostError } from '../src/core/errors.ts'
import { commitTo, deriveKey, openBytes, sealBytes } from './aes.ts'
import { generateAgeKeys } from './age-key.ts'
import type { UnlockedOperator } from './operator.ts'
import { findOperator, type OperatorEntry, type OperatorList } from './operator-list.ts'
import { slotFolder } from './paths.ts'
import {
  COMMITTED_KINDS,
  fromKinds,
  WRAPPED_KINDS,
  type CommittedKind,
  type ProjectDocument,
  type WrappedKind,
} from './project-document.ts'
import { Secret, wipe } from './secret.ts'
import { sealCopies } from './shared-key.ts'
import { readSlot } from './slot.ts'

/** The open keys of a project, 32 bytes each. */
export interface ProjectKeys {
  readonly ledgerKey: Buffer
  readonly credentialKey: Buffer
  readonly spoolKey: Buffer
  /** `AGE-SECRET-KEY-1…`: opens what was sealed to `intakeRecipient`. */
  readonly intakeIdentity: Secret
  /** `age1…` */
  readonly intakeRecipient: string
  /** SHA-256 in hex of each key, made when the keys were. */
  readonly commitments: Readonly<Record<CommittedKind, string>>
  /** Forgets the keys. Twice is safe. */
  wipe(): void
}

/** What a document of new keys says besides the keys. */
export type NewKeys = Pick<ProjectDocument, 'project' | 'generation' | 'listSequence' | 'shredFolder'>

const KEY_BYTES = 32

/**
 * A document with new keys, wrapped under a new project key that takes this shred key and a grant key which is sealed to
 * these operators. None of the keys is kept. The shred key stays the caller's. Pass only operators of a list that has just
 * been verified.
 */
export async function makeDocument(
  about: NewKeys,
  operators: readonly OperatorEntry[],
  shredKey: Buffer,
): Promise<ProjectDocument> {
  const { project, generation, listSequence, shredFolder } = about
  const intake = await generateAgeKeys()
  const keys: Record<CommittedKind, Buffer> = fromKinds(COMMITTED_KINDS, () => randomBytes(KEY_BYTES))
  const salt = randomBytes(KEY_BYTES)
  try {
    keys.shred = Buffer.from(shredKey)
    keys.intake = intake.identity.use((bytes) => Buffer.from(bytes))
    keys.project = deriveProjectKey(project, keys.grant, keys.shred, salt)
    return {
      project,
      generation,
      listSequence,
      shredFolder,
      salt,
      grants: await sealCopies(operators, grantLabels(project, generation), keys.grant),
      wrapped: fromKinds(WRAPPED_KINDS, (kind) =>
        sealBytes(keys.project, wrapLabels(project, generation, kind), keys[kind]),
      ),
      intakeRecipient: intake.recipient,
      commitments: fromKinds(COMMITTED_KINDS, (kind) => commitTo(keys[kind], [project, kind])),
    }
  } finally {
    wipe(...Object.values(keys))
    intake.identity.wipe()
  }
}

/**
 * Opens the keys in a verified document; the caller wipes them. Throws `policy` when the operator was not granted the
 * project, `locked` when its shred key is gone, `corrupt` when a key is not the one that was committed to.
 */
export async function openDocument(
  keystore: string,
  operator: UnlockedOperator,
  document: ProjectDocument,
  list: OperatorList,
): Promise<ProjectKeys> {
  const { project, generation, commitments, intakeRecipient } = document
  const opened: Buffer[] = []
  try {
    const grantKey = keep(opened, await openGrantKey(operator, document, list))
    const shredKey = keep(opened, await readShredKey(keystore, document))
    const projectKey = keep(opened, deriveProjectKey(project, grantKey, shredKey, document.salt))
    requireCommitted(document, 'project', projectKey)
    const unwrap = (kind: WrappedKind): Buffer => {
      const what = `the wrapped ${kind} key of project ${project}`
      const labels = wrapLabels(project, generation, kind)
      const key = keep(opened, openBytes(projectKey, labels, document.wrapped[kind], what))
      return requireCommitted(document, kind, key)
    }
    const [ledgerKey, credentialKey, spoolKey] = [unwrap('ledger'), unwrap('credential'), unwrap('spool')]
    const intakeIdentity = Secret.fromBytes(unwrap('intake'))
    wipe(grantKey, shredKey, projectKey)
    return hideKeys({
      ledgerKey,
      credentialKey,
      spoolKey,
      intakeIdentity,
      intakeRecipient,
      commitments,
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

/** Opens the grant key of a verified document; the caller wipes it. Throws as `openDocument`. */
export async function openGrantKey(
  operator: UnlockedOperator,
  document: ProjectDocument,
  list: OperatorList,
): Promise<Buffer> {
  const grant = document.grants.find((copy) => copy.operator === operator.name)
  if (grant === undefined || findOperator(list, operator.name) === undefined) {
    throw new SealpostError('policy', `operator ${operator.name} was not granted this project`)
  }
  const labels = grantLabels(document.project, document.generation)
  return requireCommitted(document, 'grant', await operator.openSealed(labels, grant.sealed))
}

/** Reads the shred key of a verified document; the caller wipes it. Throws as `openDocument`. */
export async function readShredKey(keystore: string, document: ProjectDocument): Promise<Buffer> {
  const slot = join(document.shredFolder ?? slotFolder(keystore), document.project)
  return requireCommitted(document, 'shred', await readSlot(slot))
}

/** Labels of the sealed copies of a grant key. */
export function grantLabels(projectId: string, generation: number): readonly string[] {
  return ['grant key', projectId, `${generation}`]
}

function keep(opened: Buffer[], key: Buffer): Buffer {
  opened.push(key)
  return key
}

/** The key itself; one that was not committed to is wiped. */
function requireCommitted({ project, commitments }: ProjectDocument, kind: CommittedKind, key: Buffer): Buffer {
  if (commitTo(key, [project, kind]) === commitments[kind]) return key
  wipe(key)
  throw new SealpostError('corrupt', `the ${kind} key of project ${project} was changed or is damaged`)
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

function wrapLabels(projectId: string, generation: number, kind: WrappedKind): readonly string[] {
  return ['sealpost/v1/wrapped-key', projectId, `${generation}`, kind]
}
