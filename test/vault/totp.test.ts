import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { GuessWatch } from '../../vault/attempts.ts'
import { acceptTotp, describeTotp, enrolTotp, hasTotp, parseTotpSecret, removeTotp } from '../../vault/totp.ts'
import { codeAt } from '../access/one-time-code.ts'
import { useWorkspace } from './workspace.ts'

/** The secret of RFC 6238, appendix B. */
const SECRET = Buffer.from('12345678901234567890')
const BASE32 = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
const STEP_MS = 30_000

const workspace = useWorkspace()
let root: string
let now: number
let waits: number[]
let watch: GuessWatch

beforeEach(() => {
  root = workspace.copy()
  now = 0
  waits = []
  const sleep: typeof systemClock.sleep = async (ms, signal) => {
    if (ms < 1000) return systemClock.sleep(ms, signal)
    now += ms
  }
  watch = {
    clock: { ...systemClock, now: () => now, sleep },
    signal: new AbortController().signal,
    waiting: (ms) => waits.push(ms / 1000),
    wrong: async () => undefined,
  }
})

const file = (): string => join(root, 'keystore', 'factors', 'ada.totp')
const accept = (code: string): Promise<void> =>
  acceptTotp(root, workspace.operator(), () => Promise.resolve(code), watch)
const enrolAt = async (ms: number): Promise<void> => {
  now = ms
  await enrolTotp(root, workspace.operator(), SECRET, codeAt(SECRET, ms), watch)
}
const refused = (code: 'WRONG_CODE' | 'USED_CODE') => ({ kind: 'locked', code })

it('takes the codes of RFC 6238', async () => {
  await enrolAt(0)
  for (const [seconds, code] of [
    [59, '287082'],
    [1111111109, '081804'],
    [1111111111, '050471'],
    [1234567890, '005924'],
    [2000000000, '279037'],
    [20000000000, '353130'],
  ] as const) {
    now = seconds * 1000
    expect(codeAt(SECRET, now)).toBe(code)
    await accept(code)
  }
})

describe('a code', () => {
  it.each([-2, -1, 0, 1, 2])('%i steps from the present one', async (away) => {
    await enrolAt(10 * STEP_MS)
    now = 20 * STEP_MS
    const given = accept(codeAt(SECRET, now + away * STEP_MS))
    if (Math.abs(away) <= 1) await given
    else await expect(given).rejects.toMatchObject(refused('WRONG_CODE'))
  })

  it('is never accepted twice, neither is one from before it, nor the one of the enrolment', async () => {
    await enrolAt(10 * STEP_MS)
    await expect(accept(codeAt(SECRET, now))).rejects.toMatchObject(refused('USED_CODE'))
    const next = codeAt(SECRET, now + STEP_MS)
    await accept(next)
    await expect(accept(next)).rejects.toMatchObject(refused('USED_CODE'))
    await expect(accept(codeAt(SECRET, now))).rejects.toMatchObject(refused('USED_CODE'))
    now += 2 * STEP_MS
    await accept(` ${codeAt(SECRET, now).slice(0, 3)} ${codeAt(SECRET, now).slice(3)} `)
  })

  it('given by several processes at once is accepted once', async () => {
    await enrolAt(0)
    now = 5 * STEP_MS
    const ends = await Promise.allSettled([1, 2, 3, 4].map(() => accept(codeAt(SECRET, now))))
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected'])
  })

  it.each(['', '12345', '1234567', 'abcdef', '-12345', '１２３４５６'])('%j is none', async (code) => {
    await enrolAt(0)
    await expect(accept(code)).rejects.toMatchObject(refused('WRONG_CODE'))
  })

  it('that is wrong slows the next, whose own time counts', async () => {
    await enrolAt(0)
    now = 100 * STEP_MS
    const wrong = codeAt(SECRET, 0)
    for (let i = 0; i < 8; i++) await expect(accept(wrong)).rejects.toMatchObject(refused('WRONG_CODE'))
    expect(waits).toEqual([1, 2, 4])
    // Read after the wait: what was typed before it would be too old.
    await acceptTotp(root, workspace.operator(), () => Promise.resolve(codeAt(SECRET, now)), watch)
    expect(waits).toEqual([1, 2, 4, 8])
    now += STEP_MS
    await accept(codeAt(SECRET, now))
    expect(waits).toHaveLength(4)
  })
})

describe('what was enrolled', () => {
  it('lies sealed in a private file, and nothing of the secret in the clear', async () => {
    await enrolAt(0)
    expect(statSync(file()).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(root, 'keystore', 'factors'))).toEqual(['ada.totp'])
    const text = readFileSync(file(), 'utf8')
    for (const form of [BASE32, SECRET.toString('hex'), SECRET.toString('base64'), SECRET.toString('latin1')]) {
      expect(text).not.toContain(form)
    }
  })

  it('needs a first code, and is enrolled once', async () => {
    const ada = workspace.operator()
    await expect(enrolTotp(root, ada, SECRET, '000000', watch)).rejects.toMatchObject(refused('WRONG_CODE'))
    expect(await hasTotp(root, 'ada')).toBe(false)
    await expect(accept('000000')).rejects.toMatchObject({ kind: 'config', code: 'NOT_ENROLLED' })
    await enrolAt(0)
    await expect(enrolTotp(root, ada, SECRET, codeAt(SECRET, now), watch)).rejects.toMatchObject({
      kind: 'config',
      hint: expect.stringContaining('totp remove') as string,
    })
    expect([await hasTotp(root, 'ada'), await removeTotp(root, 'ada'), await hasTotp(root, 'ada')]).toEqual([
      true,
      true,
      false,
    ])
    expect(await removeTotp(root, 'ada')).toBe(false)
    await expect(removeTotp(root, '../operators/ada')).rejects.toMatchObject({ kind: 'config' })
  })

  it('cannot be changed: not the step that was used, and not the secret', async () => {
    await enrolAt(10 * STEP_MS)
    const text = readFileSync(file(), 'utf8')
    now += STEP_MS
    for (const changed of [
      text.replace(/\\"used\\":\d+/, '\\"used\\":1'),
      text.replace(/(\\"sealed\\":\\")(.)/, (_, head: string, c: string) => head + (c === 'A' ? 'B' : 'A')),
      text.replace(/"signer":"ada"/, '"signer":"ada","more":1'),
    ]) {
      expect(changed).not.toBe(text)
      writeFileSync(file(), changed)
      await expect(accept(codeAt(SECRET, now))).rejects.toMatchObject({ kind: 'corrupt' })
    }
    writeFileSync(file(), text)
    await accept(codeAt(SECRET, now))
  })
})

describe('a secret', () => {
  it('is read as services show it, and described as authenticators take it', () => {
    for (const text of [BASE32, BASE32.toLowerCase(), BASE32.replace(/(.{4})/g, '$1 '), `${BASE32}====`]) {
      expect(parseTotpSecret(text).equals(SECRET)).toBe(true)
    }
    const { base32, uri } = describeTotp('ada', SECRET)
    expect(base32).toBe(BASE32)
    const { protocol, host, searchParams } = new URL(uri)
    expect([protocol, host]).toEqual(['otpauth:', 'totp'])
    expect(Object.fromEntries(searchParams)).toMatchObject({ secret: BASE32, issuer: 'Sealpost', digits: '6' })
  })

  it.each(['', 'GEZDGNBV', `${BASE32}1`, BASE32.repeat(4), 'not base32 at all!'])('%j is none', (text) => {
    expect(() => parseTotpSecret(text)).toThrow(/no base32 text of 16 to 64 bytes/)
  })
})
