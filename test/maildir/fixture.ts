import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createMaildirConnector } from '../../connectors/maildir/maildir-connector.ts'
import type { MaildirOptions } from '../../connectors/maildir/options.ts'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import type { DestinationSession, SourceSession } from '../../src/core/connector.ts'
import { quiet } from '../conformance/bench.ts'

/** A Maildir of one test, which is removed with it, and sessions on it. */
export interface Fixture {
  readonly root: string
  source(options?: Partial<MaildirOptions>): Promise<SourceSession>
  destination(options?: Partial<MaildirOptions>): Promise<DestinationSession>
  /** Puts a file where a delivery program would, and returns its path. */
  deposit(place: string, body: string | Uint8Array): Promise<string>
  /** Names in a folder of the Maildir. */
  names(folder: string): Promise<readonly string[]>
}

/** Makes an empty Maildir. */
export async function makeMaildir(): Promise<Fixture> {
  const parent = await makeFolder()
  const root = join(parent, 'Maildir')
  for (const part of ['cur', 'new', 'tmp']) await mkdir(join(root, part), { recursive: true })
  const connector = (options: Partial<MaildirOptions> = {}): ReturnType<typeof createMaildirConnector> =>
    createMaildirConnector({ path: () => root, clock: systemClock, ...options })
  return {
    root,
    source: (options) => connector(options).openSource('anna', quiet),
    destination: (options) => connector(options).openDestination('anna', quiet),
    deposit: async (place, body) => {
      const file = join(root, place)
      await writeFile(file, body)
      await utimes(file, 1_400_000_000, 1_400_000_000)
      return file
    },
    names: async (folder) => (await readdir(join(root, folder))).sort(),
  }
}

/** Makes a folder that is removed when the test is over. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'maildir-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A clock that shows another time than the machine's, by so many milliseconds. */
export function shiftedClock(milliseconds: number): Clock {
  return { ...systemClock, now: () => systemClock.now() + milliseconds }
}
