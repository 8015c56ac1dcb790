import { expect } from 'vitest'
import { digestWhole } from '../../src/core/digest.ts'
import { SealpostError } from '../../src/core/errors.ts'
import type { Body } from '../../src/core/mail.ts'
import {
  collect,
  errorOf,
  expectKind,
  fetchOne,
  findMailbox,
  found,
  landedKeys,
  list,
  quiet,
  toNew,
  type Bench,
} from './bench.ts'
import type { Case } from './case.ts'
import { AWKWARD_BODIES, mailNumber, mails, NUL_BODY } from './corpus.ts'

const INBOX = ['INBOX']

/** Storing messages, and finding out what was stored. */
export const appendCases: readonly Case[] = [
  {
    name: 'an append names the key of what it stored',
    async run(bench) {
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      const { validity } = await session.position(inbox, quiet)
      const outcomes = await session.append(inbox, [toNew(mailNumber(1))], quiet)
      const [key] = landedKeys(outcomes)
      expect(await bench.contents(INBOX)).toHaveLength(1)
      if (!session.capabilities.keyOnAppend) {
        expect(outcomes).toEqual([{ kind: 'landed', key: null, validity: null }])
        return
      }
      expect(outcomes).toEqual([{ kind: session.capabilities.holds === true ? 'held' : 'landed', key, validity }])
      bench.expectBody(await fetchOne(await bench.reader(session), inbox, key ?? ''), mailNumber(1).body)
    },
  },
  {
    name: 'a batch is stored whole, its keys in order',
    async run(bench) {
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      const batch = mails(Math.min(session.capabilities.appendBatch.messages, 20))
      const keys = landedKeys(
        await session.append(
          inbox,
          batch.map((mail) => toNew(mail)),
          quiet,
        ),
      )
      expect(keys).toHaveLength(batch.length)
      expect(await bench.contents(INBOX)).toHaveLength(batch.length)
      const byContent = await bench.keysOf(INBOX, batch)
      if (session.capabilities.keyOnAppend) expect(keys).toEqual(byContent)
    },
  },
  {
    name: 'an append takes a body in pieces',
    async run(bench) {
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      const body = Buffer.from(`Subject: pieces\r\n\r\n${'0123456789\r\n'.repeat(60_000)}`)
      landedKeys(await session.append(inbox, [toNew(mailNumber(1), pieces(body, 10_007))], quiet))
      const [key = ''] = await bench.keysOf(INBOX, [mailNumber(1, { body })])
      bench.expectBody(await fetchOne(await bench.reader(session), inbox, key), body)
    },
  },
  {
    name: 'awkward bodies come back',
    async run(bench) {
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      for (const [name, body] of AWKWARD_BODIES) {
        const mark = await session.position(inbox, quiet)
        const [outcome] = await session.append(inbox, [toNew(mailNumber(1, { body }))], quiet)
        landedKeys(outcome === undefined ? [] : [outcome])
        await bench.settle()
        const candidates = await found(session, inbox, mark)
        expect(candidates, name).toHaveLength(1)
        bench.expectBody(await fetchOne(await bench.reader(session), inbox, candidates[0]?.key ?? ''), body, name)
      }
    },
  },
  {
    name: 'NUL bytes come back as they were, or masked, or are refused',
    async run(bench) {
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      const [outcome] = await session.append(inbox, [toNew(mailNumber(1, { body: NUL_BODY }))], quiet)
      if (outcome?.kind === 'refused' && !bench.harness.keepsNul) {
        expect(outcome.error.kind).toBe('rejected')
        expect(await bench.contents(INBOX)).toEqual([])
        return
      }
      landedKeys(outcome === undefined ? [] : [outcome])
      const [key = ''] = await bench.keysOf(INBOX, [mailNumber(1, { body: NUL_BODY })])
      const got = await fetchOne(await bench.reader(session), inbox, key)
      if (bench.harness.keepsNul) expect(Buffer.from(got).includes(0)).toBe(true)
      expect(Buffer.from(digestWhole(got).matchDigest)).toEqual(Buffer.from(digestWhole(NUL_BODY).matchDigest))
    },
  },
  {
    name: 'internal dates are kept as claimed',
    async run(bench) {
      const dates = [
        1_000_000_000, 86_400, 1_321_006_271, 1_585_445_400, 1_603_587_600, 1_582_934_400, 2_000_000_000,
      ]
      const mail = dates.map((seconds, index) => mailNumber(index, { internalDate: seconds * 1000 }))
      const keys = await bench.seed(INBOX, mail)
      const session = await bench.source()
      const { messages } = await list(session, await findMailbox(session, INBOX), null)
      if (!session.capabilities.keepsInternalDate) return
      expect(keys.map((key) => messages.get(key)?.internalDate)).toEqual(dates.map((seconds) => seconds * 1000))
    },
  },
  {
    name: 'twins stay two, unless equal messages are merged',
    async run(bench) {
      const twin = mailNumber(1)
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      const batch = session.capabilities.appendBatch.messages > 1 ? [[twin, twin]] : [[twin], [twin]]
      const keys: (string | null)[] = []
      for (const part of batch) {
        const outcomes = await session.append(
          inbox,
          part.map((mail) => toNew(mail)),
          quiet,
        )
        keys.push(...landedKeys(outcomes))
      }
      const merges = session.capabilities.merges === 'message-id'
      expect(await bench.contents(INBOX)).toHaveLength(merges ? 1 : 2)
      if (session.capabilities.keyOnAppend) expect(keys[0] === keys[1]).toBe(merges)
    },
  },
  {
    name: 'find from a position finds what came after it',
    async run(bench) {
      await bench.seed(INBOX, mails(3))
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      const mark = await session.position(inbox, quiet)
      expect(await found(session, inbox, mark)).toEqual([])
      const sent = [mailNumber(4, { flags: ['\\Seen'] }), mailNumber(5)]
      for (const mail of sent) landedKeys(await session.append(inbox, [toNew(mail)], quiet))
      const keys = await bench.keysOf(INBOX, sent)
      const after = await bench.withDestination(async (fresh) =>
        found(fresh, await findMailbox(fresh, INBOX), mark),
      )
      expect(after.map(({ key }) => key).sort()).toEqual([...keys].sort())
      const fourth = after.find(({ key }) => key === keys[0])
      expect(fourth).toMatchObject({ messageId: '4@conformance.example', flags: ['\\Seen'] })
      if (session.capabilities.keepsInternalDate) expect(fourth?.internalDate).toBe(sent[0]?.internalDate)
      expect(await found(session, inbox, null)).toHaveLength(5)
      expect(await session.position(inbox, quiet)).toMatchObject({ validity: mark.validity })
    },
  },
  {
    name: 'find says null for a message without a Message-ID',
    async run(bench) {
      await bench.seed(INBOX, [
        mailNumber(1, { body: Buffer.from('Subject: none\r\n\r\nMessage-ID: <no@x>\r\n') }),
      ])
      const session = await bench.destination()
      const [candidate] = await found(session, await findMailbox(session, INBOX), null)
      expect(candidate?.messageId).toBeNull()
    },
  },
  {
    name: 'a position of another validity is stale',
    async run(bench) {
      await bench.seed(INBOX, mails(1))
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      const mark = await session.position(inbox, quiet)
      await expectKind(found(session, inbox, { ...mark, validity: `${mark.validity}0` }), 'stale')
    },
  },
  {
    name: 'a body that ends early stores nothing',
    run: (bench) => expectNothingStored(bench, { bytes: 40_000, open: () => stream(partOf(20_000)) }),
  },
  {
    name: 'a body that ends one byte early stores nothing',
    run: (bench) => expectNothingStored(bench, { bytes: 20_001, open: () => stream(partOf(20_000)) }),
  },
  {
    name: 'a body longer than its size stores nothing',
    run: (bench) => expectNothingStored(bench, { bytes: 20_000, open: () => stream(partOf(40_000)) }),
  },
  {
    name: 'a body that fails while it is read stores nothing',
    run: (bench) =>
      expectNothingStored(bench, {
        bytes: 40_000,
        async *open() {
          yield partOf(20_000)
          throw new SealpostError('transient', 'the source went away')
        },
      }),
  },
  {
    name: 'a message above the limit is refused, and nothing is stored',
    async run(bench) {
      const session = await bench.destination()
      const limit = session.capabilities.maxMessageBytes
      if (limit === null) return
      const inbox = await findMailbox(session, INBOX)
      const body: Body = { bytes: limit + 1, open: () => blanks(limit + 1) }
      const outcomes = await session.append(inbox, [toNew(mailNumber(1), body)], quiet)
      expect(outcomes).toHaveLength(1)
      expect(outcomes[0]).toMatchObject({ kind: 'refused', error: { kind: 'rejected' } })
      expect(await bench.contents(INBOX)).toEqual([])
    },
  },
  {
    name: 'an append may not set \\Deleted, but where nothing is ever expunged',
    async run(bench) {
      const session = await bench.destination()
      const inbox = await findMailbox(session, INBOX)
      const batch = [toNew(mailNumber(1, { flags: ['\\Deleted'] }))]
      if (session.capabilities.holds === true) {
        landedKeys(await session.append(inbox, batch, quiet))
        expect((await bench.contents(INBOX)).map(({ flags }) => flags)).toEqual([['\\Deleted']])
        return
      }
      await expectKind(session.append(inbox, batch, quiet), 'bug')
      expect(await bench.contents(INBOX)).toEqual([])
    },
  },
  {
    name: 'an append goes to its own mailbox, whatever was read before',
    async run(bench) {
      const [key = ''] = await bench.seed(INBOX, mails(1))
      const session = await bench.destination()
      const other = await session.ensureMailbox(['Other'], null, quiet)
      await fetchOne(await bench.reader(session), await findMailbox(session, INBOX), key)
      landedKeys(await session.append(other, [toNew(mailNumber(2))], quiet))
      expect(await bench.contents(INBOX)).toHaveLength(1)
      expect(await bench.contents(['Other'])).toHaveLength(1)
      expect(
        await collect(
          (await bench.reader(session)).fetch(other, await bench.keysOf(['Other'], [mailNumber(2)]), quiet),
        ),
      ).toHaveLength(1)
    },
  },
]

