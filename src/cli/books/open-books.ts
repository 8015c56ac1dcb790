import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Actor, AuditLog, NoteSigner, PersonalOpener } from '../../core/audit.ts'
import type { Clock } from '../../core/clock.ts'
import { isKind } from '../../core/errors.ts'
import { openAuditLog } from '../../records/audit-log.ts'
import { openRecords, type Records } from '../../records/records-db.ts'
import { deriveKey } from '../../../vault/aes.ts'
import { openSealedBox, sealToKey } from '../../../vault/box.ts'
import { openRecordsKeys, readTrustedList, type UnlockedOperator } from '../../../vault/operator.ts'
import { wipe } from '../../../vault/secret.ts'

/** Records and audit log of the workspace, for an operator whose keys are open. */
export interface WorkspaceBooks {
  readonly log: AuditLog
  readonly actor: Actor
  /** Signs checkpoints of the log with the operator's key. */
  readonly signer: NoteSigner
  /** Opens the log's personal fields. */
  readonly opener: PersonalOpener
  /**
   * Opens the records for one piece of work and closes them again, so that other processes come to their turn. Waits ten
   * seconds at most for one that has them open, then throws `busy`.
   */
  withRecords<T>(work: (records: Records) => T | Promise<T>, signal: AbortSignal): Promise<T>
}

const PATIENCE_MS = 10_000
const PAUSE_MS = 50

/** Where the workspace keeps its audit log. */
export function auditFolderOf(home: string): string {
  return join(home, 'audit')
}

/** Opens the books of a workspace; nothing is read or made before it is needed. Throws what reading the list of operators throws. */
export async function openBooks(home: string, operator: UnlockedOperator, clock: Clock): Promise<WorkspaceBooks> {
  const { recordsKey } = await readTrustedList(home, operator)
  const origin = originOf(recordsKey)
  const log = openAuditLog({
    folder: auditFolderOf(home),
    origin,
    clock,
    sealer: { seal: (row, bytes) => sealToKey(recordsKey, personalLabels(row), bytes) },
  })
  return {
    log,
    actor: { name: operator.name, role: operator.role, factor: 'none' },
    signer: {
      name: `${origin}/${operator.name}`,
      publicKey: operator.publicKey,
      sign: (bytes) => operator.sign(bytes),
    },
    opener: {
      open: async (row, sealed) => {
        const keys = await openRecordsKeys(home, operator)
        try {
          return await openSealedBox(keys, personalLabels(row), sealed)
        } finally {
          wipe(keys.privateKey)
        }
      },
    },
    withRecords: async (work, signal) => {
      const records = await waitForRecords(home, operator, clock, log, signal)
      try {
        return await work(records)
      } finally {
        records.close()
      }
    },
  }
}

/** The identity of a workspace's log: never another, as the records key never is. */
function originOf(recordsKey: Buffer): string {
  return `sealpost/audit/${createHash('sha256').update(recordsKey).digest('hex').slice(0, 8)}`
}

function personalLabels(row: string): readonly string[] {
  return ['audit personal', row]
}

async function waitForRecords(
  home: string,
  operator: UnlockedOperator,
  clock: Clock,
  log: AuditLog,
  signal: AbortSignal,
): Promise<Records> {
  const deadline = clock.monotonic() + PATIENCE_MS
  const { privateKey } = await openRecordsKeys(home, operator)
  const key = deriveKey(privateKey, Buffer.alloc(0), ['sealpost/v1/records-database'], 32)
  wipe(privateKey)
  try {
    for (;;) {
      try {
        return openRecords(join(home, 'records.db'), key, { clock, log })
      } catch (error) {
        if (!isKind(error, 'busy') || clock.monotonic() > deadline) throw error
      }
      await clock.sleep(PAUSE_MS, signal)
    }
  } finally {
    wipe(key)
  }
}
