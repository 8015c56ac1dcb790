import type { Listed, Mailbox } from '../core/mail.ts'
import type { SourceSession } from '../core/connector.ts'
import { digestStream, digestWhole } from '../core/digest.ts'
import { SealpostError, throwIfAborted } from '../core/errors.ts'
import type { Finding, MailboxRecord, MessageRecord } from '../core/ledger.ts'
import { formatPath, samePath } from '../core/mailbox-path.ts'
import { checkDigests, checkListed, refusedFlag, type Deviation } from './check-message.ts'
import { accountForMissing } from './account-for-missing.ts'
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
      if (level === 'full') ledger.setVerified(await checkBodies(at, there, missing), now)
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
    ledger.setVerified(accounted.verifiedIds, now)
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

  /** Reads the bodies again; returns the rows whose bytes are proved. What vanished meanwhile joins `missing`. */
  async function checkBodies(
    at: Mailbox,
    rows: readonly MessageRecord[],
    missing: MessageRecord[],
  ): Promise<number[]> {
    const proved: number[] = []
    const awaited = new Map(rows.map((row) => [row.destinationKey ?? '', row]))
    for await (const fetched of session.fetch(at, [...awaited.keys()], signal)) {
      const row = awaited.get(fetched.key)
      if (row === undefined) continue
      awaited.delete(fetched.key)
      if (fetched.kind === 'gone') {
        missing.push(row)
        continue
      }
      const digests =
        fetched.kind === 'whole' ? digestWhole(fetched.body) : await digestStream(fetched.body.open())
      const deviations = checkDigests(row, digests)
      for (const found of deviations) findings.push(place(row, found))
      if (deviations.every((found) => found.class !== 'open')) proved.push(row.id)
    }
    if (awaited.size > 0) {
      throw new SealpostError('transient', `the destination gave no answer for ${awaited.size} messages`)
    }
    return proved
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
    const { destinationKey, destinationValidity } = row
    if (destinationKey === null || destinationValidity !== ledger.mailbox(record.id).destination.validity)
      return undefined
    return present.get(destinationKey)
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
