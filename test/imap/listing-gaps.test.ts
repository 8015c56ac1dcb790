import { describe, expect, it, onTestFinished } from 'vitest'
import type { Page, SourceSession } from '../../src/core/connector.ts'
import type { Mailbox } from '../../src/core/mail.ts'
import { startScriptedImap, type Command } from '../servers/scripted-imap.ts'
import { clearConnector, collect, cursorOf, failure, messagesOf, quiet } from './bench.ts'

const DATE = '"01-Jan-2020 00:00:00 +0000"'
const whole = (uid: number): string => `* ${uid} FETCH (UID ${uid} FLAGS () INTERNALDATE ${DATE} RFC822.SIZE 7)`

/** What the server holds and says; a test changes it as it goes. */
interface Facts {
  uids: number[]
  next: number
  /** Answers a FETCH of these UIDs; the lines before the tag, or a refusal. */
  fetch: (uids: readonly number[], items: string) => readonly string[] | `NO ${string}`
}

/** A server that answers as these facts are, and a session at it. */
async function serve(
  facts: Facts,
  capabilities = 'UIDPLUS',
): Promise<{ source: SourceSession; inbox: Mailbox; port: number; fetches: () => number }> {
  let fetches = 0
  const named = (set: string): number[] =>
    facts.uids.filter((uid) =>
      set.split(',').some((part) => {
        const [low = '', high = low] = part.split(':')
        return uid >= Number(low) && (high === '*' || uid <= Number(high))
      }),
    )
  const answer = ({ tag, text }: Command): readonly string[] | undefined => {
    if (text.startsWith('EXAMINE')) {
      const said = [`* ${facts.uids.length} EXISTS`, '* OK [UIDVALIDITY 7] x', `* OK [UIDNEXT ${facts.next}] x`]
      return [...said, `${tag} OK [READ-ONLY] x`]
    }
    const search = /^UID SEARCH (?:ALL|UID (\S+))$/.exec(text)
    if (search !== null) return [`* SEARCH ${named(search[1] ?? '1:*').join(' ')}`, `${tag} OK done`]
    const fetch = /^UID FETCH (\S+) \((.*)\)$/.exec(text)
    if (fetch === null) return undefined
    fetches++
    const said = facts.fetch(named(fetch[1] ?? ''), fetch[2] ?? '')
    return typeof said === 'string' ? [`${tag} ${said}`] : [...said, `${tag} OK done`]
  }
  const server = await startScriptedImap({ capabilities, answer })
  const source = await clearConnector(server.port, 'x').openSource('a', quiet)
  onTestFinished(async () => {
    await source.close()
    await server.stop()
  })
  const [inbox] = await collect(source.listMailboxes(quiet))
  if (inbox === undefined) throw new Error('no inbox')
  return { source, inbox, port: server.port, fetches: () => fetches }
}

const keysOf = (pages: readonly Page[]): readonly number[] => messagesOf(pages).map(({ key }) => Number(key))

