import { expect } from 'vitest'
import { normalizeFlags } from '../../src/core/mail.ts'
import {
  collect,
  expectKind,
  fetchOne,
  findMailbox,
  flagsOf,
  found,
  landedKeys,
  quiet,
  toNew,
  type Bench,
} from './bench.ts'
import type { Case } from './case.ts'
import { mailNumber, mails } from './corpus.ts'

const INBOX = ['INBOX']
const SYSTEM = ['\\Answered', '\\Draft', '\\Flagged', '\\Seen']

/** Flags, keywords, moving and labels. */
export const flagCases: readonly Case[] = [
  {
    name: 'an append sets every system flag',
    async run(bench) {
      const mail = [
        ...SYSTEM.map((flag, index) => mailNumber(index, { flags: [flag] })),
        mailNumber(9, { flags: SYSTEM }),
      ]
      const keys = await bench.seed(INBOX, mail)
      const session = await bench.source()
      const flags = await flagsOf(session, await findMailbox(session, INBOX), keys)
      expect(keys.map((key) => flags.get(key))).toEqual(mail.map((each) => normalizeFlags(each.flags)))
    },
  },
  {
    name: 'keywords are kept as claimed',
    async run(bench) {
      const session = await bench.destination()
      const keywords = keywordsOf(bench)
      const mailbox = await session.ensureMailbox(['Keywords'], null, quiet)
      await collect(session.fetch(await findMailbox(session, INBOX), [], quiet))
      const sent = [
        mailNumber(1, { flags: ['\\Seen', ...keywords] }),
        mailNumber(2, { flags: keywords.slice(0, 1) }),
      ]
      for (const mail of sent) landedKeys(await session.append(mailbox, [toNew(mail)], quiet))
      const keys = await bench.keysOf(['Keywords'], sent)
      const flags = await bench.withSource(async (fresh) =>
        flagsOf(fresh, await findMailbox(fresh, ['Keywords']), keys),
      )
      if (session.capabilities.keywords === 'none') {
        expect(keys.map((key) => flags.get(key))).toEqual([['\\Seen'], []])
        const change = { key: keys[1] ?? '', add: ['Kept', '\\Flagged'], remove: [] }
        expect(await session.setFlags(mailbox, [change], quiet)).toMatchObject([{ key: keys[1], flag: 'Kept' }])
        return
      }
      expect(keywords.length).toBeGreaterThan(0)
      expect(keys.map((key) => flags.get(key))).toEqual(sent.map((mail) => normalizeFlags(mail.flags)))
      const change = { key: keys[1] ?? '', add: keywords.slice(1), remove: keywords.slice(0, 1) }
      expect(await session.setFlags(mailbox, [change], quiet)).toEqual([])
      const changed = await flagsOf(await bench.reader(session), mailbox, keys)
      expect(changed.get(keys[1] ?? '')).toEqual(normalizeFlags(keywords.slice(1)))
      expect(changed.get(keys[0] ?? '')).toEqual(normalizeFlags(['\\Seen', ...keywords]))
    },
  },
  {
    name: 'a keyword that cannot be stored keeps no message out',
    async run(bench) {
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      const odd = ['x'.repeat(300), '\\Unheard', 'with blank', 'q"u[o]t\\e', 'ümlaut', '']
      const sent = mailNumber(1, { flags: ['\\Seen', ...odd] })
      landedKeys(await session.append(inbox, [toNew(sent)], quiet))
      const [key = ''] = await bench.keysOf(INBOX, [sent])
      expect((await flagsOf(await bench.reader(session), inbox, [key])).get(key)).toContain('\\Seen')
    },
  },
  {
    name: 'flags are added and removed, and the others stay',
    async run(bench) {
      const keys = await bench.seed(INBOX, [
        mailNumber(1, { flags: ['\\Answered', '\\Seen'] }),
        mailNumber(2),
        mailNumber(3, { flags: ['\\Flagged'] }),
      ])
      const [first = '', second = '', third = ''] = keys
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      const changes = [
        { key: first, add: ['\\Flagged'], remove: ['\\Seen'] },
        { key: second, add: ['\\Seen', '\\Draft'], remove: ['\\Flagged'] },
      ]
      for (let time = 0; time < 2; time++) {
        expect(await session.setFlags(inbox, changes, quiet)).toEqual([])
        await bench.settle()
        const flags = await bench.withSource(async (fresh) =>
          flagsOf(fresh, await findMailbox(fresh, INBOX), keys),
        )
        expect(flags.get(first)).toEqual(['\\Answered', '\\Flagged'])
        expect(flags.get(second)).toEqual(['\\Draft', '\\Seen'])
        expect(flags.get(third)).toEqual(['\\Flagged'])
      }
    },
  },
  {
    name: 'flags of many messages are set at once',
    async run(bench) {
      const keys = await bench.seed(INBOX, mails(50))
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      const changes = keys.map((key, index) => ({
        key,
        add: [index % 2 === 0 ? '\\Seen' : '\\Flagged'],
        remove: [],
      }))
      expect(await session.setFlags(inbox, changes, quiet)).toEqual([])
      const flags = await flagsOf(await bench.reader(session), inbox, keys)
      expect(keys.map((key) => flags.get(key))).toEqual(changes.map(({ add }) => add))
    },
  },
  {
    name: 'changes for messages that are gone are passed over',
    async run(bench) {
      const keys = await bench.seed(INBOX, mails(3))
      await bench.outside('expunge')(INBOX, keys[1] ?? '')
      await bench.settle()
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      const changes = keys.map((key) => ({ key, add: ['\\Flagged'], remove: [] }))
      expect(await session.setFlags(inbox, changes, quiet)).toEqual([])
      expect([...(await flagsOf(session, inbox, keys)).values()]).toEqual([['\\Flagged'], ['\\Flagged']])
    },
  },
  {
    name: 'a message marked \\Deleted stays where it is',
    async run(bench) {
      const [key = ''] = await bench.seed(INBOX, [mailNumber(1), mailNumber(2)])
      await bench.withDestination(async (session) => {
        const inbox = await findMailbox(session, INBOX)
        await session.setFlags(inbox, [{ key, add: ['\\Deleted'], remove: [] }], quiet)
        await session.ensureMailbox(['Elsewhere'], null, quiet)
        await found(session, await findMailbox(session, ['Elsewhere']), null)
      })
      await bench.settle()
      expect(await bench.contents(INBOX)).toHaveLength(2)
      const session = await bench.source()
      expect((await flagsOf(session, await findMailbox(session, INBOX), [key])).get(key)).toEqual(['\\Deleted'])
    },
  },
  {
    name: 'messages are moved where that is claimed',
    async run(bench) {
      const keywords = keywordsOf(bench)
      const sent = [mailNumber(1, { flags: ['\\Seen', ...keywords] }), mailNumber(2), mailNumber(3)]
      const keys = await bench.seed(INBOX, sent)
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      const target = await session.ensureMailbox(['Target'], null, quiet)
      if (!session.capabilities.move) {
        await expectKind(session.move(inbox, keys, target, quiet), 'bug')
        expect(await bench.contents(INBOX)).toHaveLength(3)
        return
      }
      const before = await session.position(target, quiet)
      const outcomes = await session.move(inbox, [keys[0] ?? '', '999999', keys[2] ?? ''], target, quiet)
      expect(outcomes.map(({ kind }) => kind)).toEqual(['landed', 'refused', 'landed'])
      expect(outcomes[1]).toMatchObject({ error: { kind: 'not-found' } })
      expect((await bench.contents(INBOX)).map(({ key }) => key)).toEqual([keys[1]])
      const moved = await bench.keysOf(['Target'], [mailNumber(1), mailNumber(3)])
      if (session.capabilities.keyOnAppend) {
        expect(outcomes.map((outcome) => (outcome.kind === 'landed' ? outcome.key : null))).toEqual([
          moved[0],
          null,
          moved[1],
        ])
      }
      expect((await found(session, target, before)).map(({ key }) => key).sort()).toEqual([...moved].sort())
      bench.expectBody(await fetchOne(session, target, moved[0] ?? ''), mailNumber(1).body)
      const stored = session.capabilities.keywords === 'none' ? [] : keywords
      expect((await flagsOf(session, target, moved)).get(moved[0] ?? '')).toEqual(
        normalizeFlags(['\\Seen', ...stored]),
      )
      const dates = (await bench.contents(['Target']))
        .map(({ internalDate }) => internalDate)
        .sort((a, b) => a - b)
      if (session.capabilities.keepsInternalDate) {
        expect(dates).toEqual([mailNumber(1).internalDate, mailNumber(3).internalDate])
      }
    },
  },
  {
    name: 'one message sits in several mailboxes where that is claimed',
    async run(bench) {
      const [key = ''] = await bench.seed(INBOX, mails(1))
      const session = await bench.destination()
      const other = await session.ensureMailbox(['Label'], null, quiet)
      if (!session.capabilities.labels) {
        await expectKind(session.addToMailbox(key, other, quiet), 'bug')
        return
      }
      await session.addToMailbox(key, other, quiet)
      await session.addToMailbox(key, other, quiet)
      expect((await bench.contents(['Label'])).map((listed) => listed.key)).toEqual([key])
      expect((await bench.contents(INBOX)).map((listed) => listed.key)).toEqual([key])
    },
  },
]

function keywordsOf(bench: Bench): readonly string[] {
  return bench.harness.keywords ?? ['$Forwarded', 'Project-X']
}
