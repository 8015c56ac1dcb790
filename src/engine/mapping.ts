import type { Mailbox, MailboxNaming, SpecialUse } from '../core/mail.ts'
import { compileGlob, formatPath, isWithin, samePath } from '../core/mailbox-path.ts'
import { collisionKey, fitLevel, fitWhole } from './level-names.ts'
import type { LabelMapping } from './sights.ts'
import { specialUseOfName } from './special-names.ts'

/** What the project says about mailboxes. */
export interface MappingRules {
  /** The mailbox `from`, and what lies below it, goes to `to`. The longest `from` that fits rules. */
  readonly rules: readonly { readonly from: readonly string[]; readonly to: readonly string[] }[]
  /** Globs; when there are any, only what one of them matches is moved. */
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  /** Sent goes to Sent, whatever either side calls it. */
  readonly specialUse: boolean
  /** What becomes of a message with several labels, where the source has labels and the destination has not. */
  readonly labels: LabelMapping
}

/** Why a mailbox does not simply keep its path. */
export type MappingNote = 'rule' | 'special-use' | 'renamed' | 'collision' | 'parent' | 'earlier'

/** One source mailbox and where its mail goes. */
export interface MappedMailbox {
  readonly source: Mailbox
  readonly destinationPath: readonly string[]
  /** The use to ask for when the mailbox has to be created. */
  readonly specialUse: SpecialUse | null
  readonly exists: boolean
  readonly note: MappingNote | null
}

/** What the mapper knows of the two ends. */
export interface MappingFacts {
  readonly source: readonly Mailbox[]
  /** What becomes of labels, where the source shows one message in several mailboxes; else null. What is in its mailbox of all mail alone is archived mail. */
  readonly labels: LabelMapping | null
  readonly destination: readonly Mailbox[]
  readonly naming: MailboxNaming
  /** Decisions of earlier runs, which stand. */
  readonly earlier: readonly {
    readonly sourcePath: readonly string[]
    readonly destinationPath: readonly string[]
  }[]
}

/** The whole mapping of one account. */
export interface Mapping {
  readonly mapped: readonly MappedMailbox[]
  /** Paths that the globs leave out. */
  readonly excluded: readonly (readonly string[])[]
}

const ROLES: readonly SpecialUse[] = ['sent', 'drafts', 'trash', 'junk', 'archive']

/**
 * Decides where each selectable mailbox of the source goes: earlier decisions first, then explicit rules, the inbox,
 * special use (by attribute, then by localized name), the parent's place, and its own path, fitted to what the other
 * end can name. Injective but for what explicit rules join: two mailboxes never meet by accident.
 *
 * Mailboxes that show mail which lies in others (RFC 6154 `\All`, `\Flagged`, `\Important`) are left out unless a
 * rule names them; but a source with labels has mail that is in the one of all mail alone: it goes to the archive.
 */
