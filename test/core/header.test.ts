import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { messageIdOf } from '../../src/core/header.ts'

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
