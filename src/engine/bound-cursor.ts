import type { Cursor } from '../core/connector.ts'
import type { Filters } from './settings.ts'
import type { LabelMapping } from './sights.ts'

/** What decides which of the listed messages become rows. */
export interface Terms {
  readonly filters: Filters
  /** What becomes of labels; null for a source without them. */
  readonly labels: LabelMapping | null
}

const UNDER = 'under:'

/** Stands for a cursor where there is to be none: whatever the terms, the mailbox is listed from nothing. */
export const NOWHERE: Cursor = `${UNDER}nowhere`

/** A cursor with the terms of the listing that it ends, in the ledger's one text. Without filters and labels it stands as it is. */
export function boundTo(terms: Terms, cursor: Cursor): Cursor {
  return `${markOf(terms)}${cursor}`
}

/**
 * The cursor that was bound, or null, which lists from nothing, where it was bound to other terms: it goes on behind messages of
 * which no row was made, and which these may let in.
 */
export function cursorUnder(terms: Terms, bound: Cursor | null): Cursor | null {
  const mark = markOf(terms)
  if (bound === null || !bound.startsWith(mark)) return null
  const cursor = bound.slice(mark.length)
  return cursor.startsWith(UNDER) ? null : cursor
}

function markOf({ filters: { after, before, maxBytes, skipDeleted }, labels }: Terms): string {
  const terms = [after, before, maxBytes, skipDeleted ? 'deleted' : null, labels]
  if (terms.every((term) => term === null)) return ''
  return `${UNDER}${terms.map((term) => term ?? '').join(':')}:`
}
