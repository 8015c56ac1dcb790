import { headerDate, instantOf, MONTH, TIME, ZONE } from '../../src/core/header-date.ts'

/** `Mon Jul 20 10:00:00 2020`, with a zone before or after the year where a writer gives one. */
const ASCTIME = new RegExp(`\\b${MONTH} +(\\d{1,2}) +${TIME}(?: +${ZONE})? +(\\d{4})(?: +${ZONE})?`, 'i')
/**
 * The instant that a From_ line names, in milliseconds since 1970; null when it names none. Without a zone it is UTC
 * (RFC 4155 appendix A). Never throws.
 */
export function envelopeDate(line: string): number | null {
  const found = ASCTIME.exec(line)
  if (found === null) return headerDate(line)
  const [, month, day, hour, minute, second, before, year, after] = found
  return instantOf(Number(year), month, day, hour, minute, second, before ?? after)
}
