import { spawnSync } from 'node:child_process'
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { allowedOf, type LoggedEvent } from '../../src/cli/log/allowed.ts'
import { openEventLog, type EventLog } from '../../src/cli/log/event-log.ts'
import { Scrubber } from '../../src/cli/log/scrubber.ts'
import { systemClock } from '../../src/core/clock.ts'
import { needlesOf } from '../../src/signoff/needles.ts'
import { Secret } from '../../vault/secret.ts'

interface Opened {
  readonly log: EventLog
  readonly state: string
  /** Everything that was written, file by file. */
  readonly read: () => string
  readonly files: () => readonly string[]
}

function open(scrubber = new Scrubber(), bytes = 1 << 20): Opened {
  const state = mkdtempSync(join(tmpdir(), 'sealpost-log-'))
  onTestFinished(() => rmSync(state, { recursive: true, force: true }))
  const bounds = { bytes, kept: 2 }
  const log = openEventLog(state, systemClock, scrubber, () => undefined, bounds)
  const files = (): readonly string[] => readdirSync(join(state, 'log')).sort()
  const read = (): string =>
    files()
      .map((name) => readFileSync(join(state, 'log', name), 'utf8'))
      .join('')
  return { log, state, read, files }
}

const TOTALS = {
  source: 9,
  discovered: 0,
  appending: 0,
  landed: 7,
  existing: 0,
  skipped: 0,
  quarantined: 2,
  expunged: 0,
  merged: 0,
  sourceBytes: 900,
  landedBytes: 700,
}

/** One event of every kind, `text` in every place where a text can stand. */
function eventsWith(text: string): readonly Readonly<Record<string, unknown>>[] {
  const numbers = {
    pair: 1,
    mailbox: 2,
    message: 3,
    messages: 4,
    bytes: 5,
    adopted: 6,
    checked: 7,
    milliseconds: 8,
  }
  const texts = { message: text, reason: text, kind: text, end: text, command: text, subject: text, [text]: text }
  return [
    'command-started',
    'command-ended',
    'end-checked',
    'run-started',
    'pair-started',
    'pair-finished',
    'pair-failed',
    'mailbox-listed',
    'batch-landed',
    'message-quarantined',
    'waiting',
    'lanes-changed',
    'reconnected',
    'reconciled',
    'verified',
    text,
  ].map((event) => ({ ...numbers, ...texts, totals: { ...TOTALS, [text]: text, landed: text }, event }))
}