export function mapMailboxes(facts: MappingFacts, rules: MappingRules): Mapping {
  const isWanted = compileFilter(rules)
  const isIncluded = (mailbox: Mailbox): boolean =>
    isWanted(mailbox.path) && (!isVirtual(mailbox, facts.labels !== null) || ruleFor(mailbox.path) !== undefined)
  const sources = facts.source.filter((mailbox) => mailbox.selectable).sort(byDepth)
  const wantedSources = sources.filter(isIncluded)
  // Everything under a label is under all mail, too: as keywords they need no mailboxes.
  const isAllThere = wantedSources.some((mailbox) => mailbox.specialUse === 'all')
  const included =
    facts.labels === 'keywords' && isAllThere
      ? wantedSources.filter((mailbox) => mailbox.specialUse !== null || isInbox(mailbox))
      : wantedSources
  const roles = rules.specialUse ? assignRoles(included) : new Map<Mailbox, SpecialUse>()
  const places = rules.specialUse ? rolePlaces(facts.destination) : new Map<SpecialUse, readonly string[]>()
  const taken = new Map<string, readonly string[]>()
  const decided: MappedMailbox[] = []

  const order = [...included].sort((a, b) => rank(a) - rank(b) || byDepth(a, b))
  for (const mailbox of order) {
    const role = roleOf(mailbox)
    const wanted = wish(mailbox)
    const settled = wanted.joins ? wanted.path : avoidCollision(wanted.path, mailbox.path)
    const path = existingSpelling(settled)
    taken.set(collisionKey(path, facts.naming), mailbox.path)
    const note = samePath(settled, wanted.path) ? wanted.note : 'collision'
    decided.push({
      source: mailbox,
      destinationPath: path,
      specialUse: role,
      exists: existing(path) !== undefined,
      note: note ?? (samePath(path, mailbox.path) ? null : 'renamed'),
    })
  }
  decided.sort((a, b) => byDepth(a.source, b.source))
  const excluded = sources.filter((mailbox) => !included.includes(mailbox)).map((mailbox) => mailbox.path)
  return { mapped: decided, excluded }

  /** What is fixed comes before what can still give way. */
  function rank(mailbox: Mailbox): number {
    if (earlierPath(mailbox) !== undefined) return 0
    if (ruleFor(mailbox.path) !== undefined) return 1
    if (isInbox(mailbox)) return 2
    return roles.has(mailbox) ? 3 : 4
  }

  function roleOf(mailbox: Mailbox): SpecialUse | null {
    return isInbox(mailbox) ? 'inbox' : (roles.get(mailbox) ?? null)
  }

  function wish(mailbox: Mailbox): { path: readonly string[]; note: MappingNote | null; joins: boolean } {
    const earlier = earlierPath(mailbox)
    if (earlier !== undefined) return { path: earlier, note: noteOfEarlier(mailbox, earlier), joins: true }
    const rule = ruleFor(mailbox.path)
    if (rule !== undefined) {
      const below = mailbox.path.slice(rule.from.length)
      return { path: fit([...rule.to, ...below]), note: 'rule', joins: true }
    }
    if (isInbox(mailbox)) return { path: ['INBOX'], note: null, joins: false }
    const place = places.get(roles.get(mailbox) ?? 'inbox')
    if (place !== undefined) {
      return { path: place, note: samePath(place, mailbox.path) ? null : 'special-use', joins: false }
    }
    if (mailbox.specialUse === 'all') return { path: ['Archive'], note: 'special-use', joins: false }
    const parent = nearestMapped(mailbox.path)
    if (parent !== undefined) {
      const path = fit([...parent.destinationPath, ...mailbox.path.slice(parent.source.path.length)])
      return { path, note: samePath(fit(mailbox.path), path) ? null : 'parent', joins: false }
    }
    return { path: fit(mailbox.path), note: null, joins: false }
  }

  function earlierPath(mailbox: Mailbox): readonly string[] | undefined {
    return facts.earlier.find((entry) => samePath(entry.sourcePath, mailbox.path))?.destinationPath
  }

  function noteOfEarlier(mailbox: Mailbox, path: readonly string[]): MappingNote | null {
    return samePath(path, mailbox.path) ? null : 'earlier'
  }

  function ruleFor(path: readonly string[]): MappingRules['rules'][number] | undefined {
    return rules.rules.filter((rule) => isWithin(path, rule.from)).sort((a, b) => b.from.length - a.from.length)[0]
  }

  /** The nearest ancestor that has been given a place; the inbox gives none, its children are mailboxes like others. */
  function nearestMapped(path: readonly string[]): MappedMailbox | undefined {
    return decided
      .filter(
        (entry) =>
          !isInbox(entry.source) && entry.source.path.length < path.length && isWithin(path, entry.source.path),
      )
      .sort((a, b) => b.source.path.length - a.source.path.length)[0]
  }

  function fit(path: readonly string[]): readonly string[] {
    const levels = path.map((level) => fitLevel(level, facts.naming))
    const atInbox = levels[0]?.toLowerCase() === 'inbox'
    if (levels.length > 1 && atInbox && facts.naming.belowInbox)
      return fitWhole(besideReserved(levels.slice(1)), facts.naming)
    if (facts.naming.delimiter === null && levels.length > 1) return [fitLevel(levels.join(' - '), facts.naming)]
    return fitWhole(besideChildless(besideReserved(levels)), facts.naming)
  }

  /** What would lie below a mailbox that can have nothing below it lies beside it; what would lie below such an inbox, beside others. */
  function besideChildless(levels: readonly string[]): readonly string[] {
    const depth = levels.findIndex(
      (_, index) => index < levels.length - 1 && existing(levels.slice(0, index + 1))?.childless === true,
    )
    if (depth === -1) return levels
    const [above = '', below = '', ...rest] = levels.slice(depth)
    const beside = depth === 0 && above.toLowerCase() === 'inbox' ? below : `${above} - ${below}`
    return besideChildless([...levels.slice(0, depth), fitLevel(beside, facts.naming), ...rest])
  }

  /** The end's own mailboxes can be used, but nothing can be made under their names. */
  function besideReserved(levels: readonly string[]): readonly string[] {
    const [first = '', ...below] = levels
    const isReserved = facts.naming.reserved?.includes(first.toLowerCase()) === true
    return isReserved && existing(levels) === undefined ? [`${first}_`, ...below] : levels
  }

  function existing(path: readonly string[]): Mailbox | undefined {
    const key = collisionKey(path, facts.naming)
    return facts.destination.find((mailbox) => collisionKey(mailbox.path, facts.naming) === key)
  }

  function existingSpelling(path: readonly string[]): readonly string[] {
    return existing(path)?.path ?? path
  }

  function avoidCollision(path: readonly string[], source: readonly string[]): readonly string[] {
    let candidate = path
    for (let n = 2; isTaken(candidate, source); n++) {
      const last = path[path.length - 1] ?? ''
      candidate = fit([...path.slice(0, -1), `${last} (${n})`])
    }
    return candidate
  }

  function isTaken(path: readonly string[], source: readonly string[]): boolean {
    const holder = taken.get(collisionKey(path, facts.naming))
    if (holder !== undefined) return !samePath(holder, source)
    // An inbox that is excluded or does not exist still owns its name.
    return path.length === 1 && path[0]?.toLowerCase() === 'inbox' && !samePath(source, ['INBOX'])
  }
}

