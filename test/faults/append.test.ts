import { describe, expect, it } from 'vitest'
import { cut, type Fault } from '../fakes/faults.ts'
import { wanted } from '../long.ts'
import { whyNoDovecot } from '../servers/dovecot.ts'
import { plainMail } from './mail.ts'
import { counts, useStage, type StageOptions } from './stage.ts'

/** What the engine must make of an append that a fault has struck. */
type Expected =
  /** The server cannot have stored it: at most it was looked for in vain. */
  | 'not stored'
  /** The server has it: it is found, and not sent again. */
  | 'found'
  /** The server had the whole command when its client was gone: either may be. */
  | 'looked for'

const CASES: readonly [string, Fault, Expected][] = [
  ['before the command', cut('APPEND', 'before'), 'not stored'],
  ['after one byte of a literal', cut('APPEND', { literalByte: 1 }), 'not stored'],
  ['in the middle of a literal', cut('APPEND', { literalByte: 300 }), 'not stored'],
  ['before the line end that completes it', cut('APPEND', 'before-last-line'), 'not stored'],
  ['after the last byte, and the server is cut too', cut('APPEND', 'after-last-byte', 'cut'), 'looked for'],
  ['after the last byte, and the server goes on', cut('APPEND', 'after-last-byte', 'finish'), 'found'],
  ['before the OK', cut('APPEND', 'before-reply'), 'found'],
  ['in the OK', cut('APPEND', { responseByte: 9 }), 'found'],
  ['after the last byte, which comes 1 s later', cut('APPEND', 'after-last-byte', { lateBy: 1_000 }), 'found'],
  ['after the last byte, which comes 5 s later', cut('APPEND', 'after-last-byte', { lateBy: 5_000 }), 'found'],
]

/** `npm run test:faults` has each case in each suite; `npm test` each in one of them. */
function suite(name: string, options: StageOptions, share: readonly string[]): void {
  describe.skipIf(whyNoDovecot() !== null).concurrent(`a connection that is cut at an append: ${name}`, () => {
    const stage = useStage({ ...options, concurrent: true })

    it.each(wanted('faults', CASES, share))('%s', async (_, fault, expected) => {
      const project = await stage.project(plainMail(60))
      const armed = stage.proxies.destination.arm(fault).after(1).forAccount(project.account)
      const { totals, pairs } = await project.run()
      expect(armed.fired).toBe(1)
      expect(pairs[0]?.error).toBeNull()
      expect(counts(totals)).toEqual({ source: 60, landed: 60 })
      const { landed, pending } = project.reconciled()
      if (expected === 'not stored') expect(landed).toBe(0)
      else expect(landed + pending).toBeGreaterThan(0)
      if (expected === 'found') expect(pending).toBe(0)
      await project.expectMoved()
    })
  })
}

suite('with UIDPLUS', {}, [
  'in the middle of a literal',
  'after the last byte, and the server goes on',
  'in the OK',
  'after the last byte, which comes 1 s later',
])
suite('without UIDPLUS', { stripAtDestination: { capabilities: ['UIDPLUS'], codes: ['APPENDUID', 'COPYUID'] } }, [
  'after the last byte, and the server is cut too',
  'before the OK',
  'after the last byte, which comes 5 s later',
])
suite(
  'one message at a time, each literal asked for',
  { stripAtDestination: { capabilities: ['MULTIAPPEND', 'LITERAL+', 'LITERAL-'], codes: [] } },
  ['before the command', 'after one byte of a literal', 'before the line end that completes it'],
)

// RFC 9051 wants UIDNEXT of every server; some old ones leave it out.
const WITHOUT: readonly [string, readonly string[]][] = [
  ['UIDNEXT', ['UIDNEXT']],
  ['UIDNEXT and UIDPLUS', ['UIDNEXT', 'APPENDUID', 'COPYUID']],
]
for (const [name, codes] of wanted('faults', WITHOUT, ['UIDNEXT and UIDPLUS'])) {
  describe.skipIf(whyNoDovecot() !== null)(`a destination without ${name}`, () => {
    const strip = { capabilities: codes.length > 1 ? ['UIDPLUS'] : [], codes }
    const stage = useStage({ stripAtDestination: strip })

    it('gets every message once, and an append in doubt is found', async () => {
      const project = await stage.project(plainMail(60))
      const armed = stage.proxies.destination.arm(cut('APPEND', 'before-reply')).after(1)
      const { totals, pairs } = await project.run()
      expect(pairs[0]?.error).toBeNull()
      expect(armed.fired).toBe(1)
      expect(counts(totals)).toEqual({ source: 60, landed: 60 })
      expect(project.reconciled()).toMatchObject({ pending: 0 })
      await project.expectMoved()
    })
  })
}

describe.skipIf(whyNoDovecot() !== null)('a destination without UIDVALIDITY', () => {
  const stage = useStage({ stripAtDestination: { capabilities: [], codes: ['UIDVALIDITY'] } })

  it('is refused in words, mailbox by mailbox, and nothing is sent', async () => {
    const project = await stage.project(plainMail(20))
    const { totals } = await project.run()
    expect(counts(totals)).toEqual({ source: 20, quarantined: 20 })
    expect(stage.proxies.destination.count('APPEND')).toBe(0)
    const reasons = project.ledger.exceptions(null, 0, 20).map(({ reason }) => `${reason?.code} ${reason?.text}`)
    expect(new Set(reasons)).toEqual(
      new Set(['mailbox-refused imap: the server gives the mailbox no UIDVALIDITY']),
    )
  })
})

describe.skipIf(whyNoDovecot() !== null)('a connection that is cut in a message larger than any buffer', () => {
  const stage = useStage()

  it('is known to have stored nothing: the message is sent again without looking', async () => {
    const large = { mailbox: ['INBOX'], bytes: Buffer.alloc(12_000_000, 'x'), internalDate: 1e12, flags: [] }
    const project = await stage.project([large])
    stage.proxies.destination.arm(cut('APPEND', { literalByte: 5_000 })).times(2)
    const { totals } = await project.run()
    expect(counts(totals)).toEqual({ source: 1, landed: 1 })
    expect(project.reconciled()).toEqual({ landed: 0, pending: 0 })
    expect(project.ledger.doubted(1)).toEqual([])
    await project.expectMoved()
  })
})
