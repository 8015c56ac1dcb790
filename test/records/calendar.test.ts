import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { endOfPeriod, formatDay, parseInstant } from '../../src/records/calendar.ts'
import { DEFAULT_RETENTION, makePolicy } from '../../src/records/retention.ts'

const years = (n: number): { years: number; months: number; days: number } => ({ years: n, months: 0, days: 0 })

describe('a period', () => {
  it.each([
    ['2026-11-23T09:30:00Z', years(5), '2031-11-23', '2031-11-24T00:00:00.000Z'],
    ['2026-11-23T00:00:00Z', years(5), '2031-11-23', '2031-11-24T00:00:00.000Z'],
    ['2026-11-23T23:59:59.999Z', years(5), '2031-11-23', '2031-11-24T00:00:00.000Z'],
    ['2028-02-29T12:00:00Z', years(5), '2033-02-28', '2033-03-01T00:00:00.000Z'],
    ['2028-02-29T12:00:00Z', years(4), '2032-02-29', '2032-03-01T00:00:00.000Z'],
    ['2027-02-28T12:00:00Z', years(5), '2032-02-28', '2032-02-29T00:00:00.000Z'],
    ['2096-02-29T12:00:00Z', years(4), '2100-02-28', '2100-03-01T00:00:00.000Z'],
    ['2026-12-31T23:00:00Z', years(1), '2027-12-31', '2028-01-01T00:00:00.000Z'],
    ['2026-10-31T00:00:00Z', { years: 0, months: 4, days: 0 }, '2027-02-28', '2027-03-01T00:00:00.000Z'],
    ['2026-11-23T00:00:00Z', { years: 0, months: 0, days: 90 }, '2027-02-21', '2027-02-22T00:00:00.000Z'],
    ['2026-11-23T00:00:00Z', { years: 0, months: 14, days: 1 }, '2028-01-24', '2028-01-25T00:00:00.000Z'],
  ])('from %s of %o ends with %s', (from, period, lastDay, over) => {
    const end = endOfPeriod(Date.parse(from), period)
    expect(end.lastDay).toBe(lastDay)
    expect(new Date(end.over).toISOString()).toBe(over)
  })

  it('of years never ends early, nor more than a day late', () => {
    const day = 86_400_000
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4_000_000_000_000 }),
        fc.integer({ min: 1, max: 30 }),
        (from, count) => {
          const { over, lastDay } = endOfPeriod(from, years(count))
          const start = new Date(from)
          const same = Date.UTC(start.getUTCFullYear() + count, start.getUTCMonth(), start.getUTCDate())
          // 29 February of a year that has none reads as 1 March here.
          expect(
            over - same === day || (over === same && start.getUTCMonth() === 1 && start.getUTCDate() === 29),
          ).toBe(true)
          expect(formatDay(over - 1)).toBe(lastDay)
        },
      ),
    )
  })
})

describe('a moment', () => {
  it.each([
    ['2026-11-23T14:05+01:00', '2026-11-23T13:05:00.000Z'],
    ['2026-11-23 14:05:30Z', '2026-11-23T14:05:30.000Z'],
    ['2026-11-23T00:30:00+04:00', '2026-11-22T20:30:00.000Z'],
    ['2026-11-23T20:15-09:30', '2026-11-24T05:45:00.000Z'],
    ['2028-02-29T12:00:00.250Z', '2028-02-29T12:00:00.250Z'],
  ])('%s is %s', (text, expected) => {
    expect(new Date(parseInstant(text)).toISOString()).toBe(expected)
  })

  it.each([
    '2026-11-23T14:05',
    '2026-11-23',
    '14:05Z',
    'now',
    '2026-02-29T12:00Z',
    '2026-04-31T12:00Z',
    '2026-13-01T12:00Z',
    '2026-00-01T12:00Z',
    '2026-11-23T24:00Z',
    '2026-11-23T12:60Z',
    '2026-11-23T12:00+15:00',
    '2026-11-23T12:00+01',
    '23.11.2026 12:00 +01:00',
  ])('is not %s', (text) => {
    expect(() => parseInstant(text)).toThrow('not a moment')
  })

  it('goes there and back in every time zone', () => {
    const offset = fc.integer({ min: -14 * 4, max: 14 * 4 }).map((quarters) => quarters * 15)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), offset, (seconds, minutes) => {
        const ms = seconds * 1000
        const local = new Date(ms + minutes * 60_000).toISOString().slice(0, 19)
        const hours = String(Math.floor(Math.abs(minutes) / 60)).padStart(2, '0')
        const zone = `${minutes < 0 ? '-' : '+'}${hours}:${String(Math.abs(minutes) % 60).padStart(2, '0')}`
        expect(parseInstant(`${local}${zone}`)).toBe(ms)
      }),
    )
  })
})

describe('the table of periods', () => {
  it('has the defaults that the client was told', () => {
    expect(makePolicy({})).toEqual(DEFAULT_RETENTION)
    expect(DEFAULT_RETENTION.record.keep).toEqual({ years: 5, months: 0, days: 0 })
    expect(DEFAULT_RETENTION.log.keep).toBe('with-record')
    expect([DEFAULT_RETENTION.credentials.keep, DEFAULT_RETENTION.mail.keep]).toEqual(['at-signoff', 'at-signoff'])
  })

  it.each([
    ['credentials', { keep: years(1), legalBasis: null }],
    ['mail', { keep: 'with-record', legalBasis: null }],
    ['log', { keep: years(1), legalBasis: null }],
    ['record', { keep: 'with-record', legalBasis: null }],
    ['record', { keep: years(0), legalBasis: null }],
    ['record', { keep: years(-1), legalBasis: null }],
    ['record', { keep: years(1.5), legalBasis: null }],
    ['incident', { keep: 'at-signoff', legalBasis: null }],
    ['contact', { keep: 'at-signoff', legalBasis: null }],
  ] as const)('cannot say of %s: %o', (name, rule) => {
    expect(() => makePolicy({ [name]: rule })).toThrow(`retention of ${name}`)
  })
})
