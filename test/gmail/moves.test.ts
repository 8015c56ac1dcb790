import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createImapConnector } from '../../connectors/imap/imap-connector.ts'
import { giveTo, readMaildir, writeMaildir, type StoredMessage } from '../../scripts/sample/maildir.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { Connector } from '../../src/core/connector.ts'
import type { Ledger } from '../../src/core/ledger.ts'
import type { Totals } from '../../src/core/states.ts'
import { Fixture, nonZero, openFindings } from '../engine/fixture.ts'
import type { FakeGmailAccount } from '../fakes/gmail-account.ts'
import { isLong } from '../long.ts'
import { writeTally } from '../reporter/tally.ts'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { startGmail, type GmailStage } from './stage.ts'

const MESSAGES = isLong('gmail') ? 1_000 : 300
/** At which landing of its life the process dies. */
const DEATHS = [Math.floor(0.15 * MESSAGES), Math.floor(0.35 * MESSAGES)]
/** Bodies that are fetched ahead by all lanes, and again in the next life. */
const AHEAD = 4 * 2 * 50
/** Units a minute that the API gives a user. */
const UNITS_PER_MINUTE = 6_000
const ANNA = 'anna@example.test'
const why = whyNoDovecot()

/** Message `n`, as it came by `hop`; every tenth has no Message-ID. */
function letter(n: number, hop = 'outside'): Buffer {
  const id = n % 10 === 9 ? '' : `Message-ID: <m${n}@example.com>\r\n`
  const date = new Date(1_400_000_000_000 + n * 3_600_000).toUTCString().replace('GMT', '+0000')
  return Buffer.from(
    `Received: from ${hop}\r\nFrom: a@example.com\r\nTo: b@example.com\r\n${id}Date: ${date}\r\nSubject: number ${n}\r\n\r\n${`line of ${n}\r\n`.repeat(1 + (n % 40))}`,
  )
}

/** What the text of a message says its number is. */
function numberOf(bytes: Uint8Array): number {
  return Number(/^Subject: number (\d+)\r?$/m.exec(Buffer.from(bytes).toString('latin1'))?.[1] ?? Number.NaN)
}

/** A project whose process dies and begins again: each life has connectors of its own, and the ledger from the disk. */
class Moves extends Fixture {
  readonly account: { readonly source: string; readonly destination: string }
  readonly #ends: (clock: Fixture['clock']) => { source: Connector; destination: Connector }

  constructor(
    account: Moves['account'],
    ends: (clock: Fixture['clock']) => { source: Connector; destination: Connector },
  ) {
    super()
    this.account = account
    this.#ends = ends
  }

  override pairs(): ReturnType<Fixture['pairs']> {
    return [this.ledger.openPair(this.account.source, this.account.destination)]
  }

  override connectors(): { source: Connector; destination: Connector } {
    return this.#ends(this.clock)
  }

  /** Runs, dying at each of these landings before it is written down, and then to the end. */
  async live(deaths: readonly number[], settled: () => Promise<void>): Promise<Totals> {
    for (const landings of deaths) {
      const { ledger, isDead } = mortal(this.ledger, landings)
      await this.run(this.pairs(), new AbortController().signal, ledger).catch(() => undefined)
      expect(isDead()).toBe(true)
      // What was on its way when the process died arrives or does not.
      await settled()
      this.reopenLedger()
    }
    const { totals, pairs } = await this.run()
    expect(pairs.map(({ error }) => error)).toEqual([null])
    return totals
  }
}

/** A ledger whose process dies: from the n-th landing on it writes and says nothing any more. */
function mortal(ledger: Ledger, landings: number): { readonly ledger: Ledger; readonly isDead: () => boolean } {
  let left = landings
  const die = (name: string | symbol): void => {
    if (name === 'land') left--
    if (left <= 0) throw new Error('killed')
  }
  const proxy = new Proxy(ledger, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name)
      if (typeof method !== 'function') return method
      return (...args: readonly unknown[]): unknown => {
        die(name)
        return Reflect.apply(method, target, args)
      }
    },
  })
  return { ledger: proxy, isDead: () => left <= 0 }
}

