import { existsSync } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SealpostError } from '../src/core/errors.ts'
import { syncFolder } from '../src/files/durable.ts'
import { fileError } from '../src/files/file-error.ts'
import { draftKeystore, workspaceExists, type NewWorkspace } from './keystore.ts'
import { readOperatorChain } from './operator-list.ts'
import { keystoreFolder, projectFolder } from './paths.ts'
import { assertNewName, everybodyOn, type FormerOperator, type Recovery } from './recovery.ts'

/** What a recovery came to. */
export interface Recovered {
  /** Of the new key that signs certificates. */
  readonly certificateFingerprint: string
  /** Where the keystore from before lies now; null when there was none. */
  readonly before: string | null
  /** Projects whose keys are in it: nobody opens them any more. */
  readonly projects: readonly string[]
  /** Everybody from before. */
  readonly operators: readonly FormerOperator[]
}

/**
 * Begins a workspace anew over its records and its log: a new first lead, a new certificate key, and the records key of
 * before. The keystore from before is set aside whole, for a passphrase that comes back to mind. Killed on the way it is
 * called again. Throws `policy` when the file belongs to another workspace, `config` for a name that somebody had before.
 */
export async function recoverWorkspace(
  root: string,
  recovery: Recovery,
  workspace: Omit<NewWorkspace, 'recordsKeys'>,
): Promise<Recovered> {
  const keystore = keystoreFolder(root)
  let operators = recovery.operators
  let projects: readonly string[] = []
  const there = await workspaceExists(root)
  if (there) {
    const { lists, current } = await readOperatorChain(keystore, null)
    if (!current.recordsKey.equals(recovery.recordsKeys.publicKey)) {
      throw new SealpostError('policy', 'the recovery file belongs to another workspace', {
        hint: `this is the workspace in ${root}`,
        code: 'OTHER_WORKSPACE',
      })
    }
    operators = everybodyOn(lists)
    projects = (await readdir(projectFolder(keystore))).flatMap((name) => /^([^.]+)\.json$/.exec(name)?.[1] ?? [])
  }
  assertNewName(workspace.operator, [...operators, ...recovery.operators])
  const { draft, certificateFingerprint } = await draftKeystore(root, {
    ...workspace,
    recordsKeys: recovery.recordsKeys,
  })
  try {
    const before = there ? await setAside(root, keystore) : null
    await rename(draft, keystore)
    await syncFolder(root)
    return { certificateFingerprint, before, projects: [...projects].sort(), operators }
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    throw fileError(error, 'create', keystore)
  }
}

async function setAside(root: string, keystore: string): Promise<string> {
  for (let number = 1; ; number++) {
    const aside = join(root, `keystore-before-${number}`)
    if (existsSync(aside)) continue
    await rename(keystore, aside)
    await syncFolder(root)
    return aside
  }
}
