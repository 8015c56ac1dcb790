import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { MultiSearch } from '../../src/signoff/multi-search.ts'
import { needlesOf, whyNotSearchable, type Needle } from '../../src/signoff/needles.ts'
import { searchPlaces } from '../../src/signoff/search-folders.ts'
import { StreamSearch } from '../../src/signoff/search-stream.ts'

const signal = new AbortController().signal
const told = (): void => undefined
const SECRET = 'Tr0ub4dor&3 "ü"/+'

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sealpost-search-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function writeAndName(path: string, bytes: Buffer): string {
  writeFileSync(path, bytes)
  return path
}

function needle(bytes: Buffer, joined = false): Needle {
  return { name: bytes.toString('hex'), form: 'raw', bytes, joined }
}

function found(search: StreamSearch, pieces: readonly Buffer[]): readonly Needle[] {
  search.begin()
  for (const piece of pieces) search.add(piece)
  return search.hits()
}

/** Few letters, so that near misses and overlaps are common. */
const letters = fc.uint8Array({ min: 97, max: 99, minLength: 8, maxLength: 12 }).map((bytes) => Buffer.from(bytes))

describe('the search for many values at once', () => {
  test('finds what a search one by one finds', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(letters, { minLength: 1, maxLength: 30, selector: (bytes) => bytes.toString('hex') }),
        fc.uint8Array({ min: 97, max: 99, maxLength: 400 }),
        fc.array(fc.nat(30), { maxLength: 5 }),
        (values, noise, planted) => {
          const parts: Buffer[] = [Buffer.from(noise)]
          for (const i of planted) parts.push(values[i % values.length] ?? Buffer.alloc(0), Buffer.from('c'))
          const text = Buffer.concat(parts)
          const hits = new Set<string>()
          new MultiSearch(values.map((value) => needle(value))).search(text, ({ name }) => hits.add(name))
          const expected = values.filter((value) => text.includes(value)).map((value) => value.toString('hex'))
          expect([...hits].sort()).toEqual(expected.sort())
        },
      ),
      { numRuns: 500 },
    )
  })

  test('finds a value wherever the border of two pieces falls', () => {
    const text = Buffer.from(`${'x'.repeat(20)}${SECRET}${'y'.repeat(20)}`)
    const search = new StreamSearch(needlesOf('secret', Buffer.from(SECRET)))
    for (let cut = 0; cut <= text.length; cut++) {
      expect(found(search, [text.subarray(0, cut), text.subarray(cut)]).map(({ form }) => form)).toContain(
        'as it is',
      )
    }
    const bytes = Array.from(text, (_, i) => text.subarray(i, i + 1))
    expect(found(search, bytes)).toHaveLength(1)
    // What lay in the file before is forgotten: half of it in one file and half in the next is no hit.
    search.begin()
    search.add(text.subarray(0, 28))
    search.begin()
    search.add(text.subarray(28))
    expect(search.hits()).toEqual([])
  })

  test('finds nothing where there is nothing, and nothing at all without needles', () => {
    expect(found(new StreamSearch(needlesOf('secret', Buffer.from(SECRET))), [Buffer.alloc(1_000_000)])).toEqual(
      [],
    )
    expect(found(new StreamSearch([]), [Buffer.from(SECRET)])).toEqual([])
  })
})

