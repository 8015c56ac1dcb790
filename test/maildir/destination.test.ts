import type { DestinationSession } from '../../src/core/connector.ts'
import { mkdir, readFile, rename, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMaildirConnector } from '../../connectors/maildir/maildir-connector.ts'
import { systemClock } from '../../src/core/clock.ts'
import { digestWhole } from '../../src/core/digest.ts'
import {
  bodyOf,
  collect,
  errorOf,
  expectKind,
  fetchOne,
  findMailbox,
  flagsOf,
  found,
  landedKeys,
  list,
  quiet,
  toNew,
} from '../conformance/bench.ts'
import { mailNumber, mails } from '../conformance/corpus.ts'
import { makeFolder, makeMaildir, shiftedClock } from './fixture.ts'

const INBOX = ['INBOX']

describe('a Maildir as a destination', () => {
  it('reads back exactly what it was given, whatever its line ends', async () => {
    const maildir = await makeMaildir()
    const writer = await maildir.destination()
    const whole = await maildir.source()
    const inPieces = await maildir.source({ largeMessageBytes: 4 })
    const inbox = await findMailbox(writer, INBOX)
    const bytes = fc
      .array(fc.constantFrom('\r\n', '\n', '\r', 'a', ':', '\0', '\xff', 'From '), { minLength: 1, maxLength: 30 })
      .map((parts) => Buffer.from(parts.join(''), 'latin1'))
    await fc.assert(
      fc.asyncProperty(bytes, async (body) => {
        const [key = ''] = landedKeys(await writer.append(inbox, [toNew(mailNumber(1, { body }))], quiet)).map(
          String,
        )
        for (const reader of [whole, inPieces, writer]) {
          const [fetched] = await collect(reader.fetch(inbox, [key], quiet))
          expect(Buffer.from(await bodyOf(fetched)).equals(body)).toBe(true)
          if (fetched?.kind === 'large') expect(fetched.body.bytes).toBe(body.length)
        }
      }),
      { numRuns: 150 },
    )
  })

  it('stores the bytes as they are, with their sizes in the name and their date on the file', async () => {
    const maildir = await makeMaildir()
    const session = await maildir.destination()
    const inbox = await findMailbox(session, INBOX)
    const body = Buffer.from('Subject: x\r\n\r\nbody\r\n')
    const batch = [toNew({ body, internalDate: -86_400_000, flags: ['\\Seen', '\\Flagged'] })]
    const [key = ''] = landedKeys(await session.append(inbox, batch, quiet)).map(String)
    expect(await maildir.names('cur')).toEqual([`${key}:2,FS`])
    const file = join(maildir.root, 'cur', `${key}:2,FS`)
    expect((await readFile(file)).equals(body)).toBe(true)
    expect(key).toContain(`,S=${body.length},W=${body.length}`)
    const { mtimeMs, mode } = await stat(file)
    expect([mtimeMs, mode & 0o777]).toEqual([-86_400_000, 0o600])
    expect([await maildir.names('tmp'), await maildir.names('new')]).toEqual([[], []])
  })

  it('leaves nothing behind when one body of a batch fails', async () => {
    const maildir = await makeMaildir()
    const session = await maildir.destination()
    const inbox = await findMailbox(session, INBOX)
    const [first, second, third] = mails(3).map((mail) => toNew(mail))
    if (first === undefined || second === undefined || third === undefined) throw new Error('no mail')
    const short = { bytes: 100, open: () => onePiece(Buffer.from('Subject: short')) }
    await expectKind(session.append(inbox, [first, { ...second, body: short }, third], quiet), 'corrupt')
    expect([await maildir.names('tmp'), await maildir.names('cur')]).toEqual([[], []])
  })

  it('a file that a crash left in tmp is no message', async () => {
    const maildir = await makeMaildir()
    await maildir.deposit('tmp/1400000001.half', 'Subject: ha')
    const session = await maildir.destination()
    const inbox = await findMailbox(session, INBOX)
    expect(await found(session, inbox, null)).toEqual([])
    expect(await collect(session.fetch(inbox, ['1400000001.half'], quiet))).toEqual([
      { kind: 'gone', key: '1400000001.half' },
    ])
  })

  it('finds what it stored after a position, even when the clock was set back', async () => {
    const maildir = await makeMaildir()
    const before = await maildir.destination()
    const inbox = await findMailbox(before, INBOX)
    landedKeys(await before.append(inbox, [toNew(mailNumber(1))], quiet))
    const mark = await before.position(inbox, quiet)
    const after = await maildir.destination({ clock: shiftedClock(-3_600_000) })
    const [key = ''] = landedKeys(await after.append(inbox, [toNew(mailNumber(2))], quiet)).map(String)
    expect((await found(after, inbox, mark)).map((candidate) => candidate.key)).toEqual([key])
    expect(Number((await after.position(inbox, quiet)).next)).toBeGreaterThan(Number(mark.next))
  })

  it('a position stands still while nothing changes, and tells of what came and has gone', async () => {
    const maildir = await makeMaildir()
    const session = await maildir.destination()
    const inbox = await findMailbox(session, INBOX)
    const trash = await session.ensureMailbox(['Trash'], null, quiet)
    const before = await session.position(inbox, quiet)
    await systemClock.sleep(30, quiet)
    expect(await session.position(inbox, quiet)).toEqual(before)
    landedKeys(await session.append(trash, [toNew(mailNumber(1))], quiet))
    expect(await session.position(inbox, quiet)).toEqual(before)
    const [key = ''] = landedKeys(await session.append(inbox, [toNew(mailNumber(2))], quiet)).map(String)
    landedKeys(await session.move(inbox, [key], trash, quiet))
    const restarted = await maildir.destination()
    expect(Number((await restarted.position(inbox, quiet)).next)).toBeGreaterThan(Number(before.next))
  })

  it('a name from far in the future moves no position', async () => {
    const maildir = await makeMaildir()
    await maildir.deposit('cur/9999999999.M000000P1Q1R00000000.x:2,', 'Subject: future\n\n')
    const session = await maildir.destination()
    const { next } = await session.position(await findMailbox(session, INBOX), quiet)
    expect(Number(next) / 1000 - Date.now()).toBeLessThan(60_000)
    expect(await found(session, await findMailbox(session, INBOX), { validity: 'maildir', next })).toHaveLength(1)
  })

  it('finds what others deliver after a position, under whatever name', async () => {
    const maildir = await makeMaildir()
    await maildir.deposit('cur/1400000001.old.x:2,', 'Subject: old\n\n')
    const now = await maildir.destination()
    const inbox = await findMailbox(now, INBOX)
    const mark = { validity: 'maildir', next: String((Date.now() + 60_000) * 1000) }
    expect(await found(now, inbox, mark)).toEqual([])
    await maildir.deposit(`new/${Math.floor(Date.now() / 1000) + 61}.M1P1.other`, 'Message-ID: <a@x>\n\nbody\n')
    expect(await found(now, inbox, mark)).toMatchObject([
      { messageId: 'a@x', flags: [], internalDate: 1_400_000_000_000 },
    ])
    const real = await now.position(inbox, quiet)
    await maildir.deposit('new/oddly-named', 'Message-ID: <b@x>\n\nbody\n')
    expect((await found(now, inbox, real)).map(({ key }) => key)).toContain('oddly-named')
  })

  it('names a message once where its folder changes while it is searched', async () => {
    const maildir = await makeMaildir()
    const file = await maildir.deposit('cur/1400000001.a:2,', 'Subject: a\n\n')
    await maildir.deposit('cur/1400000002.b:2,', 'Subject: b\n\n')
    const session = await maildir.destination()
    const keys: string[] = []
    for await (const { key } of session.find(await findMailbox(session, INBOX), null, quiet)) {
      if (keys.length === 0) await rename(file, `${file}S`)
      keys.push(key)
    }
    expect(keys.sort()).toEqual(['1400000001.a', '1400000002.b'])
  })

  it('says the size of a candidate only where it knows it', async () => {
    const maildir = await makeMaildir()
    await maildir.deposit('cur/1400000001.small:2,', 'Subject: small\n\nx\n')
    await maildir.deposit('cur/1400000002.large:2,', `Subject: large\n\n${'x\n'.repeat(50_000)}`)
    const session = await maildir.destination()
    const candidates = await found(session, await findMailbox(session, INBOX), null)
    expect(new Map(candidates.map(({ key, bytes }) => [key, bytes]))).toEqual(
      new Map([
        ['1400000001.small', 21],
        ['1400000002.large', null],
      ]),
    )
  })

  it('reads the Message-ID behind a long header', async () => {
    const maildir = await makeMaildir()
    await maildir.deposit('cur/1400000001.a:2,', `${'X-Filler: x\n'.repeat(3000)}Message-ID: <late@x>\n\nbody\n`)
    const session = await maildir.destination()
    expect(await found(session, await findMailbox(session, INBOX), null)).toMatchObject([{ messageId: 'late@x' }])
  })

  it('sets flags on a message in new, and keeps letters that it does not know', async () => {
    const maildir = await makeMaildir()
    await maildir.deposit('new/1400000001.a', 'Subject: a\n\n')
    await maildir.deposit('cur/1400000002.b:2,QS', 'Subject: b\n\n')
    const session = await maildir.destination()
    const inbox = await findMailbox(session, INBOX)
    const untouched = { key: '1400000001.a', add: [], remove: ['\\Seen'] }
    await session.setFlags(inbox, [untouched], quiet)
    expect(await maildir.names('new')).toEqual(['1400000001.a'])
    const changes = [
      { key: '1400000001.a', add: ['\\Seen'], remove: [] },
      { key: '1400000002.b', add: ['\\Flagged'], remove: [] },
      { key: '1400000002.b', add: [], remove: ['\\Seen'] },
    ]
    expect(await session.setFlags(inbox, changes, quiet)).toEqual([])
    expect(await maildir.names('cur')).toEqual(['1400000001.a:2,S', '1400000002.b:2,FQ'])
    const refused = { key: '1400000001.a', add: ['\\Odd', 'has blank', 'x'.repeat(60)], remove: [] }
    expect((await session.setFlags(inbox, [refused], quiet)).map(({ flag }) => flag)).toEqual(refused.add)
  })

  it('has a letter for forwarded when all others are taken', async () => {
    const maildir = await makeMaildir()
    const taken = Array.from({ length: 26 }, (_, i) => `${i} K${i}\n`).join('')
    await writeFile(join(maildir.root, 'dovecot-keywords'), taken)
    await maildir.deposit('cur/1400000001.a:2,', 'Subject: a\n\n')
    const session = await maildir.destination()
    const inbox = await findMailbox(session, INBOX)
    const change = { key: '1400000001.a', add: ['$Forwarded', 'Other', 'k25'], remove: [] }
    expect((await session.setFlags(inbox, [change], quiet)).map(({ flag }) => flag)).toEqual(['Other'])
    expect(await maildir.names('cur')).toEqual(['1400000001.a:2,Pz'])
    expect((await flagsOf(session, inbox, [change.key])).get(change.key)).toEqual(['$Forwarded', 'K25'])
  })

  it('translates keywords when it moves, and moves nothing whose keywords would be lost', async () => {
    const maildir = await makeMaildir()
    const session = await maildir.destination()
    const inbox = await findMailbox(session, INBOX)
    const target = await session.ensureMailbox(['Target'], null, quiet)
    await writeFile(
      join(maildir.root, '.Target/dovecot-keywords'),
      Array.from({ length: 25 }, (_, i) => `${i} K${i}\n`).join(''),
    )
    const batch = [mailNumber(1, { flags: ['Alpha'] }), mailNumber(2, { flags: ['Beta', '\\Seen'] })]
    const keys = landedKeys(
      await session.append(
        inbox,
        batch.map((mail) => toNew(mail)),
        quiet,
      ),
    ).map(String)
    const [first = ''] = keys
    const [moved] = landedKeys(await session.move(inbox, [first], target, quiet)).map(String)
    expect((await flagsOf(session, target, [moved ?? ''])).get(moved ?? '')).toEqual(['Alpha'])
    expect(await session.move(inbox, keys.slice(1), target, quiet)).toMatchObject([
      { kind: 'refused', error: { kind: 'rejected' } },
    ])
    expect(await maildir.names('cur')).toHaveLength(1)
  })

  it('keeps to the bytes of a message that it moves', async () => {
    const maildir = await makeMaildir()
    const session = await maildir.destination()
    const inbox = await findMailbox(session, INBOX)
    const target = await session.ensureMailbox(['Target'], null, quiet)
    const body = Buffer.from('Subject: lone\n\nline\r\nline\n')
    const [key = ''] = landedKeys(await session.append(inbox, [toNew(mailNumber(1, { body }))], quiet)).map(String)
    const [moved = ''] = landedKeys(await session.move(inbox, [key], target, quiet)).map(String)
    expect(Buffer.from(await fetchOne(session, target, moved)).equals(body)).toBe(true)
  })

  it('waits for a lock that is held, and takes one that was left', async () => {
    const maildir = await makeMaildir()
    const lock = join(maildir.root, 'dovecot-keywords.lock')
    await writeFile(lock, '')
    await utimes(lock, Date.now() / 1000 - 600, Date.now() / 1000 - 600)
    const session = await maildir.destination()
    const inbox = await findMailbox(session, INBOX)
    const append = (keyword: string): Promise<unknown> =>
      session.append(inbox, [toNew(mailNumber(1, { flags: [keyword] }))], quiet)
    await append('Alpha')
    expect(await readFile(join(maildir.root, 'dovecot-keywords'), 'utf8')).toBe('0 Alpha\n')
    await writeFile(lock, '')
    let waited = 0
    const clock = {
      ...systemClock,
      monotonic: () => waited,
      sleep: async (ms: number) => {
        waited += ms
      },
    }
    const patient = await maildir.destination({ clock })
    await expectKind(patient.append(inbox, [toNew(mailNumber(2, { flags: ['Beta'] }))], quiet), 'transient')
    expect(waited).toBeGreaterThan(5_000)
    expect(await maildir.names('cur')).toHaveLength(1)
  })

  it('uses the folder that is there under a UTF-8 name', async () => {
    const maildir = await makeMaildir()
    await mkdir(join(maildir.root, '.Entwürfe/cur'), { recursive: true })
    const session = await maildir.destination()
    const mailbox = await session.ensureMailbox(['Entwürfe'], null, quiet)
    expect(await findMailbox(session, ['Entwürfe'])).toEqual(mailbox)
    expect((await maildir.names('.')).filter((name) => name.startsWith('.'))).toEqual(['.Entwürfe'])
  })

  it('adds to subscriptions in the format that they have', async () => {
    const maildir = await makeMaildir()
    await writeFile(join(maildir.root, 'subscriptions'), 'Old')
    const session = await maildir.destination()
    await session.subscribe(await session.ensureMailbox(['A', 'B'], null, quiet), quiet)
    expect(await readFile(join(maildir.root, 'subscriptions'), 'utf8')).toBe('Old\nA.B\n')
    await writeFile(join(maildir.root, 'subscriptions'), 'V\t2\n\nOld\n')
    await session.subscribe(await findMailbox(session, ['A', 'B']), quiet)
    expect(await readFile(join(maildir.root, 'subscriptions'), 'utf8')).toBe('V\t2\n\nOld\nA\tB\n')
  })

  it('two processes at once give every message a name of its own', async () => {
    const maildir = await makeMaildir()
    const sessions = await Promise.all([0, 1, 2, 3].map(() => maildir.destination()))
    await Promise.all(
      sessions.map(async (session) => {
        const inbox = await findMailbox(session, INBOX)
        for (let round = 0; round < 4; round++) {
          landedKeys(
            await session.append(
              inbox,
              mails(10).map((mail) => toNew(mail)),
              quiet,
            ),
          )
        }
      }),
    )
    expect(await maildir.names('cur')).toHaveLength(160)
    const reader = await maildir.source()
    const { messages } = await list(reader, await findMailbox(reader, INBOX), null)
    const digests = new Map<string, number>()
    for await (const fetched of reader.fetch(await findMailbox(reader, INBOX), [...messages.keys()], quiet)) {
      const digest = Buffer.from(digestWhole(await bodyOf(fetched)).digest).toString('hex')
      digests.set(digest, (digests.get(digest) ?? 0) + 1)
    }
    expect([...digests.values()]).toEqual(Array(10).fill(16))
  })
})

