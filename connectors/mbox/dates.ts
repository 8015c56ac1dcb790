const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const MONTH = '(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)'
const TIME = '(\\d{1,2}):(\\d{2})(?::(\\d{2}))?'
const ZONE = '([+-]\\d{4}|[a-z]{1,5})'

/** `Mon Jul 20 10:00:00 2020`, with a zone before or after the year where a writer gives one. */
const ASCTIME = new RegExp(`\\b${MONTH} +(\\d{1,2}) +${TIME}(?: +${ZONE})? +(\\d{4})(?: +${ZONE})?`, 'i')
/** `Mon, 20 Jul 2020 10:00:00 +0200` (RFC 5322 section 3.3, with the two-digit years of section 4.3). */
const INTERNET = new RegExp(`\\b(\\d{1,2})[ -]+${MONTH}[a-z]*[ -]+(\\d{2,4}),? +${TIME}(?: +${ZONE})?`, 'i')

const ZONES: ReadonlyMap<string, number> = new Map([
  ['edt', -4],
  ['est', -5],
  ['cdt', -5],
  ['cst', -6],
  ['mdt', -6],
  ['mst', -7],
  ['pdt', -7],
  ['pst', -8],
  ['bst', 1],
  ['cet', 1],
  ['met', 1],
  ['cest', 2],
  ['mest', 2],
  ['eet', 2],
  ['eest', 3],
])

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

/** The instant that a `Date` field or the end of a `Received` field names; null when it names none. Never throws. */
export function headerDate(text: string): number | null {
  const found = INTERNET.exec(text)
  if (found === null) return null
  const [, day, month, digits = '', hour, minute, second, zone] = found
  const year =
    Number(digits) + (digits.length > 2 ? (digits.length === 3 ? 1900 : 0) : Number(digits) < 50 ? 2000 : 1900)
  return instantOf(year, month, day, hour, minute, second, zone)
}

function instantOf(
  year: number,
  month: string | undefined,
  day: string | undefined,
  hour: string | undefined,
  minute: string | undefined,
  second: string | undefined,
  zone: string | undefined,
): number | null {
  const index = MONTHS.indexOf((month ?? '').toLowerCase())
  const local = Date.UTC(year, index, Number(day), Number(hour), Number(minute), Number(second ?? 0))
  const isReal = Number(day) >= 1 && Number(day) <= 31 && Number(hour) <= 24 && Number(minute) <= 59
  if (index === -1 || !isReal || year < 1970 || Number.isNaN(local)) return null
  const instant = local - minutesOf(zone) * 60_000
  return instant >= 0 ? instant : null
}

/** Minutes east of UTC; a zone that is not known counts as UTC (RFC 5322 section 4.3). */
function minutesOf(zone: string | undefined): number {
  if (zone === undefined) return 0
  const offset = /^([+-])(\d\d)(\d\d)$/.exec(zone)
  if (offset === null) return (ZONES.get(zone.toLowerCase()) ?? 0) * 60
  return (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3]))
}
