import type { EventSink } from '../../core/events.ts'
import type { Output } from './output.ts'

/** For commands that show no progress: says once of each trouble that it is tried again, so that nobody waits without a word. */
export function tellWaits(output: Output): EventSink {
  const told = new Set<string>()
  return (event) => {
    if (event.event !== 'waiting' || event.reason !== 'transient') return
    const { message } = event
    if (message === undefined || told.has(message)) return
    told.add(message)
    output.warn(`${message}; trying again`)
  }
}
