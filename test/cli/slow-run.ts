import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MAILDIR_YAML, Place } from './program.ts'

const MESSAGES = 300

/** What `run` of such a project has to move, in messages. */
export const SLOW_MESSAGES = MESSAGES + 1

/** A place with a project whose run takes minutes at its rate limit: on any machine it is under way until a test ends it. */
export async function openSlowPlace(): Promise<Place> {
  const place = await Place.open()
  await place.init()
  await fillSlowPlace(place)
  return place
}

/** The same of a place that has a project. */
export async function fillSlowPlace(place: Place): Promise<void> {
  await place.fillMaildir('anna', 1)
  const body = `${'x'.repeat(70)}\r\n`.repeat(400)
  for (let n = 0; n < MESSAGES; n++)
    writeFileSync(join(place.project, 'old/anna/cur', `${n}.large:2,S`), `Subject: ${n}\r\n\r\n${body}`)
  await place.configure(`${MAILDIR_YAML}\nlimits: { rate: 64KiB, lanes: 2 }\n`, 'source,destination\nanna,anna\n')
}
