import { counted } from '../core/counted.ts'
import { SealpostError } from '../core/errors.ts'
import type { Finding, Ledger, Pair } from '../core/ledger.ts'
import { exceptionsOf } from '../core/ledger-rows.ts'
import type { AcceptedItem, Acceptance, DeliveryFacts } from './state.ts'

/** Why a project cannot be signed off yet, and what to do about it. */
export interface Obstacle {
  /** A stable word. */
  readonly code: string
  /** One clause: what stands in the way. */
  readonly text: string
  /** One clause: what to do. */
  readonly hint: string
  readonly count: number
  /** The class by which the client's signatory can accept it; null: it cannot be accepted. */
  readonly acceptAs: string | null
}

/** What the gate says of the delivery. */
export interface DeliveryVerdict {
  readonly facts: DeliveryFacts
  readonly obstacles: readonly Obstacle[]
  readonly accepted: readonly AcceptedItem[]
}

/** An account of the project: a row of its list. */
export interface GateAccount {
  readonly source: string
  readonly destination: string
}

/** Something that needs a person's word, under every class by which it can be named. */
interface Item {
  readonly classes: readonly string[]
  readonly pair: GateAccount
  count: number
}

/**
 * Looks at everything in the ledger that keeps a project from being signed off: accounts that were never moved, or not since
 * the settings ask for something else (`scope`), messages pending or in doubt, landed rows that were never verified, open
 * findings and exceptions that nobody accepted. Throws `config` for an acceptance that fits nothing, since it was surely meant to.
 */
export function judgeDelivery(
  ledger: Ledger,
  accounts: readonly GateAccount[],
  scope: string | null,
  acceptances: readonly Acceptance[],
): DeliveryVerdict {
  const pairs = ledger.pairs()
  const totals = ledger.totals({})
  const findings = ledger.findings(null).filter((finding) => finding.class === 'open')
  const items = [
    ...unmovedItems(ledger, accounts, scope),
    ...exceptionItems(ledger, pairs),
    ...findingItems(findings, pairs),
  ]
  const { accepted, open } = accept(items, acceptances)
  const neverVerified = ledger.unverified(null)
  const notLookedAt = neverVerified - countFoundWanting(ledger, findings)
  const mailboxes = pairs.flatMap((pair) => ledger.mailboxes(pair.id))
  const unlisted = mailboxes.filter((mailbox) => mailbox.cursor === null).length
  const obstacles: Obstacle[] = []
  const struck = struckOff(ledger, accounts)
  const add = (code: string, count: number, text: string, command: string): void => {
    const hint = struck.length === 0 ? command : `${command}; first put back into the list: ${struck.join(', ')}`
    if (count > 0) obstacles.push({ code, count, text, hint, acceptAs: null })
  }
  add('pending', totals.discovered, `${counted(totals.discovered, 'message')} still to be moved`, 'sealpost run')
  add(
    'in-doubt',
    totals.appending,
    `${counted(totals.appending, 'message')} in doubt: sent, and no answer came`,
    'sealpost run',
  )
  add('not-listed', unlisted, `${counted(unlisted, 'mailbox', 'mailboxes')} not listed to the end`, 'sealpost run')
  add(
    'unverified',
    notLookedAt,
    `${counted(notLookedAt, 'message')} never verified after landing`,
    'sealpost verify --level full',
  )
  for (const item of open) obstacles.push(toObstacle(item))
  return {
    facts: {
      accounts: accounts.length,
      mailboxes: mailboxes.length,
      totals,
      neverVerified,
      openFindings: findings.length,
    },
    obstacles,
    accepted,
  }
}

/**
 * Messages that full verification looked at and never found as they were sent. They are not verified and never will be: their
 * open finding is what stands in the way, and what can be accepted.
 */
function countFoundWanting(ledger: Ledger, findings: readonly Finding[]): number {
  const ids = new Set<number>()
  for (const { check, messageId } of findings) {
    if (messageId === null) continue
    const { verifiedAt, fidelity } = ledger.message(messageId)
    // What cannot be read there has no fidelity; a finding of `content` comes from reading alone.
    const isLookedAt = fidelity === 'missing' || fidelity === 'altered' || check === 'content'
    if (verifiedAt === null && isLookedAt) ids.add(messageId)
  }
  return ids.size
}

/** Accounts with work left that the list no longer has: no command looks at them. */
function struckOff(ledger: Ledger, accounts: readonly GateAccount[]): readonly string[] {
  return ledger
    .pairs()
    .filter((pair) => !accounts.some((account) => isSame(account, pair)))
    .filter(({ id }) => {
      const { discovered, appending } = ledger.totals({ pairId: id })
      const isListed = ledger.mailboxes(id).every(({ cursor }) => cursor !== null)
      return discovered + appending + ledger.unverified(id) > 0 || !isListed
    })
    .map((pair) => `${pair.source},${pair.destination}`)
}

function isSame(a: GateAccount, b: GateAccount): boolean {
  return a.source === b.source && a.destination === b.destination
}

