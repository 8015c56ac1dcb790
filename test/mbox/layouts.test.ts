import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { collect, errorOf, quiet } from '../conformance/bench.ts'
import { makeTree, openMbox, pathsOf, show } from './fixture.ts'

const one = (subject: string, more = ''): string =>
  `From a@x Mon Jul 20 10:00:00 2020\n${more}Subject: ${subject}\n\nbody\n\n`

describe('a single file', () => {
  it('is the inbox', async () => {
    const session = await openMbox(join(await makeTree({ 'anna.mbox': one('a') + one('b') }), 'anna.mbox'))
    expect(await pathsOf(session)).toEqual(['INBOX'])
    expect((await show(session, ['INBOX'])).map(({ text }) => text)).toEqual([
      'Subject: a\r\n\r\nbody\r\n',
      'Subject: b\r\n\r\nbody\r\n',
    ])
  })

  it.each([
    ['a byte order mark', `\xef\xbb\xbf${one('a')}`, 1],
    ['blank lines first', `\n\r\n${one('a')}`, 1],
    ['nothing', '', 0],
    ['a message of nothing', 'From a@x Mon Jul 20 10:00:00 2020\n', 1],
  ])('may hold %s', async (_, content, count) => {
    const session = await openMbox(join(await makeTree({ file: content }), 'file'))
    expect(await show(session, ['INBOX'])).toHaveLength(count)
  })

  it.each([
    ['\x1f\x8b\x08', 'is compressed'],
    ['PK\x03\x04', 'is a zip archive'],
    ['!BDN', 'Outlook data file'],
    ['*mbx*\r\n', 'MBX format'],
    ['\x01\x01\x01\x01\nSubject: a\n', 'MMDF'],
    ['Subject: a\n\nFrom a@x Mon Jul 20 10:00:00 2020\n', 'does not begin with a line "From'],
    ['\0'.repeat(70_000), 'does not begin with a line "From'],
    ['\n'.repeat(70_000), 'does not begin with a line "From'],
  ])('that begins with %j is refused in one line', async (content, words) => {
    const session = await openMbox(join(await makeTree({ file: content }), 'file'))
    const error = await errorOf(collect(session.listMailboxes(quiet)))
    expect(error.kind).toBe('config')
    expect(error.message).toContain('the mbox file of account anna is')
    expect(error.message).toContain(words)
  })

  it('that is not there is refused', async () => {
    const error = await errorOf(openMbox('/nowhere/at/all'))
    expect(error).toMatchObject({ kind: 'config', message: 'the mbox of account anna does not exist' })
    expect(await errorOf(openMbox('relative'))).toMatchObject({ kind: 'config' })
  })
})

