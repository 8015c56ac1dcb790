import { SealpostError } from '../src/core/errors.ts'
import { readPrivateFile } from '../src/files/private-files.ts'
import { makeGuess, SILENT_WATCH, type GuessWatch } from './attempts.ts'
import { boxPublicKeyOf, openSealedBox } from './box.ts'
import { publicKeyOf, signerOf, signWith, type Signer } from './ed25519.ts'
import { assertKeystore } from './keystore.ts'
import { needsKeyFile, openOperatorKeys, WRONG_FACTORS, type OperatorKeys } from './operator-key.ts'
import {
  findOperator,
  readOperatorChain,
  type OperatorEntry,
  type OperatorList,
  type OperatorRole,
} from './operator-list.ts'
import { keystoreFolder, operatorKeyPath } from './paths.ts'
import { wipe, type Secret } from './secret.ts'
import { readSharedKeyCopy, sharedKeyLabels } from './shared-key.ts'
import { sshFingerprint } from './ssh-key.ts'

/** An operator whose key file is open. Private keys never leave it: it opens and signs. */
export interface UnlockedOperator extends Signer {
  readonly name: string
  readonly role: OperatorRole
  /** What opened it: a passphrase just now, or an agent that was given one before. */
  readonly through: 'passphrase' | 'agent'
  /** Whether it took a key file besides the passphrase. */
  readonly withKeyFile: boolean
  /** Wrong guesses since the last right one; none through an agent, which was told of them when it was unlocked. */
  readonly wrongBefore: number
  /** The fingerprint that the list of operators must begin with. */
  readonly firstLead: Buffer
  /** Opens a key sealed to this operator under the same labels; the caller wipes it. Throws `corrupt`, or `locked` once wiped. */
  openSealed(labels: readonly string[], sealed: Uint8Array): Promise<Buffer>
  /** Forgets the private keys. Twice is safe. */
  wipe(): void
}

/** Whose key file is opened, and with what. */
export interface UnlockRequest {
  /** Null: the only operator there is, else the one named as `systemUser`. */
  readonly operator: string | null
  readonly systemUser: string
  readonly passphrase: Secret
  readonly keyFile?: Buffer
  /** Default: the machine's clock, and nobody is told. */
  readonly watch?: GuessWatch
}

/** The operator whom an unlock would be of, and whether he needs a key file. Opens nothing. Throws as `unlockOperator`. */
export async function findUnlock(
  root: string,
  who: Pick<UnlockRequest, 'operator' | 'systemUser'>,
): Promise<{ readonly name: string; readonly keyFile: boolean }> {
  const { name, text } = await findKeyText(root, who)
  return { name, keyFile: needsKeyFile(name, text) }
}

/**
 * Opens an operator's key file and checks the list of operators against the fingerprint inside it. A wrong passphrase is
 * counted, and slows the next one (`makeGuess`). Throws `locked` for a wrong passphrase or key file, `config` for an unknown
 * operator, `policy` when the list no longer has him, `corrupt` for any change.
 */
export async function unlockOperator(root: string, request: UnlockRequest): Promise<UnlockedOperator> {
  const { name, text } = await findKeyText(root, request)
  const keystore = keystoreFolder(root)
  const { result: keys, wrongBefore } = await makeGuess(
    keystore,
    name,
    'passphrase',
    request.watch ?? SILENT_WATCH,
    () => openOperatorKeys(name, text, request.passphrase, request.keyFile ?? null),
    (error) => error instanceof SealpostError && error.code === WRONG_FACTORS,
  )
  try {
    const { current } = await readOperatorChain(keystore, keys.firstLead)
    const entry = findOperator(current, name)
    if (entry === undefined)
      throw new SealpostError('policy', `${name} is no longer an operator of this workspace`)
    await assertListed(keys, entry)
    return { ...holdKeys(keys, entry), withKeyFile: request.keyFile !== undefined, wrongBefore }
  } catch (error) {
    wipe(keys.boxKeys.privateKey, keys.seed)
    throw error
  }
}

/** The list of operators, verified against what this operator knows. To be read again before every seal. */
export async function readTrustedList(root: string, operator: UnlockedOperator): Promise<OperatorList> {
  const { current } = await readOperatorChain(keystoreFolder(root), operator.firstLead)
  return current
}

/** The fingerprint of the certificate key as `ssh-keygen -l` prints it, out of the verified list. */
export async function certificateFingerprint(root: string, operator: UnlockedOperator): Promise<string> {
  return sshFingerprint((await readTrustedList(root, operator)).certificateKey)
}

