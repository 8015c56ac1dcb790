import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { readMaildir } from '../../scripts/sample/maildir.ts'
import { MAILDIR_YAML, Place, type Ended, type Given } from '../cli/program.ts'
import { difference } from '../faults/stage.ts'
import { FailingCalls, type CallFault } from './failing-calls.ts'

/** Above it a message goes through the spool; the least that may be set, so that few calls do nothing but write the next piece. */
const SPOOLS = `limits: { spool_threshold: 64KiB }\n`
/** Several pieces of the spool. */
const LARGE_BYTES = 300 * 1024

/** One command of the program, its state before, and what must be true when it has got through. */
export interface Scenario {
  readonly name: string
  readonly words: readonly string[]
  readonly third?: string
  /** What the place holds before. */
  readonly prepare: (place: Place) => Promise<void>
  /** After the command has been given again and has succeeded. */
  readonly expectDone: (place: Place) => Promise<void>
}

/** Moves mail: ledger, spool, Maildir, log, audit log. */
export const moving: Scenario = {
  name: 'run, with a message that goes through the spool',
  words: ['run', '--json'],
  prepare: async (place) => {
    await makeProject(place)
    await place.fillMaildir('anna', 3)
    const head = Buffer.from('Message-ID: <large@example.com>\r\n\r\n')
    const bytes = Buffer.concat([head, Buffer.alloc(LARGE_BYTES, 'abcdefgh\r\n')])
    writeFileSync(join(place.project, 'old/anna/cur/1700000009.M9P1.example:2,S'), bytes)
  },
  expectDone: async (place) => {
    const source = await readMaildir(join(place.project, 'old/anna'), 'maildir++')
    const moved = await readMaildir(join(place.project, 'new/anna'), 'maildir++')
    expect(source).toHaveLength(4)
    expect(difference(source, moved)).toEqual({ missing: [], extra: [], identical: source.length })
    // The canary is what sign-off proves by that it cannot be opened any more.
    expect(readdirSync(join(place.project, '.sealpost/spool'))).toEqual(['canary'])
  },
}

/** Keeps a second credential beside a first one: the vault. */
export const keeping: Scenario = {
  name: 'credentials set',
  words: ['credentials', 'set', 'second', '--secret-fd', '3'],
  third: 'another\n',
  prepare: async (place) => {
    await makeProject(place)
    await succeed(place.run(['credentials', 'set', 'first', '--secret-fd', '3'], { third: 'one\n' }))
  },
  expectDone: async (place) => {
    const { stdout } = await place.run(['credentials', 'list', '--json'])
    const { credentials } = JSON.parse(stdout) as { credentials: readonly { readonly name: string }[] }
    expect(credentials.map(({ name }) => name).sort()).toEqual(['first', 'second'])
  },
}

async function makeProject(place: Place): Promise<void> {
  await succeed(place.init())
  await place.configure(`${MAILDIR_YAML}${SPOOLS}`, 'source,destination\nanna,anna\n')
}

async function succeed(running: Promise<Ended>): Promise<void> {
  const { exitCode, stdout, stderr } = await running
  if (exitCode !== 0) throw new Error(`exit ${String(exitCode)}\n${stdout}\n${stderr}`)
}

/** A place that can be put back to what it was when it had been prepared, and what makes calls fail there. */
export class Rehearsal {
  readonly place: Place
  readonly scenario: Scenario
  readonly #calls = new FailingCalls()
  readonly #kept: string

  private constructor(place: Place, scenario: Scenario, kept: string) {
    this.place = place
    this.scenario = scenario
    this.#kept = kept
  }

  static async open(scenario: Scenario): Promise<Rehearsal> {
    const place = await Place.open()
    await scenario.prepare(place)
    const kept = mkdtempSync(join(tmpdir(), 'sealpost-kept-'))
    cpSync(place.folder, kept, { recursive: true, preserveTimestamps: true })
    return new Rehearsal(place, scenario, kept)
  }

  /** Everything as it was at first. */
  again(): void {
    const { folder } = this.place
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
    cpSync(this.#kept, folder, { recursive: true, preserveTimestamps: true })
  }

  /** Gives the command. */
  play(): Promise<Ended> {
    return this.#give({})
  }

  /** Gives the command and lets a call fail, if `at` is one; how it ended, how many calls counted, how many failed. */
  async playStruck(fault: CallFault, at: number): Promise<{ ended: Ended; calls: number; failed: number }> {
    const { folder } = this.place
    // A disk that is full stays so; a broken block, and a moment without a free descriptor, come once.
    const goesOn = fault === 'ENOSPC'
    const ended = await this.#give(this.#calls.environment({ folder, fault, at, goesOn }))
    return { ended, ...this.#calls.read() }
  }

  #give(environment: Readonly<Record<string, string>>): Promise<Ended> {
    const { words, third } = this.scenario
    const given: Given = { environment, ...(third === undefined ? {} : { third }) }
    return this.place.run(words, given)
  }

  async close(): Promise<void> {
    this.#calls.close()
    rmSync(this.#kept, { recursive: true, force: true })
    await this.place.close()
  }
}

/** How a run that was struck may end: done all the same, failed, or refused as a fault of the place where it works. */
const CODES: readonly unknown[] = [0, 1, 2]

/**
 * A struck run that failed tells why: in one line, or, where one account failed and the others went on, in a warning that
 * names it. None shows places of the program's own code.
 */
export function expectTold({ exitCode, stderr }: Ended, note: string): void {
  expect(CODES, `${note}\n${stderr}`).toContain(exitCode)
  const lines = stderr.split('\n').filter((line) => line !== '')
  for (const line of lines) expect(line, note).toMatch(/^sealpost: \S.*[^.]\.?$/)
  const told = lines.filter((line) => !line.startsWith('sealpost: warning: '))
  expect(told.length, `${note}\n${stderr}`).toBeLessThanOrEqual(exitCode === 0 ? 0 : 1)
  if (exitCode !== 0) expect(lines.length, note).toBeGreaterThan(0)
  expect(stderr, note).not.toMatch(/unexpected|\bE(?:NOSPC|IO|MFILE): /)
}
