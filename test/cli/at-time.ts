import { cpSync, existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { CommanderError } from 'commander'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { openBooks, type WorkspaceBooks } from '../../src/cli/books/open-books.ts'
import { exitCodeOf } from '../../src/cli/exit-codes.ts'
import { buildProgram, globalOptions, usageError } from '../../src/cli/program.ts'
import { recordPath } from '../../src/cli/project/folder.ts'
import { Output } from '../../src/cli/terminal/output.ts'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import { toSealpostError } from '../../src/core/errors.ts'
import type { NewRecord } from '../../src/records/record-types.ts'
import { connectAgent, stopAgent } from '../../vault/agent-client.ts'
import { serveAgent } from '../../vault/agent-server.ts'
import { unlockOperator, type UnlockedOperator } from '../../vault/operator.ts'
import { Secret } from '../../vault/secret.ts'
import { PASSPHRASE, Place, type Ended } from './program.ts'
import { assertPublished } from './published.ts'
import './stretch-once.mjs'

const CALM = new AbortController().signal

/** The machine's clock, but for the time of day. */
export function clockAt(instant: string): Clock {
  return { ...systemClock, now: () => Date.parse(instant) }
}

/**
 * A workspace with one project for a file of tests, made once and copied for each of them. With `agent` one holds the keys,
 * so that a command costs no passphrase.
 */
export function useWorkspace({ agent }: { readonly agent: boolean } = { agent: false }): () => Place {
  let template: Place | null = null
  let current: Place | null = null
  let operator: UnlockedOperator | null = null
  beforeAll(async () => {
    template = await Place.open()
    const words = ['init', template.project, '--client', 'Beispiel GmbH', '--kdf', 'interactive']
    expect(await runAt(template, words)).toMatchObject({ exitCode: 0 })
    if (agent) operator = await unlockOf(template)
  })
  beforeEach(async () => {
    const place = (current = await Place.open())
    cpSync(template?.folder ?? '', place.folder, { recursive: true })
    // The project knows where it stands, and a copy of one that still stands elsewhere is refused.
    const record = recordPath(place.project)
    const text = readFileSync(record, 'utf8')
    const here = JSON.stringify(realpathSync(place.project))
    writeFileSync(record, text.replace(/"place": ".*"/, `"place": ${here}`))
    if (operator !== null) await startAgent(place, operator)
  })
  afterEach(async () => {
    if (current === null) return
    await stopAgent(agentSocketOf(current))
    await current.close()
  })
  afterAll(() => template?.close())
  return () => {
    if (current === null) throw new Error('not made yet')
    return current
  }
}

/** An agent within this process. */
export async function startAgent(place: Place, held: UnlockedOperator): Promise<void> {
  // The keys serve the next test too.
  const operator = { ...held, wipe: () => undefined }
  await new Promise<void>((ready, fail) => {
    const setup = {
      root: place.home,
      socketPath: agentSocketOf(place),
      operator,
      idleMs: 600_000,
      clock: systemClock,
    }
    serveAgent(setup, ready).catch(fail)
  })
}

function agentSocketOf(place: Place): string {
  return join(place.folder, 'agent', 'socket')
}

/** Runs one command line within this process and in the project, at a time of the test's choice, or by its clock. JSON must be as published. */
export async function runAt(
  place: Place,
  words: readonly string[],
  options: { readonly at?: string; readonly clock?: Clock; readonly passphraseFile?: string } = {},
): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  const output = new Output(
    { stdout: { write: (text) => (stdout += text) }, stderr: { write: (text) => (stderr += text) } },
    { json: words.includes('--json'), noColour: true },
  )
  let exitCode = 0
  const program = buildProgram('0.0.0', output, async (work) => {
    exitCode = await work({
      options: globalOptions(program),
      output,
      clock: options.clock ?? (options.at === undefined ? systemClock : clockAt(options.at)),
      home: place.home,
      systemUser: userInfo().username,
      agentSocket: agentSocketOf(place),
      umask: 0o022,
      stop: CALM,
      hard: CALM,
    })
  })
  try {
    const { passphraseFile = place.passphraseFile } = options
    const passphrase = existsSync(agentSocketOf(place)) ? [] : ['--passphrase-file', passphraseFile]
    await program.parseAsync([...words, '--project', place.project, ...passphrase], { from: 'user' })
  } catch (error) {
    const failure = error instanceof CommanderError ? usageError(error) : toSealpostError(error, 'sealpost')
    if (failure !== null) {
      output.error(failure)
      exitCode = exitCodeOf(failure)
    }
  }
  assertPublished(words, stdout)
  return { exitCode, stdout, stderr }
}

/** What a command with `--json` printed, which must have ended well or with `exitCode`. */
export async function jsonAt<T>(place: Place, words: readonly string[], at?: string, exitCode = 0): Promise<T> {
  const ended = await runAt(place, [...words, '--json'], at === undefined ? {} : { at })
  if (ended.exitCode !== exitCode) throw new Error(`exit ${ended.exitCode ?? '-'}: ${ended.stderr}`)
  return JSON.parse(ended.stdout) as T
}

/** The workspace's books, opened beside the program. */
export async function booksOf(place: Place, clock: Clock = systemClock): Promise<WorkspaceBooks> {
  const held = await connectAgent(agentSocketOf(place))
  return openBooks(place.home, held ?? (await unlockOf(place)), clock)
}

async function unlockOf(place: Place): Promise<UnlockedOperator> {
  const passphrase = Secret.fromBytes(Buffer.from(PASSPHRASE, 'utf8'))
  return unlockOperator(place.home, { operator: null, systemUser: userInfo().username, passphrase })
}

/** Keeps a record, as a sign-off at that time would have. */
export async function keepRecord(
  place: Place,
  signedOffAt: string,
  over: Partial<NewRecord> = {},
): Promise<string> {
  const books = await booksOf(place, clockAt(signedOffAt))
  const record: NewRecord = {
    project: '3f0c1a52-7c1e-4a57-9d0c-2a4b6c8d0e1f',
    client: 'Beispiel GmbH',
    contacts: [{ name: 'Eva Muster', title: 'IT lead', address: 'eva@beispiel.example', phone: null }],
    startedAt: Date.parse('2026-01-05T08:00:00Z'),
    signedOffAt: Date.parse(signedOffAt),
    abandoned: false,
    counts: { accounts: 2, mailboxes: 9, messages: 1200, landed: 1200, bytes: 5_000_000, exceptions: 0 },
    ...over,
  }
  await books.withRecords((records) => records.add(books.actor, record, CALM), CALM)
  return record.project
}
