import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { KnownHead } from '../../src/core/audit.ts'
import { advance, decodeHead, emptyHead, encodeHead } from '../../src/audit/audit-head.ts'
import { decodeLeaf, encodeLeaf, encodeLine, parseLine } from '../../src/audit/audit-line.ts'
import { parseCheckpoint } from '../../src/audit/checkpoint.ts'
import { hashLeaf } from '../../src/audit/merkle.ts'
import { restartAuditLog } from '../../src/audit/audit-restart.ts'
import { formatVerifierKey } from '../../src/audit/signed-note.ts'
import {
  ANNA,
  CALM,
  ORIGIN,
  allEntries,
  allPersonal,
  event,
  fabricateLog,
  findings,
  linesOf,
  openTestLog,
  temporaryFolder,
  testSeal,
  verify,
  writeLines,
  type TestLog,
} from './audit-fixture.ts'
import { isLong } from '../long.ts'
import { testSigner } from './signer.ts'

const signer = testSigner(ORIGIN)
const key = formatVerifierKey(signer.name, signer.publicKey)

async function headOf(test: TestLog): Promise<KnownHead> {
  return parseCheckpoint(await test.log.checkpoint(signer, CALM))
}

/** Somebody who can write the files and knows the format: changes entry `at`, and then whatever `also` says. */
function forge(folder: string, at: number, also: 'nothing' | 'hash' | 'chain' | 'everything'): void {
  const lines = linesOf(folder).map((line) => Buffer.from(line))
  let head = emptyHead(ORIGIN)
  let isOpen = false
  const out = lines.map((line, index) => {
    let bytes: Buffer = line.subarray(line.indexOf(0x20, line.indexOf(0x20) + 1) + 1)
    const content = decodeLeaf(Buffer.from(bytes))
    if (content === null) throw new Error('no leaf')
    if (index === at) bytes = encodeLeaf({ ...content, object: 'forged' })
    else if (isOpen) bytes = encodeLeaf({ ...content, previous: head.last })
    if (index === at) isOpen = also === 'chain' || also === 'everything'
    const made = encodeLine(index, bytes)
    head = advance(head, hashLeaf(bytes), made.length)
    if (index !== at || also !== 'nothing') return made.toString().slice(0, -1)
    return `${line.toString().split(' ').slice(0, 2).join(' ')} ${bytes.toString()}`
  })
  writeLines(folder, out)
  if (also !== 'everything') return
  const { personalBytes } = decodeHead(readFileSync(join(folder, 'head')))
  writeFileSync(join(folder, 'head'), encodeHead({ ...head, personalBytes }))
}

/** A line as it is when its content was erased. */
const blank = (line: string): string => `${line.split(' ').slice(0, 2).join(' ')} `.padEnd(line.length)

describe('edits', () => {
  it('of an entry are found at it, whatever else was made to fit', async () => {
    for (const at of [0, 7, 19]) {
      for (const also of ['nothing', 'hash'] as const) {
        const test = fabricateLog(20)
        forge(test.folder, at, also)
        expect(await findings(test.log)).toEqual([`edited ${at}-${at}`])
      }
    }
  })

  it('with every later entry made anew are found at the end, where the head does not fit', async () => {
    const test = fabricateLog(20)
    forge(test.folder, 7, 'chain')
    const found = await findings(test.log)
    expect(found).toContain('edited 19-19')
    expect((await verify(test.log)).intact).toBe(false)
  })

  it('with the head made anew too are found by any checkpoint from outside, between two of them', async () => {
    const folder = fabricateLog(12).folder
    const test = openTestLog(folder)
    const early = await headOf(test)
    for (let i = 0; i < 4; i++) await test.log.append(event(), CALM)
    const late = await headOf(test)
    await test.log.append(event(), CALM)
    forge(folder, 13, 'everything')
    expect(await findings(test.log)).toEqual([])
    expect(await findings(test.log, { heads: [early] })).toEqual([])
    expect(await findings(test.log, { heads: [late, early] })).toEqual(['rewritten 12-15'])
    expect(await findings(test.log, { keys: [key] })).toEqual(['rewritten 12-15'])
    forge(folder, 3, 'everything')
    expect(await findings(test.log, { heads: [early, late] })).toEqual(['rewritten 0-11', 'rewritten 0-15'])
  })
})

