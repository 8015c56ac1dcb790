import type { Clock } from './clock.ts'

/** The hours of each day in which work is done, by the workstation's clock and time zone: minutes since midnight. */
export interface WorkHours {
  readonly from: number
  /** Not part of it. Before `from`: the hours go over midnight. Never equal to it. */
  readonly to: number
}

/** The machine's time is looked at again after so long: it may be set, and a laptop may sleep. */
const LONGEST_SLEEP_MS = 10 * 60_000

/** Milliseconds until the hours begin; 0 within them. The days on which clocks are changed have their own length. */
export function untilOpen(hours: WorkHours, now: number): number {
  const { from, to } = hours
  const today = new Date(now)
  const minute = today.getHours() * 60 + today.getMinutes()
  const isOpen = from < to ? minute >= from && minute < to : minute >= from || minute < to
  if (isOpen) return 0
  const opening = new Date(now)
  opening.setHours(0, from, 0, 0)
  if (opening.getTime() <= now) {
    opening.setDate(opening.getDate() + 1)
    opening.setHours(0, from, 0, 0)
  }
  return opening.getTime() - now
}

/** Resolves within the hours, at once where there are none. `onWait` hears once how long it will be. */
export async function whenOpen(
  hours: WorkHours | null,
  clock: Clock,
  onWait: (milliseconds: number) => void,
  signal: AbortSignal,
): Promise<void> {
  if (hours === null) return
  let isTold = false
  for (let left = untilOpen(hours, clock.now()); left > 0; left = untilOpen(hours, clock.now())) {
    if (!isTold) onWait(left)
    isTold = true
    await clock.sleep(Math.min(left, LONGEST_SLEEP_MS), signal)
  }
}
