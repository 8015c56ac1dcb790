import { join } from 'node:path'
import { pino, type Logger } from 'pino'
import { formatInstant, type Clock } from '../../core/clock.ts'
import { systemFault } from '../../core/system-faults.ts'
import { codeOf } from '../../core/system-faults.ts'
import { allowedOf, type LoggedEvent } from './allowed.ts'
import { RotatingFile, type Bounds } from './rotating-file.ts'
import type { Scrubber } from './scrubber.ts'

/** The log of a project: what happened when, in ids and numbers. */
export interface EventLog {
  /** Never throws: the mail matters more than its log. An event that is not on the list is left out. */
  readonly event: (event: LoggedEvent) => void
  /** Twice is safe. */
  close(): void
}

/** 20 MiB in whole. */
const BOUNDS: Bounds = { bytes: 4 * 1024 * 1024, kept: 4 }

/**
 * Opens `.sealpost/log/events.log`. Only what `allowedOf` lets through is written, one line of JSON an event, and a line in which
 * the scrubber finds a secret is replaced by one that says so. `warn` is told once when the log cannot be written.
 */
export function openEventLog(
  state: string,
  clock: Clock,
  scrubber: Scrubber,
  warn: (text: string) => void,
  bounds: Bounds = BOUNDS,
): EventLog {
  let file: RotatingFile | null = null
  const stop = (error: unknown): void => {
    const fault = systemFault(codeOf(error))?.text
    const why = fault ?? (error instanceof Error ? error.message : 'unexpected error')
    warn(`no log is written: ${why}`)
    file?.close()
    file = null
  }
  try {
    file = new RotatingFile(join(state, 'log'), bounds)
  } catch (error) {
    stop(error)
  }
  const logger: Logger = pino(
    {
      base: null,
      timestamp: () => `,"at":"${formatInstant(clock.now())}"`,
      formatters: { level: (level) => ({ level }) },
    },
    {
      write: (line: string): void => {
        const held = scrubber.finds(line)
        file?.write(
          held ? `{"level":"warn","at":"${formatInstant(clock.now())}","event":"line-withheld"}\n` : line,
        )
      },
    },
  )
  return {
    event: (event) => {
      const line = allowedOf({ ...event })
      if (file === null || line === null) return
      try {
        logger.info(line)
      } catch (error) {
        stop(error)
      }
    },
    close: () => {
      file?.close()
      file = null
    },
  }
}
