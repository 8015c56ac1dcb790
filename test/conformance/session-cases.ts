import { expect } from 'vitest'
import type { DestinationSession, SourceSession } from '../../src/core/connector.ts'
import type { Body } from '../../src/core/mail.ts'
import { collect, expectKind, findMailbox, landedKeys, list, quiet, toNew } from './bench.ts'
import type { Case } from './case.ts'
import { mailNumber, mails } from './corpus.ts'

const INBOX = ['INBOX']
const MOST_SESSIONS = 4

/** Opening, closing, stopping, and several at once. */
export const sessionCases: readonly Case[] = [
  {
    name: 'says sensible things about itself',
    async run(bench) {
      expect((await bench.source()).capabilities.readable).toBe(true)
      for (const session of await bench.bothEnds()) {
        const { capabilities, naming } = session
        expect(session.alive).toBe(true)
        expect(capabilities.sessions).toBeGreaterThanOrEqual(1)
        expect(capabilities.appendBatch.messages).toBeGreaterThanOrEqual(1)
        expect(capabilities.appendBatch.bytes).toBeGreaterThan(0)
        expect(capabilities.maxMessageBytes ?? 1).toBeGreaterThan(0)
        expect(naming.delimiter === null || naming.delimiter.length === 1).toBe(true)
        expect(naming.maxLevelBytes).toBeGreaterThan(0)
        const quota = await session.quota(quiet)
        if (quota !== null) expect(quota.usedBytes).toBeGreaterThanOrEqual(0)
      }
    },
  },
  {
    name: 'close twice is safe, and ends the session',
    async run(bench) {
      for (const session of await bench.bothEnds()) {
        const inbox = await findMailbox(session, INBOX)
        await session.close()
        await session.close()
        expect(session.alive).toBe(false)
        await expectKind(collect(session.listMailboxes(quiet)), 'transient')
        await expectKind(collect(session.fetch(inbox, ['1'], quiet)), 'transient')
      }
    },
  },
  {
    name: 'an aborted signal stops every reading operation',
    async run(bench) {
      const keys = await bench.seed(INBOX, mails(2))
      const aborted = AbortSignal.abort()
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      for (const attempt of readingAttempts(session, inbox, keys, aborted)) {
        const name = attempt.name
        const error: unknown = await attempt().then(
          () => `${name} went on`,
          (reason: unknown) => reason,
        )
        expect(error, name).toMatchObject({ name: 'SealpostError', kind: 'cancelled' })
      }
      await expectKind(bench.stage.connector.openSource(bench.stage.account, aborted), 'cancelled')
    },
  },
  {
    name: 'an aborted signal stops every writing operation, with nothing done',
    writes: true,
    async run(bench) {
      const [key = ''] = await bench.seed(INBOX, mails(1))
      const before = await bench.stage.snapshot()
      const aborted = AbortSignal.abort()
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      const attempts = {
        position: () => session.position(inbox, aborted),
        ensureMailbox: () => session.ensureMailbox(['Aborted'], null, aborted),
        subscribe: () => session.subscribe(inbox, aborted),
        append: () => session.append(inbox, [toNew(mailNumber(2))], aborted),
        find: () => collect(session.find(inbox, null, aborted)),
        setFlags: () => session.setFlags(inbox, [{ key, add: ['\\Seen'], remove: [] }], aborted),
      }
      for (const [name, attempt] of Object.entries(attempts)) {
        const error: unknown = await (attempt() as Promise<unknown>).then(
          () => `${name} went on`,
          (reason: unknown) => reason,
        )
        expect(error, name).toMatchObject({ name: 'SealpostError', kind: 'cancelled' })
      }
      await bench.settle()
      expect(await bench.stage.snapshot()).toBe(before)
    },
  },
  {
    name: 'a signal aborted while a body is read stops the append, with nothing stored',
    writes: true,
    async run(bench) {
      const controller = new AbortController()
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      const body: Body = {
        bytes: 60_000,
        async *open() {
          yield Buffer.from('Subject: aborted\r\n\r\n'.padEnd(30_000, 'x'))
          controller.abort()
          await new Promise((resolve) => setTimeout(resolve, 20))
          yield Buffer.alloc(30_000, 'x')
        },
      }
      await expectKind(session.append(inbox, [toNew(mailNumber(1), body)], controller.signal), 'cancelled')
      expect(await bench.contents(INBOX)).toEqual([])
    },
  },
  {
    name: 'a signal aborted in the middle of a listing and a fetch stops them',
    async run(bench) {
      const keys = await bench.seed(INBOX, mails(30))
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      const listing = new AbortController()
      const listed = async (): Promise<void> => {
        for await (const page of session.listMessages(inbox, null, listing.signal)) {
          expect(page.kind).not.toBe('end')
          listing.abort()
        }
      }
      await expectKind(listed(), 'cancelled')
      const fresh = await bench.source()
      const fetching = new AbortController()
      const fetched = async (): Promise<void> => {
        let count = 0
        for await (const answer of fresh.fetch(inbox, keys, fetching.signal)) {
          expect(answer.kind).toBe('whole')
          expect(++count).toBeLessThan(keys.length)
          fetching.abort()
        }
      }
      await expectKind(fetched(), 'cancelled')
    },
  },
  {
    name: 'as many sessions work at once as are claimed',
    async run(bench) {
      const claimed = await bench.withSource(async (session) => session.capabilities.sessions)
      const count = Math.min(claimed, MOST_SESSIONS)
      if (bench.harness.sourceOnly !== undefined) await bench.store(INBOX, mails(count * 5))
      const writers: DestinationSession[] = []
      for (let number = 0; number < count && bench.harness.sourceOnly === undefined; number++) {
        writers.push(await bench.destination())
      }
      await Promise.all(
        writers.map(async (session, number) => {
          const inbox = await findMailbox(session, INBOX)
          for (let round = 0; round < 5; round++) {
            landedKeys(await session.append(inbox, [toNew(mailNumber(number * 100 + round))], quiet))
          }
          await session.close()
        }),
      )
      await bench.settle()
      const readers: SourceSession[] = []
      for (let number = 0; number < count; number++) readers.push(await bench.source())
      await Promise.all(
        readers.map(async (session) => {
          expect((await list(session, await findMailbox(session, INBOX), null)).messages.size).toBe(count * 5)
        }),
      )
    },
  },
]

function readingAttempts(
  session: SourceSession,
  inbox: Parameters<SourceSession['fetch']>[0],
  keys: readonly string[],
  aborted: AbortSignal,
): readonly (() => Promise<unknown>)[] {
  return [
    function listMailboxes() {
      return collect(session.listMailboxes(aborted))
    },
    function listMessages() {
      return collect(session.listMessages(inbox, null, aborted))
    },
    function fetch() {
      return collect(session.fetch(inbox, keys, aborted))
    },
    function flags() {
      return collect(session.flags(inbox, keys, aborted))
    },
    function quota() {
      return session.quota(aborted)
    },
  ]
}
