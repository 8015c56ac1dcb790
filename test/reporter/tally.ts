import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a suite has gone through, for `npm run test:report`. */
export interface Tally {
  /** Processes killed with SIGKILL. */
  readonly kills?: number
  /** Runs ended at a durable step, as a kill would. */
  readonly steps?: number
  /** Faults of the network, a server or the disk that came to pass. */
  readonly faults?: number
  /** Messages compared at the destination with what the source holds. */
  readonly compared?: number
  /** Of those: lacking, and there twice. */
  readonly lost?: number
  readonly duplicates?: number
  /** Something measured, as a sentence. */
  readonly note?: string
}

/** Where results lie until the report is made; not part of the repository. */
export const RESULTS = join(import.meta.dirname, '..', 'report')

/** Writes down what one suite has gone through; the last time counts. */
export function writeTally(suite: string, tally: Tally): void {
  const folder = join(RESULTS, 'tallies')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${suite}.json`), JSON.stringify(tally, null, 1))
}
