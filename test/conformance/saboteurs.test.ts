import { describe, expect, it } from 'vitest'
import { createMemoryConnector } from '../../connectors/memory/connector.ts'
import { createMemoryStore, type MemoryAccount } from '../../connectors/memory/store.ts'
import type { Connector, DestinationSession, SourceSession } from '../../src/core/connector.ts'
import type { Body, NewMessage } from '../../src/core/mail.ts'
import { Bench, collect, quiet } from './bench.ts'
import type { Case } from './case.ts'
import { CASES } from './conformance.ts'

/** A connector with one fault, and the case that must notice it. */
interface Saboteur {
  readonly fault: string
  readonly noticedBy: string
  readonly source?: (session: SourceSession, account: MemoryAccount) => Partial<SourceSession>
  readonly destination?: (session: DestinationSession, account: MemoryAccount) => Partial<DestinationSession>
}

const SABOTEURS: readonly Saboteur[] = [
  {
    fault: 'loses the last byte of a body',
    noticedBy: 'awkward bodies come back',
    destination: (session) => ({
      append: (mailbox, batch, signal) =>
        session.append(
          mailbox,
          batch.map((message) => ({ ...message, body: whole(message.body).subarray(0, -1) })),
          signal,
        ),
    }),
  },
  {
    fault: 'adds a final line end',
    noticedBy: 'awkward bodies come back',
    destination: (session) => ({
      append: (mailbox, batch, signal) => {
        const ended = batch.map((message) => ({ ...message, body: withEnd(whole(message.body)) }))
        return session.append(mailbox, ended, signal)
      },
    }),
  },
  {
    fault: 'pads a body that ends early',
    noticedBy: 'a body that ends early stores nothing',
    destination: (session) => ({
      append: async (mailbox, batch, signal) => {
        const padded: NewMessage[] = []
        for (const message of batch) {
          if (message.body instanceof Uint8Array) padded.push(message)
          else padded.push({ ...message, body: await filled(message.body) })
        }
        return session.append(mailbox, padded, signal)
      },
    }),
  },
  {
    fault: 'names the keys of a batch in another order',
    noticedBy: 'a batch is stored whole, its keys in order',
    destination: (session) => ({
      append: async (mailbox, batch, signal) => (await session.append(mailbox, batch, signal)).toReversed(),
    }),
  },
  {
    fault: 'takes twins for one',
    noticedBy: 'twins stay two, unless equal messages are merged',
    destination: (session) => ({
      append: async (mailbox, batch, signal) => {
        const outcomes = await session.append(mailbox, batch.slice(0, 1), signal)
        return batch.map(() => outcomes[0] ?? { kind: 'landed', key: null, validity: null })
      },
    }),
  },
  {
    fault: 'keeps dates by the day',
    noticedBy: 'internal dates are kept as claimed',
    destination: (session) => ({
      append: (mailbox, batch, signal) => {
        const day = (ms: number): number => ms - (ms % 86_400_000)
        const dated = batch.map((message) => ({ ...message, internalDate: day(message.internalDate) }))
        return session.append(mailbox, dated, signal)
      },
    }),
  },
  {
    fault: 'drops keywords',
    noticedBy: 'keywords are kept as claimed',
    destination: (session) => ({
      append: (mailbox, batch, signal) => {
        const plain = batch.map((message) => ({
          ...message,
          flags: message.flags.filter((flag) => flag.startsWith('\\')),
        }))
        return session.append(mailbox, plain, signal)
      },
    }),
  },
  {
    fault: 'marks what it reads as seen',
    noticedBy: 'a source session changes nothing',
    source: (session, account) => ({
      async *fetch(mailbox, keys, signal) {
        for await (const fetched of session.fetch(mailbox, keys, signal)) {
          account.setFlags(mailbox.path, fetched.key, ['\\Seen'])
          yield fetched
        }
      },
    }),
  },
  {
    fault: 'takes the cursor when the listing is over',
    noticedBy: 'mail stored while a listing runs is in it or in the next one',
    source: (session) => ({
      async *listMessages(mailbox, since, signal) {
        const pages = await collect(session.listMessages(mailbox, since, signal))
        for (const page of pages) {
          if (page.kind !== 'end') yield page
        }
        const later = await collect(session.listMessages(mailbox, null, signal))
        for (const page of later) if (page.kind === 'end') yield { ...page, complete: false }
      },
    }),
  },
  {
    fault: 'does not tell what is gone',
    noticedBy: 'expunged mail is told from the cursor',
    source: (session) => ({
      async *listMessages(mailbox, since, signal) {
        for await (const page of session.listMessages(mailbox, since, signal))
          if (page.kind !== 'expunged') yield page
      },
    }),
  },
  {
    fault: 'does not tell changed flags',
    noticedBy: 'changed flags are told from the cursor',
    source: (session) => ({
      async *listMessages(mailbox, since, signal) {
        for await (const page of session.listMessages(mailbox, since, signal))
          if (page.kind !== 'flags') yield page
      },
    }),
  },
  {
    fault: 'lists again what it has listed',
    noticedBy: 'a listing from the cursor finds nothing when nothing changed',
    source: (session) => ({
      listMessages: (mailbox, _since, signal) => session.listMessages(mailbox, null, signal),
    }),
  },
  {
    fault: 'takes any cursor',
    noticedBy: 'a cursor that is no cursor is stale',
    source: (session) => ({
      async *listMessages(mailbox, since, signal) {
        const [first] = await collect(session.listMessages(mailbox, since, signal))
        yield* session.listMessages(mailbox, first?.kind === 'stale' ? null : since, signal)
      },
    }),
  },
  {
    fault: 'hands out an empty body for what is gone',
    noticedBy: 'a message expunged since the listing is gone, and the others come',
    source: (session) => ({
      async *fetch(mailbox, keys, signal) {
        for await (const fetched of session.fetch(mailbox, keys, signal)) {
          yield fetched.kind === 'gone' ? { kind: 'whole', key: fetched.key, body: new Uint8Array() } : fetched
        }
      },
    }),
  },
  {
    fault: 'reads every body into one place',
    noticedBy: 'a body keeps its bytes until it is given back, whatever is read meanwhile',
    source: (session) => {
      const place = Buffer.alloc(1 << 20)
      return {
        async *fetch(mailbox, keys, signal) {
          for await (const fetched of session.fetch(mailbox, keys, signal)) {
            if (fetched.kind === 'whole') place.set(fetched.body)
            yield fetched.kind === 'whole' ? { ...fetched, body: place.subarray(0, fetched.body.length) } : fetched
          }
        },
      }
    },
  },
  {
    fault: 'leaves keys without an answer',
    noticedBy: 'a message expunged since the listing is gone, and the others come',
    source: (session) => ({
      async *fetch(mailbox, keys, signal) {
        for await (const fetched of session.fetch(mailbox, keys, signal))
          if (fetched.kind !== 'gone') yield fetched
      },
    }),
  },
  {
    fault: 'does not look at the signal',
    noticedBy: 'an aborted signal stops every reading operation',
    source: (session) => ({ listMailboxes: () => session.listMailboxes(quiet) }),
  },
  {
    fault: 'appends although it was stopped',
    noticedBy: 'an aborted signal stops every writing operation, with nothing done',
    destination: (session) => ({ append: (mailbox, batch) => session.append(mailbox, batch, quiet) }),
  },
  {
    fault: 'replaces flags where it should add',
    noticedBy: 'flags are added and removed, and the others stay',
    destination: (session, account) => ({
      setFlags: async (mailbox, changes) => {
        for (const { key, add } of changes) account.setFlags(mailbox.path, key, add)
        return []
      },
    }),
  },
  {
    fault: 'expunges what is deleted when it closes',
    noticedBy: 'a message marked \\Deleted stays where it is',
    destination: (session, account) => ({
      close: async () => {
        for (const message of account.messages(['INBOX'])) {
          if (message.flags.includes('\\Deleted')) account.expunge(['INBOX'], String(message.uid))
        }
        await session.close()
      },
    }),
  },
  {
    fault: 'finds nothing that was stored after the position',
    noticedBy: 'find from a position finds what came after it',
    destination: (session) => ({
      find: (mailbox, since, signal) =>
        session.find(mailbox, since === null ? null : { ...since, next: String(Number(since.next) + 1) }, signal),
    }),
  },
  {
    fault: 'finds by a position of another validity',
    noticedBy: 'a position of another validity is stale',
    destination: (session) => ({
      async *find(mailbox, since, signal) {
        const present = await session.position(mailbox, signal)
        yield* session.find(mailbox, since === null ? null : { ...since, validity: present.validity }, signal)
      },
    }),
  },
  {
    fault: 'trims names',
    noticedBy: 'evil names are stored as they are, or refused',
    destination: (session) => ({
      ensureMailbox: (path, specialUse, signal) =>
        session.ensureMailbox(
          path.map((level) => level.trim() || 'x'),
          specialUse,
          signal,
        ),
    }),
  },
  {
    fault: 'cuts a name at a NUL',
    noticedBy: 'names with control characters, and empty ones, are refused',
    destination: (session) => ({
      ensureMailbox: (path, specialUse, signal) =>
        session.ensureMailbox(
          path.map((level) => level.split('\0')[0] ?? ''),
          specialUse,
          signal,
        ),
    }),
  },
  {
    fault: 'appends to the mailbox that it read last',
    noticedBy: 'an append goes to its own mailbox, whatever was read before',
    destination: (session) => {
      let last: Parameters<DestinationSession['append']>[0] | null = null
      return {
        fetch: (mailbox, keys, signal) => {
          last = mailbox
          return session.fetch(mailbox, keys, signal)
        },
        append: (mailbox, batch, signal) => session.append(last ?? mailbox, batch, signal),
      }
    },
  },
  {
    fault: 'copies where it should move',
    noticedBy: 'messages are moved where that is claimed',
    destination: (session, account) => ({
      move: async (from, keys, to, signal) => {
        const before = account.messages(from.path)
        const outcomes = await session.move(from, keys, to, signal)
        for (const message of before) {
          if (keys.includes(String(message.uid))) account.mailbox(from.path).add(message, message.uid)
        }
        return outcomes
      },
    }),
  },
]

