import type {
  AuditEntry,
  AuditEvent,
  AuditLog,
  AuditReceipt,
  AuditVerification,
  ErasedIndexes,
  ErasureReceipt,
  LoggedEntry,
  PersonalOpener,
  PersonalSealer,
} from '../core/audit.ts'
import type { Clock } from '../core/clock.ts'
import { counted } from '../core/counted.ts'
import { SealpostError, throwIfAborted } from '../core/errors.ts'
import { ensurePrivateSubfolder } from '../files/private-files.ts'
import { finishErasure, planErasure } from './audit-erase.ts'
import {
  addCheckpoint,
  auditFolder,
  damagedLog,
  isOriginOf,
  readCheckpoints,
  readHead,
  readLines,
  type AuditFolder,
} from './audit-folder.ts'
import type { AuditHead } from './audit-head.ts'
import { type LeafContent, parseLine } from './audit-line.ts'
import { recover } from './audit-recover.ts'
import { readRows } from './audit-scan.ts'
import { NO_EVIDENCE, verifyLog } from './audit-verify.ts'
import { appendEntries, appendEntry, createLog, hasTail, type AuditWriter } from './audit-write.ts'
import { parseCheckpoint, signCheckpoint } from './checkpoint.ts'
import { withFileLock } from '../files/file-lock.ts'
import { CompactRange, HASH_BYTES } from './merkle.ts'
import { proveConsistency, proveInclusion, type LeafHashes } from './merkle-proof.ts'
import { openFields, type PersonalFields } from './personal-row.ts'
import { formatTlogProof } from './tlog-proof.ts'

/** What opening a log takes. */
export interface AuditLogOptions {
  /** Made (0700) when it is missing. */
  readonly folder: string
  /** Identity of the log in its checkpoints: never another for the same workspace. */
  readonly origin: string
  readonly clock: Clock
  readonly sealer: PersonalSealer
}

/** An erasure is written in entries of so many indexes at most, so that each fits a line whatever they are. */
const ERASED_PER_ENTRY = 2000

const NO_HASH = Buffer.alloc(0)

/** Who is named for what the log does to itself. */
const NOBODY = { name: null, role: null, factor: null }

/**
 * The audit log in a folder; nothing is read or made before the first call. Appending to a log that an interrupted append
 * left unfinished puts it right first, verifies all of it, and records both as an entry (`log-repaired`). Appending to one
 * that lost what it already had is refused with `corrupt`: see `restartAuditLog`.
 */
export function openAuditLog(options: AuditLogOptions): AuditLog {
  const files = auditFolder(options.folder)
  const writer: AuditWriter = { files, clock: options.clock, sealer: options.sealer }
  /** Calls of this process wait for each other here, not at the lock file. */
  let turn: Promise<unknown> = Promise.resolve()

  const exclusive = <T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    const next = turn.then(async () => {
      throwIfAborted(signal)
      await ensurePrivateSubfolder(files.folder)
      return withFileLock(files.lock, options.clock, work, signal)
    })
    turn = next.catch(() => undefined)
    return next
  }

  const withHead = <T>(work: (head: AuditHead) => Promise<T>, signal: AbortSignal): Promise<T> =>
    exclusive(async () => work(await prepare(writer, options.origin)), signal)

  return {
    append: (event, signal) =>
      withHead(
        async (head): Promise<AuditReceipt> => (await appendEntry(writer, head, event, null)).receipt,
        signal,
      ),

    appendAll: async (events, signal) => {
      if (events.length === 0) return []
      return withHead(async (head) => {
        const entries = events.map((event) => ({ event, erased: null }))
        return (await appendEntries(writer, head, entries)).receipts
      }, signal)
    },

    erase: (event, what, signal) => withHead((head) => erase(writer, head, event, what), signal),

    head: (signal) => withHead(async ({ size, root }) => ({ size, root }), signal),

    checkpoint: (signer, signal) =>
      withHead(async (head) => {
        await assertGoesOn(files, head)
        const note = await signCheckpoint(head.origin, head, [signer])
        await addCheckpoint(files, note)
        return note
      }, signal),

    entries: (signal) => readEntries(files, signal),

    personal: (opener, signal) => openPersonal(files, opener, signal),

    prove: async (index, checkpoint) => {
      const { origin, size, root } = parseCheckpoint(checkpoint)
      if (!isOriginOf(origin, options.origin))
        throw new SealpostError('config', 'the checkpoint is of another log')
      const leaves = await readLeaves(files, size)
      const range = new CompactRange()
      for (let i = 0; i < size; i++) range.append(leaves(i))
      if (!range.root().equals(root)) throw damagedLog('it is not the log that this checkpoint was made of')
      return formatTlogProof({ index, extra: null, hashes: proveInclusion(leaves, index, size), checkpoint })
    },

    proveConsistency: async (first, second) => proveConsistency(await readLeaves(files, second), first, second),

    verify: (evidence, signal): Promise<AuditVerification> =>
      exclusive(() => verifyLog(files, options.origin, evidence), signal),
  }
}

