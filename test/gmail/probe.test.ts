import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProbeFinding } from '../../src/core/probe.ts'
import { collect, quiet } from '../conformance/bench.ts'
import { startGmail, type GmailStage } from './stage.ts'

let stage: GmailStage
beforeAll(async () => {
  stage = await startGmail()
})
afterAll(() => stage.stop())

/** What ends a trial in which one message was stored. */
async function ended(account: string, options: object): Promise<ReadonlyMap<string, ProbeFinding>> {
  stage.server.account(account)
  const session = await stage.connector(options).openDestination(account, quiet)
  const scratch = await session.ensureMailbox(['Sealpost doctor'], null, quiet)
  const body = Buffer.from('Message-ID: <a@sealpost.invalid>\r\n\r\nbody\r\n')
  await session.append(scratch, [{ body, internalDate: 0, flags: [], nul: false }], quiet)
  if (session.endProbe === undefined) throw new Error('nothing ends it')
  const findings = await collect(session.endProbe(scratch, quiet))
  await session.close()
  return new Map(findings.map((finding) => [finding.code, finding]))
}

describe('the class of a Google Cloud project', () => {
  const PROJECT = { unitsPerMinute: 6_000 }
  const OLDER = { unitsPerMinute: 15_000, costs: { get: 5 } }

  it('is the older one where reads go on, and a project that holds back could go faster', async () => {
    expect((await ended('a@example.test', PROJECT)).get('quota-class')).toMatchObject({
      state: 'good',
      text: expect.stringMatching(/^320 reads .* 15,000 units/) as string,
      hint: expect.stringContaining('units_per_minute: 15000') as string,
    })
    expect((await ended('b@example.test', OLDER)).get('quota-class')).toMatchObject({ state: 'good', hint: null })
  })

  it('is the newer one where they end, and a project that does not hold back is told so', async () => {
    stage.server.unitsPerMinute = 6_000
    const [held, fast] = [await ended('c@example.test', PROJECT), await ended('d@example.test', OLDER)]
    stage.server.unitsPerMinute = Infinity
    expect(held.get('quota-class')).toMatchObject({ state: 'good', hint: null })
    expect(fast.get('quota-class')).toMatchObject({ state: 'adverse', hint: expect.any(String) as string })
  })

  it('is not known where reads end for another reason', async () => {
    const body = { error: { code: 404, message: 'Requested entity was not found.' } }
    stage.server.faults.arm(/^BATCH messages\.get .*format=minimal&fields=id$/, {
      kind: 'answer',
      status: 404,
      body,
    })
    expect((await ended('e@example.test', PROJECT)).get('quota-class')).toMatchObject({ state: 'unknown' })
  })

  it('is asked last: by then the message lies in the trash, and its label is gone', async () => {
    const { messages, labels } = stage.server.account('a@example.test')
    expect([...messages.values()].map((message) => message.labels.has('TRASH'))).toEqual([true])
    expect([...labels.values()].filter(({ type }) => type === 'user')).toEqual([])
  })
})