function unmovedItems(ledger: Ledger, accounts: readonly GateAccount[], scope: string | null): readonly Item[] {
  const pairs = ledger.pairs()
  return accounts.flatMap((account) => {
    const pair = pairs.find((known) => isSame(account, known))
    if (pair === undefined || ledger.mailboxes(pair.id).length === 0)
      return [{ classes: ['not-moved'], pair: account, count: 1 }]
    const worked = ledger.scope(pair.id)
    if (worked === null || scope === null || worked === scope) return []
    return [{ classes: ['settings-changed'], pair: account, count: 1 }]
  })
}

function exceptionItems(ledger: Ledger, pairs: readonly Pair[]): readonly Item[] {
  return pairs.flatMap((pair) => {
    const items = new Map<string, Item>()
    for (const message of exceptionsOf(ledger, pair.id)) {
      const classes = [message.state, ...(message.reason === null ? [] : [message.reason.code])]
      const key = classes.join(' ')
      const item = items.get(key) ?? { classes, pair, count: 0 }
      item.count++
      items.set(key, item)
    }
    return [...items.values()]
  })
}

function findingItems(findings: readonly Finding[], pairs: readonly Pair[]): readonly Item[] {
  const items = new Map<string, Item>()
  for (const { check, pairId } of findings) {
    const pair = pairs.find(({ id }) => id === pairId)
    if (pair === undefined) continue
    const key = `${pairId} ${check}`
    const item = items.get(key) ?? { classes: [check], pair, count: 0 }
    item.count++
    items.set(key, item)
  }
  return [...items.values()]
}

/** Each item goes to the first acceptance that names it; so every reason stands with what it was given for. */
function accept(
  items: readonly Item[],
  acceptances: readonly Acceptance[],
): { readonly accepted: readonly AcceptedItem[]; readonly open: readonly Item[] } {
  const open: Item[] = []
  const taken = new Map<Acceptance, Item[]>()
  for (const item of items) {
    const fitting = acceptances.find((acceptance) => fits(acceptance, item))
    if (fitting === undefined) open.push(item)
    else taken.set(fitting, [...(taken.get(fitting) ?? []), item])
  }
  for (const acceptance of acceptances) {
    // Named by an earlier, wider acceptance as well: fine. Named by nothing: surely a slip.
    if (!items.some((item) => fits(acceptance, item))) throw fitsNothing(acceptance, items)
  }
  const accepted = new Map<string, AcceptedItem>()
  for (const [{ class: name, reason }, covered] of taken) {
    for (const { pair, count } of covered) {
      const key = JSON.stringify([name, pair.source, reason])
      const sum = (accepted.get(key)?.count ?? 0) + count
      accepted.set(key, { class: name, mailbox: pair.source, count: sum, reason })
    }
  }
  return { accepted: [...accepted.values()], open }
}

function fits(acceptance: Acceptance, item: Item): boolean {
  if (!item.classes.includes(acceptance.class)) return false
  if (acceptance.mailbox === null) return true
  const named = acceptance.mailbox.toLowerCase()
  return [item.pair.source, item.pair.destination].some((account) => account.toLowerCase() === named)
}

function fitsNothing(acceptance: Acceptance, items: readonly Item[]): SealpostError {
  const classes = [...new Set(items.flatMap((item) => item.classes))].sort()
  const named = acceptance.mailbox === null ? acceptance.class : `${acceptance.class}:${acceptance.mailbox}`
  return new SealpostError('config', `--accept ${named}: nothing of this class stands open`, {
    hint: classes.length === 0 ? 'leave it out' : `there is: ${classes.join(', ')}`,
    code: 'NOTHING_TO_ACCEPT',
  })
}

function toObstacle(item: Item): Obstacle {
  const { classes, pair, count } = item
  const [name = ''] = classes
  const acceptAs = `${name}:${pair.source}`
  if (name === 'not-moved' || name === 'settings-changed') {
    const isMoved = name === 'settings-changed'
    return {
      code: name,
      count,
      text: `${pair.source}: ${isMoved ? 'not moved since filters or mapping ask for something else' : 'never moved'}`,
      hint: `sealpost run, or --accept ${acceptAs} --reason R`,
      acceptAs,
    }
  }
  const exception = name === 'quarantined' || name === 'skipped'
  const what = exception
    ? `${counted(count, 'message')} ${name}${classes[1] === undefined ? '' : ` (${classes[1]})`}`
    : `${counted(count, 'open finding')}: ${name}`
  return {
    code: exception ? 'exception' : 'finding',
    count,
    text: `${pair.source}: ${what}`,
    hint: `see sealpost exceptions; ${remedyOf(name)}--accept ${acceptAs} --reason R`,
    acceptAs,
  }
}

/** What may bring an item out of the world; there is none for what lies at the destination and is not as it was sent. */
function remedyOf(name: string): string {
  if (name === 'missing') return 'sealpost retry --missing, or '
  return ['quarantined', 'skipped', 'mailbox'].includes(name) ? 'sealpost retry, or ' : ''
}