interface Cost {
  /** HTTP requests; a batch is one. */
  readonly requests: number
  readonly units: number
}

/** Requests and units a message, printed and bounded. */
function expectCost(stage: GmailStage, what: string, account: string, messages: number, most: Cost): void {
  const requests = stage.server.requestsOf(account)
  const units = stage.server.unitsOf(account)
  console.log(
    `${what}: ${(requests / messages).toFixed(3)} requests and ${(units / messages).toFixed(1)} units a message of ${messages}`,
  )
  expect(requests).toBeLessThanOrEqual(most.requests)
  expect(units).toBeLessThanOrEqual(most.units)
}

/** What reading may cost: each life lists anew, and a death loses what was fetched ahead. Beside that labels and history. */
function readingCost(messages: number, lives: number): Cost {
  const bodies = messages + (lives - 1) * Math.min(AHEAD, messages)
  return {
    requests: bodies + lives * (messages / 20 + 60),
    units: 20 * (bodies + lives * messages) + lives * 200,
  }
}

/**
 * What storing may cost, with so many labels added later. A life that begins with something in doubt looks at what came
 * before it at most once, and asks whether anything still comes.
 */
function storingCost(messages: number, lives: number, labels = 0): Cost {
  const again = lives - 1
  return {
    requests: messages + labels + 100 + again * (messages / 10 + 400),
    units: 25 * messages + 5 * labels + 200 + again * (20 * messages + 800),
  }
}

const THROTTLED = { code: 403, message: 'Rate Limit Exceeded', errors: [{ reason: 'userRateLimitExceeded' }] }
const TOO_MANY = {
  code: 429,
  message: 'Too many concurrent requests for user',
  errors: [{ reason: 'rateLimitExceeded' }],
}

/** Has the server refuse some requests in the middle of it all. */
function throttle(stage: GmailStage, on: RegExp): void {
  const { faults } = stage.server
  faults
    .arm(on, { kind: 'answer', status: 403, body: { error: THROTTLED } })
    .after(100)
    .times(3)
  faults
    .arm(on, { kind: 'answer', status: 429, body: { error: TOO_MANY }, headers: { 'retry-after': '20' } })
    .after(150)
    .times(2)
}

