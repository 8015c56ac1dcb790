import { createHash } from 'node:crypto'
import { normalizeFlags } from '../core/mail.ts'

/** As every server takes it: Dovecot stops at 50 characters, and a keyword is an atom (RFC 9051 section 9). */
const MAX_CHARACTERS = 50
const MARK_CHARACTERS = 7

/**
 * The keyword that stands for a label: its name where that is one. Levels are parted by dots; names that lose something on the
 * way, or are too long, end in a mark of their own, so that two labels are two keywords. Deterministic.
 */
export function labelKeyword(label: string): string {
  const plain = label
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replaceAll('/', '.')
    .replace(/[^A-Za-z0-9_.+-]/g, '_')
  // A mark ends in six digits of sixteen: a name that looks like one is given one, too.
  if (plain === label && label.length <= MAX_CHARACTERS && !/^$|-[0-9a-f]{6}$/.test(label)) return label
  const mark = createHash('sha256')
    .update(label)
    .digest('hex')
    .slice(0, MARK_CHARACTERS - 1)
  return `${plain.slice(0, MAX_CHARACTERS - MARK_CHARACTERS)}-${mark}`
}

/** The message with its labels as keywords among its flags; one without labels as it is. */
export function withLabelKeywords<
  T extends { readonly flags: readonly string[]; readonly labels?: readonly string[] },
>(message: T): T {
  const { flags, labels = [] } = message
  return labels.length === 0
    ? message
    : { ...message, flags: normalizeFlags([...flags, ...labels.map(labelKeyword)]) }
}