describe('lines', () => {
  it.each([
    ['one in the middle', [5], ['deleted 5-5']],
    ['the first', [0], ['deleted 0-0']],
    ['several', [3, 4, 9], ['deleted 3-4', 'deleted 9-9']],
    ['the last', [19], ['truncated 19-19']],
    ['the last three', [17, 18, 19], ['truncated 17-19']],
    ['all', Array.from({ length: 20 }, (_, i) => i), ['truncated 0-19']],
  ])('that were taken out are found: %s', async (_, gone, expected) => {
    const { folder, log } = fabricateLog(20)
    writeLines(
      folder,
      linesOf(folder).filter((_line, i) => !gone.includes(i)),
    )
    expect(await findings(log)).toEqual(expected)
  })

  it('that changed places are found from the first to the last that did', async () => {
    const { folder, log } = fabricateLog(20)
    const lines = linesOf(folder)
    const swapped = lines.map((line, i) => (i === 4 ? (lines[11] ?? line) : i === 11 ? (lines[4] ?? line) : line))
    writeLines(folder, swapped)
    expect(await findings(log)).toEqual(['reordered 4-11'])
  })

  it('that were put in are found: a copy, noise, one that is not ours', async () => {
    const { folder, log } = fabricateLog(20)
    const lines = linesOf(folder)
    writeLines(folder, lines.toSpliced(9, 0, lines[5] ?? ''))
    expect(await findings(log)).toEqual(['inserted 5-5'])
    writeLines(folder, lines.toSpliced(9, 0, 'noise'))
    expect(await findings(log)).toEqual(['inserted 9-9'])
    writeLines(folder, lines.toSpliced(9, 0, (lines[19] ?? '').replace(/^19 /, '77 ')))
    expect((await verify(log)).intact).toBe(false)
  })

  it('longer than any of ours are found', async () => {
    const { folder, log } = fabricateLog(6)
    writeLines(folder, linesOf(folder).toSpliced(2, 1, 'x'.repeat(400_000)))
    expect(await findings(log)).toEqual(['edited 2-2'])
  })
})

it('what can still be read of a damaged log is read', async () => {
  const { folder, log } = fabricateLog(6)
  writeLines(folder, linesOf(folder).toSpliced(2, 1, 'noise'))
  const entries = await allEntries(log)
  expect(entries.map(({ index, entry }) => [index, entry?.object ?? null])).toEqual([
    [0, 'thing-0'],
    [1, 'thing-1'],
    [2, null],
    [3, 'thing-3'],
    [4, 'thing-4'],
    [5, 'thing-5'],
  ])
  expect(entries[2]?.leafHash).toHaveLength(0)
})

describe('a log put back', () => {
  it('as a whole to an earlier state is whole by itself, and found by a checkpoint from outside', async () => {
    const test = fabricateLog(10)
    const earlier = join(temporaryFolder(), 'audit')
    cpSync(test.folder, earlier, { recursive: true })
    await test.log.append(event(), CALM)
    await test.log.append(event(), CALM)
    const outside = await headOf(test)
    const { log } = openTestLog(earlier)
    expect(await findings(log)).toEqual([])
    expect(await findings(log, { heads: [outside] })).toEqual(['rolled-back 10-11'])
    const empty = openTestLog()
    expect(await findings(empty.log, { heads: [outside] })).toEqual(['rolled-back 0-11'])
  })

  it('is not measured by a checkpoint of another log', async () => {
    const { log } = fabricateLog(3)
    const foreign = { origin: 'elsewhere.example', size: 99, root: Buffer.alloc(32) }
    expect(await findings(log, { heads: [foreign] })).toEqual(['checkpoint-unusable 0-0'])
  })

  it('with a checkpoint beside it that was damaged or forged says so', async () => {
    const test = fabricateLog(5)
    await test.log.checkpoint(signer, CALM)
    const path = join(test.folder, 'checkpoints')
    const good = readFileSync(path, 'utf8')
    writeFileSync(path, good.replace('\\n5\\n', '\\n4\\n'))
    expect(await findings(test.log, { keys: [key] })).toEqual(['checkpoint-unusable 0-4'])
    writeFileSync(path, 'noise\n')
    expect(await findings(test.log)).toEqual(['checkpoint-unusable 0-4'])
    writeFileSync(path, good)
    const stranger = testSigner('example.com/other', 3)
    const strangerKey = formatVerifierKey(stranger.name, stranger.publicKey)
    expect(await verify(test.log, { keys: [strangerKey] })).toMatchObject({ intact: true, compared: 0 })
  })
})

