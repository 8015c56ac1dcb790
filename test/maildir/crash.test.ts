import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { bundleProgram } from '../child-program.ts'
import { bodyOf, findMailbox, list, quiet } from '../conformance/bench.ts'
import { makeMaildir } from './fixture.ts'

let program = ''
beforeAll(async () => {
  program = await bundleProgram(new URL('append-until-killed.ts', import.meta.url))
})

describe('a process that is killed while it stores', () => {
  it.each([5, 60, 170])(
    '%i ms after its first batch: whole messages only, and all that it said',
    async (delay) => {
      const maildir = await makeMaildir()
      const child = spawn(process.execPath, [program, maildir.root], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let said = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
      const ended = once(child, 'exit')
      await once(child.stdout, 'data')
      await new Promise((resolve) => setTimeout(resolve, delay))
      child.kill('SIGKILL')
      await ended
      const session = await maildir.source()
      const inbox = await findMailbox(session, ['INBOX'])
      const { messages } = await list(session, inbox, null)
      const told = said.split('\n').slice(0, -1)
      expect(told.length).toBeGreaterThan(0)
      expect(told.filter((key) => !messages.has(key))).toEqual([])
      for await (const fetched of session.fetch(inbox, [...messages.keys()], quiet)) {
        const text = Buffer.from(await bodyOf(fetched)).toString()
        const number = /^Subject: (\d+)\r\n/.exec(text)?.[1] ?? ''
        expect(text).toBe(`Subject: ${number}\r\n\r\n${`line ${number}\r\n`.repeat(3_000)}`)
        expect(messages.get(fetched.key)?.flags).toEqual(['Kept', '\\Seen'])
        const { mtimeMs } = await stat(join(maildir.root, 'cur', `${fetched.key}:2,Sa`))
        expect(mtimeMs).toBe(messages.get(fetched.key)?.internalDate)
      }
    },
  )
})
