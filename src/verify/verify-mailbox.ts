import type { Listed, Mailbox } from '../core/mail.ts'
import type { SourceSession } from '../core/connector.ts'
import { isKind, SealpostError, throwIfAborted } from '../core/errors.ts'
import type { Finding, MailboxRecord, MessageRecord } from '../core/ledger.ts'
import { formatPath, samePath } from '../core/mailbox-path.ts'
import { digestFetched } from '../core/match-digests.ts'
import { throttleDelay } from '../core/retry.ts'
import type { Fidelity } from '../core/states.ts'
import { checkContent, checkListed, refusedFlag, type Deviation } from './check-message.ts'
import { accountForMissing, type RowFidelity } from './account-for-missing.ts'
import { findExtraCopies } from './find-extra-copies.ts'
import type { VerifyContext } from './verify-project.ts'

/** How closely verification looks. */
export type VerifyLevel = 'counts' | 'headers' | 'full'

const PAGE_MESSAGES = 400
const PAGE_BYTES = 8 * 1024 * 1024

/** Verifies one mailbox, writes its findings down and returns how many messages were looked at. Twice is safe. */
export async function verifyMailbox(
  context: VerifyContext,
  session: SourceSession,
  record: MailboxRecord,
  level: VerifyLevel,
  signal: AbortSignal,
): Promise<number> {
  const { ledger } = context
  const totals = ledger.totals({ mailboxId: record.id })
  const delivered = totals.landed + totals.existing
  const mailboxes = await listAll(session, signal)
  const mailbox = mailboxes.find((entry) => samePath(entry.path, record.destination.path))
  const present = mailbox === undefined ? new Map<string, Listed>() : await listPresent(session, mailbox, signal)
  const findings: Finding[] = []
  if (mailbox === undefined && !isRefused()) {
    findings.push(
      place(null, {
        ...OPEN,
        check: 'mailbox',
        expected: formatPath(record.destination.path),
        actual: 'not there',
      }),
    )
  }
  if (level === 'counts') {
    if (present.size < delivered) {
      findings.push(place(null, { ...OPEN, check: 'count', expected: `${delivered}`, actual: `${present.size}` }))
    }
  } else if (mailbox !== undefined) await checkMessages(mailbox)
  ledger.replaceFindings(record.id, 'verify', findings)
  context.events({ event: 'verified', pair: record.pairId, mailbox: record.id, checked: delivered })
  return delivered

  /** The run has said so already. */
  function isRefused(): boolean {
    const earlier = ledger.findings(record.pairId)
    return (
      delivered === 0 &&
      earlier.some((f) => f.mailboxId === record.id && f.check === 'mailbox' && f.actual.startsWith('refused: '))
    )
  }

  async function checkMessages(at: Mailbox): Promise<void> {
    const refused = new Set(
      ledger
        .findings(record.pairId)
        .filter((finding) => finding.rule === 'flag-refused' && finding.messageId !== null)
        .map((finding) => refusedFlag(finding.messageId ?? 0, finding.expected)),
    )
    const missing: MessageRecord[] = []
    const now = context.clock.now()
    for (const rows of pages()) {
      throwIfAborted(signal)
      const there: MessageRecord[] = []
      for (const row of rows) {
        const listed = listedOf(row)
        if (listed === undefined) {
          missing.push(row)
          continue
        }
        there.push(row)
        for (const found of checkListed(row, listed, session.capabilities, refused, now))
          findings.push(place(row, found))
      }
      if (level === 'full') settle(await checkBodies(at, there, missing), now)
    }
    const accounted = await accountForMissing(
      context,
      session,
      record,
      mailboxes,
      missing,
      [...present.keys()],
      level,
      signal,
    )
    for (const { row, deviation } of accounted.findings) findings.push(place(row, deviation))
    if (level === 'full') settle(accounted.fidelities, now)
    for (const { row, deviation } of await findExtraCopies(
      context,
      session,
      record,
      at,
      [...present.keys()],
      signal,
    )) {
      findings.push(place(row, deviation))
    }
  }

  /** Writes down what rows turned out to be; those that say what they said count as verified. */
  function settle(fidelities: readonly RowFidelity[], now: number): void {
    const of = (wanted: Fidelity): number[] =>
      fidelities.flatMap(({ row, fidelity }) => (fidelity === wanted ? [row.id] : []))
    for (const fidelity of ['identical', 'equivalent', 'altered', 'missing'] as const) {
      const ids = of(fidelity)
      if (ids.length > 0) ledger.setFidelity(ids, fidelity)
    }
    ledger.setVerified([...of('identical'), ...of('equivalent')], now)
  }

  /** Reads the bodies again; says of each row what it found. What vanished meanwhile joins `missing`. */
  async function checkBodies(
    at: Mailbox,
    rows: readonly MessageRecord[],
    missing: MessageRecord[],
  ): Promise<RowFidelity[]> {
    const checked: RowFidelity[] = []
    // Several rows may share one copy where the destination made one message of theirs.
    const awaited = new Map<string, MessageRecord[]>()
    for (const row of rows) {
      const key = row.destinationKey ?? row.mergedKey ?? ''
      awaited.set(key, [...(awaited.get(key) ?? []), row])
    }
    const readRest = async (): Promise<void> => {
      for await (const fetched of session.fetch(at, [...awaited.keys()], signal)) {
        const sharers = awaited.get(fetched.key)
        if (sharers === undefined) continue
        awaited.delete(fetched.key)
        if (fetched.kind === 'gone') {
          missing.push(...sharers)
          continue
        }
        const digests = await digestFetched(fetched, session.capabilities, sharers[0]?.digests)
        for (const row of sharers) {
          if (row.digests === null) continue
          const { fidelity, deviations } = checkContent(row.digests, digests, session.capabilities)
          for (const found of deviations) findings.push(place(row, found))
          checked.push({ row, fidelity })
        }
      }
    }
    // A server that throttles every so many reads would never let a large mailbox be read from the start again: what was read
    // stays read, and each wait has brought something.
    for (let left = Infinity; awaited.size > 0 && awaited.size < left;) {
      left = awaited.size
      try {
        await readRest()
        break
      } catch (error) {
        if (!isKind(error, 'throttled') || !session.alive || awaited.size === left) throw error
        const milliseconds = throttleDelay(error)
        context.events({ event: 'waiting', pair: record.pairId, reason: 'throttled', milliseconds })
        await context.clock.sleep(milliseconds, signal)
      }
    }
    if (awaited.size > 0) {
      throw new SealpostError('transient', `the destination gave no answer for ${awaited.size} messages`)
    }
    return checked
  }

  function* pages(): Generator<readonly MessageRecord[]> {
    let afterId = 0
    for (;;) {
      const rows = ledger.delivered(record.id, afterId, PAGE_MESSAGES)
      let page: MessageRecord[] = []
      let bytes = 0
      for (const row of rows) {
        if (page.length > 0 && bytes + row.bytes > PAGE_BYTES) {
          yield page
          page = []
          bytes = 0
        }
        page.push(row)
        bytes += row.bytes
        afterId = row.id
      }
      if (page.length === 0) return
      yield page
    }
  }

  function listedOf(row: MessageRecord): Listed | undefined {
    const { destinationValidity } = row
    const key = row.destinationKey ?? row.mergedKey
    if (key === null || destinationValidity !== ledger.mailbox(record.id).destination.validity) return undefined
    return present.get(key)
  }

  function place(row: MessageRecord | null, found: Deviation): Finding {
    return {
      ...found,
      pairId: record.pairId,
      mailboxId: record.id,
      messageId: row?.id ?? null,
      sourceKey: row?.key ?? null,
      destinationKey: row?.destinationKey ?? null,
    }
  }
}

const OPEN = { class: 'open', rule: null } as const

async function listAll(session: SourceSession, signal: AbortSignal): Promise<Mailbox[]> {
  const mailboxes: Mailbox[] = []
  for await (const mailbox of session.listMailboxes(signal)) if (mailbox.selectable) mailboxes.push(mailbox)
  return mailboxes
}

async function listPresent(
  session: SourceSession,
  mailbox: Mailbox,
  signal: AbortSignal,
): Promise<Map<string, Listed>> {
  const present = new Map<string, Listed>()
  for await (const page of session.listMessages(mailbox, null, signal)) {
    throwIfAborted(signal)
    if (page.kind === 'messages') for (const listed of page.messages) present.set(listed.key, listed)
  }
  return present
}
