import { chown, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createImapConnector } from '../../connectors/imap/imap-connector.ts'
import { createMaildirConnector } from '../../connectors/maildir/maildir-connector.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { Connector, DestinationSession, SourceSession } from '../../src/core/connector.ts'
import { digestWhole } from '../../src/core/digest.ts'
import { bodyOf, collect, findMailbox, landedKeys, list, quiet, toNew } from '../conformance/bench.ts'
import { AWKWARD_BODIES, mailNumber } from '../conformance/corpus.ts'
import type { Mail } from '../conformance/harness.ts'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'

/** What two ends must agree on, message by message. */
interface Seen {
  readonly digest: string
  readonly internalDate: number
  readonly flags: readonly string[]
}

const why = whyNoDovecot()
const PATHS = [['INBOX'], ['Entwürfe'], ['Projekte', 'A & B', '日本'], ['Sent']]

describe.skipIf(why !== null)(`Maildir and Dovecot agree${why === null ? '' : ` (skipped: ${why})`}`, () => {
  let server: Dovecot
  const users = Array.from({ length: 8 }, (_, index) => `user${index}@example.test`)

  beforeAll(async () => {
    server = await startDovecot({ users, separator: '.' })
  })
  afterAll(async () => server.stop())

  it('Dovecot reads what we write', async () => {
    const [user = ''] = users
    await prepareHome(user)
    await withDestination(maildir(), user, async (session) => {
      for (const path of PATHS) {
        const mailbox = await session.ensureMailbox(path, null, quiet)
        await session.subscribe(mailbox, quiet)
        for (const mail of corpus()) landedKeys(await session.append(mailbox, [toNew(mail)], quiet))
      }
    })
    const ours = await seenBy(maildir(), user)
    expect(await seenBy(imap(), user)).toEqual(ours)
    expect(ours.get('INBOX')).toEqual(corpus().map(asSeen).sort(byDigest))
    await withSource(imap(), user, async (session) => {
      for (const path of PATHS) expect(await findMailbox(session, path)).toMatchObject({ subscribed: true })
    })
  })

  it('Dovecot notices what we write, flag and move while it has the mailbox in its index', async () => {
    const user = users[1] ?? ''
    await prepareHome(user)
    await withDestination(imap(), user, async (session) => {
      const inbox = await findMailbox(session, ['INBOX'])
      for (const number of [1, 2]) landedKeys(await session.append(inbox, [toNew(mailNumber(number))], quiet))
      await session.ensureMailbox(['Elsewhere'], null, quiet)
    })
    await withDestination(maildir(), user, async (session) => {
      const inbox = await findMailbox(session, ['INBOX'])
      const batch = [3, 4, 5].map((number) => toNew(mailNumber(number, { flags: ['Kept', '\\Seen'] })))
      const [third = '', fourth = '', fifth = ''] = landedKeys(await session.append(inbox, batch, quiet)).map(
        String,
      )
      const changes = [
        { key: third, add: ['\\Flagged', '$Forwarded', 'Later'], remove: ['\\Seen'] },
        { key: fourth, add: ['\\Deleted'], remove: ['Kept'] },
      ]
      expect(await session.setFlags(inbox, changes, quiet)).toEqual([])
      const elsewhere = await findMailbox(session, ['Elsewhere'])
      landedKeys(await session.move(inbox, [fifth], elsewhere, quiet))
    })
    const byDovecot = await seenBy(imap(), user)
    expect(byDovecot).toEqual(await seenBy(maildir(), user))
    const flags = (byDovecot.get('INBOX') ?? []).map((seen) => seen.flags.join(' ')).sort()
    expect(flags).toEqual(['', '', '$Forwarded Kept Later \\Flagged', '\\Deleted \\Seen'])
    expect(byDovecot.get('Elsewhere')?.map((seen) => seen.flags)).toEqual([['Kept', '\\Seen']])
  })

  it('we read what Dovecot writes, and leave it as it is', async () => {
    const user = users[2] ?? ''
    await withDestination(imap(), user, async (session) => {
      for (const path of PATHS) {
        const mailbox = await session.ensureMailbox(path, null, quiet)
        if (path[0] !== 'Sent') await session.subscribe(mailbox, quiet)
        for (const mail of corpus()) landedKeys(await session.append(mailbox, [toNew(mail)], quiet))
      }
    })
    const before = await namesIn(server.mailFolder(user))
    expect(await seenBy(maildir(), user)).toEqual(await seenBy(imap(), user))
    await withSource(maildir(), user, async (session) => {
      const subscribed = (await collect(session.listMailboxes(quiet))).filter((mailbox) => mailbox.subscribed)
      const expected = PATHS.filter((path) => path[0] !== 'Sent').map((path) => path.join('/'))
      expect(subscribed.map(({ path }) => path.join('/')).sort()).toEqual(expected.sort())
    })
    expect(await namesIn(server.mailFolder(user))).toEqual(before)
  })

  it('both make the same of files with other line ends', async () => {
    const user = users[3] ?? ''
    await prepareHome(user)
    const bodies = [
      'Subject: unix\n\nline\nline\n',
      'Subject: unix, no end\n\nline',
      'Subject: dos\r\n\r\nline\r\n',
      'Subject: mixed\n\nline\r\nline\nline\r\n\n',
      'Subject: cr\n\nover\rtyped\n\r',
      'Subject: cr cr lf\n\nline\r\r\nline\n',
      '\n\nbody\n',
      `Subject: at the edge of a piece\n\n${'x'.repeat(262_144 - 35)}\r\n${'y'.repeat(65_536)}\nend\n`,
    ]
    for (const [index, body] of bodies.entries()) {
      await deposit(user, index % 2 === 0 ? 'new' : 'cur', `150000000${index}.M1P1.other`, body)
    }
    const ours = await seenBy(maildir(1000), user)
    expect(ours.get('INBOX')).toHaveLength(bodies.length)
    expect(await seenBy(maildir(), user)).toEqual(ours)
    expect(await seenBy(imap(), user)).toEqual(ours)
  })

  it('the keys of a mailbox outlive what Dovecot does with it', async () => {
    const user = users[4] ?? ''
    await prepareHome(user)
    const keys = await withDestination(maildir(), user, async (session) => {
      const inbox = await findMailbox(session, ['INBOX'])
      const batch = [1, 2, 3].map((number) => toNew(mailNumber(number)))
      return landedKeys(await session.append(inbox, batch, quiet)).map(String)
    })
    await server.doveadm('flags', 'add', '-u', user, '\\Seen Label', 'mailbox', 'INBOX', 'all')
    await server.doveadm('force-resync', '-u', user, '*')
    await withSource(maildir(), user, async (session) => {
      const inbox = await findMailbox(session, ['INBOX'])
      const { messages } = await list(session, inbox, null)
      expect([...messages.keys()].sort()).toEqual([...keys].sort())
      expect([...messages.values()].map(({ flags }) => flags)).toEqual(keys.map(() => ['Label', '\\Seen']))
    })
  })

  it('Dovecot takes over more keywords than we may name', async () => {
    const user = users[5] ?? ''
    await prepareHome(user)
    const keywords = Array.from({ length: 28 }, (_, index) => `Keyword${index}`)
    await withDestination(maildir(), user, async (session) => {
      const inbox = await findMailbox(session, ['INBOX'])
      const [key = ''] = landedKeys(await session.append(inbox, [toNew(mailNumber(1))], quiet)).map(String)
      const refusals = await session.setFlags(inbox, [{ key, add: keywords, remove: [] }], quiet)
      expect(refusals.map(({ flag }) => flag)).toEqual(['Keyword26', 'Keyword27'])
    })
    const byDovecot = await seenBy(imap(), user)
    expect(byDovecot.get('INBOX')?.[0]?.flags).toEqual(keywords.slice(0, 26).sort())
  })

  it('files that we make belong to the owner of the Maildir', async () => {
    const user = users[6] ?? ''
    const root = join(server.mailFolder(user), '..', '..', 'fresh')
    const owner = (await stat(join(root, '..'))).uid
    const connector = createMaildirConnector({ path: () => root, clock: systemClock })
    await withDestination(connector, user, async (session) => {
      const mailbox = await session.ensureMailbox(['A', 'B'], null, quiet)
      await session.subscribe(mailbox, quiet)
      landedKeys(await session.append(mailbox, [toNew(mailNumber(1, { flags: ['Word'] }))], quiet))
    })
    const names = await namesIn(root)
    expect(names.length).toBeGreaterThan(10)
    for (const name of names) expect((await stat(join(root, name))).uid, name).toBe(owner)
  })

  function imap(): Connector {
    const { host, imapsPort, ca, password } = server
    return createImapConnector({
      host,
      port: imapsPort,
      tls: { mode: 'implicit', ca },
      clock: systemClock,
      loginFor: async (username) => ({ username, authorize: null, secret: { text: () => password } }),
    })
  }

  function maildir(largeMessageBytes = 1_000_000): Connector {
    return createMaildirConnector({
      path: (account) => server.mailFolder(account),
      clock: systemClock,
      largeMessageBytes,
    })
  }

  async function prepareHome(user: string): Promise<void> {
    const { uid, gid } = await stat(join(server.folder, 'mail'))
    for (const path of [join(server.mailFolder(user), '..'), server.mailFolder(user)]) {
      await mkdir(path, { recursive: true })
      await chown(path, uid, gid)
    }
    for (const part of ['cur', 'new', 'tmp']) {
      await mkdir(join(server.mailFolder(user), part), { recursive: true })
      await chown(join(server.mailFolder(user), part), uid, gid)
    }
  }

  async function deposit(user: string, place: 'cur' | 'new', name: string, body: string): Promise<void> {
    const { uid, gid } = await stat(join(server.folder, 'mail'))
    const file = join(server.mailFolder(user), place, place === 'cur' ? `${name}:2,S` : name)
    await writeFile(file, body, 'latin1')
    await chown(file, uid, gid)
    await utimes(file, 1_500_000_000, 1_500_000_000)
  }
})

