import { expect } from 'vitest'
import type { Cursor, DestinationSession, Outcome, Page, SourceSession } from '../../src/core/connector.ts'
import { digestStream, digestWhole } from '../../src/core/digest.ts'
import { SealpostError, type ErrorKind } from '../../src/core/errors.ts'
import type { Body, Candidate, Fetched, FlagState, Listed, Mailbox, NewMessage } from '../../src/core/mail.ts'
import type { Harness, Mail, Outside, Stage } from './harness.ts'

/** A signal that nobody aborts. */
export const quiet = new AbortController().signal

/** What a listing came to, applied page by page to what was known before. */
export interface Listing {
  readonly messages: ReadonlyMap<string, Listed>
  readonly cursor: Cursor
  readonly pages: readonly Page[]
}

/** What a case works with: the stage, sessions that are closed behind it, and the usual moves. */
export class Bench {
  readonly harness: Harness
  readonly stage: Stage
  readonly #sessions: (SourceSession | DestinationSession)[] = []

  constructor(harness: Harness, stage: Stage) {
    this.harness = harness
    this.stage = stage
  }

  async source(): Promise<SourceSession> {
    const session = await this.stage.connector.openSource(this.stage.account, quiet)
    this.#sessions.push(session)
    return session
  }

  async destination(): Promise<DestinationSession> {
    const session = await this.stage.connector.openDestination(this.stage.account, quiet)
    this.#sessions.push(session)
    return session
  }

  /** A session of each kind that this end has. */
  async bothEnds(): Promise<readonly (SourceSession | DestinationSession)[]> {
    const source = await this.source()
    return this.harness.sourceOnly === undefined ? [source, await this.destination()] : [source]
  }

  /** Runs something with a session that is closed right after. */
  async withSource<Result>(act: (session: SourceSession) => Promise<Result>): Promise<Result> {
    const session = await this.stage.connector.openSource(this.stage.account, quiet)
    try {
      return await act(session)
    } finally {
      await session.close()
    }
  }

  /** As `withSource`. */
  async withDestination<Result>(act: (session: DestinationSession) => Promise<Result>): Promise<Result> {
    const session = await this.stage.connector.openDestination(this.stage.account, quiet)
    try {
      return await act(session)
    } finally {
      await session.close()
    }
  }

  /** A thing that the harness can do by another hand; fails when it cannot, since then it should skip the case. */
  outside<Hand extends keyof Outside>(hand: Hand): NonNullable<Outside[Hand]> {
    const found = this.stage.outside[hand]
    if (found === undefined) throw new Error(`the harness has no '${hand}': skip this case and say why`)
    return found
  }

  /** Stores mail, through a session of its own or as the harness does, and returns the keys, in order. */
  async seed(path: readonly string[], mail: readonly Mail[]): Promise<readonly string[]> {
    await this.store(path, mail)
    return this.keysOf(path, mail)
  }

  /** As `seed`, and reads nothing. */
  async store(path: readonly string[], mail: readonly Mail[]): Promise<void> {
    if (this.stage.store !== undefined) return this.stage.store(path, mail)
    await this.withDestination(async (session) => {
      const mailbox = await session.ensureMailbox(path, null, quiet)
      for (const each of mail) {
        const body = Uint8Array.from(each.body)
        const [outcome] = await session.append(mailbox, [{ ...toNew(each), body }], quiet)
        landedKeys(outcome === undefined ? [] : [outcome])
        // What has landed is the caller's again, who puts another body there.
        if (session.capabilities.holds !== true) body.fill(0xee)
      }
    })
  }

  /** The keys of these messages, found by content. */
  async keysOf(path: readonly string[], mail: readonly Mail[]): Promise<readonly string[]> {
    await this.settle()
    return this.withSource(async (session) => {
      const mailbox = await findMailbox(session, path)
      const listing = await list(session, mailbox, null)
      const keys = new Map<string, string[]>()
      for await (const fetched of session.fetch(mailbox, [...listing.messages.keys()], quiet)) {
        const digest = hex(digestWhole(await bodyOf(fetched)).matchDigest)
        keys.set(digest, [...(keys.get(digest) ?? []), fetched.key])
      }
      return mail.map((each) => {
        const body = this.stage.stored?.(each) ?? each.body
        const key = keys.get(hex(digestWhole(body).matchDigest))?.shift()
        if (key === undefined) throw new Error('a seeded message is not there')
        return key
      })
    })
  }

  /** What a fresh session finds in a mailbox; an empty list when there is no such mailbox. */
  async contents(path: readonly string[]): Promise<readonly Listed[]> {
    await this.settle()
    return this.withSource(async (session) => {
      const found = (await collect(session.listMailboxes(quiet))).find((mailbox) => same(mailbox.path, path))
      return found === undefined ? [] : [...(await list(session, found, null)).messages.values()]
    })
  }

  /** Fails unless `got` is what this end may make of `sent`. */
  expectBody(got: Uint8Array, sent: Uint8Array, what = 'body'): void {
    const [a, b] = [digestWhole(got), digestWhole(sent)]
    if (this.harness.bodies === 'exact') expect(`${what} ${hex(a.digest)}`).toBe(`${what} ${hex(b.digest)}`)
    else expect(`${what} ${hex(a.matchDigest)}`).toBe(`${what} ${hex(b.matchDigest)}`)
  }

  /** Waits as long as the harness says that this end needs. */
  async settle(): Promise<void> {
    const ms = this.harness.settleMs ?? 0
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
    await this.stage.settle?.()
  }