describe('a folder of Thunderbird', () => {
  const profile = {
    Inbox: one('inbox'),
    'Inbox.msf': '// <!-- <mdb:mork:z v="1.4"/> -->',
    Sent: one('sent'),
    'Sent.msf': '',
    Trash: '',
    'Trash.msf': '',
    'Inbox.sbd/Projekte': one('projects'),
    'Inbox.sbd/Projekte.msf': '',
    'Inbox.sbd/Projekte.sbd/2020': one('2020'),
    'Inbox.sbd/Projekte.sbd/2020.msf': '',
    'Lost.sbd/Below': one('below'),
    'Offline.msf': '',
    'msgFilterRules.dat': 'version="9"',
    'filterlog.html': '<html>',
    'popstate.dat': '# POP3 State File',
    '.hidden': one('hidden'),
  }

  it('shows its mailboxes, and nothing else', async () => {
    const session = await openMbox(await makeTree(profile))
    const mailboxes = await collect(session.listMailboxes(quiet))
    expect(mailboxes.map(({ path, selectable }) => `${path.join('/')}${selectable ? '' : ' -'}`).sort()).toEqual([
      'INBOX',
      'INBOX/Projekte',
      'INBOX/Projekte/2020',
      'Lost -',
      'Lost/Below',
      'Offline -',
      'Sent',
      'Trash',
    ])
    expect((await show(session, ['INBOX', 'Projekte', '2020'])).map(({ text }) => text)).toEqual([
      'Subject: 2020\r\n\r\nbody\r\n',
    ])
  })

  it('says that a folder has an index and no mail', async () => {
    const session = await openMbox(await makeTree(profile))
    if (session.probe === undefined) throw new Error('nothing to ask')
    const findings = await collect(session.probe(quiet))
    expect(findings.map(({ code, state }) => [code, state])).toEqual([
      ['mbox-files', 'good'],
      ['mbox-fileless', 'adverse'],
    ])
  })

  it('reads flags and keywords, passes over what was deleted, and leaves the fields where they are', async () => {
    const status = (bits: string, more = '', keys = ''): string =>
      `X-Mozilla-Status: ${bits}\nX-Mozilla-Status2: ${more || '00000000'}\nX-Mozilla-Keys: ${keys.padEnd(40)}\n`
    const folder = await makeTree({
      Inbox: [
        one('new', status('0000')),
        one('read', `${status('0001')}Status: \nX-Status: F\n`),
        one('all', status('1007', '00800000', '$label1 Junk b@d(')),
        one('deleted', status('0009')),
        one('marked as deleted', status('0001', '00200000')),
      ].join(''),
    })
    const shown = await show(await openMbox(folder), ['INBOX'])
    expect(shown.map(({ flags }) => flags)).toEqual([
      [],
      ['\\Seen'],
      ['$Forwarded', '$MDNSent', '$label1', 'Junk', '\\Answered', '\\Flagged', '\\Seen'],
      ['\\Deleted', '\\Seen'],
    ])
    expect(shown[0]?.text).toContain('X-Mozilla-Status: 0000\r\n')
  })

  it('knows one Inbox however it is spelt, and refuses two', async () => {
    expect(await pathsOf(await openMbox(await makeTree({ 'inbox.mbox': one('a') })))).toEqual(['INBOX'])
    const session = await openMbox(await makeTree({ INBOX: one('a'), inbox: one('b') }))
    expect((await errorOf(collect(session.listMailboxes(quiet)))).message).toContain('so does another file')
  })
})

describe('other folders', () => {
  it('Apple Mail keeps each in a folder of its own', async () => {
    const folder = await makeTree({
      'Sent.mbox/mbox': one('a'),
      'Sent.mbox/table_of_contents': 'x',
      'B.mbox': one('b'),
    })
    expect(await pathsOf(await openMbox(folder))).toEqual(['B', 'INBOX', 'Sent'])
  })

  it('plain ones are levels', async () => {
    const folder = await makeTree({ 'mail/2020/march': one('a'), 'mail/2020/notes.txt': 'hello' })
    expect(await pathsOf(await openMbox(folder))).toEqual(['INBOX', 'mail/2020/march'])
  })

  it.each([
    ['an mbox that is none', { 'a.mbox': one('a'), 'b.mbox': 'hello' }, '"b.mbox" of account anna is not one'],
    ['a Thunderbird folder that is none', { Sent: 'hello', 'Sent.msf': '' }, '"Sent" of account anna is not one'],
    ['a compressed one', { 'x/b.mbox': '\x1f\x8b', a: one('a') }, '"x/b.mbox" of account anna is compressed'],
    ['a Maildir', { 'Inbox/cur/1:2,S': 'x', 'Inbox/tmp/x': 'x', a: one('a') }, 'is a Maildir'],
    ['no mail', { 'notes.txt': 'hello' }, 'holds no mbox file'],
  ] as const)('%s is refused', async (_, files, words) => {
    const error = await errorOf(collect((await openMbox(await makeTree(files))).listMailboxes(quiet)))
    expect(error.kind).toBe('config')
    expect(error.message).toContain(words)
  })

  it('a link is refused, since it may lead anywhere', async () => {
    const folder = await makeTree({ Inbox: one('a') })
    await symlink('/etc/passwd', join(folder, 'Sent'))
    const error = await errorOf(collect((await openMbox(folder)).listMailboxes(quiet)))
    expect(error).toMatchObject({ kind: 'config', message: '"Sent" of account anna is a symbolic link' })
  })

  it('names that are no UTF-8 are read as Latin-1', async () => {
    const folder = await makeTree({ Inbox: one('a') })
    await mkdir(join(folder, 'sub'))
    await writeFile(Buffer.concat([Buffer.from(`${folder}/sub/`), Buffer.from([0x47, 0xfc])]), one('b'))
    const session = await openMbox(folder)
    expect(await pathsOf(session)).toEqual(['INBOX', 'sub/Gü'])
    expect(await show(session, ['sub', 'Gü'])).toHaveLength(1)
  })
})
