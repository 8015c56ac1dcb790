import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createArchiveSource } from '../../connectors/archive/archive-source.ts'
import { createMemoryConnector } from '../../connectors/memory/connector.ts'
import { createMemoryStore, type MemoryAccount } from '../../connectors/memory/store.ts'
import { openLedger } from '../../src/ledger/open-ledger.ts'
import { generateAgeKeys } from '../../vault/age-key.ts'
import { openFiles, run, temporary } from '../archive/stage.ts'
import { isLong } from '../long.ts'
import { MAILDIR_YAML, Place } from './program.ts'

/** A handful of volumes of the least size. */
const MESSAGES = 40
const MESSAGE_BYTES = 200_000
const KILL_AT = join(import.meta.dirname, 'kill-at.mjs')
const CANARY = `canary-${randomBytes(12).toString('hex')}`
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** Where the program kills itself (kill-at.mjs), and how many volumes have their name then. */
type Point = readonly [at: string, named: number]

const POINTS: Readonly<Record<'eml' | 'mbox', readonly Point[]>> = {
  eml: [
    ['write v001.age.part 2', 0],
    // Written down, and not named yet: the next run names it.
    ['rename v001.age 1', 0],
    ['open v002.age.part 1', 1],
    ['write v003.age.part 2', 2],
  ],
  mbox: [
    ['write v001.age.mail.part 3', 0],
    ['write v002.age.part 2', 1],
    ['rename v003.age 1', 2],
  ],
}

/** Fills the source; returns the digests of its messages, sorted. */
function fill(place: Place): readonly string[] {
  const folder = join(place.project, 'old', 'anna')
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(folder, part), { recursive: true })
  return Array.from({ length: MESSAGES }, (_, n) => {
    const head = `Message-ID: <${n}@example.com>\r\nSubject: ${CANARY}\r\n\r\n`
    const line = `From ${CANARY} ${n}\r\n`
    const message = Buffer.from(head + line.repeat(Math.ceil(MESSAGE_BYTES / line.length)))
    writeFileSync(join(folder, 'cur', `${1_600_000_000 + n}.M${n}P1.example:2,${n % 3 === 0 ? 'S' : ''}`), message)
    return digest(message)
  }).sort()
}

function contentsOf({ mailboxes }: MemoryAccount): readonly string[] {
  const messages = mailboxes.flatMap((mailbox) => [...mailbox.messages.values()])
  return messages.map(({ bytes }) => digest(Buffer.from(bytes))).sort()
}

/** Files outside of the source that hold the canary. */
function readable(place: Place): readonly string[] {
  return readdirSync(place.folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.startsWith(join(place.project, 'old')))
    .filter((path) => readFileSync(path).includes(CANARY))
}

/** `npm run test:crash` has both forms. */
const FORMS = isLong('crash') ? (['eml', 'mbox'] as const) : (['eml'] as const)

describe.each(FORMS)('a backup (%s) killed with SIGKILL', (form) => {
  it('goes on volume by volume, and nothing is readable meanwhile', async () => {
    const place = await Place.open()
    onTestFinished(() => place.close())
    const keys = await generateAgeKeys()
    await place.init()
    const wanted = fill(place)
    await place.configure(`${MAILDIR_YAML}limits: { memory: 4MiB }\n`, 'source,destination\nanna,anna.neu\n')
    const folder = join(place.project, 'backups')
    const names = (): readonly string[] => (existsSync(folder) ? readdirSync(folder) : [])
    const whole = (): readonly string[] => names().filter((name) => name.endsWith('.age'))
    const words = ['backup', '--recipient', keys.recipient, '--format', form, '--volume-size', '1MiB']
    let kept: readonly string[] = []
    for (const [at, named] of POINTS[form]) {
      const killed = await place.start([...words, '--passphrase-file', place.passphraseFile], {
        cwd: place.project,
        environment: { TMPDIR: place.folder, KILL_AT: at },
        nodeOptions: ['--import', KILL_AT],
      })
      expect(killed.signal, at).toBe('SIGKILL')
      expect(whole(), at).toHaveLength(named)
      expect(readable(place)).toEqual([])
      // What was whole before stays as it was.
      expect(whole()).toEqual(expect.arrayContaining([...kept]))
      kept = whole()
    }
    expect(await place.run(words)).toMatchObject({ exitCode: 0, stderr: '' })
    expect(readable(place)).toEqual([])
    expect(names().filter((name) => !name.endsWith('.age'))).toEqual([])
    expect(names()).toEqual(expect.arrayContaining([...kept]))
    const archive = await openFiles(
      names().map((name) => join(folder, name)),
      keys,
    )
    expect(archive.problems).toEqual([])
    const store = createMemoryStore()
    const ledger = openLedger(join(temporary(), 'restore.db'), randomBytes(32))
    const pairs = [ledger.openPair('anna', 'anna')]
    await run(createArchiveSource({ archive }), createMemoryConnector(store, {}), ledger, pairs)
    ledger.close()
    expect(contentsOf(store.account('anna'))).toEqual(wanted)
  }, 120_000)
})
