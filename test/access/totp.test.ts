import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Actor } from '../../src/core/audit.ts'
import { RIGHTS } from '../../src/cli/access/rights.ts'
import { proveFactor } from '../../src/cli/access/second-factor.ts'
import { globalOptions, buildProgram } from '../../src/cli/program.ts'
import { Output } from '../../src/cli/terminal/output.ts'
import type { CommandContext } from '../../src/cli/context.ts'
import type { UnlockedOperator } from '../../vault/operator.ts'
import { clockAt, booksOf, jsonAt, runAt, useWorkspace } from '../cli/at-time.ts'
import type { Ended, Place } from '../cli/program.ts'
import { codeAt } from './one-time-code.ts'

const SECRET = Buffer.from('12345678901234567890')
const BASE32 = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
const SIGNAL = new AbortController().signal

const workspace = useWorkspace({ agent: true })
let place: Place
let minute = 0
let files = 0

beforeEach(() => {
  place = workspace()
})

/** A time that no test has used before, a minute on. */
function nextTime(): string {
  return new Date(Date.parse('2026-03-01T09:00:00Z') + ++minute * 60_000).toISOString()
}

/** A descriptor from which these lines come. */
function descriptorOf(...lines: readonly string[]): string {
  const path = join(place.folder, `lines-${++files}`)
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
  const descriptor = openSync(path, 'r')
  onTestFinished(() => closeSync(descriptor))
  return String(descriptor)
}

const codeOf = (at: string): string => codeAt(SECRET, Date.parse(at))
const withCode = (words: readonly string[], code: string, at: string): Promise<Ended> =>
  runAt(place, [...words, '--totp-fd', descriptorOf(code)], { at })

async function enrol(): Promise<void> {
  const at = nextTime()
  const fd = descriptorOf(BASE32, codeOf(at))
  const ended = await runAt(place, ['operator', 'totp', 'enrol', '--secret-fd', fd, '--totp-fd', fd], { at })
  expect(ended).toMatchObject({ exitCode: 0, stderr: '' })
  expect(ended.stdout).not.toContain(BASE32)
}

interface Shown {
  readonly entries: readonly { action: string; by: string; factor: string; outcome: string; facts: object }[]
}

test('an operator who enrolled is asked for a code at hold and export, each good once, and the log says so', async () => {
  await enrol()
  const first = nextTime()
  const set = ['hold', 'set', '--reason', 'dispute']
  const wrong = await withCode(set, '123456', first)
  expect(wrong).toMatchObject({ exitCode: 5, stderr: expect.stringMatching(/wrong code for operator/) as string })
  expect((await withCode(set, codeOf(first), first)).exitCode).toBe(0)
  const again = await withCode(['hold', 'release', '1', '--reason', 'settled'], codeOf(first), first)
  expect(again).toMatchObject({
    exitCode: 5,
    stderr: expect.stringMatching(/was used already.*next one/) as string,
  })
  const second = nextTime()
  expect((await withCode(['hold', 'release', '1', '--reason', 'settled'], codeOf(second), second)).exitCode).toBe(
    0,
  )
  const third = nextTime()
  const out = join(place.folder, 'records.json')
  expect((await withCode(['records', 'export', '--out', out], codeOf(third), third)).exitCode).toBe(0)
  // What needs no code asks for none.
  expect((await runAt(place, ['hold', 'list'])).exitCode).toBe(0)

  const { entries } = await jsonAt<Shown>(place, ['audit', 'show', '--last', '0'])
  const told = (action: string) => entries.filter((entry) => entry.action === action)
  for (const action of ['hold-set', 'hold-released', 'record-exported']) {
    expect(told(action).map(({ factor }) => factor)).toEqual(['totp'])
  }
  expect(told('second-factor-failed')).toMatchObject([{ outcome: 'failed', factor: 'none', facts: { wrong: 1 } }])
  const decided = told('access-decided').map(({ facts, factor }) => ({ ...facts, factor }))
  expect(decided).toContainEqual({ action: 'hold.set', factor: 'totp' })
  expect(decided).toContainEqual({ action: 'hold.list', factor: 'none' })
  expect(told('second-factor-enrolled')).toHaveLength(1)
})

test('it is removed with a last code, and no code is asked for afterwards', async () => {
  await enrol()
  const { operators } = await jsonAt<{ operators: object[] }>(place, ['operator', 'list'])
  expect(operators).toMatchObject([{ factors: ['totp'] }])
  const fd = descriptorOf(BASE32, '000000')
  const twice = await runAt(place, ['operator', 'totp', 'enrol', '--secret-fd', fd, '--totp-fd', fd])
  expect(twice).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/enrolled TOTP already/) as string })
  const at = nextTime()
  expect((await withCode(['operator', 'totp', 'remove'], '000000', at)).exitCode).toBe(5)
  expect((await withCode(['operator', 'totp', 'remove', '--json'], codeOf(at), at)).exitCode).toBe(0)
  expect((await runAt(place, ['hold', 'set', '--reason', 'x'])).exitCode).toBe(0)
  await enrol()
})

