import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dateOf, messageIdOf } from '../../src/core/header.ts'

const idOf = (text: string): string | null => messageIdOf(Buffer.from(text, 'latin1'))

describe('Message-ID', () => {
  it.each([
    ['Message-ID: <a@b>\r\n\r\n', 'a@b'],
    ['From: x\r\nmessage-id:<a@b>\r\n\r\nbody', 'a@b'],
    ['MESSAGE-ID : <a@b>\n\n', 'a@b'],
    ['Message-ID:\r\n <a@b>\r\n\r\n', 'a@b'],
    ['Message-ID: no brackets\r\n\r\n', 'nobrackets'],
    ['Message-ID: <a\r\n @b>\r\n', 'a@b'],
    ['Message-ID: <first@b>\r\nMessage-ID: <second@b>\r\n\r\n', 'first@b'],
    ['From: x\r\n\r\nMessage-ID: <body@b>\r\n', null],
    ['Message-ID:\r\n\r\n', null],
    ['X-Message-ID: <a@b>\r\n\r\n', null],
    ['', null],
    ['\r\nMessage-ID: <a@b>\r\n', null],
  ])('%j', (header, expected) => {
    expect(idOf(header)).toBe(expected)
  })

  it('never throws and reads no further than 64 KiB', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void messageIdOf(bytes)))
    expect(idOf(`X: ${'y'.repeat(70_000)}\r\nMessage-ID: <a@b>\r\n\r\n`)).toBeNull()
  })
})

describe('Date', () => {
  it.each([
    ['Date: Tue, 31 Dec 2024 23:00:02 +0100 (CET)\r\n\r\n', '2024-12-31T22:00:02Z'],
    ['From: x\r\nDATE:1 Jan 99 10:00 GMT\r\n\r\n', '1999-01-01T10:00:00Z'],
    ['Date: Tue,\r\n 31 Dec 2024\r\n\t23:00:02 -0000\r\n\r\n', '2024-12-31T23:00:02Z'],
  ])('%j', (header, instant) => {
    expect(dateOf(Buffer.from(header))).toBe(Date.parse(instant))
  })

  it.each([
    'Date: soon\r\n\r\n',
    'X-Date: 1 Jan 2020 00:00 GMT\r\n\r\n',
    '\r\nDate: 1 Jan 2020 00:00 GMT\r\n',
    '',
  ])('%j names none', (header) => {
    expect(dateOf(Buffer.from(header))).toBeNull()
  })

  it('never throws', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void dateOf(bytes)))
  })
})
