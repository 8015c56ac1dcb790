import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ANNA, collect, connectorTo, quiet } from '../imap/bench.ts'
import { startCourier, whyNoCourier } from './courier.ts'
import { startCyrus, whyNoCyrus } from './cyrus.ts'
import { startDovecot, whyNoDovecot, type Dovecot } from './dovecot.ts'

/** Suites run beside one another: what one of them starts and ends must leave the servers of the others alone. */
describe.skipIf(whyNoDovecot() !== null)('a server that ends leaves alone what other suites run', () => {
  let other: Dovecot
  beforeAll(async () => (other = await startDovecot()))
  afterAll(async () => other.stop())

  const starts: readonly (readonly [string, string | null, () => Promise<{ stop(): Promise<void> }>])[] = [
    ['Cyrus', whyNoCyrus(), () => startCyrus({ users: [ANNA], altNamespace: true })],
    ['Courier', whyNoCourier(), () => startCourier({ users: [ANNA] })],
    ['Dovecot', null, () => startDovecot()],
  ]
  for (const [name, why, start] of starts) {
    it.skipIf(why !== null)(`${name} ${why ?? ''}`, async () => {
      const session = await connectorTo(other).openSource(ANNA, quiet)
      const server = await start()
      await server.stop()
      // What was asked to end says so at the next word.
      for (let round = 0; round < 5; round++) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        expect((await collect(session.listMailboxes(quiet))).map(({ path }) => path)).toContainEqual(['INBOX'])
      }
      await session.close()
    })
  }
})
