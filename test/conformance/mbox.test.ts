import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createMboxConnector } from '../../connectors/mbox/mbox-connector.ts'
import { systemClock } from '../../src/core/clock.ts'
import { conformance } from './conformance.ts'
import type { Harness, Mail } from './harness.ts'
import { snapshotOf } from './snapshot.ts'

const LETTERS = new Map([
  ['\\Answered', 'A'],
  ['\\Flagged', 'F'],
  ['\\Draft', 'T'],
])

const harness: Harness = {
  bodies: 'exact',
  keepsNul: true,
  sourceOnly: 'an mbox is only read',
  skips: {
    'a cursor from before a new validity is stale':
      'a key is made of what a message is: it cannot mean another one',
  },
  setup: async (wish) => {
    const root = await mkdtemp(join(tmpdir(), 'mbox-'))
    const account = join(root, 'anna')
    await mkdir(account)
    const mailboxes = new Map<string, readonly Mail[]>()
    const change = async (
      path: readonly string[],
      to: (mail: readonly Mail[]) => readonly Mail[],
    ): Promise<void> => {
      const file = join(account, ...path.map((level, at) => (at < path.length - 1 ? `${level}.sbd` : level)))
      const mail = to(mailboxes.get(file) ?? [])
      mailboxes.set(file, mail)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, Buffer.concat(mail.map(inFile)))
    }
    await change(['INBOX'], () => [])
    await writeFile(join(account, 'INBOX.msf'), '')
    return {
      connector: createMboxConnector({
        path: (name) => join(root, name),
        clock: systemClock,
        quoting: 'mboxrd',
        ...(wish.largeMessageBytes === undefined ? {} : { largeMessageBytes: wish.largeMessageBytes }),
      }),
      account: 'anna',
      store: (path, mail) => change(path, (before) => [...before, ...mail]),
      stored: (mail) => Buffer.concat([statusOf(mail), mail.body]),
      outside: {
        deliver: (path, mail) => change(path, (before) => [...before, mail]),
        expunge: (path, key) => change(path, (before) => before.filter((mail) => keyOf(mail) !== key)),
        setFlags: (path, key, flags) =>
          change(path, (before) => before.map((mail) => (keyOf(mail) === key ? { ...mail, flags } : mail))),
      },
      snapshot: () => snapshotOf(account),
      cleanup: () => rm(root, { recursive: true, force: true }),
    }
  },
}

conformance('mbox', harness)

/** One message as a program that writes mboxrd with CRLF leaves it. */
function inFile(mail: Mail): Buffer {
  const date = new Date(mail.internalDate).toUTCString().split(' ')
  const [weekday = '', day, month, year, time] = date
  const from = `From sender@example.com ${weekday.slice(0, 3)} ${month} ${day} ${time} ${year}\r\n`
  return Buffer.concat([Buffer.from(from), statusOf(mail), quoted(mail.body), Buffer.from('\r\n')])
}

function statusOf({ flags }: Mail): Buffer {
  if (flags.length === 0) return Buffer.alloc(0)
  const letters = flags.map((flag) => LETTERS.get(flag) ?? '').join('')
  return Buffer.from(`Status: ${flags.includes('\\Seen') ? 'RO' : 'O'}\r\nX-Status: ${letters}\r\n`)
}

function quoted(body: Uint8Array): Buffer {
  return Buffer.from(
    Buffer.from(body)
      .toString('latin1')
      .replace(/^(>*From )/gm, '>$1'),
    'latin1',
  )
}

/** The key of a message that has no twin. */
function keyOf(mail: Mail): string {
  return `${createHash('sha256').update(quoted(mail.body)).digest('hex').slice(0, 32)}.0`
}
