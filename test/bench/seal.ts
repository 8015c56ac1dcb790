/**
 * What sealing a backup takes: the payload of an age file alone, in memory; or whole volumes, with tar, manifest, digests and
 * the file, written and then read again. Prints one {"what", "seconds", "cpuSeconds"} a line.
 *
 *   node --import tsx test/bench/seal.ts payload|archive BYTES FOLDER RECIPIENT
 */
import { randomBytes } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createArchiveDestination } from '../../connectors/archive/archive-destination.ts'
import { systemClock } from '../../src/core/clock.ts'
import { sealPayload } from '../../vault/age-payload.ts'
import { createBackupSealer } from '../../vault/age.ts'
import { MemoryBook } from '../archive/memory-book.ts'

const PIECE_BYTES = 1 << 20
const MESSAGE_BYTES = 50_000
const BATCH_MESSAGES = 80

const [what = '', amount = '', folder = '', recipient = ''] = process.argv.slice(2)
const bytes = Number(amount)

/** Prints what the time since it was made took. */
function stopwatch(): (what: string) => void {
  const [begun, used] = [performance.now(), process.cpuUsage()]
  return (name) => {
    const { user, system } = process.cpuUsage(used)
    const seconds = (performance.now() - begun) / 1000
    console.log(JSON.stringify({ what: name, seconds, cpuSeconds: (user + system) / 1e6 }))
  }
}

async function sealInMemory(): Promise<void> {
  const piece = randomBytes(PIECE_BYTES)
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let given = 0; given < bytes; given += PIECE_BYTES) yield piece
  }
  let sealed = 0
  const tell = stopwatch()
  for await (const { length } of sealPayload(randomBytes(16), pieces())) sealed += length
  tell('age payload')
  if (sealed <= bytes) throw new Error(`${sealed} bytes came of ${bytes}`)
}

async function writeVolumes(): Promise<void> {
  const signal = new AbortController().signal
  const book = new MemoryBook()
  const archive = createArchiveDestination({
    folder,
    per: 'account',
    nameOf: () => 'bench',
    sealer: createBackupSealer([recipient]),
    book,
    clock: systemClock,
    volumeBytes: 2 * 1024 ** 3,
    mbox: null,
  })
  const batch = Array.from({ length: BATCH_MESSAGES }, (_, n) => ({
    body: randomBytes(MESSAGE_BYTES),
    internalDate: 1_600_000_000_000,
    flags: ['\\Seen'],
    nul: false,
    sourceKey: String(n + 1),
  }))
  const session = await archive.connector.openDestination('bench', signal)
  const inbox = await session.ensureMailbox(['INBOX'], 'inbox', signal)
  const tell = stopwatch()
  for (let given = 0; given < bytes; given += BATCH_MESSAGES * MESSAGE_BYTES) {
    book.hold('bench', ['INBOX'], batch, await session.append(inbox, batch, signal))
  }
  tell('volumes, written')
  await archive.finish(() => true)
  tell('volumes, written and read again')
  const written = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
  if (written <= bytes) throw new Error(`${written} bytes came of ${bytes}`)
}

await (what === 'payload' ? sealInMemory() : writeVolumes())