describe('the forms of a value', () => {
  const forms: readonly (readonly [string, (value: string, pad: number) => Buffer])[] = [
    ['as it is', (value) => Buffer.from(value)],
    ['UTF-16, little-endian', (value) => Buffer.from(value, 'utf16le')],
    ['UTF-16, big-endian', (value) => Buffer.from(value, 'utf16le').swap16()],
    ['base64', (value, pad) => Buffer.from(Buffer.from('u'.repeat(pad) + value + 'tail').toString('base64'))],
    ['base64url', (value, pad) => Buffer.from(Buffer.from('u'.repeat(pad) + value).toString('base64url'))],
    ['hexadecimal', (value) => Buffer.from(Buffer.from(value).toString('hex').toUpperCase())],
    ['JSON', (value) => Buffer.from(JSON.stringify({ password: value }))],
    ['an address', (value) => Buffer.from(`https://user:${encodeURIComponent(value)}@example.org/`)],
    [
      'base64 of UTF-16',
      (value, pad) => Buffer.from(Buffer.from('u'.repeat(pad) + value, 'utf16le').toString('base64')),
    ],
  ]

  test.each(forms)('%s is found for any value, wherever it begins', (_, write) => {
    const value = fc
      .string({ minLength: 8, maxLength: 40, unit: 'grapheme' })
      .filter((text) => !/^\s|\s$/.test(text))
    fc.assert(
      fc.property(value, fc.nat(8), (text, pad) => {
        const search = new StreamSearch(needlesOf('secret', Buffer.from(text)))
        expect(found(search, [Buffer.from('before '), write(text, pad), Buffer.from(' after')])).not.toEqual([])
      }),
      { numRuns: 60 },
    )
  })

  test('base64 that is broken into lines is found', () => {
    const value = 'a-long-secret-that-is-broken-into-lines-for-certain-and-then-some-more-of-it'
    const lines =
      Buffer.from(`user\0${value}`)
        .toString('base64')
        .match(/.{1,20}/g) ?? []
    const search = new StreamSearch(needlesOf('secret', Buffer.from(value)))
    for (const end of ['\n', '\r\n', '\r\n '])
      expect(found(search, [Buffer.from(lines.join(end))])).not.toEqual([])
  })

  test('a private key out of a service account is found without the rest of it', () => {
    const line = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj'
    const account = JSON.stringify({
      type: 'service_account',
      private_key: `-----BEGIN PRIVATE KEY-----\n${line}\n-----END PRIVATE KEY-----\n`,
    })
    const search = new StreamSearch(needlesOf('account', Buffer.from(account)))
    expect(found(search, [Buffer.from(`x ${line} y`)])).not.toEqual([])
    expect(
      found(search, [Buffer.from('{"type": "service_account", "universe_domain": "googleapis.com"}')]),
    ).toEqual([])
  })

  test('random bytes, such as keys, are found', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
        const value = Buffer.from(key)
        const search = new StreamSearch(needlesOf('key', value))
        expect(found(search, [Buffer.concat([Buffer.from('k='), value])])).not.toEqual([])
        expect(found(search, [Buffer.from(value.toString('base64'))])).not.toEqual([])
      }),
    )
  })

  test('what is too short, or a word of our own files, cannot be searched for', () => {
    expect(whyNotSearchable(Buffer.from('1234567'))).toMatch(/shorter than 8/)
    expect(whyNotSearchable(Buffer.from('Password'))).toMatch(/common word/)
    expect(whyNotSearchable(Buffer.from('Passw0rd'))).toBeNull()
  })
})

