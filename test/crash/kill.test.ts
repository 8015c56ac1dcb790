import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cut, hold, stall, type Fault } from '../fakes/faults.ts'
import { plainMail, seeded } from '../faults/mail.ts'
import { difference, Stage } from '../faults/stage.ts'
import { isLong, wanted } from '../long.ts'
import { writeTally } from '../reporter/tally.ts'
import { whyNoDovecot } from '../servers/dovecot.ts'
import { ProgramProject, type ProgramProjectOptions } from './program-project.ts'

/** `npm run test:crash` kills the program at 60 random points, and at the four below; `npm test` at two and one. */
const all = isLong('crash')
const KILLS_A_KIND = all ? 15 : 2
const SEED = Number(process.env['CRASH_SEED'] ?? 20260)
const NO_UIDPLUS = { capabilities: ['UIDPLUS'], codes: ['APPENDUID', 'COPYUID'] }
const MINUTES = 60_000

const tally = { kills: 0, faults: 0, compared: 0, lost: 0, duplicates: 0 }

/** Goes on to the end and holds the destination against the source, each message against one other. */
async function expectWhole(
  project: ProgramProject,
  account: string,
  mail: ReturnType<typeof plainMail>,
  note: string,
): Promise<void> {
  const { exitCode, stdout, stderr } = await project.run('run', '--mailbox', account, '--json')
  expect({ exitCode, stderr }, `${note}\n${stdout}`).toEqual({ exitCode: 0, stderr: '' })
  const { missing, extra } = difference(mail, await project.moved(account))
  tally.compared += mail.length
  tally.lost += missing.length
  tally.duplicates += extra.length
  expect({ missing, extra }, note).toEqual({ missing: [], extra: [] })
}

