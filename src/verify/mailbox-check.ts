import type { Mailbox } from '../core/mail.ts'
import type { SourceSession } from '../core/connector.ts'
import { isKind, SealpostError, throwIfAborted } from '../core/errors.ts'
import type { Finding, MailboxRecord, MessageRecord } from '../core/ledger.ts'
import { formatPath, samePath } from '../core/mailbox-path.ts'
import { digestFetched } from '../core/match-digests.ts'
import { throttleDelay } from '../core/retry.ts'
import type { Fidelity } from '../core/states.ts'
import { accountForMissing, type RowFidelity } from './account-for-missing.ts'
import {
  addedFlags,
  checkContent,
  checkListed,
  flagOf,
  flagsAdded,
  type Deviation,
  type KnownFlags,
} from './check-message.ts'
import { findExtraCopies } from './find-extra-copies.ts'
import { PresentMessages, type Present } from './present-messages.ts'
import type { VerifyWork } from './verify-project.ts'

/** How closely verification looks. */
export type VerifyLevel = 'counts' | 'headers' | 'full'

/** Messages that are checked in one go. */
export type CheckPage = readonly MessageRecord[]

/** What reading bodies again came to. */
interface CheckedBodies {
  readonly fidelities: readonly RowFidelity[]
  readonly findings: readonly Finding[]
  readonly gone: readonly MessageRecord[]
  /** Those that could not be read, each with the finding about it. */
  readonly unread: readonly Unread[]
}

interface Unread {
  readonly row: MessageRecord
  readonly finding: Finding
}

const PAGE_MESSAGES = 200
const PAGE_BYTES = 4 * 1024 * 1024
/** Of each byte that is being read: what came, and what has not been looked at yet. */
const COPIES = 2

/**
 * The verification of one mailbox, in parts that several sessions share: `list`, then every page, then `end`. Each part may
 * be tried again after a failure: what it found counts when it is through. What cannot be read is read once more at the end.
 */
export class MailboxCheck {
  readonly record: MailboxRecord
  readonly #context: VerifyWork
  readonly #level: VerifyLevel
  /** How many messages have been delivered there, all of which are looked at. */
  readonly delivered: number
  #mailbox: Mailbox | undefined
  #present = new PresentMessages()
  /** Of the keys under which messages were delivered. */
  #validity: string | null = null
  #flags: KnownFlags = { refused: new Set(), open: new Set() }
  #pages: Iterator<CheckPage> = [][Symbol.iterator]()
  readonly #findings: Finding[] = []
  /** Messages by each flag that was added to them. */
  readonly #added = new Map<string, number>()
  readonly #missing: MessageRecord[] = []
  readonly #unread: Unread[] = []

  constructor(context: VerifyWork, record: MailboxRecord, level: VerifyLevel) {
    this.#context = context
    this.record = record
    this.#level = level
    const totals = context.ledger.totals({ mailboxId: record.id })
    this.delivered = totals.landed + totals.existing
  }

  /** Looks at what lies there. `known`: the account's mailboxes; a mailbox that is not among them is looked for once more. */
  async list(session: SourceSession, known: readonly Mailbox[], signal: AbortSignal): Promise<void> {
    const mailbox = this.#findIn(known) ?? this.#findIn(await listMailboxes(session, signal))
    this.#mailbox = mailbox
    this.#present = mailbox === undefined ? new PresentMessages() : await listPresent(session, mailbox, signal)
    // Of a mailbox that is gone only the content of its messages, which may lie elsewhere, says more.
    if (this.#level === 'counts' || (mailbox === undefined && this.#level === 'headers')) return
    const { ledger } = this.#context
    this.#validity = ledger.mailbox(this.record.id).destination.validity
    const earlier = ledger.findings(this.record.pairId)
    const flagsWhere = (fits: (finding: Finding) => boolean): ReadonlySet<string> =>
      new Set(
        earlier.flatMap((finding) =>
          finding.messageId !== null && fits(finding) ? [flagOf(finding.messageId, finding.expected)] : [],
        ),
      )
    this.#flags = {
      refused: flagsWhere(({ rule }) => rule === 'flag-refused'),
      open: flagsWhere(({ check, class: found }) => check === 'flags' && found === 'open'),
    }
    this.#pages = this.#deliveredPages()
  }

