import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { ANNA, collect, connectorTo, message, quiet } from './bench.ts'

const why = whyNoDovecot()

/** Two sessions of one account, as two lanes have them: what one stores, the other has to see. */
describe.skipIf(why !== null)(
  `a mailbox that was selected before another session stored mail ${why ?? ''}`,
  () => {
    let server: Dovecot
    beforeAll(async () => {
      server = await startDovecot({})
    })
    afterAll(async () => server.stop())

    async function stage(name: string) {
      const connector = connectorTo(server)
      const [early, late] = await Promise.all([
        connector.openDestination(ANNA, quiet),
        connector.openDestination(ANNA, quiet),
      ])
      const box = await early.ensureMailbox([name], null, quiet)
      // Selected, read-write, with one message to be seen.
      await early.append(box, [message('Subject: 1\r\n\r\n')], quiet)
      await early.setFlags(box, [{ key: '1', add: ['\\Seen'], remove: [] }], quiet)
      await late.append(box, [message('Subject: 2\r\n\r\n'), message('Subject: 3\r\n\r\n')], quiet)
      return { early, late, box }
    }

    it('flags are set there', async () => {
      const { early, late, box } = await stage('Flags')
      const change = { add: ['\\Deleted'], remove: [] }
      expect(await early.setFlags(box, [{ key: '3', ...change }], quiet)).toEqual([])
      expect(await collect(late.flags(box, ['3'], quiet))).toEqual([{ key: '3', flags: ['\\Deleted'] }])
      await Promise.all([early.close(), late.close()])
    })

    it('bodies are read there', async () => {
      const { early, late, box } = await stage('Bodies')
      const fetched = await collect(early.fetch(box, ['2', '3'], quiet))
      expect(fetched.map(({ kind, key }) => `${key} ${kind}`).sort()).toEqual(['2 whole', '3 whole'])
      await Promise.all([early.close(), late.close()])
    })

    it('flags are read there', async () => {
      const { early, late, box } = await stage('Reading')
      expect(await collect(early.flags(box, ['2', '3'], quiet))).toHaveLength(2)
      await Promise.all([early.close(), late.close()])
    })

    it('messages are moved from there', async () => {
      const { early, late, box } = await stage('Moving')
      const other = await early.ensureMailbox(['Moved'], null, quiet)
      const outcomes = await early.move(box, ['3'], other, quiet)
      expect(outcomes.map(({ kind }) => kind)).toEqual(['landed'])
      await Promise.all([early.close(), late.close()])
    })
  },
)