/** True for paths that the project's globs let in. */
function compileFilter(rules: MappingRules): (path: readonly string[]) => boolean {
  const include = rules.include.map(compileGlob)
  const exclude = rules.exclude.map(compileGlob)
  return (path) =>
    (include.length === 0 || include.some((matches) => matches(path))) && !exclude.some((matches) => matches(path))
}

/** At most one mailbox a role: the one with the attribute, else the first whose name says so. */
function assignRoles(mailboxes: readonly Mailbox[]): Map<Mailbox, SpecialUse> {
  const roles = new Map<Mailbox, SpecialUse>()
  for (const role of ROLES) {
    const holder =
      mailboxes.find((m) => m.specialUse === role) ??
      mailboxes.find((m) => suggestedRole(m) === role) ??
      mailboxes.find((m) => role === 'archive' && m.specialUse === 'all')
    if (holder !== undefined && !roles.has(holder)) roles.set(holder, role)
  }
  return roles
}

/** Where the destination keeps each role. */
function rolePlaces(mailboxes: readonly Mailbox[]): Map<SpecialUse, readonly string[]> {
  const selectable = mailboxes.filter((mailbox) => mailbox.selectable).sort(byDepth)
  return new Map([...assignRoles(selectable)].map(([mailbox, role]) => [role, mailbox.path]))
}

function suggestedRole(mailbox: Mailbox): SpecialUse | null {
  if (mailbox.specialUse !== null) return null
  const isTop = mailbox.path.length === 1 || (mailbox.path.length === 2 && mailbox.path[0] === 'INBOX')
  return isTop ? specialUseOfName(mailbox.path[mailbox.path.length - 1] ?? '') : null
}

/** True for a mailbox that only shows what lies in others. */
function isVirtual({ specialUse }: Mailbox, labels: boolean): boolean {
  return specialUse === 'flagged' || specialUse === 'important' || (specialUse === 'all' && !labels)
}

function isInbox(mailbox: Mailbox): boolean {
  return mailbox.path.length === 1 && mailbox.path[0] === 'INBOX'
}

function byDepth(a: Mailbox, b: Mailbox): number {
  return a.path.length - b.path.length || (formatPath(a.path) < formatPath(b.path) ? -1 : 1)
}
