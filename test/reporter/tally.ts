import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CaseResult } from '../matrix/judge.ts'
import { isLong, type LongForm } from '../long.ts'

/** What a suite has gone through. */
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

/** One that was written down. */
export interface KeptTally extends Tally {
  /** Which row of the report it counts for. */
  readonly what: string
  /** By the long form, not by the share that `npm test` takes. */
  readonly isWhole: boolean
  /** The day. */
  readonly on: string
}

/** What one pair of servers came to. */
export interface PairReport {
  readonly from: string
  readonly to: string
  readonly on: string
  readonly results: readonly (readonly [string, CaseResult])[]
  readonly renamed: readonly string[]
  /** What should not be; empty where all is well. */
  readonly wrong: readonly string[]
}

/** How a long form went that was run whole; scripts/test.mjs writes it. */
export interface FormReport {
  readonly form: LongForm
  readonly on: string
  /** Of all forms that were run together with it. */
  readonly minutes: number
  readonly together: readonly LongForm[]
  readonly hasPassed: boolean
}

/** Where results lie until the report is made; not part of the repository. */
export const RESULTS = join(import.meta.dirname, '..', 'report')

/** Writes down what one suite has gone through, or the `part` of it; the last time counts, and a share never for the whole. */
export function writeTally(form: LongForm, what: string, tally: Tally, part = ''): void {
  const isWhole = isLong(form)
  const kept: KeptTally = { what, isWhole, on: today(), ...tally }
  write('tallies', `${what} ${part} ${isWhole ? 'whole' : 'share'}`, kept)
}

/** Writes a pair's results down. */
export function writePair(report: Omit<PairReport, 'on'>): void {
  write('matrix', `${report.from} to ${report.to}`, { ...report, on: today() })
}

/** What lies there of one kind, without what an older form of this file wrote. */
export function readResults<T extends { readonly on: string }>(kind: 'tallies' | 'matrix' | 'forms'): T[] {
  const folder = join(RESULTS, kind)
  mkdirSync(folder, { recursive: true })
  return readdirSync(folder)
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as T)
    .filter((result) => typeof result.on === 'string')
}

function write(kind: string, name: string, content: object): void {
  const folder = join(RESULTS, kind)
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, `${name.replace(/[^A-Za-z0-9/.]+/g, '-').replaceAll('/', 'slash')}.json`),
    JSON.stringify(content, null, 1),
  )
}

function today(): string {
  return new Date().toISOString().slice(0, 10)
}
