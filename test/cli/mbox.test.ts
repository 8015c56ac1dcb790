import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Place } from './program.ts'

const YAML = `version: 1
client: Beispiel GmbH
source: { kind: mbox, path: "old/{account}" }
destination: { kind: maildir, path: "new/{account}" }
`
const one = (subject: string): string =>
  `From a@x Mon Jul 20 10:00:00 2020\nMessage-ID: <${subject}@x>\nSubject: ${subject}\n\n>From here\n\n`

let place: Place

beforeAll(async () => {
  place = await Place.open()
  await place.init()
  await mkdir(join(place.project, 'old', 'anna'), { recursive: true })
  await writeFile(join(place.project, 'old', 'anna', 'Inbox'), one('a') + one('b'))
  await writeFile(join(place.project, 'old', 'anna', 'Sent'), one('c'))
})
afterAll(() => place.close())

describe('a project from mbox files', () => {
  it('is planned, run and verified by the program', async () => {
    await place.configure(YAML, 'source,destination\nanna,anna.neu\n')
    const plan = await place.run(['plan', '--json'])
    expect(JSON.parse(plan.stdout)).toMatchObject({ messages: 3, accounts: [{ error: null }] })
    expect((await place.run(['run'])).exitCode).toBe(0)
    expect((await place.run(['verify', '--level', 'full'])).exitCode).toBe(0)
  })

  it('names the file that is none, and ends with the code for configuration', async () => {
    await writeFile(join(place.project, 'old', 'bert.mbox'), 'hello')
    await place.configure(YAML, 'source,destination\nbert.mbox,bert\n')
    const { exitCode, stderr } = await place.run(['plan'])
    expect(exitCode).toBe(2)
    expect(stderr).toContain('the mbox file of account bert.mbox is not one: it does not begin with a line')
  })
})