/** The head that fits the files, after whatever an earlier process left undone has been done. Under the lock. */
async function prepare(writer: AuditWriter, origin: string): Promise<AuditHead> {
  const { files } = writer
  let head = (await readHead(files)) ?? (await createLog(files, origin))
  if (!isOriginOf(head.origin, origin))
    throw new SealpostError('config', `${files.folder} holds another audit log`)
  if ((await hasTail(files, head)) || head.repair !== null) head = await repair(writer, await recover(files, head))
  return head.erasing === null ? head : finishErasure(files, head)
}

/** Verifies what a recovery left, and writes down both. */
async function repair(writer: AuditWriter, head: AuditHead): Promise<AuditHead> {
  const { findings } = await verifyLog(writer.files, head.origin, NO_EVIDENCE)
  const event: AuditEvent = {
    by: NOBODY,
    action: 'log-repaired',
    outcome: 'done',
    project: null,
    object: null,
    facts: {
      adopted: head.repair?.adopted ?? 0,
      droppedBytes: head.repair?.droppedBytes ?? 0,
      damaged: findings.filter(({ severity }) => severity === 'damage').length,
    },
    personal: {},
  }
  // The head with the entry is written as one: until then the next process finds the repair still to be told.
  return (await appendEntry(writer, { ...head, repair: null }, event, null)).head
}

async function erase(
  writer: AuditWriter,
  start: AuditHead,
  event: AuditEvent,
  what: ErasedIndexes,
): Promise<ErasureReceipt> {
  const { leaves, personal, kept } = await planErasure(writer.files, start, what)
  let head = start
  const index = start.size
  const parts = Math.max(1, Math.ceil((leaves.length + personal.length) / ERASED_PER_ENTRY))
  const all = [...leaves.map((leaf) => ({ leaf })), ...personal.map((field) => ({ field }))]
  for (let part = 0; part < parts; part++) {
    const slice = all.slice(part * ERASED_PER_ENTRY, (part + 1) * ERASED_PER_ENTRY)
    const erased = {
      leaves: slice.flatMap((one) => ('leaf' in one ? [one.leaf] : [])),
      personal: slice.flatMap((one) => ('field' in one ? [one.field] : [])),
    }
    const isEmpty = slice.length === 0
    const told = part === 0 ? event : { ...event, personal: {} }
    head = (await appendEntry(writer, head, told, isEmpty ? null : erased)).head
  }
  // All that was written down is removed in one go: reading the log for each part would take as many times as long.
  if (head.erasing !== null) await finishErasure(writer.files, head)
  return { index, leaves, personal, kept }
}

/**
 * A log never signs two checkpoints that contradict each other (c2sp.org/tlog-checkpoint). Those beside it are a cheap
 * look at that; `verify` with heads from outside is the real one.
 */
async function assertGoesOn(files: AuditFolder, head: AuditHead): Promise<void> {
  for (const note of await readCheckpoints(files)) {
    if (note === null) continue
    const { origin, size, root } = parseCheckpoint(note)
    if (origin !== head.origin) continue
    if (size > head.size || (size === head.size && Buffer.compare(root, head.root) !== 0)) {
      throw damagedLog('a checkpoint was signed for a log that went on differently')
    }
  }
}

async function* readEntries(
  files: AuditFolder,
  signal: AbortSignal,
): AsyncGenerator<LoggedEntry, void, undefined> {
  const head = await readHead(files)
  if (head === null) return
  let position = 0
  for await (const { bytes } of readLines(files.log, 0, head.logBytes)) {
    throwIfAborted(signal)
    const line = parseLine(bytes)
    // What can still be read is worth most when something was damaged.
    const entry = line?.content == null ? null : entryOf(line.content)
    yield { index: line?.index ?? position, leafHash: line?.leafHash ?? NO_HASH, entry }
    position++
  }
}

async function* openPersonal(
  files: AuditFolder,
  opener: PersonalOpener,
  signal: AbortSignal,
): AsyncGenerator<{ readonly entry: AuditEntry; readonly fields: PersonalFields }, void, undefined> {
  const entries = new Map<string, AuditEntry>()
  for await (const { entry } of readEntries(files, signal)) {
    if (entry?.personal != null) entries.set(entry.personal.row, entry)
  }
  for await (const { row, sealed } of readRows(files)) {
    const entry = entries.get(row)
    if (entry?.personal == null) continue
    yield { entry, fields: await openFields(entry.personal, sealed, opener) }
  }
}

/** The hashes of the first `size` leaves. Throws `corrupt` when the log does not have them all. */
async function readLeaves(files: AuditFolder, size: number): Promise<LeafHashes> {
  const head = await readHead(files)
  if (head === null || head.size < size) throw damagedLog(`it has fewer than ${counted(size, 'entry', 'entries')}`)
  const hashes = Buffer.alloc(size * HASH_BYTES)
  let count = 0
  for await (const { bytes } of readLines(files.log, 0, head.logBytes)) {
    if (count === size) break
    const line = parseLine(bytes)
    if (line?.index !== count) throw damagedLog(`entry ${count} is not where it should be`)
    line.leafHash.copy(hashes, count * HASH_BYTES)
    count++
  }
  if (count < size) throw damagedLog(`entry ${count} is missing`)
  return (index) => hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES)
}

/** Without the bytes that chain it to the entry before, which are no part of what is shown. */
function entryOf(content: LeafContent): AuditEntry {
  const { index, at, by, action, outcome, project, object, facts, personal, erased } = content
  return { index, at, by, action, outcome, project, object, facts, personal, erased }
}
