import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isLong } from '../long.ts'
import { travel } from './journey.ts'
import { writePair } from '../reporter/tally.ts'
import { SERVERS, type RunningServer, type ServerKind } from './servers.ts'

/** `npm run test:matrix` moves the corpus between all ordered pairs and back; `npm test` between two, one way. */
const kinds: readonly ServerKind[] = Object.values(SERVERS)
const short: readonly (readonly [ServerKind, ServerKind])[] = [
  [SERVERS.dovecot, SERVERS.cyrusBelow],
  [SERVERS.cyrus, SERVERS.courier],
]
const all = kinds.flatMap((from) => kinds.map((to) => [from, to] as const))

describe('the same mail, from every server to every other', () => {
  const running = new Map<ServerKind, RunningServer>()
  const pairs = isLong('matrix') ? all : short

  beforeAll(async () => {
    const wanted = new Set(pairs.flat().filter((kind) => kind.why() === null))
    const users = Array.from({ length: pairs.length * 3 }, (_, i) => `user${i}@example.test`)
    await Promise.all([...wanted].map(async (kind) => running.set(kind, await kind.start(users))))
  }, 120_000)
  afterAll(async () => {
    await Promise.all([...running.values()].map((server) => server.stop()))
  })

  for (const [index, [from, to]] of pairs.entries()) {
    const reason = from.why() ?? to.why()
    const title = `${from.label} to ${to.label}${reason === null ? '' : ` (${reason})`}`
    it.skipIf(reason !== null)(
      title,
      // Once: the accounts are not empty any more.
      { timeout: 300_000, retry: 0 },
      async () => {
        const [source, destination] = [running.get(from), running.get(to)]
        if (source === undefined || destination === undefined) throw new Error('a server does not run')
        const user = (n: number): string => `user${index * 3 + n}@example.test`
        const home = isLong('matrix') ? user(2) : null
        const journey = await travel(source, destination, { from: user(0), to: user(1), home })
        writePair({ ...journey, from: from.label, to: to.label, results: [...journey.results] })
        expect(journey.wrong).toEqual([])
        expect(journey.results.size).toBeGreaterThan(150)
      },
    )
  }
})
