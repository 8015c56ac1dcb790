import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { placeOf } from '../../connectors/mbox/takeout-labels.ts'
import { collect, quiet } from '../conformance/bench.ts'
import { makeTree, openMbox, pathsOf, show } from './fixture.ts'

const ALL = 'Takeout/Mail/All mail Including Spam and Trash.mbox'
let number = 0
const one = (labels: string, subject = `m${++number}`): string =>
  [
    `From 167890${subject}@xxx Mon Jul 20 10:00:00 +0200 2020`,
    'X-GM-THRID: 1678901234567890123',
    `X-Gmail-Labels: ${labels}`,
    `Subject: ${subject}`,
    '',
    'body',
    '',
    '',
  ].join('\r\n')

describe('a label field', () => {
  it.each([
    ['Inbox,Important,Opened,Category Personal', 'INBOX', ['$Important', '\\Seen']],
    ['Inbox,Unread', 'INBOX', []],
    ['Sent,Opened', 'Sent', ['\\Seen']],
    ['Inbox,Work,Opened,Starred', 'Work', ['\\Flagged', '\\Seen']],
    ['Clients/Acme,Clients,Archived,Opened', 'Clients/Acme', ['\\Seen']],
    ['Sent,Clients,Opened', 'Clients', ['\\Seen']],
    ['Inbox,Sent', 'Sent', ['\\Seen']],
    ['Archived,Opened', 'Archive', ['\\Seen']],
    ['Trash,Work,Unread', 'Trash', []],
    ['Spam,Inbox,Unread', 'Spam', []],
    ['Drafts,Work', 'Drafts', ['\\Draft', '\\Seen']],
    ['', 'Archive', ['\\Seen']],
    ['IMAP_$Forwarded,IMAP_NotJunk,Inbox', 'INBOX', ['$Forwarded', 'NotJunk', '\\Seen']],
    ['"Smith, Jones",Inbox,Opened', 'Smith, Jones', ['\\Seen']],
    ['=?UTF-8?Q?Posteingang,Ge=C3=B6ffnet,Wichtig?=', 'INBOX', ['$Important', '\\Seen']],
    ['=?UTF-8?Q?=C3=85pnet,Kategori:_Reklame?=', 'Archive', ['\\Seen']],
    ['=?UTF-8?Q?Entw=C3?=\r\n =?UTF-8?Q?=BCrfe?=', 'Drafts', ['\\Draft', '\\Seen']],
    ['=?UTF-8?B?5Y+X5L+h44OI44Os44KkLOacquiqrQ==?=', 'INBOX', []],
    ['=?iso-8859-1?Q?B=FCro?=,Opened', 'Büro', ['\\Seen']],
    ['=?no-such-charset?Q?abc?=', 'abc', ['\\Seen']],
    ['//,Inbox', 'INBOX', ['\\Seen']],
  ])('%s', (field, path, flags) => {
    expect(placeOf(field)).toEqual({ path: path.split('/'), flags })
  })
})

describe('a Google Takeout', () => {
  it('has a mailbox for each place, wherever its file lies', async () => {
    const content = ['Inbox,Unread', 'Sent', 'Clients/Acme', 'Archived,Opened', 'Trash', 'Inbox'].map((labels) =>
      one(labels),
    )
    const folder = await makeTree({ [ALL]: content.join(''), 'Takeout/archive_browser.html': '<html>' })
    for (const root of [folder, join(folder, ALL)]) {
      const session = await openMbox(root)
      expect(await pathsOf(session)).toEqual(['Archive', 'Clients/Acme', 'INBOX', 'Sent', 'Trash'])
      const uses = (await collect(session.listMailboxes(quiet))).map(({ path, specialUse }) => [
        path.join('/'),
        specialUse,
      ])
      expect(Object.fromEntries(uses)).toEqual({
        INBOX: 'inbox',
        Sent: 'sent',
        Archive: 'archive',
        Trash: 'trash',
        Clients: null,
        'Clients/Acme': null,
      })
      const inbox = await show(session, ['INBOX'])
      expect(inbox.map(({ flags }) => flags)).toEqual([[], ['\\Seen']])
      expect(inbox[0]?.internalDate).toBe(Date.UTC(2020, 6, 20, 8))
      expect(inbox[0]?.text).toContain('X-Gmail-Labels: Inbox,Unread\r\n')
    }
  })

  it('exported label by label has each message once, and twins twice', async () => {
    const both = one('Work,Inbox', 'both')
    const folder = await makeTree({
      'Mail/Inbox.mbox': both + one('Inbox', 'only') + one('Inbox', 'twin') + one('Inbox', 'twin'),
      'Mail/Work.mbox': both + one('Work', 'work'),
    })
    const session = await openMbox(folder)
    expect(await pathsOf(session)).toEqual(['INBOX', 'Work'])
    expect(await show(session, ['INBOX'])).toHaveLength(3)
    expect((await show(session, ['Work'])).map(({ text }) => /Subject: (.*)\r/.exec(text)?.[1])).toEqual([
      'both',
      'work',
    ])
  })

  it('keeps the keys of a later export in which labels have changed', async () => {
    const [first, second] = [one('Inbox,Unread', 'same'), one('Work,Opened', 'same')]
    const before = await show(await openMbox(await makeTree({ [ALL]: first })), ['INBOX'])
    const after = await show(await openMbox(await makeTree({ [ALL]: one('Sent') + second })), ['Work'])
    expect(after.map(({ key }) => key)).toEqual(before.map(({ key }) => key))
  })
})
