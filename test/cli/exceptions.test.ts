import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startScriptedImap, type ScriptedServer } from '../servers/scripted-imap.ts'
import { Place } from './program.ts'

let place: Place
let server: ScriptedServer
let refusing = true
let stored = 0

/** Takes every message but, while it refuses, the second one, which says so in its body. */
beforeAll(async () => {
  server = await startScriptedImap({
    answer: ({ tag, text }) => {
      const word = text.split(' ')[0]?.toUpperCase()
      if (word === 'STATUS') return [`* STATUS INBOX (UIDVALIDITY 1 UIDNEXT ${stored + 1})`, `${tag} OK done`]
      if (word !== 'APPEND') return undefined
      if (refusing && text.includes('Hello 2')) return [`${tag} NO [CANNOT] we do not like it`]
      return [`${tag} OK [APPENDUID 1 ${++stored}] done`]
    },
  })
  place = await Place.open()
  await place.init()
  await place.run(['credentials', 'set', 'box', '--secret-fd', '3'], { third: 'hunter2' })
  await place.fillMaildir('anna', 3)
  await place.configure(
    `version: 1
client: Beispiel GmbH
source: { kind: maildir, path: "old/{account}" }
destination:
  kind: imap
  host: 127.0.0.1
  port: ${server.port}
  tls: { mode: none }
  auth: { mode: password, credential: box }
`,
    'source,destination\nanna,anna\n',
  )
})
afterAll(async () => {
  await place.close()
  await server.stop()
})

interface Finished {
  readonly messages: Readonly<Record<string, number>>
  readonly thisRun: Readonly<Record<string, number>>
}

function lastEvent(stdout: string): Finished {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Finished
}

describe('what did not go', () => {
  it('a message that the server refuses is quarantined, the rest goes on, exit 3', async () => {
    const { exitCode, stdout, stderr } = await place.run(['run', '--json'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: '' })
    expect(lastEvent(stdout).messages).toEqual({
      source: 3,
      landed: 2,
      merged: 0,
      existing: 0,
      skipped: 0,
      quarantined: 1,
      expunged: 0,
    })
    expect(stored).toBe(2)
  })

  it('is listed with the reason and the words of the server', async () => {
    const { exitCode, stdout } = await place.run(['exceptions', '--json'])
    expect(exitCode).toBe(0)
    const { exceptions } = JSON.parse(stdout) as { exceptions: readonly object[] }
    expect(exceptions).toHaveLength(1)
    expect(exceptions[0]).toMatchObject({
      state: 'quarantined',
      source: 'anna',
      destination: 'anna',
      mailbox: 'INBOX',
      messageId: '2.anna@example.com',
      reason: { serverText: expect.stringContaining('we do not like it') as string },
    })
    const people = await place.run(['exceptions'])
    expect(people.stdout).toMatch(/^quarantined: anna INBOX message \S+, \d+ B: .*we do not like it/m)
    expect(people.stdout).toContain('1 message did not go, ')
    // No subject and no body, here or anywhere.
    expect(stdout + people.stdout).not.toMatch(/number 2|Hello/)
  })

  it('stays so until it is tried again', async () => {
    expect((await place.run(['run'])).exitCode).toBe(3)
    const status = JSON.parse((await place.run(['status', '--json'])).stdout) as object
    expect(status).toMatchObject({ accounts: [{ state: 'moved', messages: { quarantined: 1 } }] })
    expect(stored).toBe(2)
  })

  it('retry tries it again: refused once more, then taken', async () => {
    const refused = await place.run(['retry', '--json'])
    expect(refused.exitCode).toBe(3)
    expect(lastEvent(refused.stdout)).toMatchObject({ messages: { quarantined: 1 }, thisRun: { landed: 0 } })
    refusing = false
    const taken = await place.run(['retry', '--json'])
    expect(lastEvent(taken.stdout)).toMatchObject({
      messages: { landed: 3, quarantined: 0 },
      thisRun: { landed: 1 },
    })
    expect(stored).toBe(3)
    expect(taken.exitCode).toBe(0)
  })
})