describe('where a destination may be', () => {
  const open = (path: string, apartFrom: readonly string[] = []): Promise<DestinationSession> =>
    createMaildirConnector({ path: () => path, apartFrom: () => apartFrom, clock: systemClock }).openDestination(
      'anna',
      quiet,
    )

  it('is made when it is first needed, and not by looking at it', async () => {
    const folder = await makeFolder()
    const session = await open(join(folder, 'a/b/Maildir'))
    const paths: (readonly string[])[] = []
    for await (const mailbox of session.listMailboxes(quiet)) paths.push(mailbox.path)
    expect(paths).toEqual([['INBOX']])
    expect(await session.quota(quiet)).toBeNull()
    await expect(stat(join(folder, 'a'))).rejects.toMatchObject({ code: 'ENOENT' })
    await session.ensureMailbox(['INBOX'], 'inbox', quiet)
    expect((await stat(join(folder, 'a/b/Maildir/cur'))).isDirectory()).toBe(true)
    await session.close()
    expect(session.alive).toBe(false)
    await open(join(folder, 'a/b/Maildir'))
  })

  it('is not the source, not in it and not around it, by whatever way', async () => {
    const folder = await makeFolder()
    const source = join(folder, 'source')
    await mkdir(join(source, 'cur'), { recursive: true })
    await symlink(source, join(folder, 'alias'))
    const wrong = [
      source,
      `${source}/`,
      join(source, '.Sub'),
      join(source, 'x/y'),
      folder,
      join(folder, 'alias'),
      join(folder, 'alias/new-one'),
      join(folder, 'x/../source'),
    ]
    for (const path of wrong) {
      const error = await errorOf(open(path, [source]))
      expect(error.kind, path).toBe('config')
      expect(error.message).toContain('source')
    }
    await open(join(folder, 'source-2'), [source])
    expect((await stat(source)).isDirectory()).toBe(true)
  })

  it('is no folder with other things in it, and no relative path', async () => {
    const folder = await makeFolder()
    await writeFile(join(folder, 'letter.txt'), '')
    await expectKind(open(folder), 'config')
    await expectKind(open('somewhere'), 'config')
  })
})

async function* onePiece(piece: Uint8Array): AsyncGenerator<Uint8Array> {
  yield piece
}
