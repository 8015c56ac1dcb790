import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Mailbox, MailboxNaming, SpecialUse } from '../../src/core/mail.ts'
import { formatPath, parsePath } from '../../src/core/mailbox-path.ts'
import { collisionKey } from '../../src/engine/level-names.ts'
import { mapMailboxes, type MappingRules } from '../../src/engine/mapping.ts'
import { DEFAULT_MAPPING } from '../../src/engine/settings.ts'
import { encodeModifiedUtf7 } from '../../connectors/shared/modified-utf7.ts'

const SLASH: MailboxNaming = {
  delimiter: '/',
  forbidden: '',
  maxLevelBytes: 200,
  caseSensitive: true,
  belowInbox: false,
}
const DOT: MailboxNaming = { ...SLASH, delimiter: '.', forbidden: '/', belowInbox: true }

function box(path: string | readonly string[], specialUse: SpecialUse | null = null): Mailbox {
  const levels = typeof path === 'string' ? parsePath(path) : path
  return { path: levels, name: formatPath(levels), specialUse, selectable: true, subscribed: false }
}

function map(
  source: readonly Mailbox[],
  destination: readonly Mailbox[],
  naming: MailboxNaming,
  rules: Partial<MappingRules> = {},
): Record<string, string> {
  const facts = { source, destination, naming, labels: null, earlier: [] }
  const { mapped } = mapMailboxes(facts, { ...DEFAULT_MAPPING, ...rules })
  return Object.fromEntries(
    mapped.map((entry) => [formatPath(entry.source.path), formatPath(entry.destinationPath)]),
  )
}