test('a file that is gone is no way to be asked for nothing', async () => {
  await enrol()
  const { operators } = await jsonAt<{ operators: { name: string }[] }>(place, ['operator', 'list'])
  const name = operators[0]?.name ?? ''
  rmSync(join(place.home, 'keystore', 'factors', `${name}.totp`))
  const enrolAgain = ['operator', 'totp', 'enrol', '--secret-fd', descriptorOf(BASE32), '--totp-fd', '9999']
  for (const words of [['hold', 'set', '--reason', 'x'], enrolAgain]) {
    const { exitCode, stderr } = await runAt(place, words)
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/has enrolled TOTP, and the file in the keystore is gone/)
  }
  const own = await runAt(place, ['operator', 'totp', 'reset', name])
  expect(own.exitCode).toBe(1)
})

test('a lead resets that of another, and both persons of a sign-off are asked', async () => {
  await enrol()
  const bens = join(place.folder, 'of-ben')
  writeFileSync(bens, 'another passphrase, of ben\n', { mode: 0o600 })
  const add = ['operator', 'add', 'ben', '--role', 'lead', '--kdf', 'interactive']
  expect(
    (await runAt(place, [...add, '--new-passphrase-fd', descriptorOf('another passphrase, of ben')])).exitCode,
  ).toBe(0)
  const asBen = ['--operator', 'ben', '--passphrase-file', bens]
  const at = nextTime()
  const fd = descriptorOf(BASE32, codeOf(at))
  const words = ['operator', 'totp', 'enrol', '--secret-fd', fd, '--totp-fd', fd, ...asBen]
  expect(await runAt(place, words, { at })).toMatchObject({ exitCode: 0 })

  // The hold keeps the project: what matters is who is let in to be told so.
  const held = nextTime()
  expect((await withCode(['hold', 'set', '--reason', 'x'], codeOf(held), held)).exitCode).toBe(0)
  const signoff = (first: string, second: string | null, when: string): Promise<Ended> => {
    const fds = [
      '--second-passphrase-fd',
      descriptorOf('another passphrase, of ben'),
      '--totp-fd',
      descriptorOf(first),
    ]
    const more = second === null ? [] : ['--second-totp-fd', descriptorOf(second)]
    return runAt(place, ['signoff', '--by', 'Eva Muster', '--second', 'ben', ...fds, ...more], { at: when })
  }
  const one = nextTime()
  expect(await signoff(codeOf(one), '000000', one)).toMatchObject({
    exitCode: 5,
    stderr: expect.stringMatching(/wrong code for operator ben/) as string,
  })
  const two = nextTime()
  const refused = await signoff(codeOf(two), codeOf(two), two)
  expect(refused).toMatchObject({
    exitCode: 4,
    stderr: expect.stringMatching(/cannot be signed off yet/) as string,
  })

  const three = nextTime()
  expect((await withCode(['operator', 'totp', 'reset', 'ben'], codeOf(three), three)).exitCode).toBe(0)
  expect((await runAt(place, ['hold', 'set', '--reason', 'y', ...asBen])).exitCode).toBe(0)
  const { entries } = await jsonAt<Shown>(place, ['audit', 'show', '--last', '0'])
  const seconds = entries.filter(({ facts }) => (facts as { action?: string }).action === 'signoff.second')
  expect(seconds.map(({ by, factor }) => [by, factor])).toEqual([['ben', 'totp']])
}, 120_000)

describe('who is asked', () => {
  const cases = [...RIGHTS].flatMap(([action, right]) =>
    (['engineer', 'lead', 'auditor'] as const).map((role) => ({ action, role, right })),
  )

  test('exactly those who may do what the table marks, once they have enrolled', async () => {
    const opened = await booksOf(place)
    const output = new Output(
      { stdout: { write: () => true }, stderr: { write: () => true } },
      { json: false, noColour: true },
    )
    const context: CommandContext = {
      options: globalOptions(buildProgram('0', output, async () => undefined)),
      output,
      clock: clockAt(nextTime()),
      home: place.home,
      systemUser: 'x',
      agentSocket: '',
      umask: 0o022,
      stop: SIGNAL,
      hard: SIGNAL,
    }
    const operator = { name: opened.actor.name } as UnlockedOperator
    // No such descriptor: who is asked is told so.
    const source = { descriptor: 9999, option: '--totp-fd' }
    const asked = async (action: string, role: Actor['role']): Promise<boolean> => {
      const books = { ...opened, actor: { ...opened.actor, role } }
      return proveFactor(context, operator, books, action, source).then(
        (same) => {
          expect(same.actor.factor).toBe('none')
          return false
        },
        (error: unknown) => {
          expect(error).toMatchObject({ kind: 'config', message: expect.stringContaining('9999') as string })
          return true
        },
      )
    }
    expect(await asked('hold set', 'lead')).toBe(false)
    await enrol()
    for (const { action, role, right } of cases) {
      expect([action, role, await asked(action, role)]).toEqual([
        action,
        role,
        right.factor && right.roles.includes(role),
      ])
    }
    expect(await asked('no such command', 'lead')).toBe(false)
  })
})