describe('what was erased', () => {
  it('without an entry that says so is found', async () => {
    const { folder, log } = fabricateLog(12)
    writeLines(
      folder,
      linesOf(folder).map((line, i) => (i === 4 ? blank(line) : line)),
    )
    expect(await findings(log)).toEqual(['content-missing 4-4'])
    const rows = linesOf(folder, 'personal')
    writeLines(
      folder,
      rows.map((row, i) => (i === 2 ? row.slice(0, 33).padEnd(row.length) : row)),
      'personal',
    )
    expect(await findings(log)).toEqual(['content-missing 4-4', 'personal-missing 6-6'])
    writeLines(folder, rows.toSpliced(0, 1), 'personal')
    expect(await findings(log)).toContain('personal-missing 0-0')
  })

  it('is not excused by an entry that was tampered with', async () => {
    for (const rehash of [false, true]) {
      const { folder, log } = fabricateLog(6)
      await log.erase(event({ action: 'sweep' }), { leaves: [2], personal: [] }, CALM)
      expect(await findings(log)).toEqual([])
      const changed = linesOf(folder).map((line, i) => {
        if (i === 3) return blank(line)
        if (i !== 6) return line
        const leaf = line.slice(line.indexOf('{')).replace('"leaves":"2"', '"leaves":"2-3"')
        return rehash ? encodeLine(6, Buffer.from(leaf)).toString().slice(0, -1) : line.slice(0, 47) + leaf
      })
      writeLines(folder, changed)
      expect(await findings(log)).toEqual(['content-missing 2-3', 'edited 6-6'])
    }
  })

  it('is not excused by an entry that stands before it', async () => {
    const { folder, log } = fabricateLog(6)
    let head = emptyHead(ORIGIN)
    const lines = linesOf(folder).map((line, index) => {
      const content = decodeLeaf(Buffer.from(line.slice(line.indexOf('{'))))
      if (content === null) throw new Error('no leaf')
      const erased = index === 2 ? { leaves: [4], personal: [] } : null
      const leaf = encodeLeaf({ ...content, erased, previous: head.last })
      const made = encodeLine(index, leaf)
      head = advance(head, hashLeaf(leaf), made.length)
      const text = made.toString().slice(0, -1)
      return index === 4 ? blank(text) : text
    })
    writeLines(folder, lines)
    const { personalBytes } = decodeHead(readFileSync(join(folder, 'head')))
    writeFileSync(join(folder, 'head'), encodeHead({ ...head, personalBytes }))
    expect(await findings(log)).toEqual(['content-missing 4-4'])
  })

  it('has a hash that cannot be changed, even beside another that was erased', async () => {
    const { folder, log } = fabricateLog(10)
    await log.erase(event({ action: 'sweep' }), { leaves: [3, 4], personal: [] }, CALM)
    for (const at of [3, 4]) {
      const lines = linesOf(folder)
      const other = hashLeaf(Buffer.from('other')).toString('base64')
      const changed = lines.map((line, i) => (i === at ? line.replace(/ \S{44} /, ` ${other} `) : line))
      writeLines(folder, changed)
      const { findings: found, intact } = await verify(log)
      expect(intact).toBe(false)
      // Nothing says what the hash of 3 was but the tree: its place is known as well as the head's subtrees allow.
      expect(found.every(({ from, to }) => from <= at && at <= to)).toBe(true)
      if (at === 4) expect(found).toMatchObject([{ kind: 'edited', from: 4, to: 4 }])
      writeLines(folder, lines)
    }
  })

  it('and has come back is told', async () => {
    const { folder, log } = fabricateLog(6)
    const rows = readFileSync(join(folder, 'personal'))
    await log.erase(event({ action: 'record-erased' }), { leaves: [], personal: [3] }, CALM)
    writeFileSync(join(folder, 'personal'), rows)
    expect(await findings(log)).toEqual(['unfinished 3-3'])
  })
})