describe('mapping', () => {
  it('never makes INBOX.INBOX.Sub of INBOX/Sub', () => {
    expect(map([box('INBOX'), box('INBOX/Sub')], [box('INBOX')], DOT)).toEqual({
      INBOX: 'INBOX',
      'INBOX/Sub': 'Sub',
    })
  })

  it('keeps INBOX/Sub and Sub apart where they would be one', () => {
    const mapped = map([box('INBOX'), box('INBOX/Sub'), box('Sub')], [box('INBOX')], DOT)
    expect(new Set(Object.values(mapped)).size).toBe(3)
  })

  it('makes nothing under a name that the end keeps for itself, and uses what is there', () => {
    const gmail = { ...SLASH, caseSensitive: false, belowInbox: true, reserved: ['sent', 'starred'] }
    const source = ['INBOX', 'INBOX/Starred', 'Sent', 'Sent/2019', 'starred', 'a/Starred'].map((name) => box(name))
    expect(map(source, [box('INBOX'), box('Sent', 'sent')], gmail)).toEqual({
      ...{ INBOX: 'INBOX', 'INBOX/Starred': 'Starred_ (2)', Sent: 'Sent', 'Sent/2019': 'Sent_/2019' },
      ...{ starred: 'starred_', 'a/Starred': 'a/Starred' },
    })
  })

  it('leaves no blank at the end of a level where the end drops it, and joins no two by that', () => {
    const trims = { ...SLASH, blanksAtEnds: false, caseSensitive: false }
    const source = ['INBOX', 'Clients', 'Clients ', 'Clients / 2019', ' lead', '   '].map((name) => box(name))
    expect(map(source, [box('INBOX')], trims)).toEqual({
      ...{ INBOX: 'INBOX', Clients: 'Clients', 'Clients ': 'Clients (2)', 'Clients / 2019': 'Clients (2)/2019' },
      ...{ ' lead': 'lead', '   ': '_' },
    })
    expect(map(source, [box('INBOX')], SLASH)).toEqual(
      Object.fromEntries(source.map(({ path }) => [formatPath(path), formatPath(path)])),
    )
  })

  it('puts beside a mailbox what cannot be below it, and beside others what cannot be below the inbox', () => {
    const leaf = (path: string, use: SpecialUse | null = null): Mailbox => ({ ...box(path, use), childless: true })
    const source = ['INBOX', 'INBOX/Bills', 'INBOX/Bills/2019', 'Sent', 'Sent/2019', 'Bills', 'Mine/Deep'].map(
      (name) => box(name),
    )
    const destination = [leaf('INBOX'), leaf('Sent Messages', 'sent'), box('Mine')]
    expect(map(source, destination, SLASH)).toEqual({
      ...{ INBOX: 'INBOX', Bills: 'Bills', 'INBOX/Bills': 'Bills (2)', 'INBOX/Bills/2019': 'Bills (2)/2019' },
      ...{ Sent: 'Sent Messages', 'Sent/2019': 'Sent Messages - 2019', 'Mine/Deep': 'Mine/Deep' },
    })
  })

  it('counts names as a server stores them that makes folders of their modified UTF-7', () => {
    const folders = { ...SLASH, maxEncoded: { level: 240, name: 240 } }
    const arabic = 'مراسلات العملاء والعقود القديمة'
    const paths = [
      ...[['ы'.repeat(100)], ['éa'.repeat(66)], ['&'.repeat(150)], ['a'.repeat(200), 'b'.repeat(100)]],
      ...[Array.from({ length: 5 }, () => arabic), [...Array.from({ length: 5 }, () => arabic), 'x']],
    ]
    const source = paths.map((path) => box(path))
    const facts = { source, destination: [box('INBOX')], naming: folders, labels: null, earlier: [] }
    const names = mapMailboxes(facts, DEFAULT_MAPPING).mapped.map(({ destinationPath }) => destinationPath)
    expect(new Set(names.map(formatPath)).size).toBe(paths.length)
    for (const name of names) expect(encodeModifiedUtf7(name.join('/')).length).toBeLessThanOrEqual(240)
    expect(map([box('ы'.repeat(80))], [], folders)).toEqual({ ['ы'.repeat(80)]: 'ы'.repeat(80) })
  })

  it('shortens whole names, and no two to one', () => {
    const gmail = { ...SLASH, maxLevelBytes: 225, maxNameBytes: 225 }
    const deep = Array.from({ length: 60 }, (_, n) => `level ${n}`)
    const long = 'a'.repeat(220)
    const paths = [[long, 'one'], [long, 'two'], ['ب'.repeat(110), 'ت'.repeat(110)], deep, [...deep, 'x']]
    const { mapped } = mapMailboxes(
      {
        ...{ source: paths.map((path) => box(path)), destination: [box('INBOX')], naming: gmail },
        ...{ labels: null, earlier: [] },
      },
      DEFAULT_MAPPING,
    )
    const names = mapped.map(({ destinationPath }) => destinationPath.join('/'))
    expect(new Set(names).size).toBe(paths.length)
    for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(225)
  })

  it('keeps a name with the other delimiter in one level, and brings it back', () => {
    const there = map([box('Dr. Jones/a.b')], [], DOT)
    expect(there).toEqual({ 'Dr. Jones/a.b': 'Dr\u2024 Jones/a\u2024b' })
    expect(map([box('Dr\u2024 Jones/a\u2024b')], [], SLASH)).toEqual({
      'Dr\u2024 Jones/a\u2024b': 'Dr. Jones/a.b',
    })
    expect(map([box(['a/b'])], [], SLASH)).toEqual({ 'a\\/b': 'a\u2215b' })
  })

  it('maps special use by attribute, then by localized name, with children', () => {
    const source = [
      box('INBOX'),
      box('Gesendete Elemente', 'sent'),
      box('Gesendete Elemente/2019'),
      box('Papierkorb'),
    ]
    const destination = [box('INBOX'), box('Sent Items', 'sent'), box('Trash')]
    expect(map(source, destination, SLASH)).toEqual({
      INBOX: 'INBOX',
      'Gesendete Elemente': 'Sent Items',
      'Gesendete Elemente/2019': 'Sent Items/2019',
      Papierkorb: 'Trash',
    })
  })

  it('gives one role to one mailbox; the other of the same meaning keeps its name', () => {
    const source = [box('INBOX'), box('Sent'), box('Sent Items', 'sent')]
    expect(map(source, [box('INBOX'), box('Sent', 'sent')], SLASH)).toEqual({
      INBOX: 'INBOX',
      Sent: 'Sent (2)',
      'Sent Items': 'Sent',
    })
  })

  it('resolves collisions of case where the other end does not tell it apart', () => {
    const mapped = map([box('Reports'), box('reports')], [], { ...SLASH, caseSensitive: false })
    expect(Object.values(mapped).sort()).toEqual(['Reports', 'reports (2)'])
  })

  it('lets explicit rules go first, the longest one ruling, and join mailboxes', () => {
    const rules = [
      { from: ['Old'], to: ['Archive', 'Old'] },
      { from: ['Old', 'Keep'], to: ['Keep'] },
      { from: ['Spam'], to: ['Junk'] },
      { from: ['Bulk'], to: ['Junk'] },
    ]
    const source = [box('Old'), box('Old/2001'), box('Old/Keep'), box('Spam'), box('Bulk')]
    expect(map(source, [], SLASH, { rules })).toEqual({
      Old: 'Archive/Old',
      'Old/2001': 'Archive/Old/2001',
      'Old/Keep': 'Keep',
      Spam: 'Junk',
      Bulk: 'Junk',
    })
  })

  it('includes and excludes by glob, and says what is left out', () => {
    const facts = {
      source: [box('INBOX'), box('A'), box('A/B')],
      destination: [],
      naming: SLASH,
      labels: null,
      earlier: [],
    }
    const { mapped, excluded } = mapMailboxes(facts, { ...DEFAULT_MAPPING, include: ['**'], exclude: ['A/**'] })
    expect(mapped.map((entry) => formatPath(entry.source.path))).toEqual(['A', 'INBOX'])
    expect(excluded).toEqual([['A', 'B']])
  })

  it('stands by earlier decisions', () => {
    const earlier = [{ sourcePath: ['A'], destinationPath: ['Z'] }]
    const facts = {
      source: [box('A'), box('A/B'), box('Z')],
      destination: [],
      naming: SLASH,
      labels: null,
      earlier,
    }
    const { mapped } = mapMailboxes(facts, DEFAULT_MAPPING)
    const paths = mapped.map((entry) => formatPath(entry.destinationPath))
    expect(paths.sort()).toEqual(['Z', 'Z (2)', 'Z/B'])
  })

  it('is injective, fits the other end, and brings names back that come home', () => {
    const name = fc.string({
      minLength: 1,
      maxLength: 8,
      unit: fc.constantFrom('a', 'A', '.', '/', '"', ' ', 'é', '%', '&'),
    })
    const paths = fc.uniqueArray(fc.array(name, { minLength: 1, maxLength: 3 }), {
      maxLength: 12,
      selector: (path) => path.join('\0'),
    })
    const namings = fc.constantFrom(SLASH, DOT, { ...DOT, belowInbox: false }, { ...SLASH, caseSensitive: false })
    fc.assert(
      fc.property(paths, namings, (sources, naming) => {
        const source = [box('INBOX'), ...sources.map((path) => box(path))]
        const { mapped } = mapMailboxes(
          { source, destination: [], naming, labels: null, earlier: [] },
          DEFAULT_MAPPING,
        )
        expect(mapped).toHaveLength(source.length)
        expect(new Set(mapped.map((entry) => collisionKey(entry.destinationPath, naming))).size).toBe(
          source.length,
        )
        for (const { destinationPath } of mapped) {
          for (const level of destinationPath) {
            expect(level).not.toBe('')
            expect(level.includes(naming.delimiter ?? '\0')).toBe(false)
            for (const character of naming.forbidden) expect(level.includes(character)).toBe(false)
          }
        }
      }),
      { numRuns: 500 },
    )
  })
})
