import { readdir } from 'node:fs/promises'
import { formatInstant, type Clock } from '../src/core/clock.ts'
import { isKind, SealpostError } from '../src/core/errors.ts'
import { writePrivateFile } from '../src/files/durable.ts'
import { readPrivateFile } from '../src/files/private-files.ts'
import { eraseFile } from './erase-file.ts'
import { assertKeystore } from './keystore.ts'
import { withFileLock } from '../src/files/file-lock.ts'
import { assertOperatorName } from './names.ts'
import {
  assertKnown,
  extendOperatorList,
  findOperator,
  readOperatorChain,
  type OperatorChain,
  type OperatorList,
} from './operator-list.ts'
import { openCertificateSeed, openRecordsKeys, type UnlockedOperator } from './operator.ts'
import {
  keystoreFolder,
  nextProjectPath,
  operatorKeyPath,
  operatorListLockPath,
  operatorListPath,
  projectFolder,
  projectLockPath,
  projectPath,
} from './paths.ts'
import { readSignedDocument } from './project-document.ts'
import { writeSigned } from './projects.ts'
import { shareKey } from './shared-key.ts'
import { removeTotp } from './totp.ts'

/** What a removal did, and left to be done. */
export interface Removal {
  /** False when the list did not have him any more: an earlier call was interrupted, or had done it all. */
  readonly listed: boolean
  /** Projects with a grant of his: each needs a revoke. */
  readonly granted: readonly string[]
  /** Projects whose document is damaged: what it grants is not known. */
  readonly damaged: readonly string[]
}

/**
 * Takes an operator off the list, which shuts him out at once; signs every project's document under the new list, so that
 * the old one cannot be put back; seals the shared keys to those who stay; and erases his second factor and key file. What he
 * copied before is out of reach: his grants are revoked project by project. Twice is safe, and after a kill at any point.
 * Throws `policy` unless `lead` is one, and for a lead who would remove himself, so that there is always one; `config` for a name that was
 * never an operator's.
 */
export async function removeOperator(
  root: string,
  lead: UnlockedOperator,
  name: string,
  clock: Clock,
): Promise<Removal> {
  assertOperatorName(name)
  await assertKeystore(root)
  const keystore = keystoreFolder(root)
  return withFileLock(operatorListLockPath(keystore), clock, async () => {
    const before = await readOperatorChain(keystore, lead.firstLead)
    assertRemovable(before, lead, name)
    const listed = findOperator(before.current, name) !== undefined
    if (listed) {
      const operators = before.current.operators.filter((operator) => operator.name !== name)
      const next: OperatorList = { ...before.current, issued: formatInstant(clock.now()), operators }
      const list = await extendOperatorList(before.signed, next, lead.name, lead)
      await writePrivateFile(operatorListPath(keystore), Buffer.from(list, 'utf8'))
    }
    const chain = await readOperatorChain(keystore, lead.firstLead)
    const projects = await signProjects(keystore, lead, chain, name, clock)
    const { operators } = chain.current
    await shareKey(keystore, 'records', operators, (await openRecordsKeys(root, lead)).privateKey)
    const leads = operators.filter(({ role }) => role === 'lead')
    await shareKey(keystore, 'certificate', leads, await openCertificateSeed(root, lead))
    await removeTotp(root, name)
    await eraseFile(operatorKeyPath(keystore, name))
    return { listed, ...projects }
  })
}

function assertRemovable(chain: OperatorChain, lead: UnlockedOperator, name: string): void {
  if (findOperator(chain.current, lead.name)?.role !== 'lead') {
    throw new SealpostError('policy', 'only a lead can remove an operator', { code: 'NOT_LEAD' })
  }
  if (name === lead.name) {
    const alone = chain.current.operators.filter(({ role }) => role === 'lead').length === 1
    throw new SealpostError(
      'policy',
      alone ? `${name} is the last lead, and a workspace has one` : 'nobody removes himself',
      {
        hint: alone ? 'add another lead first: sealpost operator add NAME --role lead' : 'another lead does it',
        code: 'OWN_REMOVAL',
      },
    )
  }
  assertKnown(chain, name)
}

/** Signs every document of a project under the current list, as it is. One that is damaged is left alone. */
async function signProjects(
  keystore: string,
  lead: UnlockedOperator,
  chain: OperatorChain,
  name: string,
  clock: Clock,
): Promise<Pick<Removal, 'granted' | 'damaged'>> {
  const granted = new Set<string>()
  const damaged = new Set<string>()
  for (const projectId of await listProjects(keystore)) {
    await withFileLock(projectLockPath(keystore, projectId), clock, async () => {
      for (const path of [projectPath(keystore, projectId), nextProjectPath(keystore, projectId)]) {
        const file = await readPrivateFile(path)
        if (file === null) continue
        try {
          const { document } = readSignedDocument(file.toString('utf8'), projectId, chain)
          if (document.grants.some(({ operator }) => operator === name)) granted.add(projectId)
          await writeSigned(path, lead, { ...document, listSequence: chain.current.sequence })
        } catch (error) {
          if (!isKind(error, 'corrupt')) throw error
          damaged.add(projectId)
        }
      }
    })
  }
  return { granted: [...granted].sort(), damaged: [...damaged].sort() }
}

/** The ids of the projects that the keystore has a document of. */
async function listProjects(keystore: string): Promise<readonly string[]> {
  return (await readdir(projectFolder(keystore))).flatMap((name) => /^([^.]+)\.json$/.exec(name)?.[1] ?? []).sort()
}
