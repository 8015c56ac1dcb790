import { describe, expect, it } from 'vitest'
import { stall, type Fault } from '../fakes/faults.ts'
import { wanted } from '../long.ts'
import { whyNoDovecot } from '../servers/dovecot.ts'
import { plainMail } from './mail.ts'
import { counts, useStage } from './stage.ts'

const IDLE_MS = 4_000
/** What a busy machine may add. */
const SLACK_MS = 6_000

describe.skipIf(whyNoDovecot() !== null).concurrent('a peer that is gone without a word', () => {
  const stage = useStage({ concurrent: true, idleMs: IDLE_MS, connectMs: 2_000 })

  const cases: readonly [string, 'source' | 'destination', Fault][] = [
    ['in the middle of a fetched literal', 'source', stall(/^UID FETCH .*BODY/, { responseByte: 700 })],
    ['before the reply to a fetch', 'source', stall(/^UID FETCH .*BODY/, 'before-reply')],
    ['while the source is listed', 'source', stall(/^UID FETCH .*RFC822.SIZE/, 'before')],
    ['before an append', 'destination', stall('APPEND', 'before')],
    ['in the middle of an appended literal', 'destination', stall('APPEND', { literalByte: 300 })],
    ['before the reply to an append', 'destination', stall('APPEND', 'before-reply')],
    ['in the middle of the reply to an append', 'destination', stall('APPEND', { responseByte: 5 })],
    ['at a login', 'destination', stall(/^(LOGIN|AUTHENTICATE)/, 'before')],
  ]

  /** What `npm test` takes of them. */
  const share = ['in the middle of a fetched literal', 'before the reply to an append', 'at a login']

  it.each(wanted('faults', cases, share))('%s', async (_, end, fault) => {
    const project = await stage.project(plainMail(60), { lanes: 1 })
    const armed = stage.proxies[end].arm(fault).forAccount(project.account)
    const { totals, pairs } = await project.run()
    expect(armed.fired).toBe(1)
    expect(pairs[0]?.error).toBeNull()
    expect(counts(totals)).toEqual({ source: 60, landed: 60 })
    const next = stage.proxies[end].commands.find(
      ({ account, name, at }) =>
        account === project.account && /^(LOGIN|AUTHENTICATE)$/.test(name) && at > armed.firedAt,
    )
    const detected = (next?.at ?? Infinity) - armed.firedAt
    expect(detected).toBeGreaterThan(IDLE_MS - 50)
    expect(detected).toBeLessThan(IDLE_MS + SLACK_MS)
    await project.expectMoved()
  })

  it('at the greeting: the time allowed for connecting ends it', async () => {
    const project = await stage.project(plainMail(20), { lanes: 1 })
    // Connections have no account yet, so that this one strikes whoever comes next; all the others get through.
    stage.proxies.source.arm(stall('CONNECT', 'before'))
    const { totals, pairs } = await project.run()
    expect(pairs[0]?.error).toBeNull()
    expect(counts(totals)).toEqual({ source: 20, landed: 20 })
    await project.expectMoved()
  })
})

describe.skipIf(whyNoDovecot() !== null)('a line that is slow, but not dead', () => {
  const stage = useStage({ idleMs: 3_000 })

  it('is waited for, as long as bytes come', async () => {
    const body = Buffer.alloc(600_000, 'abcdefgh\r\n')
    const project = await stage.project([{ mailbox: ['INBOX'], bytes: body, internalDate: 1e12, flags: [] }])
    stage.proxies.source.limitBandwidth(120_000)
    const begun = performance.now()
    const { totals } = await project.run()
    expect(performance.now() - begun).toBeGreaterThan(4_500)
    expect(counts(totals)).toEqual({ source: 1, landed: 1 })
    expect(project.reconnects('source') + project.reconnects('destination')).toBe(0)
    stage.proxies.source.limitBandwidth(null)
    await project.expectMoved()
  })
})
