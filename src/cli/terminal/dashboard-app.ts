import { Box, Text, useInput, type Key } from 'ink'
import { createElement as h, useState, type ReactElement } from 'react'
import { formatInstant } from '../../core/clock.ts'
import { counted, formatCount } from '../../core/counted.ts'
import { printable } from '../../core/errors.ts'
import { formatDuration, formatSize } from '../config/units.ts'
import {
  firstShown,
  inOrder,
  type DashboardControls,
  type DashboardView,
  type MailboxLine,
} from './dashboard-view.ts'
import type { Colour } from './output.ts'
import type { AccountProgress } from './progress-state.ts'
import { share, totalLine } from './progress-text.ts'

/** What a dashboard is drawn from. */
export interface DashboardProps {
  readonly view: DashboardView
  readonly lines: number
  /** Null: the run is only watched. */
  readonly controls: DashboardControls | null
  /** False where no key can be read. */
  readonly hasKeys: boolean
  readonly mailboxesOf: (pair: number) => readonly MailboxLine[]
  readonly quit: () => void
  readonly paint: (colour: Colour, text: string) => string
}

/** Lines that are neither an account nor a mailbox: three of totals, a heading, a blank one and the keys. */
const FRAME_LINES = 6
const NAME_COLUMNS = 30
const DAY_MS = 86_400_000
const PHASE_COLOURS = { running: 'green', paused: 'yellow', stopping: 'yellow', 'no run': 'dim' } as const

/** The dashboard: totals, a row an account or, once one is opened, a mailbox, and what the keys do. */
export function Dashboard(props: DashboardProps): ReactElement {
  const [chosen, choose] = useState<number | null>(null)
  const [opened, open] = useState<number | null>(null)
  const [scrolled, scroll] = useState(0)
  const { view, controls, hasKeys, lines } = props
  const accounts = inOrder(view.state.accounts)
  const at = Math.max(
    0,
    accounts.findIndex(({ pair }) => pair === chosen),
  )
  const shownLines = Math.max(1, lines - FRAME_LINES)
  const detail = opened === null ? null : props.mailboxesOf(opened)
  const farthest = Math.max(0, (detail?.length ?? 0) - shownLines)
  const move = (step: number): void => {
    if (detail !== null) scroll(Math.max(0, Math.min(farthest, scrolled + step)))
    else choose(accounts[Math.max(0, Math.min(accounts.length - 1, at + step))]?.pair ?? null)
  }
  const onKey = (input: string, key: Key): void => {
    // Over a slow line several keys come at once.
    if (input.length > 1) for (const one of input) onKey(one, { ...key, return: one === '\r' })
    // Ctrl-C is told as a letter when it comes alone, and as it is among others.
    else if (input === 'q' || input === '\u0003' || (key.ctrl && input === 'c')) props.quit()
    else if (key.upArrow || input === 'k') move(-1)
    else if (key.downArrow || input === 'j') move(1)
    else if (key.pageUp) move(-shownLines)
    else if (key.pageDown) move(shownLines)
    else if (key.escape || (key.return && opened !== null)) open(null)
    else if (key.return) {
      scroll(0)
      open(accounts[at]?.pair ?? null)
    } else if (input === 'p') controls?.togglePause()
    else if (input === '+' || input === '=') controls?.changeLanes(1)
    else if (input === '-') controls?.changeLanes(-1)
    else if (input === '[') controls?.changeRate(0.5)
    else if (input === ']') controls?.changeRate(2)
  }
  useInput(onKey, { isActive: hasKeys })
  const first = firstShown(at, accounts.length, shownLines)
  const rows =
    detail === null
      ? accounts
          .slice(first, first + shownLines)
          .map((account) => accountRow(account, account.pair === accounts[at]?.pair && hasKeys, props))
      : detail.slice(scrolled, scrolled + shownLines).map((mailbox) => mailboxRow(mailbox))
  const name = accounts.find(({ pair }) => pair === opened)?.name
  return h(
    Box,
    { flexDirection: 'column' },
    line(headLine(props)),
    line(`  ${totalLine(view.state)}`),
    line(`  ${limitsLine(view)}`),
    line(
      detail === null
        ? heading('account', first, rows.length, accounts.length)
        : heading(`mailboxes of ${printable(name ?? '', 60)}`, scrolled, rows.length, detail.length),
    ),
    ...rows,
    line(''),
    line(props.paint('dim', keyLine(props, detail !== null))),
  )
}

