import { afterAll, beforeAll } from 'vitest'
import { createGraphConnector } from '../../connectors/graph/graph-connector.ts'
import { systemClock } from '../../src/core/clock.ts'
import { startGraphServer, type GraphServer } from '../fakes/graph-server.ts'
import { setFlag } from '../fakes/m365/imap-words.ts'
import { tokensOf } from '../graph/fixture.ts'
import { conformance } from './conformance.ts'
import type { Harness } from './harness.ts'

let server: GraphServer
let next = 0
beforeAll(async () => {
  server = await startGraphServer()
})
afterAll(() => server.stop())

const NO_DELETED = 'Graph has no mark for deletion: test/graph/writing.test.ts shows the refusal'

const harness: Harness = {
  bodies: 'exact',
  keepsNul: true,
  keywords: ['$Forwarded', 'Project-X'],
  skips: {
    'a mailbox that is not there is an error, and no empty listing':
      'the handle is an id, which the case cannot change: test/graph/writing.test.ts has a folder that is not there',
    'find says null for a message without a Message-ID': 'Exchange gives one to a message that has none',
    'a message marked \\Deleted stays where it is': NO_DELETED,
    'flags are added and removed, and the others stay':
      'Graph makes no draft of a message that is none: test/graph/writing.test.ts has the other flags',
  },
  setup: async (wish) => {
    const mailbox = server.tenant.mailbox(`conformance${next++}@contoso.example`)
    const drafts = mailbox.folder('drafts')
    // One of the suite's names is what a German mailbox has for its drafts.
    if (drafts !== undefined) drafts.name = 'Drafts'
    // Each change in a second of its own; test/graph/writing.test.ts has those that share one.
    let clock = 1_700_000_000_000
    mailbox.now = () => (clock += 1000)
    const folderAt = (path: readonly string[]) => {
      const folder = mailbox.folderAt(path)
      if (folder === undefined) throw new Error(`no folder ${path.join('/')}`)
      return folder
    }
    const itemOf = (key: string) => {
      const item = mailbox.items.get(key)
      if (item === undefined) throw new Error('no such item')
      return item
    }
    return {
      account: mailbox.address,
      // The original that a copy carries is read in its place: what a server makes anew is compared by fingerprint elsewhere.
      connector: createGraphConnector({
        host: server.host,
        port: server.port,
        tls: { ca: server.ca },
        tokens: tokensOf(server.tenant),
        clock: systemClock,
        pageMessages: 7,
        sessions: 4,
        write: { mode: 'rebuild', attachOriginal: true },
        readOriginals: true,
        ...(wish.largeMessageBytes === undefined ? {} : { largeMessageBytes: wish.largeMessageBytes }),
      }),
      outside: {
        deliver: async (path, { body, internalDate, flags }) => {
          const item = mailbox.add(folderAt(path), { mime: Buffer.from(body), receivedMs: internalDate })
          for (const flag of flags) setFlag(item, flag, true, 'store')
        },
        expunge: async (_path, key) => mailbox.remove(itemOf(key)),
        setFlags: async (_path, key, flags) => {
          const item = itemOf(key)
          item.properties.delete('integer 0x1081')
          Object.assign(item, {
            isRead: false,
            isDraft: false,
            isFlagged: false,
            imapFlagged: false,
            categories: [],
          })
          for (const flag of flags) setFlag(item, flag, true, 'store')
          mailbox.touch(item)
        },
        // Keys never mean anything else; the links of listings are what can be lost.
        resetValidity: async () => mailbox.forgetDeltas(),
      },
      snapshot: async () => mailbox.state(),
      cleanup: async () => undefined,
    }
  },
}

conformance('graph', harness)