  /** There is something to be read once more: servers that stumble over a message often have it on a new connection. */
  get hasUnread(): boolean {
    return this.#unread.length > 0
  }

  /** What is to be checked next; null once all has been given out. */
  nextPage(): CheckPage | null {
    const { value, done } = this.#pages.next() as IteratorResult<CheckPage, undefined>
    return done === true ? null : value
  }

  async checkPage(session: SourceSession, page: CheckPage, signal: AbortSignal): Promise<void> {
    const mailbox = this.#mailbox
    if (mailbox === undefined) {
      this.#missing.push(...page)
      return
    }
    const now = this.#context.clock.now()
    const findings: Finding[] = []
    const added: string[] = []
    const missing: MessageRecord[] = []
    const there: MessageRecord[] = []
    for (const row of page) {
      const listed = this.#listedOf(row)
      if (listed === undefined) {
        missing.push(row)
        continue
      }
      there.push(row)
      for (const found of checkListed(row, listed, session.capabilities, this.#flags, now))
        findings.push(this.#place(row, found))
      added.push(...addedFlags(row, listed))
    }
    if (this.#level === 'full') {
      const bodies = await this.#readBodies(session, mailbox, there, false, signal)
      findings.push(...bodies.findings)
      missing.push(...bodies.gone)
      this.#unread.push(...bodies.unread)
      this.#settle(bodies.fidelities, now)
    }
    this.#findings.push(...findings)
    for (const flag of added) this.#added.set(flag, (this.#added.get(flag) ?? 0) + 1)
    this.#missing.push(...missing)
  }

  /** Says what became of what no page has found, and writes all findings down. */
  async end(session: SourceSession, signal: AbortSignal): Promise<void> {
    const { ledger, events, clock } = this.#context
    const { record } = this
    const findings: Finding[] = []
    if (this.#mailbox === undefined) {
      const open = {
        ...OPEN,
        check: 'mailbox',
        expected: formatPath(record.destination.path),
        actual: 'not there',
      }
      if (!this.#isRefused()) findings.push(this.#place(null, open))
    }
    if (this.#level === 'counts') {
      const [expected, actual] = [this.delivered, this.#present.size]
      if (actual < expected)
        findings.push(this.#place(null, { ...OPEN, check: 'count', expected: `${expected}`, actual: `${actual}` }))
    } else {
      findings.push(...this.#findings)
      const missing = [...this.#missing]
      for (const rows of pagesOf(this.#unread.map(({ row }) => row))) {
        if (this.#mailbox === undefined) break
        const bodies = await this.#readBodies(session, this.#mailbox, rows, true, signal)
        findings.push(...bodies.findings, ...bodies.unread.map(({ finding }) => finding))
        missing.push(...bodies.gone)
        this.#settle(bodies.fidelities, clock.now())
      }
      // Pages end in any order.
      findings.sort((a, b) => (a.messageId ?? 0) - (b.messageId ?? 0))
      for (const [flag, messages] of [...this.#added].sort())
        findings.push(this.#place(null, flagsAdded(flag, messages)))
      missing.sort((a, b) => a.id - b.id)
      const keys = this.#present.keys()
      const mailboxes = missing.length === 0 ? [] : await listMailboxes(session, signal)
      const where = { session, record, mailboxes, presentKeys: keys }
      const accounted = await accountForMissing(this.#context, where, missing, this.#level, signal)
      for (const { row, deviation } of accounted.findings) findings.push(this.#place(row, deviation))
      if (this.#level === 'full') this.#settle(accounted.fidelities, clock.now())
      const extra =
        this.#mailbox === undefined
          ? []
          : await findExtraCopies(this.#context, session, record, this.#mailbox, keys, signal)
      for (const { row, deviation } of extra) findings.push(this.#place(row, deviation))
    }
    const level = this.#mailbox === undefined && this.#level === 'headers' ? 'counts' : this.#level
    ledger.replaceFindings(record.id, 'verify', findings, LOOKED_AT[level])
    events({ event: 'verified', pair: record.pairId, mailbox: record.id, checked: this.delivered })
  }

  #findIn(mailboxes: readonly Mailbox[]): Mailbox | undefined {
    return mailboxes.find((entry) => samePath(entry.path, this.record.destination.path))
  }

  /** The run has said so already. */
  #isRefused(): boolean {
    const { pairId, id } = this.record
    return (
      this.delivered === 0 &&
      this.#context.ledger
        .findings(pairId)
        .some((f) => f.mailboxId === id && f.check === 'mailbox' && /^(refused|failed each time): /.test(f.actual))
    )
  }

  *#deliveredPages(): Generator<CheckPage, undefined> {
    for (let afterId = 0; ;) {
      const rows = this.#context.ledger.delivered(this.record.id, afterId, PAGE_MESSAGES)
      const last = rows.at(-1)
      if (last === undefined) return undefined
      yield* pagesOf(rows)
      afterId = last.id
    }
  }

  /** Writes down what rows turned out to be; those that say what they said count as verified. */
  #settle(fidelities: readonly RowFidelity[], now: number): void {
    const { ledger } = this.#context
    const of = (wanted: Fidelity): number[] =>
      fidelities.flatMap(({ row, fidelity }) => (fidelity === wanted ? [row.id] : []))
    for (const fidelity of ['identical', 'equivalent', 'altered', 'missing'] as const) {
      const ids = of(fidelity)
      if (ids.length > 0) ledger.setFidelity(ids, fidelity)
    }
    ledger.setVerified([...of('identical'), ...of('equivalent')], now)
  }

  /** As `#checkBodies`, once the memory for it is free. */
  async #readBodies(
    session: SourceSession,
    mailbox: Mailbox,
    rows: readonly MessageRecord[],
    isSecond: boolean,
    signal: AbortSignal,
  ): Promise<CheckedBodies> {
    const bytes = COPIES * rows.reduce((sum, row) => sum + row.bytes, 0)
    const release = await this.#context.budget.acquire(bytes, signal)
    try {
      return await this.#checkBodies(session, mailbox, rows, isSecond, signal)
    } finally {
      release()
    }
  }

  /** Reads the bodies again; says of each row what it found, and which have vanished meanwhile. `isSecond`: none could be read before. */
  async #checkBodies(
    session: SourceSession,
    mailbox: Mailbox,
    rows: readonly MessageRecord[],
    isSecond: boolean,
    signal: AbortSignal,
  ): Promise<CheckedBodies> {
    const fidelities: RowFidelity[] = []
    const findings: Finding[] = []
    const gone: MessageRecord[] = []
    const unread: Unread[] = []
    // Several rows may share one copy where the destination made one message of theirs.
    const awaited = new Map<string, MessageRecord[]>()
    for (const row of rows) {
      const key = row.destinationKey ?? row.mergedKey ?? ''
      awaited.set(key, [...(awaited.get(key) ?? []), row])
    }
    const noteUnreadable = (sharers: readonly MessageRecord[], reason: string): void => {
      const actual = `cannot be read: ${reason}`
      const found = { ...OPEN, check: 'content', expected: 'the content that was fetched', actual }
      for (const row of sharers) unread.push({ row, finding: this.#place(row, found) })
    }
    const read = async (keys: readonly string[]): Promise<void> => {
      for await (const fetched of session.fetch(mailbox, keys, signal)) {
        const sharers = awaited.get(fetched.key)
        if (sharers === undefined) continue
        awaited.delete(fetched.key)
        if (fetched.kind === 'gone') {
          gone.push(...sharers)
          continue
        }
        if (fetched.kind === 'unreadable') {
          noteUnreadable(sharers, fetched.reason)
          continue
        }
        const digests = await digestFetched(fetched, session.capabilities, sharers[0]?.digests)
        for (const row of sharers) {
          if (row.digests === null) continue
          const { fidelity, deviations } = checkContent(row.digests, digests, session.capabilities)
          for (const found of deviations) findings.push(this.#place(row, found))
          fidelities.push({ row, fidelity })
        }
      }
    }
    // What the end refuses may be one of them, which must not keep the others from being verified; or it is all of them.
    const readEach = async (refusal: SealpostError): Promise<void> => {
      const all = [...awaited]
      let refused = 0
      for (const [key, sharers] of all) {
        try {
          await read([key])
        } catch (error) {
          if (!isKind(error, 'rejected') || !session.alive) throw error
          awaited.delete(key)
          noteUnreadable(sharers, error.serverText ?? error.message)
          refused++
        }
      }
      if (!isSecond && refused > 1 && refused === all.length) throw refusal
    }
    // A server that throttles every so many reads would never let a page be read from the start again: what was read
    // stays read, and each wait has brought something.
    for (let left = Infinity; awaited.size > 0 && awaited.size < left;) {
      left = awaited.size
      try {
        await read([...awaited.keys()]).catch(async (error: unknown) => {
          if (!isKind(error, 'rejected') || !session.alive) throw error
          await readEach(error)
        })
        break
      } catch (error) {
        if (!isKind(error, 'throttled') || !session.alive || awaited.size === left) throw error
        const milliseconds = throttleDelay(error)
        this.#context.events({ event: 'waiting', pair: this.record.pairId, reason: 'throttled', milliseconds })
        await this.#context.clock.sleep(milliseconds, signal)
      }
    }
    if (awaited.size > 0) {
      throw new SealpostError('transient', `the destination gave no answer for ${awaited.size} messages`)
    }
    return { fidelities, findings, gone, unread }
  }

  #listedOf(row: MessageRecord): Present | undefined {
    const key = row.destinationKey ?? row.mergedKey
    return key === null || row.destinationValidity !== this.#validity ? undefined : this.#present.get(key)
  }

  #place(row: MessageRecord | null, found: Deviation): Finding {
    return {
      ...found,
      pairId: this.record.pairId,
      mailboxId: this.record.id,
      messageId: row?.id ?? null,
      sourceKey: row?.key ?? null,
      destinationKey: row?.destinationKey ?? null,
    }
  }
}

const COUNTED = ['mailbox', 'count']

/** The checks whose earlier findings a level replaces; undefined: all. What it does not look at is as it was found. */
const LOOKED_AT: Readonly<Record<VerifyLevel, readonly string[] | undefined>> = {
  counts: COUNTED,
  headers: [...COUNTED, 'missing', 'internal-date', 'flags', 'late-landing'],
  full: undefined,
}

/** Rows in parts that are read in one go. */
function* pagesOf(rows: readonly MessageRecord[]): Generator<CheckPage> {
  let page: MessageRecord[] = []
  let bytes = 0
  for (const row of rows) {
    if (page.length > 0 && (page.length >= PAGE_MESSAGES || bytes + row.bytes > PAGE_BYTES)) {
      yield page
      page = []
      bytes = 0
    }
    page.push(row)
    bytes += row.bytes
  }
  if (page.length > 0) yield page
}

const OPEN = { class: 'open', rule: null } as const

/** The mailboxes of an account that can hold messages. */
export async function listMailboxes(session: SourceSession, signal: AbortSignal): Promise<readonly Mailbox[]> {
  const mailboxes: Mailbox[] = []
  for await (const mailbox of session.listMailboxes(signal)) if (mailbox.selectable) mailboxes.push(mailbox)
  return mailboxes
}

async function listPresent(
  session: SourceSession,
  mailbox: Mailbox,
  signal: AbortSignal,
): Promise<PresentMessages> {
  const present = new PresentMessages()
  for await (const page of session.listMessages(mailbox, null, signal)) {
    throwIfAborted(signal)
    if (page.kind === 'messages') for (const listed of page.messages) present.add(listed)
  }
  return present
}
