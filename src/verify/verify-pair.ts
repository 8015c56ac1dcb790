import { setMaxListeners } from 'node:events'
import type { SourceSession } from '../core/connector.ts'
import { toSealpostError } from '../core/errors.ts'
import type { Pair } from '../core/ledger.ts'
import type { LoginGate } from '../core/login-gate.ts'
import { retry, tellWaitsOf } from '../core/retry.ts'
import { untilOpen, whenOpen } from '../core/work-hours.ts'
import { listMailboxes, MailboxCheck, type CheckPage, type VerifyLevel } from './mailbox-check.ts'
import type { VerifyWork } from './verify-project.ts'

/** One mailbox of the account, and how far it is. */
interface Work {
  readonly check: MailboxCheck
  phase: 'new' | 'listing' | 'reading' | 'through'
  /** Pages that are being checked. */
  active: number
}

/** What a lane does next. */
type Part =
  | { readonly kind: 'list'; readonly work: Work }
  | { readonly kind: 'page'; readonly work: Work; readonly page: CheckPage }
  | { readonly kind: 'end'; readonly work: Work }

/**
 * Verifies one account over as many sessions as it stands, which share its mailboxes page by page, and returns how many messages
 * were looked at. Throws what stops the account; pages that were checked stay written down.
 */
export async function verifyPair(
  context: VerifyWork,
  gate: LoginGate,
  pair: Pair,
  level: VerifyLevel,
  signal: AbortSignal,
): Promise<number> {
  const onWait = tellWaitsOf(pair.id, context.events)
  // One lane that fails ends the others.
  const failed = new AbortController()
  const stop = AbortSignal.any([signal, failed.signal])
  setMaxListeners(0, stop)
  const works = context.ledger
    .mailboxes(pair.id)
    .map((record): Work => ({ check: new MailboxCheck(context, record, level), phase: 'new', active: 0 }))
  let waiting: (() => void)[] = []
  await hoursBegin(null)
  const first = await open()
  const known = await again(() => listMailboxes(first, stop)).catch(async (error: unknown) => {
    await first.close()
    throw error
  })
  const lanes = Math.max(1, Math.min(context.lanes, first.capabilities.sessions))
  await Promise.all(Array.from({ length: lanes }, (_, index) => runLane(index)))
  if (failed.signal.aborted) throw toSealpostError(failed.signal.reason, `verifying ${pair.destination}`)
  return works.reduce((sum, { check }) => sum + check.delivered, 0)

  /** Never rejects: the first failure is the reason with which the others are stopped. */
  async function runLane(index: number): Promise<void> {
    let session: SourceSession | null = index === 0 ? first : null
    let last: Work | null = null
    try {
      while (!stop.aborted) {
        await hoursBegin(session)
        const part = nextPart(last)
        if (part === null) {
          if (!works.some(({ phase }) => phase === 'listing')) break
          await new Promise<void>((resolve) => waiting.push(resolve))
          continue
        }
        last = part.work
        if (part.kind === 'end' && part.work.check.hasUnread) {
          await session?.close()
          session = null
        }
        await again(async () => {
          if (session?.alive !== true) {
            await session?.close()
            session = await open()
          }
          await perform(part, session)
        })
        settle(part)
      }
    } catch (error) {
      failed.abort(error)
    } finally {
      notify()
      await session?.close()
    }
  }

  /** Something to do now, or null: a lane stays with its mailbox, takes a new one otherwise, and helps with another's last. */
  function nextPart(last: Work | null): Part | null {
    const begun = last === null ? null : partOf(last)
    if (begun !== null) return begun
    const fresh = works.find(({ phase }) => phase === 'new')
    if (fresh !== undefined) {
      fresh.phase = 'listing'
      return { kind: 'list', work: fresh }
    }
    for (const work of works.toSorted((a, b) => a.active - b.active)) {
      const part = partOf(work)
      if (part !== null) return part
    }
    return null
  }

  function partOf(work: Work): Part | null {
    if (work.phase !== 'reading') return null
    const page = work.check.nextPage()
    if (page !== null) {
      work.active++
      return { kind: 'page', work, page }
    }
    if (work.active > 0) return null
    work.phase = 'through'
    return { kind: 'end', work }
  }

  async function perform(part: Part, session: SourceSession): Promise<void> {
    if (part.kind === 'list') await part.work.check.list(session, known, stop)
    else if (part.kind === 'page') await part.work.check.checkPage(session, part.page, stop)
    else await part.work.check.end(session, stop)
  }

  function settle({ kind, work }: Part): void {
    if (kind === 'page') work.active--
    if (kind !== 'list') return
    work.phase = 'reading'
    notify()
  }

  function notify(): void {
    const woken = waiting
    waiting = []
    for (const wake of woken) wake()
  }

  /** Nothing is begun outside of the hours. A session would not last until they come again: it is made anew then. */
  async function hoursBegin(session: SourceSession | null): Promise<void> {
    const { hours, clock } = context
    if (hours !== null && untilOpen(hours, clock.now()) > 0) await session?.close()
    await whenOpen(hours, clock, (milliseconds) => onWait('hours', milliseconds), stop)
  }

  function open(): Promise<SourceSession> {
    const account = pair.destination
    const credential = context.destination.credentialOf?.(account) ?? account
    const login = (): Promise<SourceSession> =>
      gate.enter(credential, account, () => context.destination.openSource(account, stop))
    return gate.contact.destination.open(context.clock, onWait, login, stop)
  }

  function again<T>(operation: () => Promise<T>): Promise<T> {
    return retry(context.clock, onWait, operation, stop)
  }
}
