import { mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { findMailbox, landedKeys, quiet, toNew } from '../conformance/bench.ts'
import { mails } from '../conformance/corpus.ts'
import { UNWATCHABLE, watchFlushes } from '../files/flushes.ts'
import { makeMaildir } from './fixture.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

describe.skipIf(UNWATCHABLE)('what a Maildir has reported lies on the disk', () => {
  it('a message: its bytes, then its name', async () => {
    const maildir = await makeMaildir()
    const session = await maildir.destination()
    const inbox = await findMailbox(session, ['INBOX'])
    const batch = mails(3).map((mail) => toNew(mail))
    const flushes = await watchFlushes()
    const keys = landedKeys(await session.append(inbox, batch, quiet)).map(String)
    const files = flushes.splice(0, 3)
    expect(files.map(({ path }) => basename(dirname(path)))).toEqual(['tmp', 'tmp', 'tmp'])
    for (const { body } of batch) {
      expect(files.some(({ bytes }) => bytes?.equals(body as Buffer))).toBe(true)
    }
    expect(flushes.map(({ path }) => path)).toEqual([join(maildir.root, 'cur')])
    expect(flushes[0]?.names.map((name) => name.slice(0, name.indexOf(':')))).toEqual(keys.sort())
  })

  it('changed flags, and a move at both ends', async () => {
    const maildir = await makeMaildir()
    for (const part of ['cur', 'new', 'tmp']) await mkdir(join(maildir.root, '.Sub', part), { recursive: true })
    const session = await maildir.destination()
    const [inbox, sub] = [await findMailbox(session, ['INBOX']), await findMailbox(session, ['Sub'])]
    await maildir.deposit('cur/1400000001.a:2,', 'Subject: a\n\n')
    const flushes = await watchFlushes()
    const [cur, other] = [join(maildir.root, 'cur'), join(maildir.root, '.Sub', 'cur')]
    await session.setFlags(inbox, [{ key: '1400000001.a', add: ['\\Seen'], remove: [] }], quiet)
    expect(flushes.splice(0)).toMatchObject([{ path: cur, names: ['1400000001.a:2,S'] }])
    const [key = ''] = landedKeys(await session.move(inbox, ['1400000001.a'], sub, quiet)).map(String)
    expect(flushes.slice(-2)).toMatchObject([
      { path: other, names: [`${key}:2,S`] },
      { path: cur, names: [] },
    ])
  })

  it('a new mailbox, what its letters stand for, and that it is subscribed', async () => {
    const maildir = await makeMaildir()
    const session = await maildir.destination()
    const flushes = await watchFlushes()
    const mailbox = await session.ensureMailbox(['Sub'], null, quiet)
    const sub = join(maildir.root, '.Sub')
    expect(flushes.splice(0)).toMatchObject([
      { path: sub, names: ['cur', 'maildirfolder', 'new', 'tmp'] },
      { path: maildir.root, names: ['.Sub', 'cur', 'new', 'tmp'] },
    ])
    await session.append(mailbox, [toNew({ body: Buffer.from('x'), internalDate: 0, flags: ['green'] })], quiet)
    expect(flushes.splice(0).filter(({ path }) => dirname(path) === sub || path === sub)).toMatchObject([
      { path: join(sub, 'dovecot-keywords.lock'), bytes: Buffer.from('0 green\n') },
      { path: sub, names: ['cur', 'dovecot-keywords', 'maildirfolder', 'new', 'tmp'] },
      { path: join(sub, 'cur') },
    ])
    await session.subscribe(mailbox, quiet)
    expect(flushes.map(({ path }) => path)).toEqual([join(maildir.root, 'subscriptions.lock'), maildir.root])
    expect(flushes[1]?.names).toContain('subscriptions')
  })
})
