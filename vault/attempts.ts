import { join } from 'node:path'
import { systemClock, type Clock } from '../src/core/clock.ts'
import { writePrivateFile } from '../src/files/durable.ts'
import { ensurePrivateFolder, readPrivateFile } from '../src/files/private-files.ts'
import { parseFields, readInteger, requireFormat } from './fields.ts'
import { withFileLock } from '../src/files/file-lock.ts'
import { attemptFolder } from './paths.ts'

/** Who is told of guesses, and whose time slows them. */
export interface GuessWatch {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** The next guess has to wait so many milliseconds. */
  waiting(ms: number): void
  /** A guess was wrong: `count` of them since the last right one. Must not throw. */
  wrong(operator: string, count: number): Promise<void>
}

/** What is guessed at: each has a count of its own. */
export type Guessed = 'passphrase' | 'code'

/** What is known of the guesses at one secret since the last right one; a process that has not ended has begun, and no more. */
interface Attempts {
  readonly begun: number
  readonly wrong: number
  /** How often there was a right one: a guess that began before it is counted again. */
  readonly rights: number
  /** Milliseconds since 1970 before which none begins. */
  readonly notBefore: number
}

/** So many begin at once, in one process or in several: mistyping costs nothing, and neither does a busy morning. */
const FREE_GUESSES = 5
const FIRST_DELAY_MS = 1000
const LONGEST_DELAY_MS = 60_000

const FORMAT = 'sealpost-attempts'
const MEMBERS = ['format', 'version', 'begun', 'wrong', 'rights', 'notBefore']
const MAX_BYTES = 4096
const NONE: Attempts = { begun: 0, wrong: 0, rights: 0, notBefore: 0 }

/** Slows by the machine's clock and tells nobody. */
export const SILENT_WATCH: GuessWatch = {
  clock: systemClock,
  signal: new AbortController().signal,
  waiting: () => undefined,
  wrong: async () => undefined,
}

/**
 * Makes one guess at an operator's secret, after the delay that the guesses before have earned: none for the first five,
 * then a second, doubled each time up to a minute. The guess is counted, on the disk, before `work` begins: neither a kill
 * nor a second process gets around it. A right one sets the count back. `isWrong` tells a wrong guess from another failure,
 * which is not counted. Returns how many were wrong since the last right one. Throws what `work` throws.
 */
export async function makeGuess<T>(
  keystore: string,
  operator: string,
  guessed: Guessed,
  watch: GuessWatch,
  work: () => Promise<T>,
  isWrong: (error: unknown) => boolean,
): Promise<{ readonly result: T; readonly wrongBefore: number }> {
  const change = await openAttempts(keystore, operator, guessed, watch.clock)
  const { rights } = await begin(change, watch)
  let result: T
  try {
    result = await work()
  } catch (error) {
    if (isWrong(error)) {
      const { wrong } = await change((now) => {
        const begun = now.rights === rights ? now : oneMore(now, watch.clock)
        return { ...begun, wrong: begun.wrong + 1 }
      })
      await watch.wrong(operator, wrong)
    } else {
      await change((now) => (now.rights === rights ? { ...now, begun: Math.max(0, now.begun - 1) } : now))
    }
    throw error
  }
  let wrongBefore = 0
  await change((now) => {
    wrongBefore = now.wrong
    return { ...NONE, rights: now.rights + 1 }
  })
  return { result, wrongBefore }
}

/** Replaces what is known by what `next` makes of it, as one step among all processes. */
type Change = (next: (now: Attempts) => Attempts) => Promise<Attempts>

async function openAttempts(keystore: string, operator: string, guessed: Guessed, clock: Clock): Promise<Change> {
  await ensurePrivateFolder(attemptFolder(keystore))
  const path = join(attemptFolder(keystore), `${operator}.${guessed}`)
  return (next) =>
    withFileLock(`${path}.lock`, clock, async () => {
      const now = parseAttempts(await readPrivateFile(path, MAX_BYTES))
      const after = next(now)
      if (after !== now) await writePrivateFile(path, Buffer.from(formatAttempts(after), 'utf8'))
      return after
    })
}

/** Waits for the turn and takes it. */
async function begin(change: Change, watch: GuessWatch): Promise<Attempts> {
  const { clock, signal } = watch
  for (;;) {
    let left = 0
    const now = await change((attempts) => {
      left = attempts.notBefore - clock.now()
      if (left <= 0) return oneMore(attempts, clock)
      if (left <= LONGEST_DELAY_MS) return attempts
      // The clock was set back: no delay is longer than the longest.
      left = LONGEST_DELAY_MS
      return { ...attempts, notBefore: clock.now() + left }
    })
    if (left <= 0) return now
    watch.waiting(left)
    await clock.sleep(left, signal)
  }
}

function oneMore(attempts: Attempts, clock: Clock): Attempts {
  const begun = attempts.begun + 1
  if (begun < FREE_GUESSES) return { ...attempts, begun, notBefore: 0 }
  const delay = Math.min(FIRST_DELAY_MS * 2 ** (begun - FREE_GUESSES), LONGEST_DELAY_MS)
  return { ...attempts, begun, notBefore: clock.now() + delay }
}

function formatAttempts({ begun, wrong, rights, notBefore }: Attempts): string {
  return `${JSON.stringify({ format: FORMAT, version: 1, begun, wrong, rights, notBefore })}\n`
}

/** A file that cannot be read counts as all the free guesses: it locks nobody out, and it is no way to have more. */
function parseAttempts(bytes: Buffer | null): Attempts {
  if (bytes === null) return NONE
  try {
    const fields = parseFields(bytes.toString('utf8'), 'the count of wrong guesses', MEMBERS)
    requireFormat(fields, FORMAT, 1)
    const read = (name: string): number => readInteger(fields, name, 0, Number.MAX_SAFE_INTEGER)
    return {
      begun: read('begun'),
      wrong: read('wrong'),
      rights: read('rights'),
      notBefore: read('notBefore'),
    }
  } catch {
    return { ...NONE, begun: FREE_GUESSES }
  }
}
