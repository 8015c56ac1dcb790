import { SealpostError } from '../core/errors.ts'

/** A period by the calendar. */
export interface Period {
  readonly years: number
  readonly months: number
  readonly days: number
}

/** The end of a period. */
export interface PeriodEnd {
  /** The last day of it, UTC: `2031-11-23`. */
  readonly lastDay: string
  /** The first instant after it. */
  readonly over: number
}

const DAY_MS = 86_400_000
const INSTANT = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/

/**
 * Where a period ends that runs from the day of `from` (UTC). As Regulation (EEC) 1182/71 article 3 counts: the day itself
 * is not counted, and the period ends with the day of the same date, or with the last day of a month that has no such
 * date. So what is kept for five years from 29 February 2028 is kept through 28 February 2033.
 */
export function endOfPeriod(from: number, period: Period): PeriodEnd {
  const start = new Date(from)
  const months = start.getUTCFullYear() * 12 + start.getUTCMonth() + period.years * 12 + period.months
  const year = Math.floor(months / 12)
  const month = months - year * 12
  const day = Math.min(start.getUTCDate(), lengthOfMonth(year, month))
  const last = Date.UTC(year, month, day) + period.days * DAY_MS
  return { lastDay: formatDay(last), over: last + DAY_MS }
}

/** The day of an instant, UTC: `2031-11-23`. */
export function formatDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

/**
 * Reads an instant as people write it: date, time and offset (`2026-11-23T14:05+01:00`). An offset is required: without
 * one the 72 hours could be off by a day. Throws `config` for anything else, and for days that do not exist.
 */
export function parseInstant(text: string): number {
  const parts = INSTANT.exec(text.trim())
  if (parts !== null) {
    // Seconds may be left out.
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
      .slice(1, 7)
      .map((part: string | undefined) => Number(part ?? 0))
    const zone = parts[8] ?? 'Z'
    const [hours = 0, minutes = 0] = zone === 'Z' ? [0, 0] : zone.slice(1).split(':').map(Number)
    const isDay = month >= 1 && month <= 12 && day >= 1 && day <= lengthOfMonth(year, month - 1)
    if (isDay && hour < 24 && minute < 60 && second < 60 && hours <= 14 && minutes < 60) {
      const offset = (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000
      return (
        Date.UTC(year, month - 1, day, hour, minute, second) + Math.floor(Number(parts[7] ?? 0) * 1000) - offset
      )
    }
  }
  throw new SealpostError('config', `"${text}" is not a moment in time`, {
    hint: 'write date, time and offset, such as 2026-11-23T14:05+01:00 or 2026-11-23T13:05Z',
  })
}

/** Days of a month, counted from 0. */
function lengthOfMonth(year: number, month: number): number {
  return new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
}