  /** A session that can read what `session` has written: itself, but for an end that is sealed to others. */
  async reader(session: DestinationSession): Promise<SourceSession | DestinationSession> {
    if (session.capabilities.readable) return session
    await this.settle()
    return this.source()
  }

  async tearDown(): Promise<void> {
    for (const session of this.#sessions) await session.close()
    await this.stage.cleanup()
  }
}

/** Lists a mailbox to its end and applies the pages to `known`, as the ledger does. */
export async function list(
  session: SourceSession,
  mailbox: Mailbox,
  since: Cursor | null,
  known: ReadonlyMap<string, Listed> = new Map(),
): Promise<Listing> {
  const pages = await collect(session.listMessages(mailbox, since, quiet))
  return { ...applyPages(pages, known), pages }
}

/** What pages say, applied to what was known. Fails on a listing that breaks the rules of `Page`. */
export function applyPages(
  pages: readonly Page[],
  known: ReadonlyMap<string, Listed>,
): { readonly messages: ReadonlyMap<string, Listed>; readonly cursor: Cursor } {
  const messages = new Map(known)
  const named = new Set<string>()
  const end = pages.at(-1)
  if (end?.kind !== 'end') throw new Error('a listing did not finish with its end')
  for (const page of pages.slice(0, -1)) {
    switch (page.kind) {
      case 'messages':
        for (const listed of page.messages) {
          messages.set(listed.key, listed)
          named.add(listed.key)
        }
        break
      case 'flags':
        for (const { key, flags } of page.states) {
          const listed = messages.get(key)
          if (listed !== undefined) messages.set(key, { ...listed, flags })
        }
        break
      case 'present':
        for (const key of page.keys) named.add(key)
        break
      case 'expunged':
        for (const key of page.keys) messages.delete(key)
        break
      case 'stale':
      case 'end':
        throw new Error(`'${page.kind}' stands in the middle of a listing`)
    }
  }
  if (end.complete) for (const key of messages.keys()) if (!named.has(key)) messages.delete(key)
  return { messages, cursor: end.cursor }
}

/** The listed mailbox at a path; fails when there is none. */
export async function findMailbox(
  session: SourceSession | DestinationSession,
  path: readonly string[],
): Promise<Mailbox> {
  const found = (await collect(session.listMailboxes(quiet))).find((mailbox) => same(mailbox.path, path))
  if (found === undefined) throw new Error(`no mailbox ${JSON.stringify(path)} is listed`)
  return found
}

/** Everything that an iterable has. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = []
  for await (const item of items) collected.push(item)
  return collected
}

/** The bytes of what was fetched; fails when the message is gone. */
export async function bodyOf(fetched: Fetched | undefined): Promise<Uint8Array> {
  if (fetched === undefined || !('body' in fetched)) throw new Error('the message is gone')
  if (fetched.kind === 'whole') return fetched.body
  return Buffer.concat(await collect(fetched.body.open()))
}

/** One message's bytes. */
export async function fetchOne(
  session: SourceSession | DestinationSession,
  mailbox: Mailbox,
  key: string,
): Promise<Uint8Array> {
  const [fetched] = await collect(session.fetch(mailbox, [key], quiet))
  return bodyOf(fetched)
}

/** The flags of messages, sorted, by key. */
export async function flagsOf(
  session: SourceSession | DestinationSession,
  mailbox: Mailbox,
  keys: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const states: FlagState[] = await collect(session.flags(mailbox, keys, quiet))
  return new Map(states.map(({ key, flags }) => [key, [...flags].sort()]))
}

/** What `find` finds, whole. */
export function found(
  session: DestinationSession,
  mailbox: Mailbox,
  since: Parameters<DestinationSession['find']>[1],
): Promise<readonly Candidate[]> {
  return collect(session.find(mailbox, since, quiet))
}

/** Fails unless every outcome is `landed`, or `held` where that is how an end lands; returns the keys. */
export function landedKeys(outcomes: readonly Outcome[]): readonly (string | null)[] {
  return outcomes.map((outcome) => {
    if (outcome.kind !== 'landed' && outcome.kind !== 'held')
      throw new Error(`an append was ${outcome.kind}: ${outcome.error.message}`)
    return outcome.key
  })
}

/** The error that a promise rejects with; fails when it does not, or with something that is not ours. */
export async function errorOf(promise: Promise<unknown>): Promise<SealpostError> {
  const outcome = await promise.then(
    () => null,
    (error: unknown) => error,
  )
  if (outcome === null) throw new Error('nothing was thrown')
  if (!(outcome instanceof SealpostError))
    throw new Error('what was thrown is not one of ours', { cause: outcome })
  return outcome
}

/** Fails unless the promise rejects with one of these kinds. */
export async function expectKind(promise: Promise<unknown>, ...kinds: readonly ErrorKind[]): Promise<void> {
  const error = await errorOf(promise)
  expect(kinds, error.message).toContain(error.kind)
}

/** A message as `append` takes it. */
export function toNew(mail: Mail, body: Uint8Array | Body = mail.body): NewMessage {
  return { body, internalDate: mail.internalDate, flags: mail.flags, nul: mail.body.includes(0) }
}

/** Two paths are equal. */
export function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((level, index) => level === b[index])
}

/** SHA-256 of what a body reads as. */
export async function digestOfBody(body: Body): Promise<string> {
  return hex((await digestStream(body.open())).digest)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