function corpus(): readonly Mail[] {
  const flags = [['\\Seen'], ['\\Answered', '$Forwarded'], [], ['\\Draft', '\\Flagged', 'Project-X'], ['$MDNSent']]
  return [...AWKWARD_BODIES.values()].map((body, index) => ({
    body,
    internalDate: 1_300_000_000_000 + index * 10_000_000_000,
    flags: flags[index % flags.length] ?? [],
  }))
}

/** Everything that a connector reads of an account, by mailbox. */
async function seenBy(connector: Connector, user: string): Promise<ReadonlyMap<string, readonly Seen[]>> {
  return withSource(connector, user, async (session) => {
    const seen = new Map<string, readonly Seen[]>()
    for (const mailbox of await collect(session.listMailboxes(quiet))) {
      if (!mailbox.selectable) continue
      const { messages } = await list(session, mailbox, null)
      const inMailbox: Seen[] = []
      for await (const fetched of session.fetch(mailbox, [...messages.keys()], quiet)) {
        const listed = messages.get(fetched.key)
        if (listed === undefined) throw new Error('a message was fetched that was not asked for')
        const { internalDate, flags } = listed
        inMailbox.push(asSeen({ body: await bodyOf(fetched), internalDate, flags }))
      }
      if (inMailbox.length > 0) seen.set(mailbox.path.join('/'), inMailbox.sort(byDigest))
    }
    return new Map([...seen].sort())
  })
}

function asSeen({ body, internalDate, flags }: Mail): Seen {
  const digest = Buffer.from(digestWhole(body).digest).toString('hex')
  return { digest, internalDate, flags: [...flags].sort() }
}

function byDigest(a: Seen, b: Seen): number {
  return a.digest < b.digest ? -1 : 1
}

async function withSource<Result>(
  connector: Connector,
  user: string,
  act: (session: SourceSession) => Promise<Result>,
): Promise<Result> {
  const session = await connector.openSource(user, quiet)
  try {
    return await act(session)
  } finally {
    await session.close()
  }
}

async function withDestination<Result>(
  connector: Connector,
  user: string,
  act: (session: DestinationSession) => Promise<Result>,
): Promise<Result> {
  const session = await connector.openDestination(user, quiet)
  try {
    return await act(session)
  } finally {
    await session.close()
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => !name.includes('dovecot.'))
  expect(await readFile(join(folder, 'subscriptions'), 'utf8')).not.toBe('')
  return names.sort()
}