describe('the search of folders', () => {
  test('names file, value and form, and passes over what is apart', async () => {
    const root = folder()
    const [a, b] = [join(root, 'a'), join(root, 'b')]
    mkdirSync(join(a, 'deep', 'er'), { recursive: true })
    mkdirSync(join(a, 'mail'))
    mkdirSync(b)
    const big = Buffer.concat([Buffer.alloc(1024 * 1024 - 5, 0x2e), Buffer.from(SECRET), Buffer.alloc(100)])
    writeFileSync(join(a, 'deep', 'er', 'big.bin'), big)
    writeFileSync(join(a, 'mail', 'message'), SECRET)
    writeFileSync(join(b, 'outside'), SECRET)
    symlinkSync(b, join(a, 'link'))
    execFileSync('mkfifo', [join(a, 'pipe')])
    const places = [
      { place: 'project', path: a },
      { place: 'again', path: join(a, 'deep') },
      { place: 'missing', path: join(root, 'none') },
    ]
    const report = await searchPlaces(
      places,
      [join(a, 'mail')],
      needlesOf('admin', Buffer.from(SECRET)),
      told,
      signal,
    )
    expect(report.hits).toEqual([{ path: join(a, 'deep', 'er', 'big.bin'), name: 'admin', form: 'as it is' }])
    expect(report.places).toMatchObject([
      { place: 'project', files: 1, bytes: big.length, unreadable: 0, notFiles: 2, state: 'searched' },
      { place: 'again', files: 0, state: 'searched' },
      { place: 'missing', files: 0, state: 'not there' },
    ])
  })

  test('searches a place that is one file, such as the history of a shell', async () => {
    const history = join(folder(), 'history')
    writeFileSync(history, `ls\n${SECRET}\n`)
    const bytes = Buffer.byteLength(`ls\n${SECRET}\n`)
    const place = { place: 'history', path: history }
    const report = await searchPlaces([place], [], needlesOf('admin', Buffer.from(SECRET)), told, signal)
    expect(report.hits).toEqual([{ path: history, name: 'admin', form: 'as it is' }])
    expect(report.places).toMatchObject([{ files: 1, bytes, unreadable: 0, state: 'searched' }])
  })

  test.skipIf(process.getuid?.() === 0)('counts what may not be read', async () => {
    const root = folder()
    writeFileSync(join(root, 'closed'), SECRET)
    chmodSync(join(root, 'closed'), 0)
    const report = await searchPlaces([{ place: 'project', path: root }], [], [], told, signal)
    expect(report.places).toMatchObject([{ unreadable: 1, files: 0 }])
  })

  test('finds what ends or begins in a hole of a file, and says how far it has come', async () => {
    const root = folder()
    const mebibyte = 1024 * 1024
    const [first, second] = ['first-value', 'second-value'].map((text) => Buffer.from(text, 'utf16le')) as [
      Buffer,
      Buffer,
    ]
    second.swap16()
    expect([first.at(-1), second[0]]).toEqual([0, 0])
    const image = join(root, 'image')
    truncateSync(
      writeAndName(image, Buffer.concat([Buffer.alloc(mebibyte - first.length + 1, 1), first])),
      3 * mebibyte,
    )
    appendFileSync(image, second.subarray(1))
    const needles = [needle(first), needle(second)]
    const seen: number[] = []
    const report = await searchPlaces(
      [{ place: 'project', path: root }],
      [],
      needles,
      ({ path, files, bytes }) => {
        expect({ path, files }).toEqual({ path: root, files: 1 })
        seen.push(bytes)
      },
      signal,
    )
    expect(report.hits.map(({ name }) => name).sort()).toEqual(needles.map(({ name }) => name).sort())
    expect(seen.at(-1)).toBe(3 * mebibyte + second.length - 1)
    expect(seen.length).toBeGreaterThan(3)
  })

  test('comes to the end of a file that somebody goes on writing to', async () => {
    const root = folder()
    const log = writeAndName(join(root, 'log'), Buffer.alloc(5000, 1))
    let writes = 0
    const write = (): void => {
      if (writes++ < 100) appendFileSync(log, Buffer.alloc(5000, 1))
    }
    const report = await searchPlaces([{ place: 'project', path: root }], [], [], write, signal)
    expect(report.places).toMatchObject([{ files: 1, bytes: 5000 }])
  })

  test('searches files and folders whose names are not UTF-8', async () => {
    const root = folder()
    const inner = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x66, 0xfc, 0x72])])
    mkdirSync(inner)
    writeFileSync(Buffer.concat([inner, Buffer.from('/'), Buffer.from([0xe4])]), SECRET)
    const needles = needlesOf('admin', Buffer.from(SECRET))
    const report = await searchPlaces([{ place: 'project', path: root }], [], needles, told, signal)
    expect(report.hits).toMatchObject([{ path: `${root}/f\ufffdr/\ufffd`, name: 'admin' }])
    expect(report.places).toMatchObject([{ files: 1, unreadable: 0, state: 'searched' }])
  })

  test('what lies too deep to be named is counted as not readable, and the rest is searched', async () => {
    const root = folder()
    writeFileSync(join(root, 'shallow'), SECRET)
    const script = `import os\nfor _ in range(20):\n os.mkdir('d' * 250)\n os.chdir('d' * 250)\nopen('deep', 'w').close()`
    execFileSync('python3', ['-c', script], { cwd: root })
    const needles = needlesOf('admin', Buffer.from(SECRET))
    const place = { place: 'project', path: root }
    const report = await searchPlaces([place], [], needles, told, signal).finally(() =>
      execFileSync('rm', ['-rf', join(root, 'd'.repeat(250))]),
    )
    expect(report.hits).toMatchObject([{ path: join(root, 'shallow') }])
    expect(report.places).toMatchObject([{ files: 1, unreadable: 1, state: 'searched' }])
  })

  test('stops when it is asked to', async () => {
    const root = folder()
    const stop = new AbortController()
    stop.abort()
    await expect(
      searchPlaces([{ place: 'project', path: root }], [], [], told, stop.signal),
    ).rejects.toMatchObject({
      kind: 'cancelled',
    })
  })
})
