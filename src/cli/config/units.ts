const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

const DURATION_UNITS: Readonly<Record<string, number>> = {
  s: 1e3,
  m: 60e3,
  h: 3_600e3,
  d: 86_400e3,
  w: 604_800e3,
}

/** Bytes of a size such as `64MiB`, `1.5 GB` or `4096`; null when it is none. Always a whole number. */
export function parseSize(text: string): number | null {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]{0,3})$/i.exec(text.trim())
  const unit = SIZE_UNITS[(match?.[2] ?? '').toLowerCase()]
  if (match?.[1] === undefined || unit === undefined) return null
  const bytes = Math.round(Number(match[1]) * unit)
  return Number.isSafeInteger(bytes) ? bytes : null
}

/** A size as people read it: three digits, binary units. */
export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`
}

/** Milliseconds of a duration such as `90d`, `12h` or `30m`; null when it is none. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,6})\s*([smhdw])$/i.exec(text.trim())
  const unit = DURATION_UNITS[(match?.[2] ?? '').toLowerCase()]
  return match?.[1] === undefined || unit === undefined ? null : Number(match[1]) * unit
}

/** A duration as people read it, in its two largest units. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

const INSTANT = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}(?::\d{2})?)(Z|[+-]\d{2}:\d{2}))?$/

/** Milliseconds since 1970 of a date (`2024-01-31`, midnight UTC) or an RFC 3339 instant with its zone; null when it is neither. */
export function parseInstant(text: string): number | null {
  const match = INSTANT.exec(text.trim())
  if (match?.[1] === undefined) return null
  const midnight = Date.parse(`${match[1]}T00:00:00Z`)
  // Date.parse reads 2023-02-31 as a day in March.
  if (Number.isNaN(midnight) || !new Date(midnight).toISOString().startsWith(match[1])) return null
  if (match[2] === undefined) return midnight
  const instant = Date.parse(`${match[1]}T${match[2]}${match[3] ?? 'Z'}`)
  return Number.isNaN(instant) ? null : instant
}
