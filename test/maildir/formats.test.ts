import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flagsOfInfo, infoOfFlags, isBase, splitName } from '../../connectors/maildir/file-name.ts'
import {
  folderOfPath,
  maildirNaming,
  pathOfFolder,
  pathsOfFolders,
} from '../../connectors/maildir/folder-names.ts'
import {
  foreignStamp,
  isVerbatim,
  ownStamp,
  UniqueNames,
  withFacts,
} from '../../connectors/maildir/unique-name.ts'
import { WireForm } from '../../connectors/shared/wire-form.ts'
import { decodeModifiedUtf7, encodeModifiedUtf7 } from '../../connectors/shared/modified-utf7.ts'
import { systemClock } from '../../src/core/clock.ts'
import { digestWhole } from '../../src/core/digest.ts'
import { normalizeFlags } from '../../src/core/mail.ts'

const naming = maildirNaming(true)
/** Bytes of which line ends are made, and a few more. */
const lineBytes = fc
  .array(fc.constantFrom(0x0a, 0x0d, 0x61, 0x00, 0xff), { maxLength: 40 })
  .map((b) => Buffer.from(b))

describe('the wire form of a file', () => {
  const whole = (bytes: Buffer): Buffer => new WireForm().convert(bytes)

  it('does not depend on where the pieces are cut', () => {
    fc.assert(
      fc.property(lineBytes, fc.array(fc.nat(40), { maxLength: 6 }), (bytes, cuts) => {
        const wire = new WireForm()
        const marks = [0, ...cuts.sort((a, b) => a - b), bytes.length]
        const pieces = marks.slice(1).map((end, index) => wire.convert(bytes.subarray(marks[index], end)))
        expect(Buffer.concat(pieces)).toEqual(whole(bytes))
      }),
    )
  })

  it('adds only the CRs that are missing, once', () => {
    fc.assert(
      fc.property(lineBytes, (bytes) => {
        const wire = whole(bytes)
        expect(wire.toString('latin1')).toBe(bytes.toString('latin1').replace(/(?<!\r)\n/g, '\r\n'))
        expect(whole(wire)).toEqual(wire)
        expect(new WireForm().loneLineFeeds(bytes)).toHaveLength(wire.length - bytes.length)
        expect(digestWhole(wire).matchDigest).toEqual(digestWhole(bytes).matchDigest)
      }),
    )
  })
})

describe('names of message files', () => {
  const keywords = ['Alpha', undefined, '$Forwarded', 'beta']

  it.each([
    ['1.2.host', { base: '1.2.host', info: '' }],
    ['1.2.host:2,', { base: '1.2.host', info: ':2,' }],
    ['1.2.host,S=3:2,FS', { base: '1.2.host,S=3', info: ':2,FS' }],
    ['odd', { base: 'odd', info: '' }],
    ['a:1,x:2,S', { base: 'a', info: ':1,x:2,S' }],
    ['.hidden', null],
    [':2,S', null],
  ])('splits %s', (name, parts) => {
    expect(splitName(name)).toEqual(parts)
  })

  it.each([
    ['', []],
    [':2,', []],
    [':2,DFRST', ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen']],
    [':2,P', ['$Forwarded']],
    [':2,Pc', ['$Forwarded']],
    [':2,abdz', ['Alpha', 'beta']],
    [':2,SXY?!', ['\\Seen']],
    [':1,S', []],
    [':3,S', []],
  ])('reads the flags of %s', (info, flags) => {
    expect(flagsOfInfo(info, keywords)).toEqual(flags)
  })

  it('writes what it reads, and keeps letters that it does not know', () => {
    const flag = fc.constantFrom(
      '\\Seen',
      '\\Flagged',
      '\\Draft',
      '\\Answered',
      '\\Deleted',
      'alpha',
      '$forwarded',
      'Beta',
    )
    fc.assert(
      fc.property(fc.uniqueArray(flag), (flags) => {
        const info = infoOfFlags(flags, keywords, ':2,QSZ')
        const stored = flags.map((each) => keywords.find((k) => k?.toLowerCase() === each.toLowerCase()) ?? each)
        expect(flagsOfInfo(info, keywords)).toEqual(normalizeFlags(stored))
        expect(info).toMatch(/^:2,[A-Z]*[a-d]*$/)
        expect(info).toContain('Q')
        expect(info).toContain('Z')
      }),
    )
  })

  it('takes no key for a name that leads elsewhere', () => {
    for (const key of ['', '.', '..', '../x', 'a/b', 'a\0b', 'a:2,S', '.hidden', 'ü€'])
      expect(isBase(key)).toBe(false)
    expect(isBase('1500000000.M1P1.host,S=1')).toBe(true)
  })

  it('never gives a name twice, and its stamps grow, whatever the clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2_000_000_000_000 }), { maxLength: 20 }), (times) => {
        let now = 0
        const names = new UniqueNames({ ...systemClock, now: () => now })
        let last = 0
        const given = new Set<string>()
        for (const time of times) {
          now = time
          const floor = last + time
          const name = names.next(floor)
          const stamp = ownStamp(name)
          expect(stamp).not.toBeNull()
          expect(stamp ?? 0).toBeGreaterThan(last)
          expect(stamp ?? 0).toBeGreaterThan(floor)
          expect(given.has(name)).toBe(false)
          given.add(name)
          last = stamp ?? 0
        }
      }),
    )
  })

  it('knows its own names and what stands in them', () => {
    const name = new UniqueNames(systemClock).next(0)
    const plain = withFacts(name, { fileBytes: 10, wireBytes: 10, verbatim: false })
    const marked = withFacts(name, { fileBytes: 10, wireBytes: 12, verbatim: true })
    expect(plain).toMatch(/,S=10,W=10$/)
    expect(ownStamp(plain)).toBe(ownStamp(name))
    expect([isVerbatim(plain), isVerbatim(marked), isVerbatim('1.M1P1.x,X=verbatim')]).toEqual([
      false,
      true,
      false,
    ])
    expect(isBase(marked)).toBe(true)
    expect(name.length).toBeLessThan(120)
    expect(foreignStamp('1500000000.x.y')).toBe(1_500_000_000_999_999)
    expect(foreignStamp('message-1')).toBeNull()
    expect(ownStamp('1500000000.M123P1.dovecot')).toBeNull()
  })
})