/** Appends one body that breaks its word: an error must come, no outcome but a refusal, and no message. */
async function expectNothingStored(bench: Bench, body: Body): Promise<void> {
  const session = await bench.destination()
  const inbox = await findMailbox(session, INBOX)
  const attempt = session.append(inbox, [toNew(mailNumber(1), body)], quiet).then((outcomes) => {
    if (outcomes[0]?.kind === 'refused') throw outcomes[0].error
  })
  const error = await errorOf(attempt)
  expect(['corrupt', 'transient']).toContain(error.kind)
  expect(await bench.contents(INBOX)).toEqual([])
  await bench.withDestination(async (fresh) => {
    landedKeys(await fresh.append(await findMailbox(fresh, INBOX), [toNew(mailNumber(2))], quiet))
  })
  expect(await bench.contents(INBOX)).toHaveLength(1)
}

function partOf(bytes: number): Uint8Array {
  return Buffer.from('Subject: broken\r\n\r\n'.padEnd(bytes, 'x'))
}

async function* stream(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts
}

async function* blanks(bytes: number): AsyncGenerator<Uint8Array> {
  const piece = Buffer.alloc(65_536, ' ')
  for (let left = bytes; left > 0; left -= piece.length) yield piece.subarray(0, Math.min(left, piece.length))
}

function pieces(body: Uint8Array, length: number): Body {
  return {
    bytes: body.length,
    async *open() {
      for (let start = 0; start < body.length; start += length) yield body.subarray(start, start + length)
    },
  }
}