describe(`${MESSAGES} messages, throttled, and killed twice`, () => {
  let from: GmailStage
  let to: GmailStage
  let dovecot: Dovecot | null = null
  beforeAll(async () => {
    ;[from, to] = await Promise.all([startGmail(), startGmail()])
    if (why === null) dovecot = await startDovecot({ separator: '/', users: [ANNA, 'bert@example.test'] })
  })
  afterAll(async () => {
    await dovecot?.stop()
    await from.stop()
    await to.stop()
  })

  let source: FakeGmailAccount
  let destination: FakeGmailAccount
  let number = 0
  beforeEach(() => {
    source = from.server.account(`source${++number}@example.test`)
    destination = to.server.account(`destination${number}@example.test`)
  })
  afterEach(() => {
    for (const { server } of [from, to]) expect(server.faults.complaints()).toEqual([])
  })

  const settled = async (): Promise<void> => {
    await Promise.all([from.server.idle(), to.server.idle()])
  }

  function gmail(stage: GmailStage, clock: Fixture['clock']): Connector {
    stage.server.clock = () => clock.monotonic()
    stage.server.unitsPerMinute = UNITS_PER_MINUTE
    return stage.connector({ clock, unitsPerMinute: UNITS_PER_MINUTE })
  }

  function imap(): Connector {
    if (dovecot === null) throw new Error('Dovecot does not run')
    const { host, imapsPort, ca, password } = dovecot
    return createImapConnector({
      host,
      port: imapsPort,
      tls: { mode: 'implicit', ca },
      clock: systemClock,
      loginFor: async (username) => ({ username, authorize: null, secret: { text: () => password } }),
    })
  }

  /** Fills the account at the source: most have one label, some several, some none. */
  function fillGmail(): void {
    const labels = ['Work', 'Work/Projects', 'Ünïcode/قسم'].map((name) => source.createLabel(name).id)
    for (let n = 0; n < MESSAGES; n++) {
      const own = labels[n % 5]
      const all = [
        ...(own === undefined ? [] : [own]),
        ...(n % 3 === 0 ? ['INBOX'] : []),
        ...(n % 7 === 0 ? ['SENT'] : []),
        ...(n % 4 === 0 ? ['UNREAD'] : []),
        ...(n % 11 === 0 ? ['STARRED'] : []),
        ...(n % 13 === 0 ? ['IMPORTANT'] : []),
        ...(n % 17 === 0 ? ['CATEGORY_PROMOTIONS'] : []),
        ...(n % 6 === 0 ? [labels[0] ?? ''] : []),
      ]
      source.store(letter(n), all, 'dateHeader')
    }
  }

  /** Every message with its labels' names, in order of its number. */
  function shown(account: FakeGmailAccount): string[] {
    return [...account.messages.values()]
      .map(({ raw, labels, internalDate }) => {
        const names = [...labels].map((id) => account.labels.get(id)?.name ?? id).sort()
        return `${String(numberOf(raw)).padStart(4, '0')} ${internalDate} ${names.join(', ')}`
      })
      .sort()
  }

  // `npm run test:gmail` has it: both of its ends are ends of the others as well.
  if (isLong('gmail')) {
    it('from Gmail to Gmail keep labels, stars, importance and categories', { timeout: 600_000 }, async () => {
      fillGmail()
      const moves = new Moves({ source: source.email, destination: destination.email }, (clock) => ({
        source: gmail(from, clock),
        destination: gmail(to, clock),
      }))
      throttle(from, /^messages\.get GET/)
      throttle(to, /^messages\.import/)
      const totals = await moves.live(DEATHS, settled)
      expect(totals).toMatchObject({ source: totals.landed, merged: 0 })
      expect(shown(destination)).toEqual(shown(source))
      expectCost(from, 'Gmail to Gmail, reading', source.email, MESSAGES, readingCost(MESSAGES, 3))
      expectCost(
        to,
        'Gmail to Gmail, storing',
        destination.email,
        MESSAGES,
        storingCost(MESSAGES, 3, totals.landed - MESSAGES),
      )
      expect(openFindings(await moves.verify())).toEqual([])
      expect(moves.ledger.fidelity(null)).toMatchObject({ identical: totals.landed, unchecked: 0 })
      await moves.run()
      expect(shown(destination)).toEqual(shown(source))
      writeTally(
        'gmail',
        'to, from and between Gmail accounts',
        { compared: MESSAGES, steps: 2 },
        'gmail to gmail',
      )
    })
  }

  it('and what it costs when nothing goes wrong', { timeout: 600_000 }, async () => {
    const count = 100
    for (let n = 0; n < count; n++)
      source.store(letter(n), ['INBOX', source.byName('Work')?.id ?? source.createLabel('Work').id], 'dateHeader')
    const moves = new Moves({ source: source.email, destination: destination.email }, (clock) => ({
      source: gmail(from, clock),
      destination: gmail(to, clock),
    }))
    const totals = await moves.live([], settled)
    expect(nonZero(totals)).toEqual({ source: 2 * count, landed: 2 * count })
    expect(shown(destination)).toEqual(shown(source))
    expectCost(from, 'Gmail to Gmail, reading, undisturbed', source.email, count, readingCost(count, 1))
    expectCost(to, 'Gmail to Gmail, storing, undisturbed', destination.email, count, storingCost(count, 1, count))
  })

  it.skipIf(why !== null)(`from IMAP to Gmail ${why ?? ''}`, { timeout: 600_000 }, async () => {
    if (dovecot === null) return
    // Every tenth lies in two mailboxes, as it came in and as it was sent.
    const stored: StoredMessage[] = []
    for (let n = 0; stored.length < MESSAGES; n++) {
      const mailbox = [['INBOX'], ['Work', 'Projects'], ['Archive']][n % 3] ?? ['INBOX']
      const facts = { internalDate: 1_400_000_000_000 + n * 3_600_000, flags: n % 2 === 0 ? ['\\Seen'] : [] }
      stored.push({ mailbox, bytes: letter(n), ...facts })
      if (n % 10 === 0) stored.push({ mailbox: ['Sent'], bytes: letter(n, 'inside'), ...facts })
    }
    const folder = dovecot.mailFolder(ANNA)
    await writeMaildir(folder, 'maildir++', stored)
    await giveTo(await stat(join(dovecot.folder, 'mail')), dirname(folder))
    const distinct = new Set(stored.map(({ bytes }) => numberOf(bytes))).size
    const moves = new Moves({ source: ANNA, destination: destination.email }, (clock) => ({
      source: imap(),
      destination: gmail(to, clock),
    }))
    throttle(to, /^messages\.import/)
    const totals = await moves.live(DEATHS, settled)
    expect(nonZero(totals)).toEqual({ source: MESSAGES, landed: MESSAGES, merged: MESSAGES - distinct })
    expect([...destination.messages.values()].map(({ raw }) => numberOf(raw)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: distinct }, (_, n) => n),
    )
    const twice = [...destination.messages.values()].filter(({ labels }) => labels.has('SENT'))
    expect(twice).toHaveLength(MESSAGES - distinct)
    for (const { raw, labels } of twice) expect([numberOf(raw) % 10, labels.size]).toEqual([0, expect.any(Number)])
    expectCost(to, 'IMAP to Gmail', destination.email, MESSAGES, storingCost(MESSAGES, 3))
    expect(openFindings(await moves.verify())).toEqual([])
    const { identical, equivalent } = moves.ledger.fidelity(null)
    expect(identical + equivalent).toBe(MESSAGES)
    expect(equivalent).toBe(MESSAGES - distinct)
    writeTally('gmail', 'to, from and between Gmail accounts', { compared: MESSAGES, steps: 2 }, 'imap to gmail')
  })

  it.skipIf(why !== null)(`from Gmail to IMAP ${why ?? ''}`, { timeout: 600_000 }, async () => {
    if (dovecot === null) return
    fillGmail()
    const bert = 'bert@example.test'
    const moves = new Moves({ source: source.email, destination: bert }, (clock) => ({
      source: gmail(from, clock),
      destination: imap(),
    }))
    throttle(from, /^messages\.get GET/)
    const totals = await moves.live([2, 3], settled)
    expect(nonZero(totals)).toEqual({ source: MESSAGES, landed: MESSAGES })
    const stored = await readMaildir(dovecot.mailFolder(bert), 'maildir++')
    expect(stored.map(({ bytes }) => numberOf(bytes)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: MESSAGES }, (_, n) => n),
    )
    // Where a person would look: the deepest label, Sent, the inbox, the archive.
    const places = new Map(stored.map(({ bytes, mailbox }) => [numberOf(bytes), mailbox.join('/')]))
    expect([0, 1, 2, 7 * 8, 9, 8].map((n) => places.get(n))).toEqual([
      'Work',
      'Work/Projects',
      'Ünïcode/قسم',
      'Work/Projects',
      'INBOX',
      'Archive',
    ])
    expectCost(from, 'Gmail to IMAP', source.email, MESSAGES, readingCost(MESSAGES, 3))
    expect(openFindings(await moves.verify())).toEqual([])
    expect(moves.ledger.fidelity(null)).toMatchObject({ identical: MESSAGES, unchecked: 0 })
    writeTally('gmail', 'to, from and between Gmail accounts', { compared: MESSAGES, steps: 2 }, 'gmail to imap')
  })
})
