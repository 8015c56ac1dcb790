import { mkdir, readdir, rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Actor, AuditReceipt } from '../core/audit.ts'
import { SealpostError } from '../core/errors.ts'
import { codeOf } from '../core/system-faults.ts'
import { syncFolder } from '../files/durable.ts'
import { fileError } from '../files/file-error.ts'
import { ensurePrivateSubfolder } from '../files/private-files.ts'
import { auditFolder, writeHead } from './audit-folder.ts'
import { emptyHead } from './audit-head.ts'
import type { AuditLogOptions } from './audit-log.ts'
import { NO_EVIDENCE, verifyLog } from './audit-verify.ts'
import { appendEntry } from './audit-write.ts'
import { withFileLock } from '../files/file-lock.ts'

/** A log that took the place of a damaged one. */
export interface RestartedLog extends AuditReceipt {
  /** Where the damaged one is kept, as it was. */
  readonly kept: string
}

const KEPT = /^damaged-(\d{1,6})$/

/**
 * Closes a damaged log and begins a new one, whose first entry names the size and root of the old one, who did it and why.
 * The old files are moved to `damaged-N` in the same folder, as they are. Its origin is the old one's with `/N+1`, since a
 * log never contradicts a checkpoint it has signed. Throws `policy` when the log is whole.
 */
export async function restartAuditLog(
  options: AuditLogOptions,
  by: Actor,
  reason: string,
  signal: AbortSignal,
): Promise<RestartedLog> {
  const files = auditFolder(options.folder)
  await ensurePrivateSubfolder(files.folder)
  const restart = async (): Promise<RestartedLog> => {
    const former = await verifyLog(files, options.origin, NO_EVIDENCE)
    if (former.intact) throw new SealpostError('policy', 'the audit log is whole: there is nothing to begin anew')
    const number = await nextNumber(files.folder)
    const kept = join(files.folder, `damaged-${number}`)
    await mkdir(kept, { mode: 0o700 })
    for (const path of [files.log, files.personal, files.checkpoints, files.head]) await moveInto(kept, path)
    await syncFolder(kept)
    const head = emptyHead(`${options.origin}/${number + 1}`)
    await writeHead(files, head)
    const root = former.root === null ? null : Buffer.from(former.root).toString('hex')
    const { receipt } = await appendEntry(
      { files, clock: options.clock, sealer: options.sealer },
      head,
      {
        by,
        action: 'log-started',
        outcome: 'done',
        project: null,
        object: `damaged-${number}`,
        facts: { formerSize: former.size, formerRoot: root, findings: former.findings.length },
        personal: { reason },
      },
      null,
    )
    return { ...receipt, kept }
  }
  return withFileLock(files.lock, options.clock, restart, signal)
}

async function nextNumber(folder: string): Promise<number> {
  const numbers = (await readdir(folder)).map((name) => Number(KEPT.exec(name)?.[1] ?? 0))
  return Math.max(0, ...numbers) + 1
}

async function moveInto(folder: string, path: string): Promise<void> {
  try {
    await rename(path, join(folder, basename(path)))
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw fileError(error, 'move', path)
  }
}
