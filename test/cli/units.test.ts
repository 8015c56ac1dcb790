import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDuration, formatSize, parseDuration, parseInstant, parseSize } from '../../src/cli/config/units.ts'

describe('sizes', () => {
  it.each([
    ['64MiB', 67_108_864],
    ['64 mib', 67_108_864],
    ['1.5GB', 1_500_000_000],
    ['4096', 4096],
    ['0', 0],
    ['1kb', 1000],
    ['1KiB', 1024],
    ['7B', 7],
  ])('reads %s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })

  it.each(['', 'MiB', '-1', '1e3', '0x10', '1,000', '12XB', '1 M iB', '9999999TiB', '1.MiB', '٣MiB', 'Infinity'])(
    'refuses %s',
    (text) => {
      expect(parseSize(text)).toBeNull()
    },
  )

  it('reads every whole number of bytes back', () => {
    fc.assert(fc.property(fc.nat(), (bytes) => parseSize(String(bytes)) === bytes))
  })

  it('never throws and yields whole numbers that are no less than zero', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const bytes = parseSize(text)
        return bytes === null || (Number.isSafeInteger(bytes) && bytes >= 0)
      }),
    )
  })

  it('shows three digits', () => {
    expect([0, 999, 1000, 1536, 10_485_760, 123_456_789_012].map(formatSize)).toEqual([
      '0 B',
      '999 B',
      '0.98 KiB',
      '1.50 KiB',
      '10.0 MiB',
      '115 GiB',
    ])
  })

  it('shows a size that reads as nearly the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 50 }), (bytes) => {
        const shown = parseSize(formatSize(bytes)) ?? 0
        expect(Math.abs(shown - bytes) / bytes).toBeLessThan(0.01)
      }),
    )
  })
})

describe('durations', () => {
  it.each([
    ['90d', 7_776_000_000],
    ['12h', 43_200_000],
    ['30m', 1_800_000],
    ['2w', 1_209_600_000],
    ['5 s', 5000],
  ])('reads %s', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds)
  })

  it.each(['', '90', 'd', '-1d', '1.5d', '90 days', '1y', '٣d'])('refuses %s', (text) => {
    expect(parseDuration(text)).toBeNull()
  })

  it('shows the two largest units', () => {
    expect([400, 59_400, 90_000, 3_660_000, 200_000_000].map(formatDuration)).toEqual([
      '0 s',
      '59 s',
      '1 min 30 s',
      '1 h 1 min',
      '2 d 7 h',
    ])
  })
})

describe('instants', () => {
  it.each([
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['2024-01-31T12:00:00Z', '2024-01-31T12:00:00.000Z'],
    ['2024-01-31T12:00+02:00', '2024-01-31T10:00:00.000Z'],
  ])('reads %s', (text, instant) => {
    expect(new Date(parseInstant(text) ?? 0).toISOString()).toBe(instant)
  })

  it.each([
    '2023-02-29',
    '2023-02-31',
    '2024-13-01',
    '24-01-01',
    '2024-01-31T12:00',
    '2024-01-31T25:00Z',
    'yesterday',
    '',
  ])('refuses %s', (text) => {
    expect(parseInstant(text)).toBeNull()
  })

  it('reads every day back', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }), (date) => {
        const day = date.toISOString().slice(0, 10)
        expect(new Date(parseInstant(day) ?? NaN).toISOString().slice(0, 10)).toBe(day)
      }),
    )
  })
})
