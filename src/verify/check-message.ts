import type { Digests } from '../core/digest.ts'
import type { Finding, FindingClass, MessageRecord } from '../core/ledger.ts'
import type { Capabilities } from '../core/connector.ts'
import { formatInstant } from '../core/clock.ts'
import { counted } from '../core/counted.ts'
import { changedParts } from '../core/fingerprint.ts'
import { hex } from '../core/match-digests.ts'
import type { Fidelity } from '../core/states.ts'
import type { Present } from './present-messages.ts'

/** What one comparison found; the rest of a finding is the message's place. */
export type Deviation = Pick<Finding, 'class' | 'check' | 'expected' | 'actual' | 'rule'>

/** What earlier findings say of flags, each as `flagOf` a row names it. */
export interface KnownFlags {
  /** The destination refused to store them. */
  readonly refused: ReadonlySet<string>
  /** Not set when last looked at, and open: they have never been seen there. */
  readonly open: ReadonlySet<string>
}

/** One flag of one row: `row id` + NUL + folded flag. */
export function flagOf(rowId: number, flag: string): string {
  return `${rowId}\u0000${flag.toLowerCase()}`
}

/** Compares date and flags of a delivered message with what the destination lists. */
export function checkListed(
  row: MessageRecord,
  listed: Present,
  capabilities: Capabilities,
  known: KnownFlags,
  now: number,
): Deviation[] {
  return [...checkDate(row, listed, capabilities, now), ...checkFlags(row, listed, capabilities, known)]
}

/** What a message read again turned out to be, and how it differs where it does. */
export interface ContentCheck {
  readonly fidelity: Exclude<Fidelity, 'missing'>
  readonly deviations: readonly Deviation[]
}

/** Compares a message read again with what was fetched from the source: by its bytes, then by what it says. */
export function checkContent(
  original: Digests,
  actual: Digests,
  capabilities: Pick<Capabilities, 'keepsBytes'>,
): ContentCheck {
  const { digest, matchDigest, nul } = original
  if (hex(digest) === hex(actual.digest)) return { fidelity: 'identical', deviations: [] }
  const differs = (kind: FindingClass, rule: string | null): Deviation =>
    deviation(kind, 'digest', `sha256 ${hex(digest)}`, `sha256 ${hex(actual.digest)}`, rule)
  if (hex(matchDigest) === hex(actual.matchDigest)) {
    return { fidelity: 'equivalent', deviations: [differs('explained', nul ? 'nul-as-0x80' : 'line-ends')] }
  }
  if (original.fingerprint === null || actual.fingerprint === null) {
    return { fidelity: 'altered', deviations: [differs('open', null)] }
  }
  const changed = changedParts(original.fingerprint, actual.fingerprint)
  if (changed.length === 0) {
    // An end that renders every message anew would have a finding for each: the fidelity says it.
    const isFinding = capabilities.keepsBytes
    return { fidelity: 'equivalent', deviations: isFinding ? [differs('explained', 'merged')] : [] }
  }
  const expected = 'the content that was fetched'
  const altered = deviation('open', 'content', expected, `other ${changed.join(', ')}`, null)
  return { fidelity: 'altered', deviations: [altered] }
}

function checkDate(row: MessageRecord, listed: Present, capabilities: Capabilities, now: number): Deviation[] {
  const expected = Math.floor(row.internalDate / 1000)
  if (expected === Math.floor(listed.internalDate / 1000)) return []
  const rule = dateRule(row, capabilities, now)
  const show = (ms: number): string => formatInstant(ms)
  return [
    deviation(
      rule === null ? 'open' : 'explained',
      'internal-date',
      show(row.internalDate),
      show(listed.internalDate),
      rule,
    ),
  ]
}

/** Servers keep what fits 32 bits from 1970, zero meaning none, and does not lie ahead; an adopted message keeps the date it had. */
function dateRule(row: MessageRecord, capabilities: Capabilities, now: number): string | null {
  if (row.internalDate <= 0 || row.internalDate > now) return 'date-out-of-range'
  if (row.state === 'existing') return 'adopted'
  return capabilities.keepsInternalDate ? null : 'date-not-kept'
}

/**
 * The flags of a delivered message that nobody asked the destination for. They are the user's, who has read mail there already,
 * or the server's, which marks as read what was unread: nobody can tell one from the other but by how many there are.
 */
export function addedFlags(row: MessageRecord, listed: Present): readonly string[] {
  if (listed.flags.length === 0) return []
  const asked = new Set([...row.flags, ...row.appliedFlags].map((flag) => flag.toLowerCase()))
  return listed.flags.filter((flag) => !asked.has(flag.toLowerCase()))
}

/** What was added of `flag` in a mailbox. */
export function flagsAdded(flag: string, messages: number): Deviation {
  return deviation('explained', 'flags', 'not set', `${flag} on ${counted(messages, 'message')}`, 'added-there')
}

/** Only what is missing counts for the message: what is added is counted for its mailbox. */
function checkFlags(
  row: MessageRecord,
  listed: Present,
  capabilities: Capabilities,
  known: KnownFlags,
): Deviation[] {
  const present = new Set(listed.flags.map((flag) => flag.toLowerCase()))
  const missing = row.appliedFlags.filter((flag) => !present.has(flag.toLowerCase()))
  return missing.map((flag) => {
    const isRefused = known.refused.has(flagOf(row.id, flag))
    const isDenied = capabilities.keywords !== 'any' && !flag.startsWith('\\')
    const rule = isRefused ? 'flag-refused' : isDenied ? 'keywords-not-kept' : null
    // Verified before and gone since: the user has taken it off. To look twice makes no other finding of it.
    const isNew = row.verifiedAt === null || known.open.has(flagOf(row.id, flag))
    const since: FindingClass = isNew ? 'open' : 'removed-after-check'
    return deviation(rule === null ? since : 'explained', 'flags', flag, 'not set', rule)
  })
}

function deviation(
  kind: FindingClass,
  check: string,
  expected: string,
  actual: string,
  rule: string | null,
): Deviation {
  return { class: kind, check, expected, actual, rule }
}
