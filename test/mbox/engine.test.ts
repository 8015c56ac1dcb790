import { createHash } from 'node:crypto'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createMboxConnector } from '../../connectors/mbox/mbox-connector.ts'
import { createMemoryConnector } from '../../connectors/memory/connector.ts'
import { systemClock } from '../../src/core/clock.ts'
import { Fixture, nonZero, openFindings } from '../engine/fixture.ts'
import { makeTree } from './fixture.ts'

const one = (subject: string, more = ''): string =>
  `From a@x Mon Jul 20 10:00:00 2020\n${more}Message-ID: <${subject}@x>\nSubject: ${subject}\n\nbody\n\n`

function projectFrom(path: string): Fixture {
  const fixture = new Fixture()
  fixture.connectors = () => ({
    source: createMboxConnector({ path: () => path, clock: systemClock, quoting: 'mboxrd' }),
    destination: createMemoryConnector(fixture.destination, { clock: fixture.clock }),
  })
  return fixture
}

describe('the engine with mbox files', () => {
  it('moves a Thunderbird account, then what is new and what changed, exactly once', async () => {
    const inbox = ['a', 'b', 'twin', 'twin'].map((subject) => one(subject, 'X-Mozilla-Status: 0000\n'))
    const root = await makeTree({
      Inbox: inbox.join(''),
      'Inbox.msf': '',
      Sent: one('sent'),
      'Work.sbd/2020': one('w'),
    })
    const fixture = projectFrom(root)
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 6, landed: 6 })
    expect(openFindings(await fixture.verify())).toEqual([])
    const file = join(root, 'Inbox')
    const before = createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 6, landed: 6 })
    expect(
      createHash('sha256')
        .update(await readFile(file))
        .digest('hex'),
    ).toBe(before)
    await writeFile(file, (await readFile(file, 'latin1')).replace('0000', '0001'))
    await appendFile(file, one('new'))
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 7, landed: 7 })
    expect(openFindings(await fixture.verify())).toEqual([])
    const landed = fixture.destination.account('alice').messages(['INBOX'])
    expect(landed.map(({ flags }) => flags)).toEqual([['\\Seen'], [], [], [], []])
    expect(Buffer.from(landed[0]?.bytes ?? []).toString()).toContain('X-Mozilla-Status: 0000\r\n')
  })

  it('moves a Takeout; a label that a later export adds makes its message another one', async () => {
    const name = 'Takeout/Mail/All.mbox'
    const labelled = (subject: string, labels: string): string => one(subject, `X-Gmail-Labels: ${labels}\n`)
    const root = await makeTree({
      [name]: labelled('a', 'Inbox,Unread') + labelled('b', 'Inbox') + labelled('c', 'Sent'),
    })
    const fixture = projectFrom(root)
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 3, landed: 3 })
    await writeFile(join(root, name), labelled('c', 'Sent') + labelled('b', 'Work,Inbox') + labelled('a', 'Inbox'))
    await fixture.run()
    expect(openFindings(await fixture.verify())).toEqual([])
    const account = fixture.destination.account('alice')
    const count = (path: readonly string[]): number => account.messages(path).length
    // The field stands in the message's bytes, so that the one in Work differs from what landed in the inbox.
    expect([count(['INBOX']), count(['Work']), count(['Sent'])]).toEqual([2, 1, 1])
    expect(account.messages(['INBOX'])[0]?.flags).toEqual(['\\Seen'])
  })
})
