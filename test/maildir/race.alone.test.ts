import files from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createMaildirConnector } from '../../connectors/maildir/maildir-connector.ts'
import { systemClock } from '../../src/core/clock.ts'
import { quiet } from '../conformance/bench.ts'
import { makeFolder } from './fixture.ts'

/** The next reading of a folder's names waits until `goOn` is called; `waiting` resolves when it does. */
function holdNextReading(): { readonly waiting: Promise<void>; readonly goOn: () => void } {
  let goOn = (): void => undefined
  const held = new Promise<void>((resolve) => (goOn = resolve))
  const read = files.readdir.bind(files)
  const waiting = new Promise<void>((resolve) => {
    const spy = vi.spyOn(files, 'readdir').mockImplementationOnce(async (...given: Parameters<typeof read>) => {
      resolve()
      await held
      return read(...given)
    })
    syncBuiltinESMExports()
    onTestFinished(() => {
      spy.mockRestore()
      syncBuiltinESMExports()
    })
  })
  return { waiting, goOn: () => goOn() }
}

it('a lane that comes to a new Maildir while another makes it and a folder in it takes it for a Maildir', async () => {
  const folder = await makeFolder()
  const maildir = createMaildirConnector({ path: (account) => join(folder, account), clock: systemClock })
  const { waiting, goOn } = holdNextReading()
  const late = await maildir.openDestination('anna', quiet)
  const made = late.ensureMailbox(['Late'], null, quiet)
  await waiting
  const early = await maildir.openDestination('anna', quiet)
  await early.ensureMailbox(['Early'], null, quiet)
  goOn()
  await made
  for (const session of [early, late]) await session.close()
  expect(await files.readdir(join(folder, 'anna'))).toEqual(expect.arrayContaining(['.Early', '.Late']))
})