/** One more pass over everything appends nothing, and every message is verified. */
async function expectStill(project: ProgramProject): Promise<void> {
  const before = project.proxies.destination.count('APPEND')
  const again = await project.run('run', '--json')
  expect({ exitCode: again.exitCode, stderr: again.stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(project.proxies.destination.count('APPEND')).toBe(before)
  const verified = await project.run('verify', '--json')
  expect({ exitCode: verified.exitCode, stderr: verified.stderr }).toEqual({ exitCode: 0, stderr: '' })
}

describe.skipIf(whyNoDovecot() !== null)('the program, killed with SIGKILL and started again', () => {
  const stage = new Stage({ accounts: 200 })
  let next = 0
  const names = (count: number): string[] => Array.from({ length: count }, () => `user${next++}@example.test`)

  beforeAll(() => stage.start())
  afterAll(async () => {
    await stage.stop()
    writeTally('crash', 'the program between two Dovecot servers', tally)
  })

  const kinds: readonly [string, Omit<ProgramProjectOptions, 'accounts'>][] = [
    ['as the server is', {}],
    [
      'without UIDPLUS, one message a command',
      { stripAtDestination: { ...NO_UIDPLUS, capabilities: ['UIDPLUS', 'MULTIAPPEND'] } },
    ],
    ['without UIDPLUS', { stripAtDestination: NO_UIDPLUS }],
    ['one message a command', { stripAtDestination: { capabilities: ['MULTIAPPEND', 'LITERAL+'], codes: [] } }],
  ]

  it.concurrent.each(wanted('crash', kinds, ['without UIDPLUS, one message a command']))(
    'at random points: %s',
    async (kind, options) => {
      const random = seeded(SEED + kind.length)
      const accounts = names(KILLS_A_KIND + 1)
      const project = await ProgramProject.open(stage, { accounts, ...options })
      const { source, destination } = project.proxies
      try {
        const mail = plainMail(60, { seed: SEED })
        for (const account of accounts) await project.fill(account, mail)
        const [clean = '', ...killed] = accounts
        await expectWhole(project, clean, mail, 'no kill')
        const commands = source.commands.length + destination.commands.length
        const appends = destination.count('APPEND')
        expect(appends).toBeGreaterThan(0)
        for (const [n, account] of killed.entries()) {
          source.reset()
          destination.reset()
          const append = Math.floor(random() * appends)
          // A third each: whenever so many commands have come by; in the bytes of an append; in its answer.
          const points: readonly [string, Fault | null, number][] = [
            ['command', null, 1 + Math.floor(random() * commands * 0.9)],
            ['literal', stall('APPEND', { literalByte: 1 + Math.floor(random() * 300) }), 0],
            [
              'answer',
              stall('APPEND', random() < 0.5 ? 'before-reply' : { responseByte: 1 + Math.floor(random() * 20) }),
              0,
            ],
          ]
          const [point, fault, command] = points[n % points.length] ?? ['command', null, 1]
          const armed = fault === null ? null : destination.arm(fault).after(append)
          const when = (): boolean =>
            armed === null ? source.commands.length + destination.commands.length >= command : armed.fired > 0
          const note = `seed ${SEED}, kill ${n} of ${kind}: ${point} ${armed === null ? command : append}`
          const isKilled = await project.kill(account, when, Math.floor(random() * 15))
          expect(isKilled, note).toBe(true)
          tally.kills++
          if (armed !== null) tally.faults++
          await expectWhole(project, account, mail, note)
        }
        await expectStill(project)
      } finally {
        await project.close()
      }
    },
    (all ? 15 : 4) * MINUTES,
  )

  /** Equal to the last bit, more than one slice, so that two lanes have some of them in flight at once. */
  const twins = Array.from({ length: 420 }, () => ({
    mailbox: ['INBOX'],
    bytes: Buffer.from('Message-ID: <twin@example.com>\r\nSubject: twins\r\n\r\nAll the same.\r\n'),
    internalDate: 1_600_000_000_000,
    flags: ['\\Seen'],
  }))

  const late = cut('APPEND', 'after-last-byte', { lateBy: 5_000 })
  const held: readonly [string, Omit<ProgramProjectOptions, 'accounts'>, Fault, number][] = [
    ['between the last byte of an append and its OK', {}, stall('APPEND', 'before-reply'), 2],
    [
      'without UIDPLUS, and the server lands the complete command 5 s after the client is gone',
      { stripAtDestination: NO_UIDPLUS },
      late,
      1,
    ],
    [
      'between the last byte and OK, without UIDPLUS',
      { stripAtDestination: NO_UIDPLUS },
      stall('APPEND', 'before-reply'),
      1,
    ],
    ['and the server lands the complete command 5 s after the client is gone', {}, late, 1],
  ]

  const late5 = 'without UIDPLUS, and the server lands the complete command 5 s after the client is gone'
  it.concurrent.each(wanted('crash', held, [late5]))(
    'with twins in flight: %s',
    async (note, options, fault, lanes) => {
      const [account = ''] = names(1)
      const project = await ProgramProject.open(stage, { accounts: [account], ...options })
      try {
        await project.fill(account, twins)
        const { destination } = project.proxies
        const armed = destination.arm(fault).times(lanes)
        const isKilled = await project.kill(account, () => armed.fired >= lanes)
        expect(isKilled, note).toBe(true)
        tally.kills++
        tally.faults += lanes
        await expectWhole(project, account, twins, note)
        destination.assertAllFired()
        await expectStill(project)
      } finally {
        await project.close()
      }
    },
    4 * MINUTES,
  )

  it.concurrent(
    'a server that makes it wait says so in `status`, beside the run',
    async () => {
      const [account = ''] = names(1)
      const project = await ProgramProject.open(stage, { accounts: [account] })
      try {
        const mail = plainMail(20)
        await project.fill(account, mail)
        const { destination } = project.proxies
        const text = 'NO Request is throttled. Suggested Backoff Time: 30000 milliseconds'
        destination.arm({ kind: 'answer', on: 'APPEND', text })
        const running = project.begin('run', '--json')
        let shown: unknown = null
        // Bounded: the wait is half a minute, and a look takes a second or two.
        for (let look = 0; look < 60 && shown === null; look++) {
          const { exitCode, stdout } = await project.run('status', '--json')
          expect(exitCode).toBe(0)
          shown = (JSON.parse(stdout) as { accounts: { waiting: unknown }[] }).accounts[0]?.waiting ?? null
        }
        expect(shown).toMatchObject({ reason: 'throttled' })
        // Nobody has to wait it out here: that a wait is kept to the millisecond is shown by test/faults/answers.test.ts.
        running.stop()
        expect((await running.end).exitCode).toBe(130)
        await expectWhole(project, account, mail, 'throttled')
        const after = await project.run('status', '--json')
        expect(JSON.parse(after.stdout)).toMatchObject({ running: null, accounts: [{ waiting: null }] })
        destination.assertAllFired()
      } finally {
        await project.close()
      }
    },
    2 * MINUTES,
  )

  it.concurrent(
    'a message that kills the connection is listed, and moved by `retry` once the server is mended',
    async () => {
      const [account = ''] = names(1)
      const project = await ProgramProject.open(stage, { accounts: [account] })
      try {
        const mail = plainMail(30, { mark: (index) => (index === 11 ? 'kills-the-connection' : '') })
        await project.fill(account, mail)
        const { destination } = project.proxies
        const poison = destination.poison({ marker: 'kills-the-connection', direction: 'to-server' })
        expect((await project.run('run')).exitCode).toBe(3)
        expect(poison.fired).toBeGreaterThan(0)
        const { stdout } = await project.run('exceptions', '--json')
        const bad = mail.filter(({ bytes }) => bytes.includes('kills-the-connection'))
        expect(bad.length).toBeGreaterThan(0)
        const { exceptions } = JSON.parse(stdout) as { exceptions: Record<string, unknown>[] }
        const about = { state: 'quarantined', source: account, destination: account, messageId: 'm11@example.com' }
        const listed = bad.map(({ mailbox, bytes, internalDate }) => ({
          ...about,
          mailbox: mailbox.join('/'),
          uid: expect.stringMatching(/^\d+$/) as string,
          bytes: bytes.length,
          date: new Date(internalDate).toISOString().replace('.000Z', 'Z'),
          reason: { code: 'connection-died', text: expect.stringMatching(/\S/) as string, serverText: null },
        }))
        // These fields and no others: never a subject.
        expect(exceptions).toEqual(listed)
        expect(stdout).not.toMatch(/subject|kills-the-connection/i)
        poison.mend()
        expect((await project.run('retry')).exitCode).toBe(0)
        await expectWhole(project, account, mail, 'mended')
      } finally {
        await project.close()
      }
    },
    2 * MINUTES,
  )

  it.concurrent(
    'a second process on the project exits 6 and leaves the first alone',
    async () => {
      const [account = ''] = names(1)
      const project = await ProgramProject.open(stage, { accounts: [account] })
      try {
        const mail = plainMail(20)
        await project.fill(account, mail)
        let release = (): void => undefined
        const until = new Promise<void>((resolve) => (release = resolve))
        const armed = project.proxies.destination.arm(hold('APPEND', until))
        const running = project.run('run', '--json')
        while (project.proxies.destination.count('APPEND') === 0) await new Promise((done) => setTimeout(done, 5))
        for (const command of ['run', 'retry', 'verify']) {
          const second = await project.run(command, '--json')
          expect(second.exitCode, command).toBe(6)
        }
        release()
        expect((await running).exitCode).toBe(0)
        expect(armed.fired).toBe(1)
        await expectWhole(project, account, mail, 'held')
      } finally {
        await project.close()
      }
    },
    2 * MINUTES,
  )
})
