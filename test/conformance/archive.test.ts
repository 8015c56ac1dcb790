import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createArchiveDestination } from '../../connectors/archive/archive-destination.ts'
import { createArchiveSource } from '../../connectors/archive/archive-source.ts'
import { openArchive } from '../../connectors/archive/open-archive.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { Connector, DestinationSession } from '../../src/core/connector.ts'
import { generateAgeKeys } from '../../vault/age-key.ts'
import { createBackupSealer, createRecipientOpener } from '../../vault/age.ts'
import { createSealer } from '../../vault/stream.ts'
import { MemoryBook } from '../archive/memory-book.ts'
import { isLong } from '../long.ts'
import { conformance } from './conformance.ts'
import type { Harness } from './harness.ts'

const keys = await generateAgeKeys()

const AS_OPENED = 'an archive is what it was when it was opened; test/archive lists later volumes from the cursor'
const COSTS_A_VOLUME = 'each name costs two volumes here; test/archive shows all names in one'
const NO_OTHER_HAND = 'a volume is sealed once it is whole: nobody can change what is in it'

/**
 * What is written can be read only when its volume is whole. So the harness ends a volume, and its set, whenever a case
 * would look with a fresh session, and reads with an identity that the connector never had.
 */
const harness = (form: 'eml' | 'mbox'): Harness => ({
  bodies: 'exact',
  keepsNul: true,
  skips: {
    'expunged mail is told from the cursor': NO_OTHER_HAND,
    'flags set by another hand are told from the cursor': NO_OTHER_HAND,
    'mail delivered by another hand is told from the cursor': NO_OTHER_HAND,
    'a message expunged since the listing is gone, and the others come': NO_OTHER_HAND,
    'changes for messages that are gone are passed over': NO_OTHER_HAND,
    'new mail is listed from the cursor': AS_OPENED,
    'mail stored while a listing runs is in it or in the next one': AS_OPENED,
    'changed flags are told from the cursor': AS_OPENED,
    'ordinary names are stored as they are': COSTS_A_VOLUME,
    'evil names are stored as they are, or refused': COSTS_A_VOLUME,
    'a cursor from before a new validity is stale': 'keys of an archive mean the same for good',
  },
  setup: async (wish) => {
    const folder = await mkdtemp(join(tmpdir(), 'archive-'))
    const book = new MemoryBook()
    const archive = createArchiveDestination({
      folder,
      per: 'account',
      nameOf: (account) => account ?? 'all',
      sealer: createBackupSealer([keys.recipient]),
      book,
      clock: systemClock,
      volumeBytes: 64 * 1024,
      mbox: form === 'mbox' ? createSealer(Buffer.alloc(32, 1), 'test') : null,
    })
    const finish = (): Promise<void> => archive.finish(() => true)
    const openSource: Connector['openSource'] = async (account, signal) => {
      const paths = (await readdir(folder))
        .map((name) => join(folder, name))
        .filter((path) => path.endsWith('.age'))
      const opened = await openArchive(paths, createRecipientOpener(keys.identity), {}, signal)
      for (const { error } of opened.problems) throw error
      const session = await createArchiveSource({
        archive: opened,
        ...(wish.largeMessageBytes === undefined ? {} : { largeMessageBytes: wish.largeMessageBytes }),
      }).openSource(account, signal)
      return {
        ...session,
        get alive() {
          return session.alive
        },
        close: async () => {
          await session.close()
          await opened.close()
        },
      }
    }
    // The engine's part: it writes down what is held.
    const openDestination: Connector['openDestination'] = async (account, signal) => {
      const session = await archive.connector.openDestination(account, signal)
      const append: DestinationSession['append'] = async (mailbox, batch, stop) => {
        const outcomes = await session.append(mailbox, batch, stop)
        book.hold(account, mailbox.path, batch, outcomes)
        return outcomes
      }
      return {
        ...session,
        get alive() {
          return session.alive
        },
        append,
      }
    }
    return {
      connector: { openSource, openDestination },
      account: 'anna@example.com',
      outside: {},
      settle: finish,
      snapshot: () => snapshot(folder),
      cleanup: async () => {
        await archive.abandon()
        await rm(folder, { recursive: true, force: true })
      },
    }
  },
})

conformance('archive', harness('eml'))
// Another form of the same files: `npm run test:servers` has it, and test/archive/mbox-form.test.ts what is its own.
if (isLong('servers')) conformance('archive of mbox files', harness('mbox'))

async function snapshot(folder: string): Promise<string> {
  const lines: string[] = []
  for (const name of (await readdir(folder)).sort()) {
    const bytes = await readFile(join(folder, name))
    lines.push(`${name} ${createHash('sha256').update(bytes).digest('hex')}`)
  }
  return lines.join('\n')
}
