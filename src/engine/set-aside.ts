import type { SealpostError } from '../core/errors.ts'
import type { MessageRecord, Reason } from '../core/ledger.ts'
import { formatPath } from '../core/mailbox-path.ts'
import type { EngineContext } from './settings.ts'
import type { MailboxWork } from './mailbox-work.ts'

const PAGE = 500
/** Of the finding about a mailbox that the destination does not take, or that a server fails over. */
const REFUSED = 'mailbox'
/** Of the finding about a source mailbox that its server does not let anybody list. */
const UNLISTED = 'unlisted'

/** The code of a reason: the destination does not take the mailbox. The ledger's `requeue` knows it too. */
export const MAILBOX_REFUSED = 'mailbox-refused'

/**
 * The destination does not take the mailbox, its name for instance: what it should have held is quarantined with the
 * server's words, the mailbox itself is a finding, and its work is done. `retry` tries again, and what was in doubt is then
 * in doubt again (`requeue`): nobody can look for its copy in a mailbox that cannot be opened.
 */
export function setAside(context: EngineContext, work: MailboxWork, refusal: SealpostError): void {
  const { ledger, events } = context
  const { id, pairId } = work.record
  const serverText = refusal.serverText ?? null
  const reason: Reason = { code: MAILBOX_REFUSED, text: refusal.message, serverText }
  const quarantine = (rows: readonly MessageRecord[]): void => {
    for (const row of rows) {
      ledger.quarantine(row.id, reason)
      events({ event: 'message-quarantined', pair: pairId, mailbox: id, message: row.id })
    }
  }
  const inDoubt = ledger.inDoubt(id)
  ledger.doubt(inDoubt.map((row) => row.id))
  quarantine(inDoubt)
  for (;;) {
    const rows = ledger.pending(id, 0, PAGE, Number.MAX_SAFE_INTEGER)
    if (rows.length === 0) break
    quarantine(rows)
  }
  noteRefused(ledger, work, `refused: ${serverText ?? refusal.message}`)
  work.phase = 'done'
}

/**
 * A server fails each time over this mailbox, and over no other. It is a finding until a run gets through; what was not moved
 * of it stays pending, and its work is done for this run. It keeps no other mailbox from being moved.
 */
export function leaveFailing(
  { ledger }: Pick<EngineContext, 'ledger'>,
  work: MailboxWork,
  failure: SealpostError,
): void {
  noteRefused(ledger, work, `failed each time: ${failure.serverText ?? failure.message}`)
  work.phase = 'done'
}

function noteRefused(ledger: EngineContext['ledger'], { record }: MailboxWork, actual: string): void {
  ledger.replaceFindings(record.id, 'run', [
    {
      class: 'open',
      check: REFUSED,
      pairId: record.pairId,
      mailboxId: record.id,
      messageId: null,
      sourceKey: null,
      destinationKey: null,
      expected: formatPath(record.destination.path),
      actual,
      rule: null,
    },
  ])
}

/**
 * The source does not let the mailbox be opened or listed. It is a finding until a run can, what is known of it stays as it
 * is, and its work is done for this run: it keeps no other mailbox from being moved.
 */
export function leaveUnlisted(
  { ledger }: Pick<EngineContext, 'ledger'>,
  work: MailboxWork,
  refusal: SealpostError,
): void {
  const { id, pairId } = work.record
  const actual = `refused: ${refusal.serverText ?? refusal.message}`
  ledger.replaceFindings(id, 'listing', [
    {
      class: 'open',
      check: UNLISTED,
      pairId,
      mailboxId: id,
      messageId: null,
      sourceKey: null,
      destinationKey: null,
      expected: 'a source mailbox that can be listed',
      actual,
      rule: null,
    },
  ])
  work.phase = 'done'
}

/** The mailboxes of an account that earlier runs have set aside. */
export interface TroubledMailboxes {
  /** The destination refused them before anything of them was sent: their place may be another one. */
  readonly refused: ReadonlySet<number>
  /** The source did not let them be listed. */
  readonly unlisted: ReadonlySet<number>
}

/** Reads what earlier runs have set aside of an account. */
export function troubledMailboxes({ ledger }: Pick<EngineContext, 'ledger'>, pairId: number): TroubledMailboxes {
  const findings = ledger.findings(pairId)
  const of = (check: string): ReadonlySet<number> =>
    new Set(findings.filter((finding) => finding.check === check).map(({ mailboxId }) => mailboxId))
  return {
    refused: new Set([...of(REFUSED)].filter((id) => !ledger.hasBegun(id))),
    unlisted: of(UNLISTED),
  }
}
