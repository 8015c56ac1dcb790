import { SealpostError } from '../../core/errors.ts'
import type { HeldSecret, OpenedVault, PurgeVault } from '../../signoff/ports.ts'
import type { KeyFacts } from '../../signoff/state.ts'
import {
  destroyProjectKeys,
  inspectProjectKeys,
  openEverySecret,
  openRemainingKeys,
  slotFolderOf,
  type HeldCredential,
} from '../../../vault/erase.ts'
import type { UnlockedOperator } from '../../../vault/operator.ts'
import { openProject } from '../../../vault/projects.ts'
import type { ProjectKeys } from '../../../vault/project-keys.ts'
import { wipe } from '../../../vault/secret.ts'
import { CANARY_CREDENTIAL } from './canary-name.ts'
import { openCanaries, tryCanaries, type CanaryPlace } from './canaries.ts'

/** The keys of a project, for its sign-off. */
export function purgeVaultOf(home: string, operator: UnlockedOperator, place: CanaryPlace): PurgeVault {
  return {
    open: async () => {
      const keys = await openProject(home, operator, place.projectId)
      try {
        return holdVault(keys, await openEverySecret(place.folder, place.projectId, keys.credentialKey), place)
      } catch (error) {
        keys.wipe()
        throw error
      }
    },

    destroy: async () => {
      const { slot, documents } = await destroyProjectKeys(home, operator, place.projectId)
      return {
        slot: slot.existed ? 'destroyed' : 'absent',
        slotBytes: slot.bytes,
        readBackDiffers: slot.readBackDiffers,
        documents,
      }
    },

    tryCanaries: async () => {
      const project = await tryProject(home, operator, place.projectId)
      const keys = await openRemainingKeys(home, operator)
      try {
        return { project, canaries: await tryCanaries(place, keys) }
      } finally {
        wipe(...keys.map(({ key }) => key))
      }
    },
  }
}

/** What the keystore says of the project's keys, for the record. */
export async function keyFactsOf(home: string, operator: UnlockedOperator, projectId: string): Promise<KeyFacts> {
  const { known, slotExists, slotElsewhere, commitments, wrappedKeys } = await inspectProjectKeys(
    home,
    operator,
    projectId,
  )
  return {
    known,
    slotExisted: slotExists,
    slotPlace: slotElsewhere ? 'another folder' : 'keystore',
    slotFolder: await slotFolderOf(home, operator, projectId),
    commitments,
    wrappedKeys,
  }
}

function holdVault(keys: ProjectKeys, credentials: readonly HeldCredential[], place: CanaryPlace): OpenedVault {
  const secrets: HeldSecret[] = credentials
    .filter(({ name }) => name !== CANARY_CREDENTIAL)
    .map(({ name, bytes }) => ({ name: `credential "${name}"`, bytes }))
  const { ledgerKey, credentialKey, spoolKey, intakeIdentity } = keys
  secrets.push(
    { name: 'ledger key', bytes: ledgerKey },
    { name: 'credential key', bytes: credentialKey },
    { name: 'spool key', bytes: spoolKey },
    { name: 'intake identity', bytes: intakeIdentity.use((bytes) => Buffer.from(bytes)) },
  )
  return {
    secrets,
    openCanaries: () => openCanaries(place, { ledgerKey, credentialKey, spoolKey }),
    close: () => {
      wipe(...credentials.map(({ bytes }) => bytes), ...secrets.map(({ bytes }) => bytes))
      keys.wipe()
    },
  }
}

async function tryProject(
  home: string,
  operator: UnlockedOperator,
  projectId: string,
): Promise<{ readonly opened: boolean; readonly outcome: string }> {
  try {
    const keys = await openProject(home, operator, projectId)
    keys.wipe()
    return { opened: true, outcome: 'the project still opens' }
  } catch (error) {
    if (!(error instanceof SealpostError)) throw error
    return { opened: false, outcome: `opening the project with the passphrase is refused: ${error.message}` }
  }
}
