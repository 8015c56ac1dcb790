import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { readMaildir } from '../../scripts/sample/maildir.ts'
import { MAILDIR_YAML, Place, type Ended, type Given } from '../cli/program.ts'
import { difference } from '../faults/stage.ts'

/** A message that goes through the spool: the Maildir end hands out in one piece what is below 16 MiB. */
const LARGE_BYTES = 16 * 1024 * 1024 + 1

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
export function moving(large: boolean): Scenario {
  return {
    name: large ? 'run, with a message that goes through the spool' : 'run',
    words: ['run', '--json'],
    prepare: async (place) => {
      await makeProject(place)
      await place.fillMaildir('anna', 3)
      if (!large) return
      const head = Buffer.from('Message-ID: <large@example.com>\r\n\r\n')
      const bytes = Buffer.concat([head, Buffer.alloc(LARGE_BYTES, 'abcdefgh\r\n')])
      writeFileSync(join(place.project, 'old/anna/cur/1700000009.M9P1.example:2,S'), bytes)
    },
    expectDone: async (place) => {
      const source = await readMaildir(join(place.project, 'old/anna'), 'maildir++')
      const moved = await readMaildir(join(place.project, 'new/anna'), 'maildir++')
      expect(source).toHaveLength(large ? 4 : 3)
      expect(difference(source, moved)).toEqual({ missing: [], extra: [], identical: source.length })
      // The canary is what sign-off proves by that it cannot be opened any more.
      expect(readdirSync(join(place.project, '.sealpost/spool'))).toEqual(['canary'])
    },
  }
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
  await place.configure(MAILDIR_YAML, 'source,destination\nanna,anna\n')
}

async function succeed(running: Promise<Ended>): Promise<void> {
  const { exitCode, stdout, stderr } = await running
  if (exitCode !== 0) throw new Error(`exit ${String(exitCode)}\n${stdout}\n${stderr}`)
}

/** A place that can be put back to what it was when it had been prepared. */
export class Rehearsal {
  readonly place: Place
  readonly scenario: Scenario
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
  play(environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const { words, third } = this.scenario
    const given: Given = { environment, ...(third === undefined ? {} : { third }) }
    return this.place.run(words, given)
  }

  async close(): Promise<void> {
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
