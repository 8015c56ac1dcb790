import { createHash } from 'node:crypto'
import { rename, unlink } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { syncFolder } from '../../files/durable.ts'
import { fileError } from '../../files/file-error.ts'
import { createPrivateFile } from '../../files/private-files.ts'
import { streamRecordsBackup } from '../../records/records-backup.ts'
import { createRecipientSealer } from '../../../vault/age.ts'
import type { CommandContext } from '../context.ts'
import { makeEvent } from './desk.ts'
import { auditFolderOf, type WorkspaceBooks } from './open-books.ts'

/** A backup that was written. */
export interface WrittenBackup {
  readonly bytes: number
  readonly sha256: string
}

/**
 * Writes records and audit log, sealed to these age recipients, to a file (mode 0600) that is there whole or not at all.
 * It is opened with any age tool and tar. Throws `config` for what is no recipient, before anything is written.
 */
export async function backUpRecords(
  books: WorkspaceBooks,
  recipients: readonly string[],
  out: string,
  context: CommandContext,
): Promise<WrittenBackup> {
  const { clock, home, stop } = context
  const sealer = createRecipientSealer(recipients)
  // The backup says itself that it was made.
  const event = makeEvent(books, 'records-backed-up', { facts: { recipients: recipients.length } })
  await books.log.append(event, stop)
  await books.log.checkpoint(books.signer, stop)
  const path = resolve(out)
  const unfinished = `${path}.part`
  const hash = createHash('sha256')
  let bytes = 0
  await unlink(unfinished).catch(() => undefined)
  const file = await createPrivateFile(unfinished)
  try {
    await books.withRecords(async (records) => {
      for await (const piece of sealer.seal(streamRecordsBackup(records, auditFolderOf(home), clock))) {
        stop.throwIfAborted()
        await file.writeFile(piece)
        hash.update(piece)
        bytes += piece.length
      }
    }, stop)
    await file.sync()
    await file.close()
    await rename(unfinished, path)
    await syncFolder(dirname(path))
  } catch (error) {
    await file.close().catch(() => undefined)
    await unlink(unfinished).catch(() => undefined)
    throw error instanceof Error && 'code' in error && 'syscall' in error ? fileError(error, 'write', path) : error
  }
  return { bytes, sha256: hash.digest('hex') }
}
