import { expect } from 'vitest'
import { normalizeFlags } from '../../src/core/mail.ts'
import { applyPages, collect, findMailbox, list, quiet, toNew } from './bench.ts'
import type { Case } from './case.ts'
import { mailNumber, mails } from './corpus.ts'

const INBOX = ['INBOX']

/** Listings, cursors and what they tell of changes. */
export const listingCases: readonly Case[] = [
  {
    name: 'lists the inbox',
    async run(bench) {
      const mailboxes = await collect((await bench.source()).listMailboxes(quiet))
      const inboxes = mailboxes.filter(({ path }) => path.length === 1 && path[0] === 'INBOX')
      expect(inboxes).toHaveLength(1)
      expect(inboxes[0]).toMatchObject({ selectable: true, specialUse: 'inbox' })
      for (const session of await bench.bothEnds()) {
        const again = await collect(session.listMailboxes(quiet))
        expect(again.map(({ path }) => path)).toEqual(mailboxes.map(({ path }) => path))
      }
    },
  },
  {
    name: 'lists an empty mailbox',
    async run(bench) {
      const session = await bench.source()
      const listing = await list(session, await findMailbox(session, INBOX), null)
      expect(listing.messages.size).toBe(0)
      expect(listing.pages.at(-1)).toMatchObject({ kind: 'end', complete: true })
    },
  },
  {
    name: 'lists every message with its date, size and flags',
    async run(bench) {
      const mail = [
        ...mails(30),
        mailNumber(31, { flags: ['\\Seen'] }),
        mailNumber(32, { flags: ['\\Answered', '\\Flagged', '\\Seen'] }),
      ]
      const keys = await bench.seed(INBOX, mail)
      const session = await bench.source()
      const { messages, pages } = await list(session, await findMailbox(session, INBOX), null)
      expect(messages.size).toBe(mail.length)
      expect(pages.at(-1)).toMatchObject({ kind: 'end', complete: true })
      for (const [index, sent] of mail.entries()) {
        const listed = messages.get(keys[index] ?? '')
        expect(listed?.flags).toEqual(normalizeFlags(sent.flags))
        expect(listed?.bytes).toBeGreaterThan(0)
        if (session.capabilities.keepsInternalDate) expect(listed?.internalDate).toBe(sent.internalDate)
      }
    },
  },
  {
    name: 'a listing from the cursor finds nothing when nothing changed',
    async run(bench) {
      await bench.seed(INBOX, mails(5))
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      const first = await list(session, inbox, null)
      const second = await list(session, inbox, first.cursor, first.messages)
      expect([...second.messages]).toEqual([...first.messages])
      if (session.capabilities.delta !== 'scan') {
        expect(second.pages.filter(({ kind }) => kind === 'messages' || kind === 'expunged')).toEqual([])
      }
    },
  },
  {
    name: 'new mail is listed from the cursor',
    async run(bench) {
      await bench.seed(INBOX, mails(3))
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      const first = await list(session, inbox, null)
      const [, , , fourth] = await bench.seed(INBOX, [mailNumber(4)]).then(() => bench.keysOf(INBOX, mails(4)))
      const second = await list(session, inbox, first.cursor, first.messages)
      expect([...second.messages.keys()].filter((key) => !first.messages.has(key))).toEqual([fourth])
      expect(second.messages.size).toBe(4)
    },
  },
  {
    name: 'mail stored while a listing runs is in it or in the next one',
    async run(bench) {
      await bench.seed(INBOX, mails(3))
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      const pages = []
      let late = false
      for await (const page of session.listMessages(inbox, null, quiet)) {
        pages.push(page)
        if (late) continue
        late = true
        await bench.seed(INBOX, [mailNumber(4)])
      }
      const first = applyPages(pages, new Map())
      const second = await list(session, inbox, first.cursor, first.messages)
      expect(second.messages.size).toBe(4)
    },
  },
  {
    name: 'changed flags are told from the cursor',
    writes: true,
    async run(bench) {
      const keys = await bench.seed(INBOX, mails(3))
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      const first = await list(session, inbox, null)
      await bench.withDestination(async (writer) => {
        const change = { key: keys[1] ?? '', add: ['\\Seen', '\\Flagged'], remove: [] }
        await writer.setFlags(await findMailbox(writer, INBOX), [change], quiet)
      })
      await bench.settle()
      const second = await list(session, inbox, first.cursor, first.messages)
      expect(second.messages.get(keys[1] ?? '')?.flags).toEqual(['\\Flagged', '\\Seen'])
      expect(second.messages.get(keys[0] ?? '')?.flags).toEqual([])
      expect(second.messages.size).toBe(3)
    },
  },
  {
    name: 'expunged mail is told from the cursor',
    async run(bench) {
      const keys = await bench.seed(INBOX, mails(4))
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      const first = await list(session, inbox, null)
      await bench.outside('expunge')(INBOX, keys[2] ?? '')
      await bench.settle()
      const second = await list(session, inbox, first.cursor, first.messages)
      expect([...second.messages.keys()].sort()).toEqual([keys[0], keys[1], keys[3]].sort())
    },
  },
  {
    name: 'flags set by another hand are told from the cursor',
    async run(bench) {
      const keys = await bench.seed(INBOX, mails(2))
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      const first = await list(session, inbox, null)
      await bench.outside('setFlags')(INBOX, keys[0] ?? '', ['\\Answered'])
      await bench.settle()
      const second = await list(session, inbox, first.cursor, first.messages)
      expect(second.messages.get(keys[0] ?? '')?.flags).toEqual(['\\Answered'])
    },
  },
  {
    name: 'mail delivered by another hand is told from the cursor',
    async run(bench) {
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      const first = await list(session, inbox, null)
      await bench.outside('deliver')(INBOX, mailNumber(9))
      await bench.settle()
      const second = await list(session, inbox, first.cursor, first.messages)
      expect(second.messages.size).toBe(1)
    },
  },
  {
    name: 'a cursor that is no cursor is stale',
    async run(bench) {
      await bench.seed(INBOX, mails(1))
      const session = await bench.source()
      const inbox = await findMailbox(session, INBOX)
      for (const cursor of ['', 'x', '{}', '-1:-1:-1']) {
        expect(await collect(session.listMessages(inbox, cursor, quiet))).toEqual([{ kind: 'stale' }])
      }
    },
  },
  {
    name: 'a cursor from before a new validity is stale',
    async run(bench) {
      await bench.seed(INBOX, mails(2))
      const first = await bench.withSource(async (session) =>
        list(session, await findMailbox(session, INBOX), null),
      )
      await bench.outside('resetValidity')(INBOX)
      await bench.settle()
      const session = await bench.source()
      const pages = await collect(session.listMessages(await findMailbox(session, INBOX), first.cursor, quiet))
      expect(pages).toEqual([{ kind: 'stale' }])
    },
  },
  {
    name: 'a mailbox that is not there is an error, and no empty listing',
    writes: true,
    async run(bench) {
      const session = await bench.destination()
      const made = await session.ensureMailbox(['Present'], null, quiet)
      const absent = { ...made, path: ['Absent'], name: made.name.replace('Present', 'Absent') }
      const source = await bench.source()
      await expect(collect(source.listMessages(absent, null, quiet))).rejects.toMatchObject({
        name: 'SealpostError',
      })
      await expect(session.position(absent, quiet)).rejects.toMatchObject({ name: 'SealpostError' })
      const outcomes = await session.append(absent, [toNew(mailNumber(1))], quiet).catch(() => [])
      expect(outcomes.filter(({ kind }) => kind !== 'refused')).toEqual([])
      expect(await bench.contents(['Absent'])).toEqual([])
    },
  },
]