describe('sealed fields', () => {
  it('that were exchanged or changed are found without a key', async () => {
    const { folder, log } = fabricateLog(12)
    const rows = linesOf(folder, 'personal')
    const [first = '', second = ''] = rows
    writeLines(
      folder,
      [first.slice(0, 33) + second.slice(33), second.slice(0, 33) + first.slice(33), ...rows.slice(2)],
      'personal',
    )
    expect(await findings(log)).toEqual(['personal-edited 0-0', 'personal-edited 3-3'])
  })

  it('that are not what was committed to are found with the key', async () => {
    const { folder, log } = fabricateLog(7)
    const lines = linesOf(folder)
    const parsed = parseLine(Buffer.from(lines[6] ?? ''))
    if (parsed?.content?.personal == null) throw new Error('no content')
    const { content } = parsed
    const commitment = hashLeaf(Buffer.from('else')).toString('base64')
    const leaf = encodeLeaf({ ...content, personal: content.personal && { ...content.personal, commitment } })
    const line = encodeLine(6, leaf)
    let head = emptyHead(ORIGIN)
    const all = [...lines.slice(0, 6).map((text) => Buffer.from(`${text}\n`)), line]
    for (const one of all) {
      const hash = parseLine(one.subarray(0, -1))?.leafHash
      if (hash !== undefined) head = advance(head, hash, one.length)
    }
    writeFileSync(join(folder, 'log'), Buffer.concat(all))
    const { personalBytes } = decodeHead(readFileSync(join(folder, 'head')))
    writeFileSync(join(folder, 'head'), encodeHead({ ...head, personalBytes }))
    expect(await findings(log)).toEqual([])
    expect(await findings(log, { opener: testSeal() })).toEqual(['personal-edited 6-6'])
    await expect(allPersonal(log)).rejects.toMatchObject({ kind: 'corrupt' })
    expect(await findings(log, { opener: testSeal(Buffer.alloc(32, 1)) })).toEqual([
      'personal-edited 0-0',
      'personal-edited 3-3',
      'personal-edited 6-6',
    ])
  })
})

