const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const
const LAST = Date.UTC(9999, 11, 31, 23, 59, 59)
/**
 * As RFC 9051 has it; and what servers have been seen to send: hours of one digit, zones by the names of UTC, with a colon or with
 * their name behind them, and the form of a header's date.
 */
const SHAPE =
  /^\s*(?:[A-Z]{3},? +)?(\d{1,2})[- ]([A-Z]{3})[- ](\d{4}) +(\d{1,2}):(\d{2}):(\d{2})(?: +(?:([+-])(\d{2}):?(\d{2})(?: +\(?[A-Z/_]+\)?)?|GMT|UTC?|Z))?\s*$/i

/** The instant of an INTERNALDATE in milliseconds since 1970, or null when it is none (RFC 9051 section 9, date-time). */
export function parseInternalDate(text: string): number | null {
  const match = SHAPE.exec(text)
  if (match === null) return null
  const month = MONTHS.findIndex((name) => name.toLowerCase() === match[2]?.toLowerCase())
  // Domino shows a message that was never received as of 00-Jan-0000.
  if (month === -1 || Number(match[1]) === 0 || Number(match[3]) === 0) return null
  const at = Date.UTC(
    Number(match[3]),
    month,
    Number(match[1]),
    Number(match[4]),
    Number(match[5]),
    Number(match[6]),
  )
  const zone = (Number(match[8] ?? 0) * 60 + Number(match[9] ?? 0)) * 60_000
  return match[7] === '-' ? at + zone : at - zone
}

/**
 * An instant as APPEND takes it, in quotes, always in UTC. Years that servers wrap around are clamped: before 1970 to
 * its first second, after 9999 to its last; whole seconds are all there are.
 */
export function formatInternalDate(ms: number): string {
  const clamped = Number.isFinite(ms) ? Math.min(Math.max(ms, 0), LAST) : 0
  const date = new Date(Math.floor(clamped / 1000) * 1000)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = String(date.getUTCDate()).padStart(2, ' ')
  const month = MONTHS[date.getUTCMonth()] ?? 'Jan'
  const year = String(date.getUTCFullYear()).padStart(4, '0')
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`
  return `"${day}-${month}-${year} ${time} +0000"`
}