describe('the log', () => {
  it('holds one line of ids and numbers an event', () => {
    const { log, read, state } = open()
    log.event({ event: 'command-started', command: 'run', accounts: 2 })
    log.event({ event: 'pair-failed', pair: 4, kind: 'auth', message: 'anna@example.test: refused' })
    log.event({ event: 'pair-finished', pair: 4, totals: TOTALS })
    log.event({ event: 'waiting', pair: 4, reason: 'throttled', milliseconds: 20 })
    const lines = read()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines.map((line) => ({ ...line, at: 'then' }))).toEqual(
      [
        { event: 'command-started', command: 'run', accounts: 2 },
        { event: 'pair-failed', pair: 4, kind: 'auth' },
        { event: 'pair-finished', pair: 4, ...TOTALS },
        { event: 'waiting', pair: 4, reason: 'throttled', milliseconds: 20 },
      ].map((line) => ({ level: 'info', at: 'then', ...line })),
    )
    expect(lines.every(({ at }) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(String(at)))).toBe(true)
    expect(statSync(join(state, 'log')).mode & 0o777).toBe(0o700)
    expect(statSync(join(state, 'log', 'events.log')).mode & 0o777).toBe(0o600)
  })

  it('never holds a text that somebody else wrote, in whatever field it comes', () => {
    // Marked, so that no word of the log's own looks like one.
    const canary = fc.oneof(
      fc.uuid(),
      fc.emailAddress().map((address) => `x~${address}`),
      fc.string({ minLength: 1, unit: 'grapheme' }).map((text) => `canary~${text}`),
      fc.stringMatching(/^[a-z]{3,12}-[a-z]{3,12}$/).map((text) => `zz-${text}`),
      fc.constantFrom('__proto__', 'constructor', 'toString', 'AUTHENTICATIONFAILED', 'anna@example.test'),
    )
    fc.assert(
      fc.property(canary, (text) => {
        const { log, read } = open()
        for (const event of eventsWith(text)) log.event(event as unknown as LoggedEvent)
        const written = read()
        expect(written.split('\n').length).toBe(eventsWith(text).length)
        expect(written).not.toContain(JSON.stringify(text).slice(1, -1))
        log.close()
      }),
      { numRuns: 60 },
    )
  })

  it('leaves out what is not on the list', () => {
    expect(allowedOf({ event: 'subject-read', subject: 'x' })).toBeNull()
    expect(allowedOf({ event: 'toString' })).toBeNull()
    expect(
      allowedOf({ event: 'waiting', pair: Number.NaN, reason: 'because of anna', milliseconds: '5' }),
    ).toEqual({
      event: 'waiting',
      pair: null,
      reason: null,
      milliseconds: null,
    })
  })

  it('withholds a line in which a secret turns up all the same', () => {
    const scrubber = new Scrubber()
    const secret = '1234567890'
    scrubber.add(Secret.fromBytes(Buffer.from(secret)))
    const { log, read } = open(scrubber)
    log.event({ event: 'batch-landed', pair: 1, mailbox: 1, messages: 1, bytes: 12345678901, adopted: 0 })
    log.event({ event: 'run-started', pairs: 3 })
    expect(read()).not.toContain(secret)
    expect(read()).toMatch(/"event":"line-withheld"\}\n.*"event":"run-started","pairs":3/)
  })

  it('finds a secret in every form in which sign-off would find it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8, maxLength: 40, unit: 'binary' }), (text) => {
        const bytes = Buffer.from(text, 'utf8')
        if (bytes.length < 8) return
        const scrubber = new Scrubber()
        scrubber.add(Secret.fromBytes(Buffer.from(bytes)))
        expect(scrubber.finds(`{"x":"${text}"}`)).toBe(true)
        expect(scrubber.finds(`{"x":${JSON.stringify(text)}}`)).toBe(true)
        expect(scrubber.finds(`x ${bytes.toString('base64')} y`)).toBe(true)
        expect(scrubber.finds(`x ${bytes.toString('hex')} y`)).toBe(true)
        expect(needlesOf('x', bytes).length).toBeGreaterThan(3)
        scrubber.wipe()
        expect(scrubber.finds(text)).toBe(false)
      }),
      { numRuns: 100 },
    )
  })

  it('never grows beyond its bounds and keeps the newest lines', () => {
    const { log, files, state } = open(new Scrubber(), 1000)
    for (let pairs = 1; pairs <= 500; pairs++) log.event({ event: 'run-started', pairs })
    expect(files()).toEqual(['events.1.log', 'events.2.log', 'events.log'])
    const read = (name: string): string => readFileSync(join(state, 'log', name), 'utf8')
    for (const name of files()) {
      expect(statSync(join(state, 'log', name)).size).toBeLessThanOrEqual(1000)
      expect(statSync(join(state, 'log', name)).mode & 0o777).toBe(0o600)
    }
    const numbers = ['events.2.log', 'events.1.log', 'events.log']
      .flatMap((name) => read(name).trim().split('\n'))
      .map((line) => (JSON.parse(line) as { pairs: number }).pairs)
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => 500 - numbers.length + 1 + i))
  })

  it('goes on behind what is there', () => {
    const first = open()
    first.log.event({ event: 'run-started', pairs: 1 })
    first.log.close()
    const again = openEventLog(first.state, systemClock, new Scrubber(), () => undefined)
    again.event({ event: 'run-started', pairs: 2 })
    again.close()
    again.close()
    expect(first.read().match(/"pairs":[12]/g)).toEqual(['"pairs":1', '"pairs":2'])
  })

  it('goes on without a log, and says so once, when the folder is gone by the time a file is full', () => {
    const state = mkdtempSync(join(tmpdir(), 'sealpost-log-'))
    onTestFinished(() => rmSync(state, { recursive: true, force: true }))
    const warnings: string[] = []
    const warn = (text: string): number => warnings.push(text)
    const log = openEventLog(state, systemClock, new Scrubber(), warn, { bytes: 200, kept: 2 })
    rmSync(join(state, 'log'), { recursive: true })
    for (let pairs = 1; pairs <= 20; pairs++) log.event({ event: 'run-started', pairs })
    log.close()
    expect(warnings).toEqual([expect.stringContaining('no log is written')])
  })

  it('writes into no pipe that stands in its place', () => {
    const { state, log } = open()
    log.close()
    const path = join(state, 'log', 'events.log')
    rmSync(path)
    spawnSync('mkfifo', ['-m', '600', path])
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    onTestFinished(() => closeSync(reader))
    const warnings: string[] = []
    openEventLog(state, systemClock, new Scrubber(), (text) => warnings.push(text)).close()
    expect(warnings).toEqual([expect.stringContaining(`${path} is not a plain file`)])
  })

  it('follows no link, and tells once that nothing is written', () => {
    const { state, log } = open()
    log.close()
    const elsewhere = join(state, 'elsewhere')
    writeFileSync(elsewhere, '')
    rmSync(join(state, 'log', 'events.log'))
    symlinkSync(elsewhere, join(state, 'log', 'events.log'))
    const warnings: string[] = []
    const other = openEventLog(state, systemClock, new Scrubber(), (text) => warnings.push(text))
    other.event({ event: 'run-started', pairs: 1 })
    other.event({ event: 'run-started', pairs: 2 })
    other.close()
    expect(warnings).toEqual([expect.stringContaining('no log is written')])
    expect(readFileSync(elsewhere, 'utf8')).toBe('')
  })
})
