import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { DestinationSession, Outcome } from '../../src/core/connector.ts'
import type { Mailbox } from '../../src/core/mail.ts'
import { errorOf, findMailbox, found, landedKeys, quiet, toNew } from '../conformance/bench.ts'
import { mailNumber } from '../conformance/corpus.ts'
import type { FakeGmailAccount } from '../fakes/gmail-account.ts'
import { startGmail, type GmailStage } from './stage.ts'

const DATED = 'Date: Thu, 01 Jan 2015 10:00:00 +0200\r\n'
const LARGE = Buffer.from(`Message-ID: <large@x>\r\n${DATED}\r\n${'0123456789\r\n'.repeat(30_000)}`)

let stage: GmailStage
let account: FakeGmailAccount
let session: DestinationSession
let inbox: Mailbox
let number = 0
beforeAll(async () => {
  stage = await startGmail()
})
afterAll(() => stage.stop())
beforeEach(() => open())
afterEach(async () => {
  await session.close()
  expect(stage.server.faults.complaints()).toEqual([])
})

/** Milliseconds by which the session's clock is ahead. */
let ahead = 0
const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + ahead }

async function open(options = {}): Promise<void> {
  account = stage.server.account(`destination${++number}@example.test`)
  session = await stage
    .connector({ clock, resumableBytes: 100_000, ...options })
    .openDestination(account.email, quiet)
  inbox = await findMailbox(session, ['INBOX'])
}

async function append(body: Uint8Array): Promise<Outcome> {
  const [outcome] = await session.append(inbox, [toNew(mailNumber(1), body)], quiet)
  if (outcome === undefined) throw new Error('no outcome')
  return outcome
}

const SMALL = Buffer.from(`Message-ID: <small@x>\r\n${DATED}\r\nHello\r\n`)

describe('storing', () => {
  it.each(['import', 'insert'] as const)('by %s takes the date from the header, byte for byte', async (write) => {
    await open({ write })
    for (const body of [SMALL, LARGE]) {
      const [key] = landedKeys([await append(body)])
      const stored = account.require(key ?? '')
      expect(stored.raw.equals(body)).toBe(true)
      expect(stored.internalDate).toBe(Date.parse('2015-01-01T08:00:00Z'))
    }
    expect(stage.server.countOf(`messages.${write}`, account.email)).toBe(2)
  })

  it('costs one request a message, and one for the position now and then', async () => {
    const { server } = stage
    const before = server.seen.length
    for (let count = 0; count < 150; count++) {
      await session.position(inbox, quiet)
      landedKeys(await session.append(inbox, [toNew(mailNumber(count))], quiet))
    }
    expect(server.seen.length - before).toBe(150 + 2)
  })

  it('adds the labels to a message that is there already, and finds it again in both', async () => {
    const work = await session.ensureMailbox(['Work'], null, quiet)
    const [first] = landedKeys([await append(SMALL)])
    const [second] = landedKeys(await session.append(work, [toNew(mailNumber(1), SMALL)], quiet))
    expect(second).toBe(first)
    for (const mailbox of [inbox, work]) {
      expect((await found(session, mailbox, null)).map(({ key }) => key)).toEqual([first])
    }
  })
})

