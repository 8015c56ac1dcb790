import { normalizeFlags, SYSTEM_FLAGS } from '../../src/core/mail.ts'

const FORWARDED = '$Forwarded'
/** RFC 9051 section 9, flag-keyword: an atom. `]` is left out with it, since servers refuse it. */
const KEYWORD = /^[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]+$/
/** Dovecot's default limit; a longer one would have the whole message refused. */
const MAX_KEYWORD_BYTES = 50

/**
 * Flags that any server takes: the five system flags and keywords that are atoms. `\Forwarded`, which some servers
 * show, becomes the keyword of that meaning (RFC 9051 section 2.3.2); other flags with a backslash cannot be set.
 */
export function sendableFlags(flags: Iterable<string>): readonly string[] {
  const known = normalizeFlags(flags).map((flag) => (flag.toLowerCase() === '\\forwarded' ? FORWARDED : flag))
  return normalizeFlags(known.filter((flag) => isSystemFlag(flag) || isKeyword(flag)))
}

/** True for one of the five that a client may set. */
export function isSystemFlag(flag: string): boolean {
  return SYSTEM_FLAGS.includes(flag)
}

function isKeyword(flag: string): boolean {
  return KEYWORD.test(flag) && flag.length <= MAX_KEYWORD_BYTES
}
