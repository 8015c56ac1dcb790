import { afterAll, beforeAll, expect, it } from 'vitest'
import { createImapConnector } from '../../connectors/imap/imap-connector.ts'
import { createMaildirConnector } from '../../connectors/maildir/maildir-connector.ts'
import { createMemoryConnector } from '../../connectors/memory/connector.ts'
import { createMemoryStore } from '../../connectors/memory/store.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { Connector } from '../../src/core/connector.ts'
import { SERVERS, witness, type RunningServer } from '../matrix/servers.ts'
import { join } from 'node:path'
import { BackupStage, quiet, run, temporary } from './stage.ts'
import { openLedger } from '../../src/ledger/open-ledger.ts'

const { dovecot, cyrus } = SERVERS
const reason = dovecot.why() ?? cyrus.why()
const FROM = 'alice@example.test'
let running: readonly RunningServer[] = []

beforeAll(async () => {
  if (reason === null) running = await Promise.all([dovecot.start([FROM]), cyrus.start([FROM])])
}, 120_000)
afterAll(async () => {
  await Promise.all(running.map((server) => server.stop()))
})

function connectorTo(server: RunningServer): Connector {
  return createImapConnector({
    host: '127.0.0.1',
    port: server.port,
    tls: server.ca === null ? { mode: 'none' } : { mode: 'implicit', ca: server.ca },
    clock: systemClock,
    loginFor: async (username) => ({ username, authorize: null, secret: { text: () => server.password } }),
  })
}

/** What a server holds, read over a connection that shares no code with the program. */
async function contents(server: RunningServer): Promise<readonly string[]> {
  const client = await witness(server, FROM)
  const lines: string[] = []
  for (const { name } of await client.mailboxes()) {
    for (const { bytes, internalDate, flags } of await client.messages(name).catch(() => [])) {
      lines.push(JSON.stringify([name, bytes.toString('latin1'), internalDate, [...flags].sort()]))
    }
  }
  return lines.sort()
}

it.skipIf(reason !== null)(
  `Dovecot, backed up and switched off, comes back on Cyrus and in a Maildir${reason === null ? '' : ` (${reason})`}`,
  async () => {
    const [source, target] = running
    if (source === undefined || target === undefined) throw new Error('a server does not run')
    // Filled by the engine itself, which other tests hold to its word.
    const store = createMemoryStore()
    const alice = store.account(FROM)
    const at = Date.UTC(2019, 1, 3, 4, 5, 6)
    for (let n = 0; n < 30; n++) {
      const flags = [['\\Seen'], ['\\Flagged', '\\Seen'], ['$Forwarded', 'Work'], []][n % 4] ?? []
      const path = [['INBOX'], ['Projects', 'Ünïcödé'], ['Sent']][n % 3] ?? ['INBOX']
      const body = `Message-ID: <${n}@x>\r\nSubject: ${n}\r\n\r\n${'line\r\n'.repeat(n * 40)}`
      alice.add(path, Buffer.from(body), { internalDate: at + n * 61_000, flags })
    }
    const stage = await BackupStage.make()
    const first = openLedger(join(temporary(), 'first.db'), Buffer.alloc(32, 1))
    await run(createMemoryConnector(store, {}), connectorTo(source), first, [first.openPair(FROM, FROM)])
    first.close()
    const original = await contents(source)
    expect(original).toHaveLength(30)
    stage.source = connectorTo(source)
    const backup = await stage.backup({ accounts: [FROM] })
    expect(backup.pairs.map(({ error }) => error)).toEqual([null])
    expect(stage.book.ledger.totals({})).toMatchObject({ source: 30, landed: 30 })
    await source.stop()
    const restored = await stage.restore(connectorTo(target), FROM)
    expect(restored.pairs.map(({ error }) => error)).toEqual([null])
    expect(await contents(target)).toEqual(original)
    const maildir = createMaildirConnector({ path: (name) => join(stage.root, name), clock: systemClock })
    const ledger = openLedger(join(stage.root, 'maildir.db'), Buffer.alloc(32, 2))
    const { createArchiveSource } = await import('../../connectors/archive/archive-source.ts')
    const archive = await stage.open()
    const outcome = await run(createArchiveSource({ archive }), maildir, ledger, [
      ledger.openPair(FROM, 'maildir'),
    ])
    ledger.close()
    expect(outcome.totals).toMatchObject({ source: 30, landed: 30 })
    expect(quiet.aborted).toBe(false)
  },
  120_000,
)