describe.each([
  ['a small message', SMALL, 'messages.import'],
  ['a large message', LARGE, 'upload.session'],
] as const)('of %s', (_name, body, request) => {
  const on = new RegExp(`^${request.replace('.', '\\.')}`)

  it('a lost reply is in doubt or known, and never a second copy', async () => {
    const mark = await session.position(inbox, quiet)
    stage.server.faults.arm(on, { kind: 'lose-reply' })
    const outcome = await append(body)
    // The session of a resumable upload says what came of it; of the other only a search does.
    expect(outcome.kind).toBe(request === 'upload.session' ? 'landed' : 'unknown')
    expect(await found(session, inbox, mark)).toHaveLength(1)
    expect(account.messages.size).toBe(1)
  })

  it('a connection that is cut in the middle has stored nothing, or says that it does not know', async () => {
    stage.server.faults.arm(on, { kind: 'cut-request', after: 1 })
    const outcome = await append(body).catch((error: unknown) => error)
    expect(outcome).toMatchObject(
      outcome instanceof Error ? { kind: 'transient' } : { kind: 'unknown', error: { kind: 'unknown-outcome' } },
    )
    expect(account.messages.size).toBe(0)
    expect((await append(body)).kind).toBe('landed')
  })

  it('a service that fails after the last byte is in doubt', async () => {
    stage.server.faults.arm(on, {
      kind: 'answer',
      status: 503,
      body: { error: { code: 503, message: 'Backend Error' } },
    })
    expect((await append(body)).kind).toBe('unknown')
  })

  it('a refused token is renewed once and the message sent again', async () => {
    stage.server.faults.arm(on, {
      kind: 'answer',
      status: 401,
      body: { error: { code: 401, message: 'Invalid Credentials' } },
    })
    expect((await append(body)).kind).toBe('landed')
    expect(account.messages.size).toBe(1)
  })

  it('throttling stores nothing and says how long to wait', async () => {
    const error = { code: 403, message: 'Rate Limit Exceeded', errors: [{ reason: 'userRateLimitExceeded' }] }
    stage.server.faults.arm(on, { kind: 'answer', status: 403, body: { error } }).times(2)
    for (const wait of [1000, 2000]) {
      const thrown = await errorOf(append(body))
      expect(thrown.kind).toBe('throttled')
      expect(Math.abs((thrown.retryAfter ?? 0) - wait)).toBeLessThan(500)
      // As if the time had passed.
      ahead += wait
    }
    expect(account.messages.size).toBe(0)
    expect((await append(body)).kind).toBe('landed')
  })

  it('a full account pauses it, and a message that is too large is refused by itself', async () => {
    const full = {
      code: 403,
      message: 'The user has exceeded their storage quota.',
      errors: [{ reason: 'storageQuotaExceeded' }],
    }
    stage.server.faults.arm(on, { kind: 'answer', status: 403, body: { error: full } })
    expect(await append(body)).toMatchObject({ kind: 'refused', error: { kind: 'quota' } })
    const large = { code: 413, message: 'Request is too large.', errors: [{ reason: 'uploadTooLarge' }] }
    stage.server.faults.arm(on, { kind: 'answer', status: 413, body: { error: large } })
    expect(await append(body)).toMatchObject({ kind: 'refused', error: { kind: 'rejected' } })
  })
})

describe('labels', () => {
  it('that another session has just made are no error', async () => {
    const other = await stage.connector().openDestination(account.email, quiet)
    const made = await Promise.all(
      [session, other].map((each) => each.ensureMailbox(['Both', 'Deep'], null, quiet)),
    )
    expect(made[0]).toEqual(made[1])
    expect(stage.server.countOf('labels.create', account.email)).toBeGreaterThanOrEqual(2)
    await other.close()
  })

  it.each([['Starred'], ['Important', 'x'], ['a'.repeat(150), 'b'.repeat(150)], [' blank']])(
    'that Gmail keeps for itself or cannot hold are refused: %s',
    async (...path) => {
      expect(await errorOf(session.ensureMailbox(path, null, quiet))).toMatchObject({ kind: 'rejected' })
    },
  )

  it('that Gmail says are taken, and does not list, are refused and not waited for', async () => {
    const error = { code: 409, message: 'Label name exists or conflicts', errors: [{ reason: 'aborted' }] }
    stage.server.faults.arm(/^labels\.create/, { kind: 'answer', status: 409, body: { error } })
    expect(await errorOf(session.ensureMailbox(['Theirs'], null, quiet))).toMatchObject({ kind: 'rejected' })
  })

  it('beyond the 10,000th are refused', async () => {
    for (let n = account.labels.size; n < 10_020; n++)
      account.labels.set(`L${n}`, { id: `L${n}`, name: `n${n}`, type: 'user', labelListVisibility: 'labelShow' })
    expect(await errorOf(session.ensureMailbox(['One more'], null, quiet))).toMatchObject({ kind: 'rejected' })
  })

  it('that were deleted meanwhile take no message', async () => {
    const work = await session.ensureMailbox(['Work'], null, quiet)
    account.deleteLabel(account.byName('Work')?.id ?? '')
    expect(await errorOf(session.append(work, [toNew(mailNumber(1))], quiet))).toMatchObject({ kind: 'not-found' })
    expect(account.messages.size).toBe(0)
  })
})