describe('the head', () => {
  it.each([
    ['missing bytes', (text: string) => text.slice(0, 40)],
    ['another size', (text: string) => text.replace('"size":9', '"size":8')],
    ['another root', (text: string) => text.replace(/"root":"...../, '"root":"AAAAA')],
    ['another last hash', (text: string) => text.replace(/"last":"...../, '"last":"AAAAA')],
    ['another length', (text: string) => text.replace(/"logBytes":\d+/, '"logBytes":7')],
  ])('with %s is found', async (_, change) => {
    const { folder, log } = fabricateLog(9)
    writeFileSync(join(folder, 'head'), change(readFileSync(join(folder, 'head'), 'utf8')))
    expect((await verify(log)).intact).toBe(false)
  })
})

it('a clock that was set back is told, and is no damage', async () => {
  const { log, clock } = fabricateLog(3)
  clock.set('2020-01-01T00:00:00Z')
  await log.append(event(), CALM)
  expect(await verify(log)).toMatchObject({ intact: true, findings: [{ kind: 'clock-set-back', from: 3, to: 3 }] })
})

/** `npm run test:damage` has all of them; `npm test` a third. */
const share = (runs: number): number => (isLong('damage') ? runs : Math.ceil(runs / 3))

describe('damage anywhere', () => {
  const home = mkdtempSync(join(tmpdir(), 'sealpost-records-'))
  const { folder } = fabricateLog(24, join(home, 'audit'))
  afterAll(() => rmSync(home, { recursive: true, force: true }))
  const original = readFileSync(join(folder, 'log'))
  const starts = [0, ...[...original.entries()].flatMap(([i, byte]) => (byte === 10 ? [i + 1] : []))].slice(0, -1)

  /** The entry that the byte at `offset` belongs to; a newline ends its own entry. */
  const entryAt = (offset: number): number => starts.findLastIndex((start) => start <= offset)

  it('of one byte is found at its entry', async () => {
    const test = openTestLog(folder)
    await fc.assert(
      fc.asyncProperty(fc.nat(original.length - 1), fc.integer({ min: 1, max: 255 }), async (offset, mask) => {
        const bytes = Buffer.from(original)
        bytes.writeUInt8(bytes.readUInt8(offset) ^ mask, offset)
        writeFileSync(join(folder, 'log'), bytes)
        const { intact, findings: found } = await verify(test.log)
        expect(intact).toBe(false)
        const at = entryAt(offset)
        const damaged = found.filter(({ severity }) => severity === 'damage')
        expect(damaged.some(({ from, to }) => from <= at && at <= to)).toBe(true)
        // Nothing else is blamed but the neighbour, where a newline was lost or put in.
        for (const { from, to } of damaged) expect([from >= at - 1, to <= at + 1]).toEqual([true, true])
      }),
      { numRuns: share(400) },
    )
    writeFileSync(join(folder, 'log'), original)
  })

  it('of a stretch of bytes is found from its first entry on', async () => {
    const test = openTestLog(folder)
    const stretch = fc.tuple(fc.nat(original.length - 1), fc.uint8Array({ minLength: 1, maxLength: 900 }))
    await fc.assert(
      fc.asyncProperty(stretch, async ([offset, noise]) => {
        const bytes = Buffer.from(original)
        bytes.set(noise.subarray(0, original.length - offset), offset)
        fc.pre(!bytes.equals(original))
        const first = bytes.findIndex((byte, i) => byte !== original[i])
        const last = bytes.findLastIndex((byte, i) => byte !== original[i])
        writeFileSync(join(folder, 'log'), bytes)
        const { intact, findings: found } = await verify(test.log)
        expect(intact).toBe(false)
        for (let at = entryAt(first); at <= entryAt(last); at++) {
          if (bytes.subarray(starts[at], starts[at + 1]).equals(original.subarray(starts[at], starts[at + 1])))
            continue
          expect(found.some(({ from, to }) => from <= at && at <= to)).toBe(true)
        }
      }),
      { numRuns: share(150) },
    )
    writeFileSync(join(folder, 'log'), original)
    expect(await findings(test.log)).toEqual([])
  })

  it('of the head or the sealed fields is found', async () => {
    const test = openTestLog(folder)
    for (const name of ['head', 'personal']) {
      const good = readFileSync(join(folder, name))
      await fc.assert(
        fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (offset, mask) => {
          const bytes = Buffer.from(good)
          bytes.writeUInt8(bytes.readUInt8(offset) ^ mask, offset)
          writeFileSync(join(folder, name), bytes)
          const outcome = await verify(test.log)
          // The one byte of the head that says nothing of the log is that of work still to be done.
          const text = bytes.toString('latin1')
          if (!/"erasing":\d|"personalBytes"|"repair"/.test(text) || name === 'personal')
            expect(outcome.intact).toBe(false)
        }),
        { numRuns: share(150) },
      )
      writeFileSync(join(folder, name), good)
    }
  })

  it('never makes a verification throw', async () => {
    const test = openTestLog(folder)
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom('log', 'personal', 'checkpoints'),
        async (noise, name) => {
          const path = join(folder, name)
          writeFileSync(path, noise, { mode: 0o600 })
          await verify(test.log, { keys: [key], opener: testSeal() })
          writeFileSync(join(folder, 'log'), original)
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('beginning anew', () => {
  it('keeps the damaged log, and the first entry names it', async () => {
    const test = fabricateLog(9)
    const options = { folder: test.folder, origin: ORIGIN, clock: test.clock, sealer: testSeal() }
    await expect(restartAuditLog(options, ANNA, 'no reason', CALM)).rejects.toMatchObject({ kind: 'policy' })
    const outside = await headOf(test)
    forge(test.folder, 8, 'hash')
    const restarted = await restartAuditLog(options, ANNA, 'disk error', CALM)
    expect(restarted).toMatchObject({ index: 0, kept: join(test.folder, 'damaged-1') })
    expect(linesOf(restarted.kept)).toHaveLength(9)
    const [first] = await allEntries(test.log)
    expect(first?.entry).toMatchObject({
      action: 'log-started',
      object: 'damaged-1',
      facts: { formerSize: 9, findings: 1 },
    })
    expect(await allPersonal(test.log)).toEqual({ 0: '{"reason":"disk error"}' })
    await test.log.append(event(), CALM)
    expect(await headOf(test)).toMatchObject({ origin: `${ORIGIN}/2`, size: 2 })
    const after = await verify(test.log, { heads: [outside] })
    expect(after).toMatchObject({
      intact: true,
      origin: `${ORIGIN}/2`,
      findings: [{ kind: 'checkpoint-unusable', severity: 'note' }],
    })
    const kept = openTestLog(restarted.kept)
    expect(await findings(kept.log)).toEqual(['edited 8-8'])
  })
})
