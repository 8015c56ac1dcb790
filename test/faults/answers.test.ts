import { describe, expect, it } from 'vitest'
import type { ErrorKind } from '../../src/core/errors.ts'
import { answer, bye, cut, garbage, hold, lie, type Fault } from '../fakes/faults.ts'
import { wanted } from '../long.ts'
import { whyNoDovecot } from '../servers/dovecot.ts'
import { plainMail } from './mail.ts'
import { counts, useStage } from './stage.ts'

const reason = whyNoDovecot()

describe.skipIf(reason !== null).concurrent('what a server says instead of OK', () => {
  const stage = useStage({ concurrent: true, idleMs: 15_000 })

  /** Passing troubles: everything arrives, once, in one run. `waits`: at least so many milliseconds, for this reason. */
  const passing: readonly [
    string,
    'source' | 'destination',
    Fault,
    { readonly reason: string; readonly waits: number } | null,
  ][] = [
    [
      'NO [THROTTLED] to an append',
      'destination',
      answer('APPEND', 'NO [THROTTLED] slow down'),
      { reason: 'throttled', waits: 5_000 },
    ],
    [
      'NO [LIMIT] to an append',
      'destination',
      answer('APPEND', 'NO [LIMIT] too many at once'),
      { reason: 'throttled', waits: 5_000 },
    ],
    [
      'NO [INUSE] to an append',
      'destination',
      answer('APPEND', 'NO [INUSE] locked'),
      { reason: 'throttled', waits: 5_000 },
    ],
    ['NO [UNAVAILABLE] to an append', 'destination', answer('APPEND', 'NO [UNAVAILABLE] back soon'), null],
    ['NO [SERVERBUG] to an append', 'destination', answer('APPEND', 'NO [SERVERBUG] oops'), null],
    ['BYE in the middle of an append', 'destination', bye('APPEND', 'shutting down', 200), null],
    ['BYE before an append', 'destination', bye('APPEND', 'shutting down'), null],
    ['BYE in the middle of a fetch', 'source', bye('UID FETCH', 'shutting down'), null],
    ['garbage before the reply to an append', 'destination', garbage('APPEND', '\0\xff*** \r\n{3}x\r\n'), null],
    ['garbage that never ends', 'source', garbage('UID FETCH', `* ${'('.repeat(40)}\r\n`), null],
    ['an append that is answered late', 'destination', hold('APPEND', 1_500), null],
    ['a literal that is announced too large', 'source', lie(/^UID FETCH .*BODY/, 37), null],
    ['a literal that is announced too small', 'source', lie(/^UID FETCH .*BODY/, -37), null],
    ['a literal announced beyond all bounds', 'source', lie(/^UID FETCH .*BODY/, 1e15), null],
    ['a fetch that is cut in a literal', 'source', cut(/^UID FETCH .*BODY/, { responseByte: 500 }), null],
    [
      'NO [UNAVAILABLE] to a fetch',
      'source',
      answer(/^UID FETCH .*BODY/, 'NO [UNAVAILABLE] UID FETCH Server error'),
      null,
    ],
    [
      'NO [THROTTLED] to a fetch',
      'source',
      answer(/^UID FETCH .*BODY/, 'NO [THROTTLED] slow down'),
      { reason: 'throttled', waits: 5_000 },
    ],
    ['a listing that is cut', 'source', cut(/^UID FETCH .*RFC822.SIZE/, { responseByte: 300 }), null],
    [
      'NO [INUSE] to SELECT',
      'destination',
      answer('SELECT', 'NO [INUSE] locked'),
      { reason: 'throttled', waits: 5_000 },
    ],
    ['a cut at SELECT', 'destination', cut('SELECT', 'before-reply'), null],
    ['a cut at CREATE', 'destination', cut('CREATE', 'before-reply'), null],
    ['a cut while the destination is looked at', 'destination', cut(/^(STATUS|EXAMINE|SELECT)/, 'before'), null],
    ['a cut at STORE', 'destination', cut('UID STORE', 'before-reply'), null],
    ['a cut at LIST', 'destination', cut('LIST', { responseByte: 20 }), null],
    ['a cut after the login', 'source', cut(/^(LOGIN|AUTHENTICATE)/, 'before-reply'), null],
  ]

  /** What `npm test` takes of them: one of each kind, at each command; `npm run test:faults` takes all. */
  const share = [
    'NO [THROTTLED] to an append',
    'NO [UNAVAILABLE] to an append',
    'BYE in the middle of an append',
    'garbage that never ends',
    'a literal that is announced too small',
    'a fetch that is cut in a literal',
    'NO [INUSE] to SELECT',
    'a cut at CREATE',
    'a cut at LIST',
    'a cut after the login',
  ]

  it.each(wanted('faults', passing, share))('%s', async (_, end, fault, wait) => {
    const deleted = { ...plainMail(1)[0], mailbox: ['INBOX'], flags: ['\\Deleted'] }
    const project = await stage.project([
      ...plainMail(60),
      { ...deleted, bytes: Buffer.from('Subject: x\r\n\r\nx\r\n'), internalDate: 1e12 },
    ])
    const armed = stage.proxies[end].arm(fault).forAccount(project.account)
    const begun = performance.now()
    const { totals, pairs } = await project.run()
    expect(armed.fired).toBe(1)
    expect(pairs[0]?.error).toBeNull()
    expect(counts(totals)).toEqual({ source: 61, landed: 61 })
    if (wait !== null) {
      expect(project.waits(wait.reason)[0]).toBeGreaterThanOrEqual(wait.waits)
      expect(performance.now() - begun).toBeGreaterThanOrEqual(wait.waits)
    }
    await project.expectMoved()
  })

  it("obeys Exchange's own time to the millisecond, and says so", async () => {
    const project = await stage.project(plainMail(40))
    const { destination } = stage.proxies
    const text = 'NO Request is throttled. Suggested Backoff Time: 3210 milliseconds'
    destination.arm(answer('APPEND', text)).forAccount(project.account)
    const { pairs } = await project.run()
    expect(pairs[0]?.error).toBeNull()
    expect(project.waits('throttled')).toEqual([3_210])
    expect(project.reconnects('destination')).toBe(0)
    const appends = destination.commands.filter(
      ({ name, account }) => name === 'APPEND' && account === project.account,
    )
    const refused = appends.findIndex(({ reply }) => reply === 'NO')
    const later = appends.slice(refused + 1).filter(({ at }) => at < (appends[refused]?.at ?? 0) + 3_200)
    // The other lane may have been appending already; nobody begins a new one before the time is over.
    expect(later.length).toBeLessThanOrEqual(1)
    await project.expectMoved()
  })

  /** Troubles that stop the account: the run ends soon, says which, and goes on when they are over. */
  const stopping: readonly [string, Fault, ErrorKind][] = [
    ['NO [OVERQUOTA]', answer('APPEND', 'NO [OVERQUOTA] Quota exceeded'), 'quota'],
    ['a full mailbox without a code', answer('APPEND', 'NO Mailbox is full, storage limit exceeded'), 'quota'],
    ["Exchange's word for it", answer('APPEND', 'NO Server Unavailable. 15'), 'quota'],
    ['NO [AUTHORIZATIONFAILED]', answer('APPEND', 'NO [AUTHORIZATIONFAILED] no more'), 'auth'],
    ['NO [CONTACTADMIN] to SELECT', answer('SELECT', 'NO [CONTACTADMIN] call us'), 'auth'],
  ]

  it.each(wanted('faults', stopping, ['NO [OVERQUOTA]', 'NO [CONTACTADMIN] to SELECT']))(
    '%s stops the account, and nothing is lost',
    async (_, fault, kind) => {
      const project = await stage.project(plainMail(60))
      const armed = stage.proxies.destination.arm(fault).forAccount(project.account).always()
      const { totals, pairs } = await project.run()
      expect(pairs[0]?.error?.kind).toBe(kind)
      expect(totals.quarantined + totals.skipped).toBe(0)
      expect(armed.fired).toBeLessThanOrEqual(4)
      armed.disarm()
      expect(counts((await project.run()).totals)).toEqual({ source: 60, landed: 60 })
      await project.expectMoved()
    },
  )

  it('a message that is refused again and again is found by halving, and its server is quoted', async () => {
    const project = await stage.project(plainMail(60), { lanes: 1 })
    const { destination } = stage.proxies
    // The first message of the inbox, by its date; it stands at the head of every batch that holds it.
    const refused = answer(/^APPEND "INBOX" .*14-Jul-2017 02:40:00/, 'BAD Command Argument Error. 11')
    const armed = destination.arm(refused).forAccount(project.account).always()
    const { totals, pairs } = await project.run()
    expect(pairs[0]?.error).toBeNull()
    expect(counts(totals)).toEqual({ source: 60, landed: 59, quarantined: 1 })
    expect(project.ledger.exceptions(null, 0, 60)).toMatchObject([
      { messageId: 'm0@example.com', reason: { code: 'refused', serverText: 'Command Argument Error. 11' } },
    ])
    expect(armed.fired).toBeLessThanOrEqual(8)
    armed.disarm()
    expect(project.ledger.requeue(project.pairs()[0]?.id ?? 0, null)).toBe(1)
    expect(counts((await project.run()).totals)).toEqual({ source: 60, landed: 60 })
    await project.expectMoved()
  })
})
