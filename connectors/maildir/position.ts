import type { Position } from '../../src/core/connector.ts'
import type { Mailbox } from '../../src/core/mail.ts'
import { fingerprintOf, type Folder } from './folder.ts'
import { MAILDIR_VALIDITY } from './options.ts'
import { scanOnce } from './scan.ts'
import type { SessionContext } from './session-context.ts'
import { ownStamp } from './unique-name.ts'

/**
 * `DestinationSession.position`: a stamp above everything that the folder holds or held, in microseconds since 1970,
 * from the names that are ours and the folder's own times. It stands still while nothing changes. What we store from
 * now on is named with that stamp or a higher one, even when the clock is set back. What others deliver is found by
 * its name's second or by the file's change time, with some slack: a little too much is found and never too little.
 */
export async function readPosition(
  context: SessionContext,
  mailbox: Mailbox,
  signal: AbortSignal,
): Promise<Position> {
  const floor = await readFloor(context, context.folder(mailbox), signal)
  return { validity: MAILDIR_VALIDITY, next: String(floor + 1) }
}

/**
 * The stamp above which everything is that is stored from now on. The folder's times count too: they tell of what was
 * there and has been moved or removed, which no name tells any more.
 */
export async function readFloor(context: SessionContext, folder: Folder, signal: AbortSignal): Promise<number> {
  const { names } = context.facts
  const { changedMicros } = await fingerprintOf(folder)
  if (names.highestIn(folder.directory) === undefined) await noteStamps(context, folder, signal)
  const highest = names.highestIn(folder.directory) ?? 0
  return names.isPlausible(changedMicros) ? Math.max(highest, changedMicros) : highest
}

async function noteStamps(context: SessionContext, folder: Folder, signal: AbortSignal): Promise<void> {
  const { names } = context.facts
  let highest = 0
  for await (const entries of scanOnce(folder, signal)) {
    for (const { base } of entries) {
      const stamp = ownStamp(base) ?? 0
      if (stamp > highest && names.isPlausible(stamp)) highest = stamp
    }
  }
  names.note(folder.directory, highest)
}
