import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Actor, AuditLog, NoteSigner, PersonalOpener } from '../../core/audit.ts'
import type { Clock } from '../../core/clock.ts'
import { isKind, SealpostError } from '../../core/errors.ts'
import { openAuditLog, type AuditLogOptions } from '../../audit/audit-log.ts'
import { openRecords, type Records } from '../../records/records-db.ts'
import type { RetentionPolicy } from '../../records/retention.ts'
import { formatVerifierKey } from '../../audit/signed-note.ts'
import { connectAlone } from '../../sqlite/open-database.ts'
import { deriveKey } from '../../../vault/aes.ts'
import { openSealedBox, sealToKey } from '../../../vault/box.ts'
import { openRecordsKeys, type UnlockedOperator } from '../../../vault/operator.ts'
import { findOperator, readOperatorChain } from '../../../vault/operator-list.ts'
import { keystoreFolder } from '../../../vault/paths.ts'
import { wipe } from '../../../vault/secret.ts'
import { readWorkspaceConfig } from '../config/workspace-config.ts'

/** Records and audit log of the workspace, for an operator whose keys are open. */
export interface WorkspaceBooks {
  readonly log: AuditLog
  /** What the log was opened with. */
  readonly logOptions: AuditLogOptions
  readonly actor: Actor
  /** Signs checkpoints of the log with the operator's key. */
  readonly signer: NoteSigner
  /** Verifier keys of everybody who is or was an operator: their checkpoints are believed. */
  readonly verifierKeys: readonly string[]
  /** Lends what opens the log's personal fields, for one piece of work. */
  withOpener<T>(work: (opener: PersonalOpener) => Promise<T>): Promise<T>
  /**
   * Opens the records for one piece of work and closes them again, so that other processes come to their turn. Waits ten
   * seconds at most for one that has them open, then throws `busy`; `config` for a configuration with a wrong table.
   */
  withRecords<T>(work: (records: Records) => T | Promise<T>, signal: AbortSignal): Promise<T>
  /** Numbers of the open incidents that keep the vault shut. */
  freezing(signal: AbortSignal): Promise<readonly string[]>
}

const PATIENCE_MS = 10_000
const PAUSE_MS = 50

/** Where the workspace keeps its audit log. */
export function auditFolderOf(home: string): string {
  return join(home, 'audit')
}

/** The audit log of a workspace with this records key. Nothing is read or made before it is needed. */
export function auditLogOptions(home: string, recordsKey: Buffer, clock: Clock): AuditLogOptions {
  return {
    folder: auditFolderOf(home),
    origin: originOf(recordsKey),
    clock,
    sealer: { seal: (row, bytes) => sealToKey(recordsKey, personalLabels(row), bytes) },
  }
}

/**
 * Opens the books of a workspace; nothing is read or made before it is needed. Throws what reading the list of operators
 * throws, and `policy` for somebody who was removed while an agent held the keys.
 */
export async function openBooks(home: string, operator: UnlockedOperator, clock: Clock): Promise<WorkspaceBooks> {
  const { current, lists } = await readOperatorChain(keystoreFolder(home), operator.firstLead)
  const entry = findOperator(current, operator.name)
  if (entry?.signKey.equals(operator.publicKey) !== true) {
    throw new SealpostError('policy', `${operator.name} is no longer an operator of this workspace`)
  }
  const options = auditLogOptions(home, current.recordsKey, clock)
  const { origin } = options
  const log = openAuditLog(options)
  const nameOf = (name: string): string => `${origin}/${name}`
  const everybody = lists.flatMap(({ operators }) => operators)
  const withRecords = async <T>(
    retention: Partial<RetentionPolicy>,
    work: (records: Records) => T | Promise<T>,
    signal: AbortSignal,
  ): Promise<T> => {
    const records = await waitForRecords(home, operator, { clock, log, retention }, signal)
    try {
      return await work(records)
    } finally {
      records.close()
    }
  }
  return {
    log,
    logOptions: options,
    actor: { name: operator.name, role: entry.role, factor: operator.withKeyFile ? 'key-file' : 'none' },
    signer: {
      name: nameOf(operator.name),
      publicKey: operator.publicKey,
      sign: (bytes) => operator.sign(bytes),
    },
    verifierKeys: [...new Set(everybody.map(({ name, signKey }) => formatVerifierKey(nameOf(name), signKey)))],
    withOpener: async (work) => {
      const keys = await openRecordsKeys(home, operator)
      try {
        return await work({ open: (row, sealed) => openSealedBox(keys, personalLabels(row), sealed) })
      } finally {
        wipe(keys.privateKey)
      }
    },
    withRecords: async (work, signal) => withRecords((await readWorkspaceConfig(home)).retention, work, signal),
    // Before there are records there is no incident, and the table of periods does not matter here.
    freezing: async (signal) =>
      existsSync(recordsPath(home)) ? withRecords({}, (records) => records.freezing(), signal) : [],
  }
}

/** The verifier key of somebody who signs, or signed, checkpoints of this log. */
export function verifierKeyOf(
  { logOptions }: Pick<WorkspaceBooks, 'logOptions'>,
  name: string,
  key: Buffer,
): string {
  return formatVerifierKey(`${logOptions.origin}/${name}`, key)
}

/** Throws `policy` where records or a log lie without the keystore that opens them: another one would not fit. */
export function assertNoBooks(home: string): void {
  const found = [recordsPath(home), auditFolderOf(home)].find((path) => existsSync(path))
  if (found === undefined) return
  throw new SealpostError('policy', `${found} belongs to a workspace whose keystore is gone`, {
    hint: 'bring the keystore back, or begin anew with the recovery file: sealpost operator recovery use; or name another folder with SEALPOST_HOME',
    code: 'KEYSTORE_GONE',
  })
}

/** Throws `locked` when there are records that this records key does not open. */
export function assertRecordsOpen(home: string, privateKey: Buffer): void {
  if (!existsSync(recordsPath(home))) return
  const key = databaseKeyOf(privateKey)
  try {
    connectAlone(recordsPath(home), key).close()
  } finally {
    wipe(key)
  }
}

function databaseKeyOf(privateKey: Buffer): Buffer {
  return deriveKey(privateKey, Buffer.alloc(0), ['sealpost/v1/records-database'], 32)
}

function recordsPath(home: string): string {
  return join(home, 'records.db')
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
  options: { readonly clock: Clock; readonly log: AuditLog; readonly retention: Partial<RetentionPolicy> },
  signal: AbortSignal,
): Promise<Records> {
  const { clock } = options
  const deadline = clock.monotonic() + PATIENCE_MS
  const { privateKey } = await openRecordsKeys(home, operator)
  const key = databaseKeyOf(privateKey)
  wipe(privateKey)
  try {
    for (;;) {
      try {
        return openRecords(recordsPath(home), key, options)
      } catch (error) {
        if (!isKind(error, 'busy') || clock.monotonic() > deadline) throw error
      }
      await clock.sleep(PAUSE_MS, signal)
    }
  } finally {
    wipe(key)
  }
}
