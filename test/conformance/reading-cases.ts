import { expect } from 'vitest'
import { digestWhole } from '../../src/core/digest.ts'
import { normalizeFlags } from '../../src/core/mail.ts'
import { bodyOf, collect, digestOfBody, expectKind, fetchOne, findMailbox, flagsOf, list, quiet } from './bench.ts'
import type { Case } from './case.ts'
import { mailNumber, mails } from './corpus.ts'

const INBOX = ['INBOX']
const LARGE = `Subject: large\r\n\r\n${`${'0123456789'.repeat(7)}\r\n`.repeat(15_000)}`

/** Fetching bodies and flags, and leaving a source as it was. */
export const readingCases: readonly Case[] = [
  {
    name: 'fetches many, each key answered once',
    async run(bench) {
      const mail = mails(40)
      const keys = await bench.seed(INBOX, mail)
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      const answers = await collect(session.fetch(inbox, keys, quiet))
      expect(answers.map(({ key }) => key).sort()).toEqual([...keys].sort())
      for (const answer of answers) {
        bench.expectBody(await bodyOf(answer), mail[keys.indexOf(answer.key)]?.body ?? Buffer.alloc(0))
      }
    },
  },
  {
    name: 'fetches nothing for no keys',
    async run(bench) {
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      expect(await collect(session.fetch(inbox, [], quiet))).toEqual([])
      expect(await collect(session.flags(inbox, [], quiet))).toEqual([])
    },
  },
  {
    name: 'a destination session fetches too, or says that it is sealed',
    writes: true,
    async run(bench) {
      const [key = ''] = await bench.seed(INBOX, mails(1))
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      if (!session.capabilities.readable) {
        await expectKind(collect(session.fetch(inbox, [key], quiet)), 'locked')
        await expectKind(collect(session.flags(inbox, [key], quiet)), 'locked')
        return
      }
      bench.expectBody(await fetchOne(session, inbox, key), mailNumber(1).body)
    },
  },
  {
    name: 'a message expunged since the listing is gone, and the others come',
    async run(bench) {
      const keys = await bench.seed(INBOX, mails(3))
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      await list(session, inbox, null)
      await bench.outside('expunge')(INBOX, keys[1] ?? '')
      await bench.settle()
      const answers = await collect(session.fetch(inbox, keys, quiet))
      expect(answers.find(({ key }) => key === keys[1])?.kind).toBe('gone')
      expect(answers.filter(({ kind }) => kind !== 'gone')).toHaveLength(2)
      expect([...(await flagsOf(session, inbox, keys)).keys()].sort()).toEqual([keys[0], keys[2]].sort())
    },
  },
  {
    name: 'a large body is handed over with its size and reads twice',
    wish: { largeMessageBytes: 256 * 1024 },
    async run(bench) {
      const body = Buffer.from(LARGE)
      const [key = ''] = await bench.seed(INBOX, [mailNumber(1, { body })])
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      const [fetched] = await collect(session.fetch(inbox, [key], quiet))
      if (fetched?.kind !== 'large') throw new Error('a large body came whole')
      expect(fetched.body.bytes).toBe(body.length)
      const digest = Buffer.from(digestWhole(body).digest).toString('hex')
      expect(await digestOfBody(fetched.body)).toBe(digest)
      expect(await digestOfBody(fetched.body)).toBe(digest)
      bench.expectBody(await fetchOne(session, inbox, key), body)
    },
  },
  {
    name: 'a large body left half read does no harm',
    wish: { largeMessageBytes: 256 * 1024 },
    async run(bench) {
      const mail = [mailNumber(1, { body: Buffer.from(LARGE) }), mailNumber(2)]
      const keys = await bench.seed(INBOX, mail)
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      const [fetched] = await collect(session.fetch(inbox, [keys[0] ?? ''], quiet))
      if (fetched?.kind !== 'large') throw new Error('a large body came whole')
      for await (const piece of fetched.body.open()) {
        expect(piece.length).toBeGreaterThan(0)
        break
      }
      bench.expectBody(await fetchOne(session, inbox, keys[1] ?? ''), mailNumber(2).body)
    },
  },
  {
    name: 'a body keeps its bytes until it is given back, whatever is read meanwhile',
    async run(bench) {
      const mail = Array.from({ length: 12 }, (_, i) => {
        const line = `${String(i + 1)
          .repeat(60)
          .slice(0, 60)}\r\n`
        return mailNumber(i + 1, {
          body: Buffer.from(`Subject: ${i + 1}\r\n\r\n${line.repeat(500 + 40 * (i % 3))}`),
        })
      })
      const keys = await bench.seed(INBOX, mail)
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      const held: { readonly key: string; readonly body: Uint8Array }[] = []
      for (let round = 0; round < 3; round++) {
        let turn = round
        for await (const fetched of session.fetch(inbox, keys, quiet)) {
          if (fetched.kind !== 'whole') throw new Error(`${fetched.kind}: ${fetched.key}`)
          if (turn++ % 2 === 0) held.push(fetched)
          else {
            fetched.release?.()
            fetched.release?.()
          }
        }
      }
      expect(held).toHaveLength(18)
      for (const { key, body } of held) bench.expectBody(body, mail[keys.indexOf(key)]?.body ?? Buffer.alloc(0))
    },
  },
  {
    name: 'a fetch given up early leaves a session that works',
    async run(bench) {
      const keys = await bench.seed(INBOX, mails(20))
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      for await (const answer of session.fetch(inbox, keys, quiet)) {
        expect(answer.kind).toBe('whole')
        break
      }
      bench.expectBody(await fetchOne(session, inbox, keys[19] ?? ''), mailNumber(20).body)
      const listing = await list(session, inbox, null)
      expect(listing.messages.size).toBe(20)
    },
  },
  {
    name: 'a listing given up early leaves a session that works',
    async run(bench) {
      const keys = await bench.seed(INBOX, mails(20))
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      for await (const page of session.listMessages(inbox, null, quiet)) {
        expect(page.kind).toBe('messages')
        break
      }
      bench.expectBody(await fetchOne(session, inbox, keys[0] ?? ''), mailNumber(1).body)
    },
  },
  {
    name: 'reads the flags of the messages that are there',
    async run(bench) {
      const keys = await bench.seed(INBOX, [mailNumber(1, { flags: ['\\Seen', '\\Draft'] }), mailNumber(2)])
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      const flags = await flagsOf(session, inbox, keys)
      expect(flags.get(keys[0] ?? '')).toEqual(normalizeFlags(['\\Draft', '\\Seen']))
      expect(flags.get(keys[1] ?? '')).toEqual([])
    },
  },
  {
    name: 'a source session changes nothing',
    wish: { largeMessageBytes: 256 * 1024 },
    async run(bench) {
      const mail = [...mails(5), mailNumber(6, { body: Buffer.from(LARGE) })]
      // Nothing may have been read before the first look at the account.
      for (const path of [['Seen', 'Not'], INBOX]) await bench.store(path, mail)
      await bench.settle()
      const before = await bench.stage.snapshot()
      await bench.withSource(async (session) => {
        for (const mailbox of await collect(session.listMailboxes(quiet))) {
          if (!mailbox.selectable) continue
          const listing = await list(session, mailbox, null)
          for await (const fetched of session.fetch(mailbox, [...listing.messages.keys()], quiet)) {
            await bodyOf(fetched)
          }
          await flagsOf(session, mailbox, [...listing.messages.keys()])
          await list(session, mailbox, listing.cursor, listing.messages)
        }
        await session.quota(quiet)
      })
      await bench.settle()
      expect(await bench.stage.snapshot()).toBe(before)
    },
  },
]
