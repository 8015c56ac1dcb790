import type { Capabilities } from '../core/connector.ts'
import type { Ledger, NewRow } from '../core/ledger.ts'
import type { Listed, Mailbox, SpecialUse } from '../core/mail.ts'

/**
 * What becomes of a message that a source with labels shows in several mailboxes (docs/design.md section 5).
 * `single`: one copy, in the mailbox where a person would look. `copies`: one in each. `keywords`: one copy, in the mailbox
 * where it would be without its labels, which become keywords. In any case what is only in the mailbox of all mail is
 * moved from there.
 */
export type LabelMapping = 'single' | 'copies' | 'keywords'

/** Where the destination can show one message in several mailboxes too, it gets all of them. */
export function labelMapping(
  wanted: LabelMapping,
  { labels, merges }: Pick<Capabilities, 'labels' | 'merges'>,
): LabelMapping {
  return labels || merges === 'message-id' ? 'copies' : wanted
}

/** How a listing ended. */
export interface ListingEnd {
  readonly listing: number
  readonly cursor: string
  readonly complete: boolean
}

/** Names the mailboxes that have each message already, by what the source calls it wherever it shows it. */
export type OwnersOf = (identities: readonly string[]) => ReadonlyMap<string, number>

const RANKS: Readonly<Record<SpecialUse, number>> = {
  ...{ trash: 0, junk: 0, drafts: 0 },
  sent: 2,
  inbox: 3,
  archive: 4,
  ...{ all: 5, flagged: 5, important: 5 },
}

/**
 * Before which others a mailbox is looked at: what is in the trash, junk or drafts is nowhere else; then the user's labels,
 * the deepest first, sent mail, the inbox, the archive. As keywords the user's labels come last; as
 * copies sent mail comes before them. Negative: `a` comes first.
 */
export function bySight(mode: LabelMapping): (a: Mailbox, b: Mailbox) => number {
  const ranks = { ...RANKS, ...(mode === 'copies' ? { sent: 0 } : {}) }
  const ofLabel = mode === 'keywords' ? 6 : 1
  const rank = ({ specialUse }: Mailbox): number => (specialUse === null ? ofLabel : ranks[specialUse])
  return (a, b) => {
    const byName = a.path.join('\0') < b.path.join('\0') ? -1 : 1
    return rank(a) - rank(b) || b.path.length - a.path.length || byName
  }
}

/** True when the mailbox moves all that it shows, whoever else shows it too. */
function movesAll(mode: LabelMapping, mailbox: Mailbox): boolean {
  return mode === 'copies' && mailbox.specialUse !== 'all'
}

/** Who has what a mailbox shows already: what is another's is theirs to move, and no source here. */
export function ownersOfShown(
  mode: LabelMapping,
  mailbox: Mailbox,
  listed: readonly Listed[],
  ownersOf: OwnersOf,
): ReadonlyMap<string, number> {
  if (movesAll(mode, mailbox)) return new Map()
  return ownersOf(listed.flatMap(({ identity }) => (identity === undefined ? [] : [identity])))
}

/**
 * Sees to it that each message of a source with labels is moved from one mailbox. Mailboxes are listed in the order of
 * `bySight`, one after the other; a message stays with the mailbox that has it, whatever labels it is given later. Their
 * cursors are written down together at the end: a message that its mailbox has just lost then belongs to the first of
 * the others that show it, also when a run is killed in between.
 */
export class Sights {
  readonly #ledger: Pick<Ledger, 'ownersOf' | 'addListed' | 'endListing'>
  readonly #pairId: number
  readonly #mode: LabelMapping
  /** By mailbox, in the order in which they were listed. */
  readonly #ends = new Map<number, ListingEnd>()
  readonly #heldBack = new Map<number, NewRow[]>()
  readonly #heirs = new Map<string, number>()

  constructor(ledger: Pick<Ledger, 'ownersOf' | 'addListed' | 'endListing'>, pairId: number, mode: LabelMapping) {
    this.#ledger = ledger
    this.#pairId = pairId
    this.#mode = mode
  }

  /** What is to become of labels. */
  get mode(): LabelMapping {
    return this.#mode
  }

  /** Of what a mailbox shows, what it moves itself. */
  own(mailbox: Mailbox, mailboxId: number, rows: readonly NewRow[]): readonly NewRow[] {
    const listed = rows.map((row) => row.listed)
    const owners = ownersOfShown(this.#mode, mailbox, listed, (identities) =>
      this.#ledger.ownersOf(this.#pairId, identities),
    )
    const own: NewRow[] = []
    for (const row of rows) {
      const { identity } = row.listed
      const owner = identity === undefined ? undefined : owners.get(identity)
      const heir = (identity === undefined ? undefined : this.#heirs.get(identity)) ?? mailboxId
      if (owner === mailboxId || (owner === undefined && heir === mailboxId)) own.push(row)
      // An owner that has not been listed yet may have lost it since. The first to show it is its heir.
      else if (owner !== undefined && heir === mailboxId && !this.#ends.has(owner)) this.#holdBack(mailboxId, row)
    }
    return own
  }

  /** A mailbox was listed to its end. */
  end(mailboxId: number, end: ListingEnd): void {
    this.#ends.delete(mailboxId)
    this.#ends.set(mailboxId, end)
  }

  /** All were listed. The last first, so that whoever owned what was held back has been seen to. */
  settle(): void {
    for (const [mailboxId, { listing, cursor, complete }] of [...this.#ends].reverse()) {
      const rows = this.#heldBack.get(mailboxId) ?? []
      const identities = rows.flatMap(({ listed }) => (listed.identity === undefined ? [] : [listed.identity]))
      const owners = this.#ledger.ownersOf(this.#pairId, identities)
      const orphans = rows.filter(({ listed }) => !owners.has(listed.identity ?? ''))
      if (orphans.length > 0) this.#ledger.addListed(mailboxId, listing, orphans)
      this.#ledger.endListing(mailboxId, listing, cursor, complete)
    }
    this.#ends.clear()
    this.#heldBack.clear()
    this.#heirs.clear()
  }

  #holdBack(mailboxId: number, row: NewRow): void {
    this.#heirs.set(row.listed.identity ?? '', mailboxId)
    const rows = this.#heldBack.get(mailboxId)
    if (rows === undefined) this.#heldBack.set(mailboxId, [row])
    else rows.push(row)
  }
}
