import { printable } from '../../src/core/errors.ts'
import type { Mailbox } from '../../src/core/mail.ts'
import { clockSkewFinding, factOf, type ProbeFinding } from '../../src/core/probe.ts'
import { readTlsFacts, tlsFindings } from '../shared/tls-facts.ts'
import { identify } from './capabilities.ts'
import type { Context } from './context.ts'
import type { FetchRow } from './fetch-row.ts'
import { listOf, parseTokens, textOf, type Untagged } from './response.ts'
import { select } from './selection.ts'
import { nameParts } from './wire-name.ts'

/** Extensions that make a difference to a migration, and what is done where one is missing. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  UIDPLUS: 'stored messages are looked up after each batch, by one lane a mailbox',
  CONDSTORE: 'every pass lists all messages again to see what changed',
  MULTIAPPEND: 'messages are stored one by one',
  'LITERAL+': 'each message waits for the server before it is sent',
  MOVE: 'a message that was moved at the source stays where it landed, and is listed',
  'SPECIAL-USE': 'Sent, Trash and the like are recognised by their names',
  BINARY: 'messages with NUL bytes are sent as they are, and the server may refuse them',
}

const MESSAGE = Buffer.from(
  'From: doctor@sealpost.invalid\r\nSubject: clock of the server\r\n\r\nWritten by sealpost doctor. It may be deleted.\r\n',
)

/** What an IMAP server says about itself: TLS, software, extensions, namespaces, limits. Reads only. */
export async function probe(context: Context, signal: AbortSignal): Promise<readonly ProbeFinding[]> {
  const { connection, clock } = context
  const names = Object.keys(EXTENSIONS)
  const there = names.filter((name) => hasExtension(context, name))
  return [
    ...tlsFindings(readTlsFacts(connection.socket), clock.now()),
    factOf('server', await askSoftware(context, signal)),
    factOf('extensions', there.length === 0 ? 'none of those that help' : there.join(', ')),
    ...names
      .filter((name) => !there.includes(name))
      .map((name) => factOf('extension-missing', `no ${name}: ${EXTENSIONS[name] ?? ''}`)),
    factOf('namespaces', namespaceText(context)),
    factOf('limits', limitText(context)),
  ]
}

/**
 * The server's clock against ours: a message stored without a date gets the server's own (RFC 9051 section 6.3.12), to the
 * second. It leaves one message in `scratch`.
 */
export async function probeWriting(
  context: Context,
  scratch: Mailbox,
  signal: AbortSignal,
): Promise<readonly ProbeFinding[]> {
  const { connection, clock } = context
  const before = clock.now()
  const command = ['APPEND ', ...nameParts(scratch.name), ' (\\Seen) ', { literal: MESSAGE, waits: true }]
  await connection.expectOk(command, {}, 'imap: storing a message', signal)
  const after = clock.now()
  const { messages } = await select(context, scratch, { write: false, fresh: true, anyValidity: true }, signal)
  const seen: { date: number | null } = { date: null }
  const onRow = ({ internalDate }: FetchRow): void => {
    seen.date = internalDate ?? seen.date
  }
  // Nobody else writes to it: the last message is the one just stored.
  await connection.expectOk([`FETCH ${messages} (UID INTERNALDATE)`], { onRow }, 'imap: reading a date', signal)
  return [clockSkewFinding(seen.date, before, after)]
}

function hasExtension({ connection }: Context, name: string): boolean {
  // LITERAL- does the same up to 4096 bytes (RFC 7888).
  return connection.has(name) || (name === 'LITERAL+' && connection.has('LITERAL-'))
}

/** What ID (RFC 2971) says; else the greeting. */
async function askSoftware({ connection }: Context, signal: AbortSignal): Promise<string> {
  const said = new Map<string, string>()
  const take = {
    ID: ({ text, literals }: Untagged): void => {
      const words = listOf(parseTokens(text, literals)[0]).map((token) => textOf(token) ?? '')
      for (let i = 0; i + 1 < words.length; i += 2) said.set((words[i] ?? '').toLowerCase(), words[i + 1] ?? '')
    },
  }
  if (connection.has('ID')) await connection.run([identify(connection)], { take }, signal)
  const named = ['vendor', 'name', 'version'].flatMap((field) => said.get(field) ?? []).join(' ')
  return printable(named === '' ? connection.facts.greeting : named, 200) || 'it does not say what it is'
}

function namespaceText({ namespace: { prefix, delimiter, foreign } }: Context): string {
  const own = prefix === '' ? 'at the top' : `below "${printable(prefix, 60)}"`
  const levels = delimiter === null ? 'no levels' : `levels divided by "${delimiter}"`
  const others = foreign.map((name) => `"${printable(name, 60)}"`).join(', ')
  return `own mailboxes ${own}, ${levels}${others === '' ? '' : `; those of others are left out: ${others}`}`
}

function limitText({ connection }: Context): string {
  const limits = ['APPENDLIMIT', 'MESSAGELIMIT'].flatMap((name) => {
    const value = connection.facts.numberOf(name)
    return value === null ? [] : [`${name} ${value}`]
  })
  return limits.length === 0 ? 'the server announces none' : limits.join(', ')
}
