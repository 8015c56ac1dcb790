import { expect, it } from 'vitest'
import { createArchiveDestination } from '../../connectors/archive/archive-destination.ts'
import { createArchiveSource } from '../../connectors/archive/archive-source.ts'
import { createMemoryConnector } from '../../connectors/memory/connector.ts'
import { createMemoryStore } from '../../connectors/memory/store.ts'
import { systemClock } from '../../src/core/clock.ts'
import { createBackupSealer } from '../../vault/age.ts'
import { collect, findMailbox, list } from '../conformance/bench.ts'
import { EVIL_NAMES, ORDINARY_NAMES } from '../conformance/corpus.ts'
import { MemoryBook } from './memory-book.ts'
import { BackupStage, quiet } from './stage.ts'

const body = (text: string): Buffer => Buffer.from(`Subject: ${text}\r\n\r\n${text}\r\n`)

it('every name comes back as it was, and no two meet on a disk', async () => {
  const stage = await BackupStage.make()
  const names = [
    ...new Set([...ORDINARY_NAMES, ...EVIL_NAMES, 'CON', 'aux.txt', 'sealpost', 'Trash', 'trash', '%2F']),
  ]
  const book = new MemoryBook()
  const archived = createArchiveDestination({
    folder: stage.folder,
    per: 'account',
    nameOf: () => 'names',
    sealer: createBackupSealer([stage.keys.recipient]),
    book,
    clock: systemClock,
    volumeBytes: 1 << 30,
    mbox: null,
  })
  const writer = await archived.connector.openDestination('alice', quiet)
  for (const name of names) {
    const mailbox = await writer.ensureMailbox([name], null, quiet)
    const batch = [{ body: body(name), internalDate: 1_600_000_000_000, flags: [], nul: false }]
    book.hold('alice', [name], batch, await writer.append(mailbox, batch, quiet))
  }
  await archived.finish(() => true)
  const archive = await stage.open()
  expect(archive.problems).toEqual([])
  const session = await createArchiveSource({ archive }).openSource('alice', quiet)
  const mailboxes = await collect(session.listMailboxes(quiet))
  const paths = new Set<string>()
  for (const name of names) {
    const mailbox = mailboxes.find(({ path }) => path.length === 1 && path[0] === name)
    if (mailbox === undefined) throw new Error(`${JSON.stringify(name)} is not listed`)
    const { messages } = await list(session, mailbox, null)
    const fetched = await collect(session.fetch(mailbox, [...messages.keys()], quiet))
    expect(fetched).toMatchObject([{ kind: 'whole', body: body(name) }])
  }
  for (const { lines } of await linesOf(archive)) {
    for (const line of lines) {
      if (line.kind !== 'message') continue
      paths.add(line.path.toLowerCase())
      expect(line.path).toMatch(/^alice\/[^/]+\/\d{8}\.eml$/)
      expect(line.path.split('/')[1]).not.toMatch(/^(?:con|aux)(?:\.|$)|^\.\.?$|[<>:"\\|?*]|[. ]$/i)
    }
  }
  expect(paths.size).toBe(names.length)
})

it('a later volume is listed from the cursor, over the same keys', async () => {
  const stage = await BackupStage.make()
  const alice = stage.store.account('alice')
  for (const text of ['a', 'b']) alice.add(['INBOX'], body(text), { internalDate: 1_600_000_000_000, flags: [] })
  await stage.backup()
  const first = await stage.open()
  const before = await createArchiveSource({ archive: first }).openSource('alice', quiet)
  const known = await list(before, await findMailbox(before, ['INBOX']), null)
  expect(known.messages.size).toBe(2)
  alice.add(['INBOX'], body('c'), { internalDate: 1_600_000_000_000, flags: [] })
  alice.setFlags(['INBOX'], '1', ['\\Seen'])
  await stage.backup()
  const archive = await stage.open()
  const session = await createArchiveSource({ archive }).openSource('alice', quiet)
  const inbox = await findMailbox(session, ['INBOX'])
  const later = await list(session, inbox, known.cursor, known.messages)
  expect([...later.messages].map(([key, { flags }]) => [key, flags])).toEqual([
    ['1', ['\\Seen']],
    ['2', []],
    ['3', []],
  ])
  const only = createArchiveSource({ archive, only: ({ number }) => number === 2 })
  const chosen = await only.openSource('alice', quiet)
  expect([...(await list(chosen, inbox, null)).messages.keys()]).toEqual(['2'])
  expect(await collect(chosen.fetch(inbox, ['1'], quiet))).toEqual([{ kind: 'gone', key: '1' }])
  // And what is restored twice lands once.
  const target = createMemoryStore()
  await stage.restore(createMemoryConnector(target, {}))
  await stage.restore(createMemoryConnector(target, {}))
  expect(target.account('alice').snapshot()).toEqual(alice.snapshot())
})

async function linesOf(archive: Awaited<ReturnType<BackupStage['open']>>) {
  const { parseLines } = await import('../../connectors/archive/check-volume.ts')
  const parts = []
  const shares = [...archive.index.account('alice').parts.values()].flat()
  const places = [...new Set(shares.map(({ part }) => part))].sort((a, b) => a.file - b.file || a.from - b.from)
  for (const part of places) {
    const pieces = await collect(archive.bytesOf(part.file).read(part.from, part.to))
    parts.push({ lines: parseLines(Buffer.concat(pieces).toString('utf8')) })
  }
  return parts
}
