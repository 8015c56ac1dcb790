import { randomBytes } from 'node:crypto'
import { lstat, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { formatInstant, type Clock } from '../src/core/clock.ts'
import { SealpostError } from '../src/core/errors.ts'
import { codeOf } from '../src/core/system-faults.ts'
import { syncFolder, writePrivateFile } from '../src/files/durable.ts'
import { fileError } from '../src/files/file-error.ts'
import { assertPrivateFolder, ensurePrivateFolder } from '../src/files/private-files.ts'
import { generateBoxKeys, type BoxKeys } from './box.ts'
import { generateSeed, publicKeyOf, signerOf } from './ed25519.ts'
import type { KdfProfile } from './kdf-profile.ts'
import { assertOperatorName } from './names.ts'
import { sealOperatorKeys } from './operator-key.ts'
import {
  extendOperatorList,
  fingerprintLead,
  readOperatorChain,
  type OperatorEntry,
  type OperatorRole,
} from './operator-list.ts'
import {
  keystoreFolder,
  operatorKeyFolder,
  operatorKeyPath,
  operatorListPath,
  projectFolder,
  sharedKeyPath,
  slotFolder,
} from './paths.ts'
import { wipe, type Secret } from './secret.ts'
import { formatSharedKey, sealCopies, sharedKeyLabels } from './shared-key.ts'
import { sshFingerprint } from './ssh-key.ts'

/** Who the first lead of a workspace is and how his key file is locked. */
export interface NewWorkspace {
  readonly operator: string
  readonly passphrase: Secret
  /** The bytes of a key file, as a second factor. */
  readonly keyFile?: Buffer
  readonly kdf: KdfProfile
  readonly clock: Clock
  /** The records key of a workspace that is begun anew; a new one otherwise. It stays the caller's. */
  readonly recordsKeys?: BoxKeys
}

/** An operator as anybody may see him. */
export interface OperatorSummary {
  readonly name: string
  readonly role: OperatorRole
}

/** Told to backup programs, so that no copy of a shred key is made by them (bford.info/cachedir). */
const CACHEDIR_TAG =
  'Signature: 8a477f597d28d172789f06886806bc55\n# Shred keys of Sealpost: never back these up.\n'

/** True when there is a workspace at `root`. Throws `policy` when its folders are open to others. */
export async function workspaceExists(root: string): Promise<boolean> {
  const keystore = keystoreFolder(root)
  try {
    await lstat(operatorListPath(keystore))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw fileError(error, 'open', keystore)
  }
  await assertKeystore(root)
  return true
}

/**
 * Makes a workspace: the first lead's key file, the records key, the certificate key, and the signed list of operators. It
 * appears whole or not at all. Throws `config` when there is one already, when the name is no good or the passphrase empty.
 */
export async function createWorkspace(
  root: string,
  workspace: NewWorkspace,
): Promise<{ certificateFingerprint: string }> {
  if (await workspaceExists(root)) throw alreadyThere(root)
  const { draft, certificateFingerprint } = await draftKeystore(root, workspace)
  try {
    await rename(draft, keystoreFolder(root))
    await syncFolder(root)
    return { certificateFingerprint }
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    // Another process was first.
    if (codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'EEXIST') throw alreadyThere(root)
    throw fileError(error, 'create', keystoreFolder(root))
  }
}

/** Makes a whole keystore beside its place, on the disk when it returns; the caller renames it. Throws as `createWorkspace`. */
export async function draftKeystore(
  root: string,
  workspace: NewWorkspace,
): Promise<{ readonly draft: string; readonly certificateFingerprint: string }> {
  assertOperatorName(workspace.operator)
  if (workspace.passphrase.length === 0) throw new SealpostError('config', 'the passphrase is empty')
  await ensurePrivateFolder(root)
  const draft = join(root, `.keystore-${randomBytes(8).toString('hex')}`)
  try {
    for (const folder of [draft, operatorKeyFolder(draft), projectFolder(draft), slotFolder(draft)]) {
      await mkdir(folder, { mode: 0o700 })
    }
    const certificateKey = await fillKeystore(draft, workspace)
    await syncFolder(draft)
    return { draft, certificateFingerprint: sshFingerprint(certificateKey) }
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    throw fileError(error, 'create', draft)
  }
}

/** The names and roles on the list. Needs no passphrase, and so cannot tell whether the whole list was replaced. */
export async function listOperators(root: string): Promise<readonly OperatorSummary[]> {
  await assertKeystore(root)
  const { current } = await readOperatorChain(keystoreFolder(root), null)
  return current.operators.map(({ name, role }) => ({ name, role }))
}

/** Requires the workspace's folders to be private. Throws `config` when there is no workspace. */
export async function assertKeystore(root: string): Promise<void> {
  const keystore = keystoreFolder(root)
  try {
    for (const folder of [
      root,
      keystore,
      operatorKeyFolder(keystore),
      projectFolder(keystore),
      slotFolder(keystore),
    ]) {
      await assertPrivateFolder(folder)
    }
  } catch (error) {
    if (error instanceof SealpostError && error.code === 'ENOENT') {
      throw new SealpostError('config', `there is no Sealpost workspace in ${root}`, {
        hint: 'SEALPOST_HOME names another place; where there is none at all yet, sealpost init makes it',
      })
    }
    throw error
  }
}

/** Writes every file of a new keystore and returns the certificate's public key. */
async function fillKeystore(keystore: string, workspace: NewWorkspace): Promise<Buffer> {
  const boxKeys = await generateBoxKeys()
  const seed = generateSeed()
  const records = workspace.recordsKeys ?? (await generateBoxKeys())
  const certificateSeed = generateSeed()
  try {
    const signer = signerOf(seed)
    const lead: OperatorEntry = {
      name: workspace.operator,
      role: 'lead',
      boxKey: boxKeys.publicKey,
      signKey: signer.publicKey,
    }
    const certificateKey = publicKeyOf(certificateSeed)
    const issued = formatInstant(workspace.clock.now())
    const list = { issued, operators: [lead], recordsKey: records.publicKey, certificateKey }
    const keys = { name: lead.name, boxKeys, seed, firstLead: fingerprintLead(lead.signKey) }
    const keyText = await sealOperatorKeys(keys, workspace.passphrase, workspace.keyFile ?? null, workspace.kdf)
    const recordsCopies = await sealCopies([lead], sharedKeyLabels('records'), records.privateKey)
    const certificateCopies = await sealCopies([lead], sharedKeyLabels('certificate'), certificateSeed)
    const files: readonly (readonly [string, string])[] = [
      [operatorKeyPath(keystore, lead.name), keyText],
      [sharedKeyPath(keystore, 'records'), formatSharedKey('records', recordsCopies)],
      [sharedKeyPath(keystore, 'certificate'), formatSharedKey('certificate', certificateCopies)],
      [join(slotFolder(keystore), 'CACHEDIR.TAG'), CACHEDIR_TAG],
      [operatorListPath(keystore), await extendOperatorList([], list, lead.name, signer)],
    ]
    for (const [path, text] of files) await writePrivateFile(path, Buffer.from(text, 'utf8'))
    return certificateKey
  } finally {
    wipe(boxKeys.privateKey, seed, certificateSeed)
    if (workspace.recordsKeys === undefined) wipe(records.privateKey)
  }
}

function alreadyThere(root: string): SealpostError {
  return new SealpostError('config', `there is a Sealpost workspace in ${root} already`)
}
