import { normalizeFlags } from '../../src/core/mail.ts'

/**
 * Labels that are no mailboxes but marks on a message, and the flags and keywords they stand for. `$Important` is of
 * RFC 8457; the categories have no registered names.
 */
const MARKS: readonly (readonly [label: string, flag: string])[] = [
  ['STARRED', '\\Flagged'],
  ['IMPORTANT', '$Important'],
  ['CATEGORY_PERSONAL', '$CategoryPersonal'],
  ['CATEGORY_SOCIAL', '$CategorySocial'],
  ['CATEGORY_PROMOTIONS', '$CategoryPromotions'],
  ['CATEGORY_UPDATES', '$CategoryUpdates'],
  ['CATEGORY_FORUMS', '$CategoryForums'],
]

const UNREAD = 'UNREAD'
const DRAFT = 'DRAFT'
/** Labels that say nothing of where a message lies. */
const NO_PLACES = new Set([UNREAD, 'CHAT', ...MARKS.map(([label]) => label)])
const LABEL_OF = new Map(MARKS.map(([label, flag]) => [flag.toLowerCase(), label]))

/** True for a label that is a mailbox of a message, and not a mark on it. */
export function isPlace(label: string): boolean {
  return !NO_PLACES.has(label)
}

/** The flags of a message with these labels. */
export function flagsOf(labels: readonly string[]): readonly string[] {
  const flags = MARKS.flatMap(([label, flag]) => (labels.includes(label) ? [flag] : []))
  if (!labels.includes(UNREAD)) flags.push('\\Seen')
  if (labels.includes(DRAFT)) flags.push('\\Draft')
  return normalizeFlags(flags)
}

/** The labels that a new message with these flags is given; flags that Gmail cannot keep are left out. */
export function labelsOf(flags: readonly string[]): readonly string[] {
  const folded = flags.map((flag) => flag.toLowerCase())
  const labels = folded.flatMap((flag) => LABEL_OF.get(flag) ?? [])
  if (!folded.includes('\\seen')) labels.push(UNREAD)
  if (folded.includes('\\draft')) labels.push(DRAFT)
  return [...new Set(labels)]
}

/** What a change of one flag does to the labels; null where Gmail cannot keep the flag or cannot change it. */
export function labelChange(
  flag: string,
  change: 'add' | 'remove',
): { readonly add: readonly string[]; readonly remove: readonly string[] } | null {
  const folded = flag.toLowerCase()
  if (folded === '\\seen') return change === 'add' ? { add: [], remove: [UNREAD] } : { add: [UNREAD], remove: [] }
  const label = LABEL_OF.get(folded)
  if (label === undefined) return null
  return change === 'add' ? { add: [label], remove: [] } : { add: [], remove: [label] }
}
