import type { Listed } from '../core/mail.ts'
import type { SourceSession } from '../core/connector.ts'
import { SealpostError, throwIfAborted } from '../core/errors.ts'
import type { NewRow } from '../core/ledger.ts'
import { boundTo, cursorUnder, type Terms } from './bound-cursor.ts'
import type { EngineContext, Filters } from './settings.ts'
import { withLabelKeywords } from './label-keywords.ts'
import type { MailboxWork } from './mailbox-work.ts'
import type { Sights } from './sights.ts'

/**
 * Brings the ledger up to date with the source mailbox: new rows, flags, what has vanished, and the cursor. A stale
 * cursor begins a new epoch and lists again from nothing. `onRows` is called when there may be more to move. Where the
 * source has labels, `sights` says what is this mailbox's own, and keeps the cursor until all were listed. Other filters than
 * at the last listing, or another mapping of labels, list again from nothing too: what they left out then stands in no ledger. Twice is safe.
 */
export async function listMailbox(
  context: EngineContext,
  session: SourceSession,
  work: MailboxWork,
  options: {
    readonly maxMessageBytes: number | null
    readonly sights: Sights | null
    readonly onRows: () => void
  },
  signal: AbortSignal,
): Promise<void> {
  const { ledger, filters } = context
  const { maxMessageBytes, sights, onRows } = options
  const mailboxId = work.record.id
  const terms: Terms = { filters, labels: sights?.mode ?? null }
  const asKeywords = sights?.mode === 'keywords'
  await seeToRows()
  let cursor = cursorUnder(terms, ledger.mailbox(mailboxId).cursor)
  for (let round = 0; round < 2; round++) {
    let end = await listOnce(cursor)
    if (end === 'let-in') end = await listOnce(null)
    if (end === 'whole') return
    ledger.beginEpoch(mailboxId)
    work.epochsOpen = true
    await seeToRows()
    cursor = null
  }
  throw new SealpostError('transient', 'the source changed the identity of a mailbox twice while it was listed')

  /** In parts, with time between for what else goes on. */
  async function seeToRows(): Promise<void> {
    while (!ledger.continueEpoch(mailboxId)) await context.clock.sleep(0, signal)
  }

  /** `let-in`: flags have changed so that the filters let in what no row was made of; it is to be listed from nothing. */
  async function listOnce(since: string | null): Promise<'whole' | 'stale' | 'let-in'> {
    const listing = ledger.beginListing(mailboxId)
    let discovered = 0
    let letIn = 0
    for await (const page of session.listMessages(work.source, since, signal)) {
      throwIfAborted(signal)
      if (page.kind === 'stale') return 'stale'
      if (page.kind === 'messages') {
        const messages = asKeywords ? page.messages.map(withLabelKeywords) : page.messages
        const rows: NewRow[] = []
        const leftOut: Listed[] = []
        for (const message of messages) {
          if (passes(message, filters)) rows.push(asRow(message, maxMessageBytes))
          else leftOut.push(message)
        }
        if (leftOut.length > 0) ledger.leaveOut(mailboxId, listing, leftOut)
        discovered += ledger.addListed(mailboxId, listing, sights?.own(work.source, mailboxId, rows) ?? rows)
        onRows()
      } else if (page.kind === 'flags') {
        const states = asKeywords ? page.states.map(withLabelKeywords) : page.states
        if (filters.skipDeleted) {
          ledger.setSourceFlags(mailboxId, states.filter(isDeleted))
          letIn += ledger.setSourceFlags(
            mailboxId,
            states.filter((state) => !isDeleted(state)),
          )
        } else ledger.setSourceFlags(mailboxId, states)
      } else if (page.kind === 'present') ledger.markPresent(mailboxId, listing, page.keys)
      else if (page.kind === 'expunged') ledger.markGone(mailboxId, page.keys)
      else {
        if (letIn > 0 && since !== null) return 'let-in'
        const { complete } = page
        const cursor = boundTo(terms, page.cursor)
        if (sights === null) ledger.endListing(mailboxId, listing, cursor, complete)
        else sights.end(mailboxId, { listing, cursor, complete })
        context.events({ event: 'mailbox-listed', pair: work.record.pairId, mailbox: mailboxId, discovered })
        return 'whole'
      }
    }
    throw new SealpostError('transient', 'a listing ended without its end')
  }
}

/** True when the project's filters let the message in. */
export function passes(message: Listed, filters: Filters): boolean {
  // What has no date is in no span of time, and is mail.
  const isDated = message.internalDate !== 0
  if (isDated && filters.after !== null && message.internalDate < filters.after) return false
  if (isDated && filters.before !== null && message.internalDate >= filters.before) return false
  if (filters.maxBytes !== null && message.bytes > filters.maxBytes) return false
  return !(filters.skipDeleted && isDeleted(message))
}

function isDeleted({ flags }: Pick<Listed, 'flags'>): boolean {
  return flags.includes('\\Deleted')
}

function asRow(listed: Listed, maxMessageBytes: number | null): NewRow {
  if (maxMessageBytes === null || listed.bytes <= maxMessageBytes) return { listed, skip: null }
  return { listed, skip: tooLarge(listed.bytes, maxMessageBytes) }
}

/** The reason for which a message above the destination's limit is skipped. */
export function tooLarge(
  bytes: number,
  maxMessageBytes: number,
): { code: string; text: string; serverText: null } {
  const text = `${bytes} bytes; the destination takes at most ${maxMessageBytes}`
  return { code: 'too-large', text, serverText: null }
}