describe('names of folders', () => {
  const level = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 20 })
    .filter((text) => !/[\p{Cc}./]/u.test(text))
  const path = fc
    .array(level, { minLength: 1, maxLength: 3 })
    .filter((levels) => levels[0]?.toUpperCase() !== 'INBOX')

  it('store any path that they can hold, and read it back', () => {
    fc.assert(
      fc.property(path, (levels) => {
        const name = folderOfPath(levels, naming)
        expect(name).toMatch(/^\.[\x20-\x7e]+$/)
        expect(pathOfFolder(name)).toEqual(levels)
      }),
    )
  })

  it('read as paths that are all different', () => {
    const raw = fc.string({
      unit: fc.constantFrom('a', '.', '&', '-', 'A', 'O', 'k', '\xc3', '\xa9', 'I', ' '),
      maxLength: 8,
    })
    fc.assert(
      fc.property(fc.uniqueArray(raw, { maxLength: 12 }), (names) => {
        const folders = ['INBOX', ...names.map((name) => `.${name}`)]
        const paths = pathsOfFolders(folders)
        expect(new Set([...paths.values()].map((levels) => JSON.stringify(levels))).size).toBe(folders.length)
      }),
    )
  })

  it.each([
    ['INBOX', ['INBOX']],
    ['.Sent', ['Sent']],
    ['.A.B', ['A', 'B']],
    ['.Entw&APw-rfe', ['Entwürfe']],
    ['.Entw\xc3\xbcrfe', ['Entwürfe']],
    ['.INBOX.A', ['INBOX', 'A']],
    ['.inbox', ['.inbox']],
    ['.A..B', ['.A..B']],
    ['.A.', ['.A.']],
    ['.&bad', ['.&bad']],
    ['.&AGE-', ['.&AGE-']],
    ['.\xff', ['.ÿ']],
    ['.a\x01', ['.a\x01']],
  ])('reads %j', (name, levels) => {
    expect(pathOfFolder(name)).toEqual(levels)
  })

  it.each([[['a.b']], [['a/b']], [['']], [[]], [['a\0']], [['ü'.repeat(100)]], [['A', '\ud800']]])(
    'refuses %j',
    (levels) => {
      expect(() => folderOfPath(levels, naming)).toThrow(expect.objectContaining({ kind: 'rejected' }))
    },
  )
})

describe('modified UTF-7', () => {
  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const encoded = encodeModifiedUtf7(text)
        expect(encoded).toMatch(/^[\x20-\x7e]*$/)
        expect(decodeModifiedUtf7(encoded)).toBe(text)
      }),
    )
  })

  it('has one spelling for each text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('&', '-', 'A', 'a', '4', ',', '/', '=', 'é') }), (raw) => {
        const text = decodeModifiedUtf7(raw)
        if (text !== null) expect(encodeModifiedUtf7(text)).toBe(raw)
      }),
    )
  })

  it.each([
    ['Entw&APw-rfe', 'Entwürfe'],
    ['&U,BTFw-', '台北'],
    ['&-', '&'],
    ['&2D3c6w-', '📫'],
    ['&', null],
    ['&A', null],
    ['&AA-', null],
    ['&AGE-', null],
    ['&2D0-', null],
    ['caf\xe9', null],
  ])('%j reads as %j', (raw, text) => {
    expect(decodeModifiedUtf7(raw)).toBe(text)
  })
})
