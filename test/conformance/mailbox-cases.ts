import { expect } from 'vitest'
import { isKind, type SealpostError } from '../../src/core/errors.ts'
import type { DestinationSession } from '../../src/core/connector.ts'
import type { Mailbox } from '../../src/core/mail.ts'
import { collect, expectKind, findMailbox, landedKeys, quiet, same, toNew, type Bench } from './bench.ts'
import type { Case } from './case.ts'
import { EVIL_NAMES, FORBIDDEN_NAMES, mailNumber, ORDINARY_NAMES } from './corpus.ts'

/** Making mailboxes, and what they may be called. */
export const mailboxCases: readonly Case[] = [
  {
    name: 'a mailbox is made once, however often it is asked for',
    async run(bench) {
      const session = await bench.destination()
      const before = (await pathsOf(bench)).length
      const made = await session.ensureMailbox(['Once'], null, quiet)
      expect(made).toMatchObject({ path: ['Once'], selectable: true })
      expect(await session.ensureMailbox(['Once'], null, quiet)).toEqual(made)
      await bench.withDestination(async (fresh) => {
        expect(await fresh.ensureMailbox(['Once'], null, quiet)).toEqual(made)
      })
      expect(await pathsOf(bench)).toHaveLength(before + 1)
    },
  },
  {
    name: 'the inbox is there, in any spelling',
    async run(bench) {
      const session = await bench.destination()
      const before = await pathsOf(bench)
      for (const spelling of ['INBOX', 'Inbox', 'inbox']) {
        expect(await session.ensureMailbox([spelling], null, quiet)).toMatchObject({ path: ['INBOX'] })
      }
      expect(await pathsOf(bench)).toEqual(before)
    },
  },
  {
    name: 'levels below levels are made with their parents',
    async run(bench) {
      const session = await bench.destination()
      if (session.naming.delimiter === null) {
        await expectKind(session.ensureMailbox(['A', 'B'], null, quiet), 'rejected')
        return
      }
      const deep = await session.ensureMailbox(['A', 'B', 'C'], null, quiet)
      await session.ensureMailbox(['A', 'D'], null, quiet)
      const paths = await pathsOf(bench)
      for (const path of [
        ['A', 'B', 'C'],
        ['A', 'D'],
      ]) {
        expect(paths.filter((other) => same(other, path))).toHaveLength(1)
      }
      landedKeys(await session.append(deep, [toNew(mailNumber(1))], quiet))
      expect(await bench.contents(['A', 'B', 'C'])).toHaveLength(1)
      const parent = await session.ensureMailbox(['A', 'B'], null, quiet)
      landedKeys(await session.append(parent, [toNew(mailNumber(2))], quiet))
      expect(await bench.contents(['A', 'B'])).toHaveLength(1)
      expect(await bench.contents(['A', 'B', 'C'])).toHaveLength(1)
    },
  },
  {
    name: 'a mailbox below the inbox is what the naming says',
    async run(bench) {
      const session = await bench.destination()
      if (session.naming.delimiter === null) return
      const made = await session.ensureMailbox(['INBOX', 'Below'], null, quiet)
      expect(made.path).toEqual(session.naming.belowInbox ? ['Below'] : ['INBOX', 'Below'])
      expect(await findMailbox(session, made.path)).toMatchObject({ path: made.path, selectable: true })
    },
  },
  {
    name: 'capitals make two mailboxes exactly where the naming says so',
    async run(bench) {
      const session = await bench.destination()
      const before = (await pathsOf(bench)).length
      await session.ensureMailbox(['Case'], null, quiet)
      await session.ensureMailbox(['CASE'], null, quiet)
      expect(await pathsOf(bench)).toHaveLength(before + (session.naming.caseSensitive ? 2 : 1))
    },
  },
  {
    name: 'ordinary names are stored as they are',
    async run(bench) {
      const session = await bench.destination()
      for (const name of ORDINARY_NAMES.filter((each) => allows(session, each))) {
        expect(await tryName(bench, session, name), `name ${JSON.stringify(name)}`).toBeNull()
      }
    },
  },
  {
    name: 'evil names are stored as they are, or refused',
    async run(bench) {
      const session = await bench.destination()
      for (const name of EVIL_NAMES) {
        const refusal = await tryName(bench, session, name)
        if (!allows(session, name)) expect(refusal, `name ${JSON.stringify(name)}`).not.toBeNull()
        if (refusal !== null) expect(refusal.kind, `name ${JSON.stringify(name)}`).toBe('rejected')
      }
    },
  },
  {
    name: 'names with control characters, and empty ones, are refused',
    async run(bench) {
      const session = await bench.destination()
      for (const name of FORBIDDEN_NAMES) {
        expect((await tryName(bench, session, name))?.kind, `name ${JSON.stringify(name)}`).toBe('rejected')
      }
      await expectKind(session.ensureMailbox([], null, quiet), 'rejected')
      await expectKind(session.ensureMailbox(['x'.repeat(5000)], null, quiet), 'rejected')
      expect(session.alive).toBe(true)
    },
  },
  {
    name: 'subscribing shows, and twice is safe',
    async run(bench) {
      const session = await bench.destination()
      const mailbox = await session.ensureMailbox(['Subscribed, äh'], null, quiet)
      await session.subscribe(mailbox, quiet)
      await session.subscribe(mailbox, quiet)
      const other = await session.ensureMailbox(['Also'], null, quiet)
      await session.subscribe(other, quiet)
      await bench.settle()
      await bench.withSource(async (fresh) => {
        expect(await findMailbox(fresh, mailbox.path)).toMatchObject({ subscribed: true })
        expect(await findMailbox(fresh, other.path)).toMatchObject({ subscribed: true })
      })
    },
  },
]

/** The naming lets this name through. */
function allows({ naming }: DestinationSession, name: string): boolean {
  if (naming.delimiter !== null && name.includes(naming.delimiter)) return false
  if (Buffer.byteLength(name) > naming.maxLevelBytes) return false
  return !Array.from(naming.forbidden).some((character) => name.includes(character))
}

/** Makes a mailbox; null when it is listed by a fresh session as it was asked for, else the refusal. */
async function tryName(bench: Bench, session: DestinationSession, name: string): Promise<SealpostError | null> {
  const before = await pathsOf(bench)
  let made: Mailbox
  try {
    made = await session.ensureMailbox([name], null, quiet)
  } catch (error) {
    if (!isKind(error)) throw error
    expect(await pathsOf(bench), `after the refusal of ${JSON.stringify(name)}`).toEqual(before)
    return error
  }
  expect(made.path).toEqual([name])
  const added = (await pathsOf(bench)).filter((path) => !before.some((other) => same(other, path)))
  expect(added).toEqual([[name]])
  landedKeys(await session.append(made, [toNew(mailNumber(1))], quiet))
  expect(await bench.contents([name])).toHaveLength(1)
  return null
}

async function pathsOf(bench: Bench): Promise<readonly (readonly string[])[]> {
  await bench.settle()
  return bench.withSource(async (session) =>
    (await collect(session.listMailboxes(quiet))).map(({ path }) => path).sort(),
  )
}
