import { constants } from 'node:fs'
import { formatInstant, type Clock } from '../core/clock.ts'
import { SealpostError } from '../core/errors.ts'
import { findPrivateFile, readPrivateFile } from '../files/private-files.ts'
import { auditFolder, readHead } from '../audit/audit-folder.ts'
import { encodeHead } from '../audit/audit-head.ts'
import type { Records } from './records-db.ts'
import { tarEnd, tarHeader, tarPadding } from './tar.ts'

const FORMAT = 'sealpost-records-backup-v1'
const READ_BYTES = 256 * 1024
const MAX_CHECKPOINTS_BYTES = 256 * 1024 * 1024

/**
 * Records, holds, incidents, certificates and the audit log as one tar archive, to be sealed to the company's key before it
 * touches a disk. No key is in it, and the log's personal fields stay sealed. `README` says what the files are. The log
 * is taken as its head says, so that appends meanwhile do no harm.
 */
export async function* streamRecordsBackup(
  records: Records,
  auditPath: string,
  clock: Clock,
): AsyncGenerator<Uint8Array, void, undefined> {
  const now = clock.now()
  const list = records.list()
  const document = {
    format: FORMAT,
    writtenAt: formatInstant(now),
    policy: records.policy,
    records: list.map(({ documents, ...record }, i) => ({
      ...record,
      documents: documents && {
        fingerprint: documents.fingerprint,
        checkpoint: documents.checkpoint,
        certificate: certificateName(i),
      },
    })),
    holds: records.holds(),
    incidents: records.incidents(),
  }
  yield* whole('README', Buffer.from(README), now)
  yield* whole('records.json', Buffer.from(`${JSON.stringify(document, null, 2)}\n`), now)
  for (const [i, { documents }] of list.entries()) {
    if (documents !== null) yield* whole(certificateName(i), documents.certificate, now)
  }
  const files = auditFolder(auditPath)
  const head = await readHead(files)
  if (head !== null) {
    yield* whole('audit/head', encodeHead(head), now)
    yield* part('audit/log', files.log, head.logBytes, now)
    yield* part('audit/personal', files.personal, head.personalBytes, now)
    const checkpoints = await readPrivateFile(files.checkpoints, MAX_CHECKPOINTS_BYTES, 'corrupt')
    if (checkpoints !== null) yield* whole('audit/checkpoints', checkpoints, now)
  }
  yield tarEnd()
}

const README = `Backup of the records of Sealpost.

records.json      records of projects, legal holds, incidents, the table of retention periods
certificates/     deletion certificates, byte for byte as they were signed
audit/            the audit log; docs/formats.md of Sealpost says how to read and verify it

No key is in here. Personal fields of the audit log are sealed to the records key.
`

/** Numbered as the records are: an id can be longer than a name in tar. */
function certificateName(index: number): string {
  return `certificates/${index + 1}.json`
}

function* whole(name: string, bytes: Uint8Array, at: number): Generator<Uint8Array, void, undefined> {
  yield tarHeader(name, bytes.length, at)
  yield bytes
  yield tarPadding(bytes.length)
}

/** The first `bytes` of a file. */
async function* part(
  name: string,
  path: string,
  bytes: number,
  at: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield tarHeader(name, bytes, at)
  const file = bytes === 0 ? null : await findPrivateFile(path, constants.O_RDONLY)
  try {
    for (let position = 0; position < bytes;) {
      const chunk = Buffer.allocUnsafe(Math.min(READ_BYTES, bytes - position))
      const bytesRead = file === null ? 0 : (await file.read(chunk, 0, chunk.length, position)).bytesRead
      if (bytesRead === 0) throw new SealpostError('corrupt', `${path} is shorter than the audit log's head says`)
      position += bytesRead
      yield chunk.subarray(0, bytesRead)
    }
  } finally {
    await file?.close()
  }
  yield tarPadding(bytes)
}
