const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
/** The pattern of a month's short name. */
export const MONTH = '(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)'
/** The pattern of a time of day, its seconds perhaps left out: three groups. */
export const TIME = '(\\d{1,2}):(\\d{2})(?::(\\d{2}))?'
/** The pattern of a zone, by its distance from UTC or its name. */
export const ZONE = '([+-]\\d{4}|[a-z]{1,5})'

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

/** The instant that a `Date` field or the end of a `Received` field names; null when it names none. Never throws. */
export function headerDate(text: string): number | null {
  const found = INTERNET.exec(text)
  if (found === null) return null
  const [, day, month, digits = '', hour, minute, second, zone] = found
  const year =
    Number(digits) + (digits.length > 2 ? (digits.length === 3 ? 1900 : 0) : Number(digits) < 50 ? 2000 : 1900)
  return instantOf(year, month, day, hour, minute, second, zone)
}

/** The instant of parts that a pattern has found, null for what is none; without a zone it is UTC. */
export function instantOf(
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
