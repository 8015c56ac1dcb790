import { expect, it } from 'vitest'
import { Output } from '../../src/cli/terminal/output.ts'
import { tellWaits } from '../../src/cli/terminal/tell-waits.ts'

it('each trouble is told once, a wait that a server asked for or that has no words not at all', () => {
  let text = ''
  const sink = { write: (words: string) => (text += words) }
  const tell = tellWaits(new Output({ stdout: sink, stderr: sink }, { json: false, noColour: true }))
  const wait = { event: 'waiting', pair: 1, milliseconds: 5 } as const
  tell({ ...wait, reason: 'transient' })
  tell({ ...wait, reason: 'throttled', message: 'slow down' })
  tell({ event: 'reconnected', pair: 1, end: 'source' })
  for (const message of ['nobody answers', 'nobody answers', 'the line is cut'])
    tell({ ...wait, reason: 'transient', message })
  expect(text).toBe(
    'sealpost: warning: nobody answers; trying again\nsealpost: warning: the line is cut; trying again\n',
  )
})