function line(text: string): ReactElement {
  return h(Text, { wrap: 'truncate' }, text === '' ? ' ' : text)
}

function headLine({ view, paint }: DashboardProps): string {
  return paint(PHASE_COLOURS[view.phase], view.phase.toUpperCase())
}

function limitsLine({ connections, lanes, bytesPerSecond }: DashboardView): string {
  const parts = [
    connections === null
      ? null
      : `connections ${connections.source} source, ${connections.destination} destination`,
    lanes === null ? null : `lanes ${lanes.allowed} of ${lanes.most}`,
    bytesPerSecond === null ? null : `rate limit ${formatSize(bytesPerSecond)}/s`,
  ]
  return parts.filter((part) => part !== null).join('  ')
}

function heading(what: string, first: number, shown: number, count: number): string {
  return `${what}  ${count === 0 ? 0 : first + 1}-${first + shown} of ${formatCount(count)}`
}

function accountRow(account: AccountProgress, isChosen: boolean, { view, paint }: DashboardProps): ReactElement {
  const { phase, note, pair } = account
  const isBegun = phase === 'working' || phase === 'done'
  const lanes = phase === 'working' ? lanesOf(account, view) : null
  // What a narrow terminal has no room for is the rest.
  const state =
    phase === 'failed'
      ? paint('red', `failed: ${printable(note ?? 'no reason given', 200)}`)
      : phase === 'working' && note !== null
        ? paint('yellow', `waits: ${printable(note, 120)}${waitText(view.waitsUntil.get(pair) ?? 0, view.now)}`)
        : phase
  const parts = [
    state,
    lanes,
    isBegun ? share(account.doneMessages, account.messages) : null,
    isBegun ? formatSize(account.doneBytes) : null,
    account.quarantined === 0 ? null : `${formatCount(account.quarantined)} quarantined`,
  ]
  return row(
    `${isChosen ? '>' : ' '} ${printable(account.name, 200)}`,
    parts.filter((part) => part !== null).join('  '),
  )
}

/** Of an account whose server does not stand all: how many lanes work, throttling and the keys both counted. */
function lanesOf({ lanes }: AccountProgress, view: DashboardView): string | null {
  if (lanes === null) return null
  return `lanes ${Math.min(lanes.allowed, view.lanes?.allowed ?? lanes.allowed)} of ${lanes.most}`
}

/** How long a wait still takes, and when it ends by the clock (UTC); nothing where that is not known. */
function waitText(until: number, now: number): string {
  const rest = until - now
  if (rest <= 0) return ''
  const instant = formatInstant(until)
  return `, ${formatDuration(rest)} until ${rest < DAY_MS ? instant.slice(instant.indexOf('T') + 1) : instant}`
}

function mailboxRow({ name, messages, doneMessages, exceptions }: MailboxLine): ReactElement {
  const odd = exceptions === 0 ? '' : `  ${counted(exceptions, 'exception')}`
  return row(`  ${printable(name, 200)}`, `${share(doneMessages, messages)}${odd}`)
}

/** A name in its column, and what is said of it. */
function row(name: string, text: string): ReactElement {
  return h(
    Box,
    {},
    h(Box, { width: NAME_COLUMNS, flexShrink: 0, marginRight: 1 }, h(Text, { wrap: 'truncate' }, name)),
    h(Box, { flexGrow: 1, flexShrink: 1 }, h(Text, { wrap: 'truncate' }, text)),
  )
}

function keyLine({ view, controls, hasKeys }: DashboardProps, isOpened: boolean): string {
  if (!hasKeys) return 'Ctrl-C quits'
  const parts = [
    controls === null ? null : view.phase === 'paused' ? 'p resume' : 'p pause',
    controls === null ? null : '+ - lanes',
    controls === null || view.bytesPerSecond === null ? null : '[ ] rate',
    isOpened ? 'up/down scroll' : 'up/down choose',
    isOpened ? 'esc back' : 'enter mailboxes',
    controls !== null && view.phase === 'stopping' ? 'q leave at once' : 'q quit',
  ]
  return parts.filter((part) => part !== null).join('   ')
}
