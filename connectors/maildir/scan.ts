import { opendir } from 'node:fs/promises'
import type { Clock } from '../../src/core/clock.ts'
import { throwIfAborted } from '../../src/core/errors.ts'
import { isMissing } from '../shared/file-errors.ts'
import { splitName, type FileName } from './file-name.ts'
import { fingerprintOf, within, type Folder, type Fingerprint, type Place } from './folder.ts'

/** A message file, as its folder names it. */
export interface Entry extends FileName {
  readonly place: Place
}

/** One step of a scan: entries, or that the scan is over. */
export type ScanStep =
  | { readonly kind: 'entries'; readonly entries: readonly Entry[] }
  /** `settled`: nothing changed while the last pass went through, so that each message there is was named. */
  | { readonly kind: 'end'; readonly before: Fingerprint; readonly settled: boolean }

const PAGE_ENTRIES = 500
const MAX_PASSES = 5
/** How long the times of a file system may stand between two changes. */
const FINE_TICK = 20
const COARSE_TICK = 2_000
/** An age that no difference between its clock and ours feigns. */
const LONG_AGO = 5_000

/**
 * Names every message of a folder, in pages, with memory for one page. A file that another program renames just then
 * (a flag changes, `new` is emptied) may be passed over by the file system; so when the folder has changed, it is gone
 * through again, and entries come again. `new` goes first, because messages move from there to `cur`.
 */
export async function* scan(clock: Clock, folder: Folder, signal: AbortSignal): AsyncGenerator<ScanStep> {
  let before = await stillFingerprint(clock, folder, signal)
  const first = before
  for (let pass = 1; ; pass++) {
    for await (const entries of scanOnce(folder, signal)) yield { kind: 'entries', entries }
    const after = await fingerprintOf(folder)
    const settled = before.isStill && after.text === before.fingerprint.text
    if (settled || pass === MAX_PASSES) {
      yield { kind: 'end', before: first.fingerprint, settled }
      return
    }
    before = await stillFingerprint(clock, folder, signal)
  }
}

/** One pass over a folder, `new` first. What another program renames meanwhile may be left out. */
export async function* scanOnce(folder: Folder, signal: AbortSignal): AsyncGenerator<readonly Entry[]> {
  for (const place of ['new', 'cur'] as const) yield* scanPlace(folder, place, signal)
}

/**
 * A fingerprint that the next change is sure to change, if `isStill`: the last change was long ago, or nothing changed
 * for a tick of the file system's clock.
 */
async function stillFingerprint(
  clock: Clock,
  folder: Folder,
  signal: AbortSignal,
): Promise<{ readonly fingerprint: Fingerprint; readonly isStill: boolean }> {
  const first = await fingerprintOf(folder)
  if (clock.now() - first.changedMicros / 1000 > LONG_AGO) return { fingerprint: first, isStill: true }
  await clock.sleep(first.isFine ? FINE_TICK : COARSE_TICK, signal)
  const fingerprint = await fingerprintOf(folder)
  return { fingerprint, isStill: fingerprint.text === first.text }
}

async function* scanPlace(folder: Folder, place: Place, signal: AbortSignal): AsyncGenerator<readonly Entry[]> {
  let entries: Entry[] = []
  for await (const name of namesIn(within(folder.directory, place))) {
    const split = splitName(name)
    if (split === null) continue
    entries.push({ ...split, place })
    if (entries.length < PAGE_ENTRIES) continue
    throwIfAborted(signal)
    yield entries
    entries = []
  }
  throwIfAborted(signal)
  if (entries.length > 0) yield entries
}

async function* namesIn(directory: Buffer): AsyncGenerator<string> {
  let opened
  try {
    opened = await opendir(directory, { encoding: 'latin1', bufferSize: 256 })
  } catch (error) {
    if (isMissing(error)) return
    throw error
  }
  for await (const entry of opened) yield entry.name
}
