import { formatInstant, type Clock } from '../src/core/clock.ts'
import { SealpostError } from '../src/core/errors.ts'
import { writePrivateFile } from '../src/files/durable.ts'
import { generateBoxKeys } from './box.ts'
import { generateSeed, publicKeyOf } from './ed25519.ts'
import type { KdfProfile } from './kdf-profile.ts'
import { assertKeystore } from './keystore.ts'
import { withFileLock } from '../src/files/file-lock.ts'
import { assertOperatorName } from './names.ts'
import { sealOperatorKeys } from './operator-key.ts'
import {
  extendOperatorList,
  findOperator,
  readOperatorChain,
  type OperatorEntry,
  type OperatorRole,
} from './operator-list.ts'
import { openCertificateSeed, openRecordsKeys, type UnlockedOperator } from './operator.ts'
import { keystoreFolder, operatorKeyPath, operatorListLockPath, operatorListPath } from './paths.ts'
import { wipe, type Secret } from './secret.ts'
import { shareKey } from './shared-key.ts'

/** Who is to be added, and how the key file is locked. */
export interface NewOperator {
  readonly name: string
  readonly role: OperatorRole
  readonly passphrase: Secret
  /** The bytes of a key file, as a second factor. */
  readonly keyFile?: Buffer
  readonly kdf: KdfProfile
}

/**
 * Adds an operator to the workspace: a key file of the own, copies of the shared keys, and last the list, signed by the
 * lead. The operator exists once the list says so: an interrupted call is made again and leaves nothing that opens
 * anything. Throws `policy` unless `lead` is one, `config` for a name that is no good or is, or ever was, somebody's.
 */
export async function addOperator(
  root: string,
  lead: UnlockedOperator,
  person: NewOperator,
  clock: Clock,
): Promise<void> {
  assertOperatorName(person.name)
  if (person.passphrase.length === 0) throw new SealpostError('config', 'the passphrase is empty')
  await assertKeystore(root)
  const keystore = keystoreFolder(root)
  await withFileLock(operatorListLockPath(keystore), clock, async () => {
    const { lists, current, signed } = await readOperatorChain(keystore, lead.firstLead)
    if (findOperator(current, lead.name)?.role !== 'lead') {
      throw new SealpostError('policy', 'only a lead can add an operator', { code: 'NOT_LEAD' })
    }
    if (lists.some((list) => findOperator(list, person.name) !== undefined)) {
      throw new SealpostError('config', `${person.name} is, or was, an operator of this workspace`, {
        hint: 'the log tells people apart by their names: take another',
        code: 'OPERATOR_EXISTS',
      })
    }
    const boxKeys = await generateBoxKeys()
    const seed = generateSeed()
    try {
      const { name, role } = person
      const entry: OperatorEntry = { name, role, boxKey: boxKeys.publicKey, signKey: publicKeyOf(seed) }
      const operators = [...current.operators, entry]
      const keys = { name, boxKeys, seed, firstLead: lead.firstLead }
      const text = await sealOperatorKeys(keys, person.passphrase, person.keyFile ?? null, person.kdf)
      await writePrivateFile(operatorKeyPath(keystore, name), Buffer.from(text, 'utf8'))
      const records = (await openRecordsKeys(root, lead)).privateKey
      await shareKey(keystore, 'records', operators, records)
      if (role === 'lead') {
        const leads = operators.filter((operator) => operator.role === 'lead')
        await shareKey(keystore, 'certificate', leads, await openCertificateSeed(root, lead))
      }
      const next = { ...current, issued: formatInstant(clock.now()), operators }
      const list = await extendOperatorList(signed, next, lead.name, lead)
      await writePrivateFile(operatorListPath(keystore), Buffer.from(list, 'utf8'))
    } finally {
      wipe(boxKeys.privateKey, seed)
    }
  })
}
