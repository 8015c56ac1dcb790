import { createMemoryConnector } from '../../connectors/memory/connector.ts'
import type { MemoryOptions } from '../../connectors/memory/options.ts'
import { createMemoryStore } from '../../connectors/memory/store.ts'
import type { Harness } from './harness.ts'
import { conformance } from './conformance.ts'

/** A harness over a store in memory; the tests' own hands are the store's. */
function memoryHarness(options: MemoryOptions, rest: Partial<Harness> = {}): Harness {
  return {
    bodies: 'exact',
    keepsNul: true,
    ...rest,
    setup: async (wish) => {
      const store = createMemoryStore()
      const account = store.account('anna')
      return {
        connector: createMemoryConnector(store, {
          pageMessages: 7,
          ...options,
          capabilities: { sessions: 8, ...options.capabilities },
          ...(wish.largeMessageBytes === undefined ? {} : { largeMessageBytes: wish.largeMessageBytes }),
        }),
        account: 'anna',
        outside: {
          deliver: async (path, { body, ...mail }) => void account.add(path, body, mail),
          expunge: async (path, key) => {
            account.expunge(path, key)
          },
          setFlags: async (path, key, flags) => {
            account.setFlags(path, key, flags)
          },
          resetValidity: async (path) => {
            account.resetUidValidity(path)
          },
        },
        snapshot: async () => account.state(),
        cleanup: async () => undefined,
      }
    },
  }
}

conformance('memory', memoryHarness({}))

conformance(
  'memory, the plainest server',
  memoryHarness(
    {
      capabilities: {
        appendBatch: { messages: 1, bytes: 1 },
        maxMessageBytes: 2_000_000,
        keepsInternalDate: false,
        keywords: 'none',
        keyOnAppend: false,
        delta: 'scan',
        move: false,
      },
      naming: { delimiter: '.', forbidden: '/', caseSensitive: false, belowInbox: true },
      alterBody: (body) => Buffer.from(Buffer.from(body).toString('latin1').replaceAll('\0', '\x80'), 'latin1'),
    },
    { bodies: 'match', keepsNul: false },
  ),
)

conformance(
  'memory, with labels and merging',
  memoryHarness(
    {
      capabilities: { labels: true, merges: 'message-id', keywords: 'listed', delta: 'history' },
      listedKeywords: ['$Forwarded', 'Project-X'],
      expunges: 'present',
      atomicBatches: false,
    },
    { keywords: ['$Forwarded', 'Project-X'] },
  ),
)
