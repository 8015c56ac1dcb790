import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type {
  Actor,
  AuditEvent,
  AuditLog,
  AuditVerification,
  LoggedEntry,
  PersonalOpener,
  PersonalSealer,
} from '../../src/core/audit.ts'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import { SealpostError } from '../../src/core/errors.ts'
import { advance, emptyHead, encodeHead } from '../../src/audit/audit-head.ts'
import { encodeLeaf, encodeLine } from '../../src/audit/audit-line.ts'
import { hashLeaf } from '../../src/audit/merkle.ts'
import { openAuditLog } from '../../src/audit/audit-log.ts'

export const ORIGIN = 'sealpost.example/audit/7f3a'
export const ANNA: Actor = { name: 'anna', role: 'lead', factor: 'totp' }
export const NOBODY: Actor = { name: null, role: null, factor: null }

/** Never aborted. */
export const CALM = new AbortController().signal

/** A clock that stands where a test sets it; waiting is real. */
export interface TestClock extends Clock {
  set(text: string): void
  pass(ms: number): void
}

export function testClock(text = '2026-01-05T10:00:00Z'): TestClock {
  let now = Date.parse(text)
  return {
    ...systemClock,
    now: () => now,
    set: (next) => {
      now = Date.parse(next)
    },
    pass: (ms) => {
      now += ms
    },
  }
}

/** Stands for the sealed boxes of the vault: authenticated, bound to its context. */
export function testSeal(key = Buffer.alloc(32, 9)): PersonalSealer & PersonalOpener {
  return {
    seal: async (context, bytes) => {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      cipher.setAAD(Buffer.from(context))
      const sealed = Buffer.concat([cipher.update(bytes), cipher.final()])
      return Buffer.concat([nonce, sealed, cipher.getAuthTag()])
    },
    open: async (context, sealed) => {
      const bytes = Buffer.from(sealed)
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
        decipher.setAAD(Buffer.from(context))
        decipher.setAuthTag(bytes.subarray(-16))
        return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()])
      } catch {
        throw new SealpostError('corrupt', 'not sealed by us')
      }
    },
  }
}

export function event(over: Partial<AuditEvent> = {}): AuditEvent {
  return {
    by: ANNA,
    action: 'unlock',
    outcome: 'done',
    project: null,
    object: null,
    facts: {},
    personal: {},
    ...over,
  }
}

/** A folder of its own for one test, removed when it ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sealpost-records-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface TestLog {
  readonly folder: string
  readonly log: AuditLog
  readonly clock: TestClock
}

export function openTestLog(folder = join(temporaryFolder(), 'audit'), clock = testClock()): TestLog {
  return { folder, clock, log: openAuditLog({ folder, origin: ORIGIN, clock, sealer: testSeal() }) }
}

/** A log with `count` entries, every third of which has sealed fields. */
export async function filledLog(count: number): Promise<TestLog> {
  const test = openTestLog()
  for (let i = 0; i < count; i++) {
    test.clock.pass(1000)
    const personal: Record<string, string> = i % 3 === 0 ? { name: `person ${i}` } : {}
    await test.log.append(event({ object: `thing-${i}`, project: `p${i % 2}`, facts: { i }, personal }), CALM)
  }
  return test
}

/** As `filledLog`, made in memory and written at once: what would take minutes of waiting for the disk. */
export function fabricateLog(count: number, folder = join(temporaryFolder(), 'audit')): TestLog {
  const key = Buffer.alloc(32, 9)
  let head = emptyHead(ORIGIN)
  const lines: Buffer[] = []
  const rows: Buffer[] = []
  for (let index = 0; index < count; index++) {
    let personal = null
    if (index % 3 === 0) {
      const row = createHash('md5').update(`${index}`).digest('hex')
      const plain = Buffer.concat([
        Buffer.alloc(32, index),
        Buffer.from(JSON.stringify({ name: `person ${index}` })),
      ])
      const cipher = createCipheriv('aes-256-gcm', key, Buffer.alloc(12, index))
      cipher.setAAD(Buffer.from(row))
      const sealed = Buffer.concat([
        Buffer.alloc(12, index),
        cipher.update(plain),
        cipher.final(),
        cipher.getAuthTag(),
      ])
      const commitment = createHash('sha256').update('sealpost/v1/audit-personal\n').update(plain).digest('base64')
      personal = { row, commitment, sealed: createHash('sha256').update(sealed).digest('base64') }
      rows.push(Buffer.from(`${row} ${sealed.toString('base64')}\n`))
    }
    const leaf = encodeLeaf({
      ...event({ object: `thing-${index}`, project: `p${index % 2}`, facts: { i: index } }),
      index,
      at: new Date(Date.UTC(2026, 0, 2) + 1000 * index).toISOString().replace('.000', ''),
      personal,
      erased: null,
      previous: head.last,
    })
    const line = encodeLine(index, leaf)
    lines.push(line)
    head = advance(head, hashLeaf(leaf), line.length)
  }
  const personalBytes = rows.reduce((sum, row) => sum + row.length, 0)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(join(folder, 'log'), Buffer.concat(lines), { mode: 0o600 })
  writeFileSync(join(folder, 'personal'), Buffer.concat(rows), { mode: 0o600 })
  writeFileSync(join(folder, 'head'), encodeHead({ ...head, personalBytes }), { mode: 0o600 })
  return openTestLog(folder)
}

export async function verify(
  log: AuditLog,
  over: Partial<Parameters<AuditLog['verify']>[0]> = {},
): Promise<AuditVerification> {
  return log.verify({ heads: [], keys: [], opener: null, ...over }, CALM)
}

/** `kind from-to` of each finding. */
export async function findings(
  log: AuditLog,
  over: Partial<Parameters<AuditLog['verify']>[0]> = {},
): Promise<string[]> {
  return (await verify(log, over)).findings.map(({ kind, from, to }) => `${kind} ${from}-${to}`)
}

export async function allEntries(log: AuditLog): Promise<LoggedEntry[]> {
  const entries: LoggedEntry[] = []
  for await (const entry of log.entries(CALM)) entries.push(entry)
  return entries
}

export async function allPersonal(log: AuditLog): Promise<Record<number, string>> {
  const found: Record<number, string> = {}
  for await (const { entry, fields } of log.personal(testSeal(), CALM)) found[entry.index] = JSON.stringify(fields)
  return found
}

/** The lines of one of the log's files. */
export function linesOf(folder: string, file = 'log'): string[] {
  return readFileSync(join(folder, file), 'utf8').split('\n').slice(0, -1)
}

export function writeLines(folder: string, lines: readonly string[], file = 'log'): void {
  writeFileSync(join(folder, file), lines.map((line) => `${line}\n`).join(''))
}
