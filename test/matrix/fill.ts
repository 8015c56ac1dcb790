import type { RawImap, RawPart } from '../fakes/raw-imap.ts'
import { nameOf } from '../fakes/raw-imap.ts'
import { hostileMessages, type HostileMessage } from '../hostile/messages.ts'
import { hostileNames } from '../hostile/names.ts'
import { wireName, type ServerKind } from './servers.ts'

/** What an account holds after it was filled. */
export interface Filled {
  /** The case of each message, by wire name and UID. */
  readonly cases: ReadonlyMap<string, string>
  /** Cases that the server itself did not take, with its words. */
  readonly untaken: ReadonlyMap<string, string>
  /** A connection to the account. */
  readonly client: RawImap
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** The key of a message in `Filled.cases`. */
export function caseKey(mailbox: string, uid: number | string): string {
  return `${mailbox}\0${uid}`
}

/**
 * Puts every hostile message into the inbox, and one message into each mailbox with a hostile name. `open` connects, and is
 * called again where the server ends the connection on a message, as Courier does on a keyword NIL.
 */
export async function fillAccount(open: () => Promise<RawImap>, kind: ServerKind): Promise<Filled> {
  let client = await open()
  const capabilities = (await client.must('CAPABILITY')).untagged.map(({ text }) => text).join(' ')
  const binary = /\bBINARY\b/.test(capabilities)
  const cases = new Map<string, string>()
  const untaken = new Map<string, string>()
  const put = async (mailbox: string, message: HostileMessage): Promise<void> => {
    const { bytes } = message
    const literal: RawPart = binary && bytes.includes(0) ? { literal8: bytes } : bytes
    const flagsAndDate = ` (${message.flags.join(' ')}) ${dateOf(message.internalDate, message.zone ?? 0)} `
    const reply = await client.command('APPEND ', nameOf(mailbox), flagsAndDate, literal).catch(() => null)
    if (reply === null) {
      untaken.set(message.name, 'the server ended the connection')
      client = await open()
      return
    }
    const uid = /\[APPENDUID \d+ (\d+)\]/.exec(reply.text)?.[1]
    if (reply.status === 'OK' && uid !== undefined) cases.set(caseKey(mailbox, uid), message.name)
    else untaken.set(message.name, reply.text)
  }
  for (const message of hostileMessages()) await put('INBOX', message)
  for (const [index, { note, path }] of hostileNames().entries()) {
    const name = `mailbox: ${note}`
    if (path.some((level) => level.includes(kind.delimiter))) {
      untaken.set(name, 'holds the delimiter')
      continue
    }
    const wire = wireName(path, kind)
    const created = await client.command('CREATE ', nameOf(wire))
    const isThere = (await client.mailboxes()).some((mailbox) => mailbox.name === wire)
    if (!isThere) {
      untaken.set(name, created.text)
      continue
    }
    const bytes = Buffer.from(
      `Message-ID: <name${index}@hostile.example.com>\r\nSubject: name ${index}\r\n\r\n${note}\r\n`,
    )
    await put(wire, { name, bytes, internalDate: Date.UTC(2020, 0, 1, 0, index), flags: ['\\Seen'] })
  }
  return { cases, untaken, client }
}

function dateOf(ms: number, zone: number): string {
  const date = new Date(ms + zone * 60_000)
  const two = (n: number): string => String(n).padStart(2, '0')
  const day = String(date.getUTCDate()).padStart(2, ' ')
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`
  const east = Math.abs(zone)
  const offset = `${zone < 0 ? '-' : '+'}${two(Math.floor(east / 60))}${two(east % 60)}`
  return `"${day}-${MONTHS[date.getUTCMonth()] ?? ''}-${date.getUTCFullYear()} ${time} ${offset}"`
}
