import type { Clock } from '../src/core/clock.ts'
import { SealpostError } from '../src/core/errors.ts'
import { replaceFile } from '../src/files/durable.ts'
import { readPrivateFile } from '../src/files/private-files.ts'
import { assertKeystore } from './keystore.ts'
import { withFileLock } from '../src/files/file-lock.ts'
import { assertProjectId } from './names.ts'
import type { UnlockedOperator } from './operator.ts'
import { assertKnown, findOperator, readOperatorChain, type OperatorChain } from './operator-list.ts'
import { keystoreFolder, nextProjectPath, projectLockPath, projectPath } from './paths.ts'
import { readProjectFile, type ProjectDocument } from './project-document.ts'
import { makeDocument, openDocument, readShredKey, type ProjectKeys } from './project-keys.ts'
import { readDocument, writeSigned } from './projects.ts'
import { wipe } from './secret.ts'

/** The keys of a project on their way from one generation to the next. */
export interface Rekeying {
  /** The next document is there already: an earlier call was interrupted, and files may be under either keys. */
  readonly begun: boolean
  /** The generation that comes next. */
  readonly generation: number
  /** Whose grants end with it. */
  readonly dropped: readonly string[]
  /** The keys so far. */
  readonly before: ProjectKeys
  /** Writes the next document, unless it is there, and opens its keys. From now on nobody opens the project. Twice is safe. */
  begin(): Promise<ProjectKeys>
  /** Puts the next document in the place of the one before, as one step, once everything is under the new keys. */
  commit(): Promise<void>
  /** Forgets the keys. Twice is safe. */
  wipe(): void
}

/**
 * Makes the keys of a project anew, but for its shred key, for everybody who has it and is to keep it: all but `name`. One
 * that was begun before comes first, whoever it was for. Null when there is nothing to do: `name` has no grant. The caller
 * holds the project's lock and wipes the keys. Throws `config` for an unknown project or operator, `policy` unless `lead` is
 * a lead who has the project, and for his own grant.
 */
export async function openRekeying(
  root: string,
  lead: UnlockedOperator,
  projectId: string,
  name: string,
  clock: Clock,
): Promise<Rekeying | null> {
  assertProjectId(projectId)
  await assertKeystore(root)
  const keystore = keystoreFolder(root)
  const chain = await readOperatorChain(keystore, lead.firstLead)
  assertRevocable(chain, lead, name)
  const document = await readDocument(keystore, projectId, chain)
  const pending = await readNext(keystore, document, chain)
  if (pending === null && !document.grants.some(({ operator }) => operator === name)) return null
  const before = await openDocument(keystore, lead, document, chain.current)
  const stay =
    pending?.grants.map(({ operator }) => operator) ??
    document.grants.map(({ operator }) => operator).filter((operator) => operator !== name)
  const entries = stay.flatMap((operator) => findOperator(chain.current, operator) ?? [])
  const path = nextProjectPath(keystore, projectId)
  let after: ProjectKeys | null = null
  const whileLocked = <T>(work: () => Promise<T>): Promise<T> =>
    withFileLock(projectLockPath(keystore, projectId), clock, work)

  const write = async (): Promise<ProjectDocument> => {
    const shredKey = await readShredKey(keystore, document)
    const { shredFolder, generation } = document
    const listSequence = chain.current.sequence
    const about = { project: projectId, generation: generation + 1, listSequence, shredFolder }
    try {
      const next = await makeDocument(about, entries, shredKey)
      await writeSigned(path, lead, next)
      return next
    } finally {
      wipe(shredKey)
    }
  }
  return {
    begun: pending !== null,
    generation: document.generation + 1,
    dropped: document.grants.flatMap(({ operator }) =>
      entries.some((entry) => entry.name === operator) ? [] : [operator],
    ),
    before,
    begin: async () =>
      (after ??= await whileLocked(async () =>
        openDocument(keystore, lead, pending ?? (await write()), chain.current),
      )),
    commit: () => whileLocked(() => replaceFile(path, projectPath(keystore, projectId))),
    wipe: () => {
      before.wipe()
      after?.wipe()
    },
  }
}

function assertRevocable(chain: OperatorChain, lead: UnlockedOperator, name: string): void {
  if (findOperator(chain.current, lead.name)?.role !== 'lead') {
    throw new SealpostError('policy', 'only a lead can revoke a project', { code: 'NOT_LEAD' })
  }
  if (name === lead.name) {
    throw new SealpostError('policy', 'nobody revokes what he was granted himself', {
      hint: 'another lead who has the project does it',
      code: 'OWN_GRANT',
    })
  }
  assertKnown(chain, name)
}

/** The next document, or null. Throws `corrupt` when it does not follow from the one that stands. */
async function readNext(
  keystore: string,
  document: ProjectDocument,
  chain: OperatorChain,
): Promise<ProjectDocument | null> {
  const { project, generation, shredFolder, commitments } = document
  const file = await readPrivateFile(nextProjectPath(keystore, project))
  if (file === null) return null
  const next = readProjectFile(file.toString('utf8'), project, chain)
  const follows = next.generation === generation + 1 && next.shredFolder === shredFolder
  if (follows && next.commitments.shred === commitments.shred) return next
  throw new SealpostError(
    'corrupt',
    `the next key document of project ${project} does not follow from the one before`,
  )
}