/** Opens the records key pair; the caller wipes the private half. Throws `corrupt` when it is not the one on the list. */
export async function openRecordsKeys(
  root: string,
  operator: UnlockedOperator,
): Promise<{ publicKey: Buffer; privateKey: Buffer }> {
  const { recordsKey } = await readTrustedList(root, operator)
  const sealed = await readSharedKeyCopy(keystoreFolder(root), 'records', operator.name)
  const privateKey = await operator.openSealed(sharedKeyLabels('records'), sealed)
  if (!recordsKey.equals(await boxPublicKeyOf(privateKey))) {
    wipe(privateKey)
    throw new SealpostError('corrupt', 'the records key is not the one on the list of operators')
  }
  return { publicKey: recordsKey, privateKey }
}

/** Opens the certificate key. Throws `policy` unless the operator is a lead. */
export async function openCertificateSigner(
  root: string,
  operator: UnlockedOperator,
): Promise<Signer & { wipe(): void }> {
  const seed = await openCertificateSeed(root, operator)
  return { ...signerOf(seed), wipe: () => wipe(seed) }
}

/** Opens the certificate key's seed, to be sealed to others; the caller wipes it. Throws as `openCertificateSigner`. */
export async function openCertificateSeed(root: string, operator: UnlockedOperator): Promise<Buffer> {
  if (operator.role !== 'lead') throw new SealpostError('policy', 'only a lead can sign certificates')
  const { certificateKey } = await readTrustedList(root, operator)
  const sealed = await readSharedKeyCopy(keystoreFolder(root), 'certificate', operator.name)
  const seed = await operator.openSealed(sharedKeyLabels('certificate'), sealed)
  if (certificateKey.equals(publicKeyOf(seed))) return seed
  wipe(seed)
  throw new SealpostError('corrupt', 'the certificate key is not the one on the list of operators')
}

async function findKeyText(
  root: string,
  who: Pick<UnlockRequest, 'operator' | 'systemUser'>,
): Promise<{ readonly name: string; readonly text: string }> {
  await assertKeystore(root)
  const keystore = keystoreFolder(root)
  const shown = await readOperatorChain(keystore, null)
  const name = chooseOperator(shown.current, who)
  const text = await readPrivateFile(operatorKeyPath(keystore, name))
  if (text === null) throw new SealpostError('corrupt', `the key file of operator ${name} is missing`)
  return { name, text: text.toString('utf8') }
}

function chooseOperator(list: OperatorList, request: Pick<UnlockRequest, 'operator' | 'systemUser'>): string {
  const names = list.operators.map((operator) => operator.name)
  const only = names.length === 1 ? names[0] : undefined
  const name = request.operator ?? only ?? request.systemUser.toLowerCase()
  if (names.includes(name)) return name
  throw new SealpostError('config', `there is no operator named "${name}"`, {
    hint: `name one with --operator: ${names.join(', ')}`,
  })
}

/** The keys in the file must be the listed ones: seals go to the listed ones, and signatures are checked with them. */
async function assertListed(keys: OperatorKeys, entry: OperatorEntry): Promise<void> {
  const boxKey = await boxPublicKeyOf(keys.boxKeys.privateKey)
  const fits = boxKey.equals(entry.boxKey) && boxKey.equals(keys.boxKeys.publicKey)
  if (fits && publicKeyOf(keys.seed).equals(entry.signKey)) return
  throw new SealpostError('corrupt', `the keys of operator ${keys.name} are not the ones on the list of operators`)
}

function holdKeys(
  keys: OperatorKeys,
  entry: OperatorEntry,
): Omit<UnlockedOperator, 'withKeyFile' | 'wrongBefore'> {
  let open = true
  const requireOpen = (): void => {
    if (!open) throw new SealpostError('locked', `operator ${keys.name} is locked again`)
  }
  return {
    name: keys.name,
    role: entry.role,
    through: 'passphrase',
    firstLead: keys.firstLead,
    publicKey: entry.signKey,
    sign: async (bytes) => {
      requireOpen()
      return signWith(keys.seed, bytes)
    },
    openSealed: async (labels, sealed) => {
      requireOpen()
      return openSealedBox(keys.boxKeys, labels, sealed)
    },
    wipe: () => {
      open = false
      wipe(keys.boxKeys.privateKey, keys.seed)
    },
  }
}
