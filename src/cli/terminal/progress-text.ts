import { formatCount } from '../../core/counted.ts'
import { printable } from '../../core/errors.ts'
import { formatDuration, formatSize } from '../config/units.ts'
import type { AccountProgress, ProgressState } from './progress-state.ts'

const NAME_COLUMNS = 34

/** The block for a terminal: a line an account that is at work or has failed, and the total; none longer than `columns`. */
export function progressBlock(state: ProgressState, columns: number, lines: number): readonly string[] {
  const shown = state.accounts.filter((account) => account.phase === 'working' || account.phase === 'failed')
  const fitting = shown.slice(0, Math.max(0, lines - 2))
  const hidden = shown.length - fitting.length
  return [
    ...fitting.map((account) => accountLine(account)),
    ...(hidden > 0 ? [`… and ${hidden} more`] : []),
    totalLine(state),
  ].map((line) => cut(line, columns - 1))
}

/** One line about everything; why the first of the waiting accounts waits. */
export function totalLine(state: ProgressState): string {
  const { accounts, total, rate, timeLeft } = state
  const done = accounts.filter((account) => account.phase === 'done').length
  const failed = accounts.filter((account) => account.phase === 'failed').length
  const waiting = accounts.filter((account) => account.phase === 'working' && account.note !== null)
  const parts = [
    `accounts ${done}/${accounts.length}`,
    failed === 0 ? null : `${failed} failed`,
    waiting.length === 0 ? null : `${waiting.length} waiting (${waiting[0]?.note ?? ''})`,
    `messages ${share(total.doneMessages, total.messages)}`,
    formatSize(total.doneBytes),
    rate.messages > 0 ? `${formatCount(Math.round(rate.messages))}/s` : null,
    rate.bytes > 0 ? `${formatSize(rate.bytes)}/s` : null,
    total.quarantined === 0 ? null : `${formatCount(total.quarantined)} quarantined`,
    timeLeft === null || done + failed === accounts.length ? null : `${formatDuration(timeLeft)} left`,
  ]
  return parts.filter((part) => part !== null).join('  ')
}

/** One account: how far it is, and why it stands still if it does. */
export function accountLine(account: AccountProgress): string {
  const name = cut(printable(account.name, 200), NAME_COLUMNS).padEnd(NAME_COLUMNS)
  if (account.phase === 'failed') return `${name} failed: ${account.note ?? 'no reason given'}`
  const parts = [
    share(account.doneMessages, account.messages),
    formatSize(account.doneBytes),
    account.quarantined === 0 ? null : `${formatCount(account.quarantined)} quarantined`,
    account.note === null ? null : `waiting: ${account.note}`,
  ]
  return `${name} ${parts.filter((part) => part !== null).join('  ')}`
}

/** A text of at most so many characters, its end cut off where it is longer. */
export function cut(text: string, columns: number): string {
  const characters = Array.from(text)
  return characters.length <= columns ? text : `${characters.slice(0, Math.max(0, columns - 1)).join('')}…`
}

/** So many of all, and how much that is in a hundred. */
export function share(done: number, all: number): string {
  const percent = all === 0 ? '' : ` ${Math.floor((Math.min(done, all) / all) * 100)}%`
  return `${formatCount(done)}/${formatCount(all)}${percent}`
}