describe('the suite notices a connector that', () => {
  it.each(SABOTEURS)('$fault', async ({ noticedBy, source, destination }) => {
    const found = CASES.find((each) => each.name === noticedBy)
    if (found === undefined) throw new Error(`no case is called '${noticedBy}'`)
    await expect(run(found, {})).resolves.toBeUndefined()
    await expect(run(found, { source, destination })).rejects.toThrow()
  })
})

async function run(
  each: Case,
  fault: { source?: Saboteur['source']; destination?: Saboteur['destination'] },
): Promise<void> {
  const store = createMemoryStore()
  const account = store.account('anna')
  const sound = createMemoryConnector(store, { pageMessages: 7, capabilities: { sessions: 8 }, ...each.wish })
  const connector: Connector = {
    openSource: async (name, signal) => {
      const session = await sound.openSource(name, signal)
      return withFault(session, fault.source?.(session, account) ?? {})
    },
    openDestination: async (name, signal) => {
      const session = await sound.openDestination(name, signal)
      return withFault(session, fault.destination?.(session, account) ?? {})
    },
  }
  const harness = { bodies: 'exact', keepsNul: true, setup: () => Promise.reject(new Error('not used')) } as const
  const bench = new Bench(harness, {
    connector,
    account: 'anna',
    outside: {
      expunge: async (path, key) => {
        account.expunge(path, key)
      },
    },
    snapshot: async () => account.state(),
    cleanup: async () => undefined,
  })
  try {
    await each.run(bench)
  } finally {
    await bench.tearDown()
  }
}

function withFault<Session extends object>(session: Session, fault: Partial<Session>): Session {
  return new Proxy(session, {
    get: (target, property) => Reflect.get(property in fault ? fault : target, property) as unknown,
  })
}

function whole(body: NewMessage['body']): Uint8Array {
  if (body instanceof Uint8Array) return body
  throw new Error('this saboteur takes no body in pieces')
}

function withEnd(body: Uint8Array): Uint8Array {
  return Buffer.from(body).toString('latin1').endsWith('\r\n') ? body : Buffer.concat([body, Buffer.from('\r\n')])
}

async function filled(body: Body): Promise<Uint8Array> {
  const all = Buffer.concat(await collect(body.open()))
  return Buffer.concat([all, Buffer.alloc(Math.max(0, body.bytes - all.length))]).subarray(0, body.bytes)
}