describe('what a server leaves out of a listing', () => {
  it('comes in parts (RFC 9051 section 7.5.2 forbids it nowhere)', async () => {
    const parts = (uid: number): string[] => [
      `* ${uid} FETCH (UID ${uid} FLAGS (\\Seen))`,
      `* ${uid} FETCH (UID ${uid} RFC822.SIZE 7)`,
      `* ${uid} FETCH (INTERNALDATE ${DATE} UID ${uid})`,
    ]
    const facts: Facts = { uids: [1, 2], next: 3, fetch: (uids) => uids.flatMap(parts) }
    const { source, inbox, fetches } = await serve(facts)
    const listed = messagesOf(await collect(source.listMessages(inbox, null, quiet)))
    expect(listed.map(({ key, bytes, flags }) => [key, bytes, flags])).toEqual([
      ['1', 7, ['\\Seen']],
      ['2', 7, ['\\Seen']],
    ])
    expect(listed[0]?.internalDate).toBe(Date.UTC(2020, 0, 1))
    expect(fetches()).toBe(1)
  })

  it('is asked for again, and is listed even where nothing is said of it', async () => {
    // Message 2 is never mentioned; 4 only where nobody asks for its size.
    const fetch: Facts['fetch'] = (uids, items) =>
      uids
        .filter((uid) => uid !== 2 && (uid !== 4 || !items.includes('SIZE')))
        .map((uid) => (items.includes('SIZE') ? whole(uid) : `* ${uid} FETCH (UID ${uid} FLAGS (\\Seen))`))
    const { source, inbox } = await serve({ uids: [1, 2, 4, 9], next: 10, fetch })
    const pages = await collect(source.listMessages(inbox, null, quiet))
    expect(messagesOf(pages).map(({ key, bytes, flags }) => [key, bytes, flags])).toEqual([
      ['1', 7, []],
      ['2', 0, []],
      ['4', 0, ['\\Seen']],
      ['9', 7, []],
    ])
  })

  it.each(['NO [SERVERBUG] Internal error', 'NO The specified message set is invalid', 'NO [UNAVAILABLE] error'])(
    'one message that the server refuses together with all others (%s)',
    async (refusal) => {
      const uids = Array.from({ length: 300 }, (_, n) => n + 1)
      const fetch: Facts['fetch'] = (asked) =>
        asked.includes(77) ? (refusal as `NO ${string}`) : asked.map((uid) => whole(uid))
      const { source, inbox, fetches } = await serve({ uids, next: 301, fetch })
      const listing = collect(source.listMessages(inbox, null, quiet))
      if (!refusal.includes('specified')) {
        // These say that another time may do: that is the engine's to see to.
        expect(await failure(listing)).toMatchObject({ kind: 'transient' })
        return
      }
      const listed = messagesOf(await listing)
      expect(listed.map(({ key }) => Number(key))).toEqual(uids)
      expect(listed.filter(({ bytes }) => bytes !== 7).map(({ key }) => key)).toEqual(['77'])
      expect(fetches()).toBeLessThan(25)
    },
  )

  it('a server that refuses everything refuses the mailbox', async () => {
    const uids = Array.from({ length: 2000 }, (_, n) => n + 1)
    const { source, inbox, fetches } = await serve({ uids, next: 2001, fetch: () => 'NO go away' })
    expect(await failure(collect(source.listMessages(inbox, null, quiet)))).toMatchObject({ kind: 'rejected' })
    expect(fetches()).toBeLessThan(100)
  })

  it('is not looked for where a hole is a hole', async () => {
    const facts: Facts = { uids: [3, 40_000], next: 90_000, fetch: (uids) => uids.map(whole) }
    const { source, inbox, fetches } = await serve(facts)
    expect(keysOf(await collect(source.listMessages(inbox, null, quiet)))).toEqual([3, 40_000])
    expect(fetches()).toBe(1)
  })

  it('lies at or above a UIDNEXT that cannot be true', async () => {
    const facts: Facts = { uids: [1, 2, 3], next: 1, fetch: (uids) => uids.map(whole) }
    const { source, inbox } = await serve(facts)
    const first = await collect(source.listMessages(inbox, null, quiet))
    expect(keysOf(first)).toEqual([1, 2, 3])
    facts.uids.push(4)
    expect(keysOf(await collect(source.listMessages(inbox, cursorOf(first), quiet)))).toContain(4)
  })

  it('lies in the part that has come since', async () => {
    let broken = false
    const fetch: Facts['fetch'] = (uids, items) =>
      uids.filter((uid) => !broken || uid !== 4 || !items.includes('SIZE')).map(whole)
    const facts: Facts = { uids: [1, 2], next: 3, fetch }
    const { source, inbox } = await serve(facts, 'CONDSTORE')
    const first = await collect(source.listMessages(inbox, null, quiet))
    broken = true
    Object.assign(facts, { uids: [2, 3, 4, 5], next: 6 })
    expect(keysOf(await collect(source.listMessages(inbox, cursorOf(first), quiet)))).toEqual(
      expect.arrayContaining([3, 4, 5]),
    )
  })

  it('a UIDNEXT that goes back, with the messages above it gone, makes every key stale', async () => {
    const facts: Facts = { uids: [1, 2, 3], next: 4, fetch: (uids) => uids.map(whole) }
    const { source, inbox } = await serve(facts)
    const first = await collect(source.listMessages(inbox, null, quiet))
    // The next message that comes will be another 3.
    Object.assign(facts, { uids: [1, 2], next: 3 })
    const second = await collect(source.listMessages(inbox, cursorOf(first), quiet))
    expect(second.map(({ kind }) => kind)).toEqual(['stale'])
  })
})

it('a copy is found where the server says next to nothing of it, or refuses to tell', async () => {
  const found = async (fetch: Facts['fetch']): Promise<readonly string[]> => {
    const { port, inbox } = await serve({ uids: [2, 7, 9], next: 10, fetch })
    const destination = await clearConnector(port, 'x').openDestination('a', quiet)
    onTestFinished(() => destination.close())
    const candidates = await collect(destination.find(inbox, null, quiet))
    return candidates.map(({ key, messageId }) => `${key} ${messageId ?? '?'}`)
  }
  const header = (uid: number): string =>
    whole(uid).replace(/\)$/, ` BODY[HEADER.FIELDS (MESSAGE-ID)] "Message-ID: <m${uid}@x>")`)
  const all = ['2 m2@x', '7 m7@x', '9 m9@x']
  expect(await found((uids) => uids.map(header))).toEqual(all)
  const unsaid = all.map((text) => text.replace('m7@x', '?'))
  expect(await found((uids) => uids.filter((uid) => uid !== 7).map(header))).toEqual(unsaid)
  const refused = (uids: readonly number[]): readonly string[] | `NO ${string}` =>
    uids.includes(7) ? 'NO cannot be read' : uids.map(header)
  expect(await found(refused)).toEqual(unsaid)
})

it.each([1, 4])('a copy is found where UIDNEXT is said to be %i, whatever has been stored', async (next) => {
  const facts: Facts = { uids: [2, 7], next, fetch: (uids) => uids.map((uid) => whole(uid)) }
  const { port, inbox } = await serve(facts)
  const destination = await clearConnector(port, 'x').openDestination('a', quiet)
  onTestFinished(() => destination.close())
  const found = await collect(destination.find(inbox, { validity: '7', next: String(next) }, quiet))
  expect(found.map(({ key }) => key)).toEqual(['2', '7'].filter((key) => Number(key) >= next))
})
