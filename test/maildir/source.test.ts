import { execFileSync } from 'node:child_process'
import { mkdir, rename, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  bodyOf,
  collect,
  expectKind,
  errorOf,
  fetchOne,
  findMailbox,
  flagsOf,
  list,
  quiet,
} from '../conformance/bench.ts'
import { createMaildirConnector } from '../../connectors/maildir/maildir-connector.ts'
import { systemClock } from '../../src/core/clock.ts'
import { makeFolder, makeMaildir, shiftedClock } from './fixture.ts'

const INBOX = ['INBOX']

describe('a Maildir as a source', () => {
  it('counts what lies in new, unseen, and nothing in tmp', async () => {
    const maildir = await makeMaildir()
    await maildir.deposit('new/1400000001.a.x', 'Subject: new\n\nbody\n')
    await maildir.deposit('cur/1400000002.b.x:2,S', 'Subject: cur\n\nbody\n')
    await maildir.deposit('cur/.hidden', 'x')
    await maildir.deposit('tmp/1400000003.c.x', 'Subject: half')
    const session = await maildir.source()
    const { messages } = await list(session, await findMailbox(session, INBOX), null)
    expect([...messages.values()].map(({ key, flags, internalDate }) => ({ key, flags, internalDate }))).toEqual([
      { key: '1400000001.a.x', flags: [], internalDate: 1_400_000_000_000 },
      { key: '1400000002.b.x', flags: ['\\Seen'], internalDate: 1_400_000_000_000 },
    ])
  })

  it('keeps a key from new to cur and through changes of flags', async () => {
    const maildir = await makeMaildir()
    const file = await maildir.deposit('new/1400000001.a.x', 'Subject: a\n\n')
    const session = await maildir.source()
    const inbox = await findMailbox(session, INBOX)
    const first = await list(session, inbox, null)
    await rename(file, join(maildir.root, 'cur/1400000001.a.x:2,FRS'))
    expect((await fetchOne(session, inbox, '1400000001.a.x')).toString()).toBe('Subject: a\r\n\r\n')
    const second = await list(session, inbox, first.cursor, first.messages)
    expect([...second.messages.values()].map(({ flags }) => flags)).toEqual([
      ['\\Answered', '\\Flagged', '\\Seen'],
    ])
    expect(await flagsOf(session, inbox, ['1400000001.a.x'])).toEqual(
      new Map([['1400000001.a.x', ['\\Answered', '\\Flagged', '\\Seen']]]),
    )
  })

  it('proves by the times of the folder that nothing changed, once they are old enough', async () => {
    const maildir = await makeMaildir()
    const file = await maildir.deposit('cur/1400000001.a.x:2,', 'Subject: a\n\n')
    const young = await maildir.source()
    const inbox = await findMailbox(young, INBOX)
    const unsure = await list(young, inbox, null)
    expect((await list(young, inbox, unsure.cursor, unsure.messages)).pages).toHaveLength(2)
    const later = await maildir.source({ clock: shiftedClock(10_000) })
    const sure = await list(later, inbox, null)
    const unchanged = await list(later, inbox, sure.cursor, sure.messages)
    expect(unchanged.pages).toEqual([{ kind: 'end', cursor: sure.cursor, complete: false }])
    await rename(file, file + 'S')
    const changed = await list(later, inbox, sure.cursor, sure.messages)
    expect([...changed.messages.values()].map(({ flags }) => flags)).toEqual([['\\Seen']])
    await unlink(file + 'S')
    const gone = await list(later, inbox, changed.cursor, changed.messages)
    expect(gone.messages.size).toBe(0)
  })

  it('misses no message while another program renames', async () => {
    const maildir = await makeMaildir()
    const count = 400
    for (let number = 0; number < count; number++) {
      await writeFile(join(maildir.root, `cur/1400000000.${number}.x:2,`), `Subject: ${number}\n\n`)
    }
    const renaming = { done: false }
    let flags = ''
    const renamer = (async () => {
      for (let round = 0; round < 200; round++) {
        const next = flags === '' ? 'S' : ''
        for (let number = 0; number < count; number += 3) {
          if (renaming.done) return
          const name = join(maildir.root, `cur/1400000000.${number}.x:2,`)
          await rename(name + flags, name + next).catch(() => rename(name + next, name + next))
        }
        flags = next
      }
    })()
    const session = await maildir.source()
    const inbox = await findMailbox(session, INBOX)
    const keys = Array.from({ length: count }, (_, number) => `1400000000.${number}.x`)
    try {
      for (let round = 0; round < 5; round++) {
        const pages = await collect(session.listMessages(inbox, null, quiet))
        const named = new Set(
          pages.flatMap((page) => (page.kind === 'messages' ? page.messages : [])).map((m) => m.key),
        )
        const end = pages.at(-1)
        if (end?.kind === 'end' && end.complete) expect(named.size).toBe(count)
        const answers = await collect(session.fetch(inbox, keys, quiet)).catch((error: unknown) => error)
        if (Array.isArray(answers))
          expect(answers.filter(({ kind }: { kind: string }) => kind === 'gone')).toEqual([])
        else expect(answers).toMatchObject({ kind: 'transient' })
      }
    } finally {
      renaming.done = true
      await renamer
    }
    expect((await list(session, inbox, null)).messages.size).toBe(count)
  })

  it('promises nothing about a folder that changes under each pass of a listing', async () => {
    const maildir = await makeMaildir()
    let file = await maildir.deposit('cur/1400000001.a.x:2,', 'Subject: a\n\n')
    const session = await maildir.source()
    const inbox = await findMailbox(session, INBOX)
    const pages = []
    for await (const page of session.listMessages(inbox, null, quiet)) {
      pages.push(page)
      const next = file.endsWith('S') ? file.slice(0, -1) : `${file}S`
      if (page.kind === 'messages') await rename(file, next)
      file = next
    }
    expect(pages.at(-1)).toMatchObject({ kind: 'end', complete: false })
    expect((await list(session, inbox, null)).pages.at(-1)).toMatchObject({ kind: 'end', complete: true })
  })

  it('promises nothing about a folder that changed within the last tick of its clock', async () => {
    const maildir = await makeMaildir()
    let file = await maildir.deposit('cur/1400000001.a.x:2,', 'Subject: a\n\n')
    const clock = {
      ...systemClock,
      sleep: async () => {
        const next = file.endsWith('S') ? file.slice(0, -1) : `${file}S`
        await rename(file, next)
        file = next
      },
    }
    const session = await maildir.source({ clock })
    const { pages } = await list(session, await findMailbox(session, INBOX), null)
    expect(pages.at(-1)).toMatchObject({ kind: 'end', complete: false })
  })

  it('calls nothing gone in a folder that does not stand still', async () => {
    const maildir = await makeMaildir()
    for (let number = 0; number < 500; number++)
      await maildir.deposit(`cur/1400000000.${number}.x:2,`, 'Subject: x\n\n')
    const file = await maildir.deposit('cur/1400000001.a.x:2,', 'Subject: a\n\n')
    const session = await maildir.source()
    const inbox = await findMailbox(session, INBOX)
    const renaming = { done: false }
    const renamer = (async () => {
      for (let round = 0; round < 1_000_000 && !renaming.done; round++) {
        await rename(file, `${file}S`)
        await rename(`${file}S`, file)
      }
    })()
    try {
      await expectKind(collect(session.fetch(inbox, ['nowhere'], quiet)), 'transient')
    } finally {
      renaming.done = true
      await renamer
    }
    expect(await collect(session.fetch(inbox, ['nowhere'], quiet))).toEqual([{ kind: 'gone', key: 'nowhere' }])
  })

  it('reads a large body whose name changes meanwhile, and says so when it goes', async () => {
    const maildir = await makeMaildir()
    const text = `Subject: large\n\n${'line\n'.repeat(200_000)}`
    const file = await maildir.deposit('cur/1400000001.a.x:2,', text)
    const session = await maildir.source({ largeMessageBytes: 1000 })
    const inbox = await findMailbox(session, INBOX)
    const [fetched] = await collect(session.fetch(inbox, ['1400000001.a.x'], quiet))
    if (fetched?.kind !== 'large') throw new Error('not large')
    await rename(file, file + 'FS')
    const whole = Buffer.concat(await collect(fetched.body.open()))
    expect(whole.length).toBe(fetched.body.bytes)
    expect(whole.equals(Buffer.from(text.replaceAll('\n', '\r\n')))).toBe(true)
    await unlink(file + 'FS')
    await expectKind(collect(fetched.body.open()), 'not-found')
    await writeFile(file, text.slice(1))
    await expectKind(collect(fetched.body.open()), 'transient')
    // Longer: not a byte is given out, lest whoever counts them calls the message damaged.
    await writeFile(file, `${text}more`)
    await expectKind(fetched.body.open()[Symbol.asyncIterator]().next(), 'transient')
  })

  it('reads keywords by the letters of their folder', async () => {
    const maildir = await makeMaildir()
    await mkdir(join(maildir.root, '.Sub/cur'), { recursive: true })
    await writeFile(join(maildir.root, 'dovecot-keywords'), '0 Alpha\n2 Gamma\n99 Far\nnonsense\n-1 Below\n')
    await writeFile(join(maildir.root, '.Sub/dovecot-keywords'), '0 Other\n')
    await maildir.deposit('cur/1400000001.a.x:2,Sabc', 'Subject: a\n\n')
    await maildir.deposit('.Sub/cur/1400000001.a.x:2,a', 'Subject: a\n\n')
    const session = await maildir.source()
    const key = '1400000001.a.x'
    expect((await flagsOf(session, await findMailbox(session, INBOX), [key])).get(key)).toEqual([
      'Alpha',
      'Gamma',
      '\\Seen',
    ])
    expect((await flagsOf(session, await findMailbox(session, ['Sub']), [key])).get(key)).toEqual(['Other'])
  })

  it("reads Courier's subscriptions, and takes everything as subscribed where there are none", async () => {
    const maildir = await makeMaildir()
    for (const name of ['.A', '.A.B']) await mkdir(join(maildir.root, name, 'cur'), { recursive: true })
    const subscribed = async (): Promise<readonly string[]> => {
      const session = await maildir.source()
      return (await collect(session.listMailboxes(quiet)))
        .filter((m) => m.subscribed)
        .map(({ path }) => path.join('/'))
    }
    expect(await subscribed()).toEqual(['INBOX', 'A', 'A/B'])
    await writeFile(join(maildir.root, 'courierimapsubscribed'), 'INBOX\nINBOX.A.B\n')
    expect(await subscribed()).toEqual(['INBOX', 'A/B'])
    await writeFile(join(maildir.root, 'subscriptions'), 'A\n')
    expect(await subscribed()).toEqual(['INBOX', 'A', 'A/B'])
  })

  it('reads names and keys that are not UTF-8', async () => {
    const maildir = await makeMaildir()
    const odd = (name: string): Buffer => Buffer.from(`${maildir.root}/${name}`, 'latin1')
    await mkdir(odd('.caf\xe9'))
    await mkdir(odd('.caf\xe9/cur'))
    await writeFile(odd('.caf\xe9/cur/1400000001.\xff\xfe:2,S'), 'Subject: odd\n\n')
    const session = await maildir.source()
    const mailbox = await findMailbox(session, ['.café'])
    const { messages } = await list(session, mailbox, null)
    const [key = ''] = [...messages.keys()]
    expect((await fetchOne(session, mailbox, key)).toString()).toBe('Subject: odd\r\n\r\n')
  })

  it('follows no link out of the Maildir, and says so', async () => {
    const maildir = await makeMaildir()
    const secret = join(await makeFolder(), 'secret')
    await writeFile(secret, 'secret')
    await symlink(secret, join(maildir.root, 'cur/1400000001.link:2,'))
    await maildir.deposit('cur/1400000002.plain:2,', 'Subject: plain\n\n')
    const session = await maildir.source()
    const inbox = await findMailbox(session, INBOX)
    expect((await list(session, inbox, null)).messages.size).toBe(2)
    await expectKind(collect(session.fetch(inbox, ['1400000001.link'], quiet)), 'rejected')
    expect(await collect(session.fetch(inbox, ['1400000002.plain'], quiet))).toHaveLength(1)
    const elsewhere = await makeFolder()
    await mkdir(join(elsewhere, 'cur'))
    await symlink(elsewhere, join(maildir.root, '.Linked'))
    await expectKind(collect(session.listMailboxes(quiet)), 'config')
    await unlink(join(maildir.root, '.Linked'))
    await mkdir(join(maildir.root, '.Parts'))
    await symlink(join(elsewhere, 'cur'), join(maildir.root, '.Parts/cur'))
    await mkdir(join(maildir.root, '.Parts/new'))
    await expectKind(list(session, await findMailbox(session, ['Parts']), null), 'config')
  })

  it('takes neither folders nor pipes for messages', async () => {
    const maildir = await makeMaildir()
    await mkdir(join(maildir.root, 'cur/1400000001.folder:2,'))
    execFileSync('mkfifo', [join(maildir.root, 'cur/1400000002.pipe:2,')])
    const session = await maildir.source()
    const inbox = await findMailbox(session, INBOX)
    expect((await list(session, inbox, null)).messages.size).toBe(0)
    await expectKind(collect(session.fetch(inbox, ['1400000002.pipe'], quiet)), 'rejected')
  })

  it('answers keys that lead elsewhere with gone, and handles that do with not-found', async () => {
    const maildir = await makeMaildir()
    await writeFile(join(maildir.root, 'outside'), 'secret')
    const session = await maildir.source()
    const inbox = await findMailbox(session, INBOX)
    const keys = ['../outside', '/etc/passwd', '..', '', 'a\0b', 'x€']
    const answers = await collect(session.fetch(inbox, keys, quiet))
    expect(answers).toEqual(keys.map((key) => ({ kind: 'gone', key })))
    for (const name of ['..', '.', '', '.a/../..', '/etc', '.a\0', 'cur']) {
      await expectKind(collect(session.listMessages({ ...inbox, name }, null, quiet)), 'not-found')
    }
  })

  it('finds the files of many keys without going through the folder for each', async () => {
    const maildir = await makeMaildir()
    const keys: string[] = []
    for (let number = 0; number < 300; number++) {
      const key = `1400000000.${number}.x`
      keys.push(key)
      const info = ['S', '', 'RS', 'FSa', 'Sabc'][number % 5] ?? ''
      await writeFile(join(maildir.root, `cur/${key}:2,${info}`), `Subject: ${number}\n\n`)
    }
    const session = await maildir.source()
    const inbox = await findMailbox(session, INBOX)
    const answers = await collect(session.fetch(inbox, [...keys, 'nowhere'], quiet))
    expect(answers).toHaveLength(301)
    for (const answer of answers) {
      if (answer.key === 'nowhere') expect(answer.kind).toBe('gone')
      else
        expect(Buffer.from(await bodyOf(answer)).toString()).toBe(`Subject: ${keys.indexOf(answer.key)}\r\n\r\n`)
    }
  })
})

describe('a source that is none', () => {
  const open = (path: string): Promise<unknown> =>
    createMaildirConnector({ path: () => path, clock: systemClock }).openSource('anna@example.test', quiet)

  it('is an error that names the account', async () => {
    const folder = await makeFolder()
    await writeFile(join(folder, 'file'), '')
    for (const path of [join(folder, 'absent'), folder, join(folder, 'file'), 'relative/path']) {
      const error = await errorOf(open(path))
      expect(['config', 'not-found']).toContain(error.kind)
      expect(error.message).toContain('anna@example.test')
    }
    expect((await errorOf(open(join(folder, 'absent')))).kind).toBe('config')
  })
})
