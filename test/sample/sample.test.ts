import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compareStores } from '../../scripts/sample/compare.ts'
import { readMaildir, writeMaildir, type StoredMessage } from '../../scripts/sample/maildir.ts'
import { sampleMessages } from '../../scripts/sample/messages.ts'
import { decodeModifiedUtf7, encodeModifiedUtf7 } from '../../scripts/sample/modified-utf7.ts'

const everything = { dottedNames: true, futureDates: true }

describe('the sample', () => {
  it('is the same on every call', () => {
    const messages = sampleMessages(everything)
    const { identical, extra } = compareStores(messages, sampleMessages(everything))
    expect({ identical, extra }).toEqual({ identical: messages.length, extra: [] })
  })

  it('holds what makes mail awkward', () => {
    const messages = sampleMessages(everything)
    const ids = messages.map(({ bytes }) => /^message-id:.*$/im.exec(bytes.toString('latin1'))?.[0] ?? null)
    expect(messages.length).toBeGreaterThanOrEqual(40)
    expect(ids).toContain(null)
    expect(new Set(ids).size).toBeLessThan(ids.length)
    expect(messages.some(({ bytes }) => /[^\r]\n/.test(bytes.toString('latin1')))).toBe(true)
    expect(messages.some(({ bytes }) => bytes.includes('\r\r\n'))).toBe(true)
    expect(messages.some(({ bytes }) => !bytes.toString('latin1').endsWith('\n'))).toBe(true)
    expect(messages.some(({ bytes }) => bytes.some((byte) => byte > 0x7f))).toBe(true)
    expect(new Set(messages.flatMap(({ flags }) => flags)).size).toBeGreaterThan(8)
    expect(new Set(messages.map(({ mailbox }) => mailbox.join('/'))).size).toBeGreaterThan(8)
  })
})

describe('the Maildir of the sample', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sealpost-sample-'))
  })
  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  it.each(['maildir++', 'fs'] as const)('reads back as it was written, as %s', async (layout) => {
    const messages = sampleMessages({ dottedNames: layout === 'fs', futureDates: true })
    await writeMaildir(folder, layout, messages)
    const found = compareStores(messages, await readMaildir(folder, layout))
    expect(found).toEqual({ equal: messages.length, identical: messages.length, missing: [], extra: [] })
  })
})

describe('comparing stores', () => {
  const message: StoredMessage = {
    mailbox: ['INBOX'],
    bytes: Buffer.from('a: b\r\n\r\nc\r\n'),
    internalDate: 1_700_000_000_000,
    flags: ['\\Seen', 'Work'],
  }

  it('finds a message that is missing, doubled or changed', () => {
    expect(compareStores([message], []).missing).toHaveLength(1)
    expect(compareStores([message], [message, message]).extra).toHaveLength(1)
    expect(compareStores([message, message], [message]).missing).toHaveLength(1)
    for (const change of [
      { bytes: Buffer.from('a: b\r\n\r\nC\r\n') },
      { bytes: Buffer.from('a: b\r\n\r\nc') },
      { internalDate: message.internalDate + 1000 },
      { flags: ['\\Seen'] },
      { mailbox: ['INBOX', 'INBOX'] },
    ]) {
      const { equal, missing, extra } = compareStores([message], [{ ...message, ...change }])
      expect({ equal, missing: missing.length, extra: extra.length }).toEqual({ equal: 0, missing: 1, extra: 1 })
    }
  })

  it('takes line ends, NUL and the case of flags as servers may change them', () => {
    const bytes = Buffer.from('a\0\n\r\r\nb\r')
    const changed = { ...message, bytes: Buffer.from('a\x80\r\n\r\nb\r', 'latin1'), flags: ['work', '\\seen'] }
    expect(compareStores([{ ...message, bytes }], [changed])).toEqual({
      equal: 1,
      identical: 0,
      missing: [],
      extra: [],
    })
  })
})

describe('modified UTF-7', () => {
  it('is what RFC 3501 shows', () => {
    expect(encodeModifiedUtf7('~peter/mail/台北/日本語')).toBe('~peter/mail/&U,BTFw-/&ZeVnLIqe-')
    expect(encodeModifiedUtf7('A & B')).toBe('A &- B')
  })

  it('decodes what it encoded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        expect(decodeModifiedUtf7(encodeModifiedUtf7(name))).toBe(name)
      }),
    )
  })
})
