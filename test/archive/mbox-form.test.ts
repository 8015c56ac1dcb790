import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FromLines } from '../../connectors/archive/from-lines.ts'
import { readFromMbox, storeInMbox, type MboxPlace } from '../../connectors/archive/mbox-form.ts'
import { createMemoryConnector } from '../../connectors/memory/connector.ts'
import { createMemoryStore } from '../../connectors/memory/store.ts'
import { generateAgeKeys } from '../../vault/age-key.ts'
import { startPython, type Python } from '../mbox/python.ts'
import { lacking } from '../packages.ts'
import { end, header, line, manifest, one, sealTo, tarOf, type Entry } from './forged.ts'
import { DEFAULT_LIMITS } from '../../src/engine/settings.ts'
import { BackupStage, openFiles, quiet, temporary } from './stage.ts'

const DATE = Date.UTC(2021, 3, 5, 6, 7, 8)

/** Text in which everything that mbox minds is common. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom('\r\n', '\r\n', '\n', '\r', '>', '>>', 'From ', 'From', 'Fro', 'F', ' ', '\0', 'ü', 'text '),
      fc.string({ maxLength: 5 }),
    ),
    { maxLength: 60 },
  )
  .map((parts) => Buffer.from(parts.join(''), 'utf8'))

/** The same bytes, cut anywhere. */
function cut(bytes: Buffer, at: readonly number[]): readonly Buffer[] {
  const places = [...new Set(at.map((each) => each % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...places, bytes.length].map((place, index) => bytes.subarray(places[index - 1] ?? 0, place))
}

async function* given(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces
}

async function stored(
  bytes: Buffer,
  pieces: readonly Buffer[],
): Promise<{ readonly file: Buffer; readonly place: MboxPlace }> {
  const out: Uint8Array[] = []
  const seen: Uint8Array[] = []
  const places: MboxPlace[] = []
  const body = { bytes: bytes.length, open: () => given(pieces) }
  const note = (piece: Uint8Array): void => void seen.push(piece)
  for await (const piece of storeInMbox(body, DATE, note, (place) => places.push(place), quiet)) {
    // A view may be good for this turn alone.
    out.push(Buffer.from(piece))
  }
  expect(Buffer.concat(seen).equals(bytes)).toBe(true)
  const [place] = places
  if (place === undefined) throw new Error('it did not end')
  return { file: Buffer.concat(out), place }
}

describe('a message in an mbox file', () => {
  it('comes back as it was, however both are cut', async () => {
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat()), fc.array(fc.nat()), async (bytes, first, second) => {
        const { file, place } = await stored(bytes, cut(bytes, first))
        expect(place.bytes).toBe(file.length)
        const whole = await stored(bytes, [bytes])
        expect(whole.file.equals(file)).toBe(true)
        const back: Uint8Array[] = []
        for await (const piece of readFromMbox(given(cut(file, second)), place, bytes.length)) back.push(piece)
        expect(Buffer.concat(back).equals(bytes)).toBe(true)
        // One From_ line, and a blank line at the end, so that files may be put one behind the other.
        expect(file.toString('latin1').match(/(?:^|\n)From /g)).toHaveLength(1)
        expect(file.toString('latin1')).toMatch(/\n\n$/)
      }),
      { numRuns: 300 },
    )
  })

  it('has LF at the end of its lines where it had CRLF alone, and else what it had', async () => {
    const plain = Buffer.from('A: b\r\n\r\nFrom x\r\n>From y\r\n')
    expect((await stored(plain, [plain])).file.toString()).toBe(
      'From MAILER-DAEMON Mon Apr  5 06:07:08 2021\nA: b\n\n>From x\n>>From y\n\n',
    )
    const mixed = Buffer.from('A: b\r\n\r\nbare\nend')
    const kept = await stored(mixed, [mixed])
    expect(kept.place.lineEnds).toBe('kept')
    expect(kept.file.toString()).toBe('From MAILER-DAEMON Mon Apr  5 06:07:08 2021\nA: b\r\n\r\nbare\nend\n\n')
  })

  it('holds back no more than six bytes', () => {
    const lines = new FromLines('quote')
    expect(Buffer.from(lines.push(Buffer.from('x\n>>>>>From'))).toString()).toBe('x\n>>>>')
    expect(Buffer.from(lines.push(Buffer.from(' you'))).toString()).toBe('>>From you')
  })
})

const mail = (n: number, body = `Hello ${n}`): Buffer =>
  Buffer.from(`Message-ID: <${n}@example.com>\r\nSubject: ${n}\r\n\r\n${body}\r\n`)

async function filled(): Promise<BackupStage> {
  const stage = await BackupStage.make()
  const alice = stage.store.account('alice')
  for (let n = 1; n <= 30; n++) {
    const path = [['INBOX'], ['Sent'], ['Sent', '2021']][n % 3] ?? ['INBOX']
    const flags = n % 2 === 0 ? ['\\Seen', 'Later'] : []
    alice.add(path, mail(n, n % 5 === 0 ? 'From me\r\n>From you' : `Hello ${n}`), {
      internalDate: DATE + n * 1000,
      flags,
    })
  }
  alice.add(['INBOX'], Buffer.from('Subject: bare\n\nline\nno end'), { internalDate: DATE, flags: [] })
  alice.add(['INBOX'], Buffer.alloc(0), { internalDate: DATE, flags: [] })
  return stage
}

describe('a backup of mbox files', () => {
  it('restores to what the source was, also over what came later', async () => {
    const stage = await filled()
    await stage.backup({ form: 'mbox' })
    expect(stage.files.map((path) => basename(path))).toEqual(['alice.b001.v001.age'])
    const alice = stage.store.account('alice')
    alice.add(['Sent'], mail(99), { internalDate: DATE, flags: [] })
    alice.setFlags(['INBOX'], '1', ['\\Flagged'])
    await stage.backup()
    expect(stage.files).toHaveLength(2)
    const archive = await stage.open()
    expect(archive.problems).toEqual([])
    expect(archive.index.account('alice').messages).toBe(33)
    const target = createMemoryStore()
    await stage.restore(createMemoryConnector(target, {}))
    expect(target.account('alice').snapshot()).toEqual(alice.snapshot())
  })

  it('of many messages keeps nothing readable beside the volume, and nothing at all afterwards', async () => {
    const stage = await BackupStage.make()
    const alice = stage.store.account('alice')
    for (let n = 0; n < 60; n++)
      alice.add(n % 2 === 0 ? ['INBOX'] : ['Big'], Buffer.concat([mail(n), Buffer.alloc(40_000, 'canary ')]), {
        internalDate: DATE,
        flags: [],
      })
    const limits = { ...DEFAULT_LIMITS, accounts: 1, lanes: 1, memoryBytes: 4 << 20 }
    await stage.backup({ form: 'mbox', volumeBytes: 1 << 20, limits, end: async () => undefined })
    // As a kill leaves it: a volume under way, and what is gathered for it.
    const left = readdirSync(stage.folder).filter((name) => name.endsWith('.mail.part'))
    expect(left).toHaveLength(1)
    expect(readFileSync(join(stage.folder, left[0] ?? '')).length).toBeGreaterThan(10_000)
    for (const file of stage.files) expect(readFileSync(file).includes('canary')).toBe(false)
    stage.closeLedger()
    const { removeUnfinished } = await import('../../connectors/archive/recover-files.ts')
    await removeUnfinished(stage.folder, 'alice', stage.book.records.volumes())
    await stage.backup({ volumeBytes: 1 << 20, limits })
    expect(stage.files.length).toBeGreaterThan(2)
    expect(stage.files.filter((path) => !path.endsWith('.age'))).toEqual([])
    const target = createMemoryStore()
    await stage.restore(createMemoryConnector(target, {}))
    expect(target.account('alice').snapshot()).toEqual(alice.snapshot())
  })

  it('that lies is refused', async () => {
    const keys = await generateAgeKeys()
    const file = Buffer.from('From MAILER-DAEMON Mon Apr  5 06:07:08 2021\nA: b\n\nx\n\n')
    const path = 'alice/INBOX/00000001.mbox'
    const mbox = { bytes: file.length, lineEnds: 'lf' }
    const { createHash } = await import('node:crypto')
    const body = Buffer.from('A: b\r\n\r\nx\r\n')
    const true_ = { path, size: body.length, sha256: createHash('sha256').update(body).digest('hex'), mbox }
    const entry: Entry = { header: { name: path }, bytes: file }
    const first = header({ form: 'mbox' })
    const problem = async (...entries: readonly Entry[]): Promise<string> => {
      const sealed = await sealTo(keys.recipient, one(await tarOf([first, ...entries])))
      return (await openFiles([sealed], keys)).problems.map(({ error }) => error.message).join()
    }
    expect(await problem(manifest(line(1, true_)), entry, end(1, body.length))).toBe('')
    const wrong: readonly (readonly [RegExp, readonly Entry[]])[] = [
      [/is listed and is not there/, [manifest(line(1, true_)), end(1, body.length)]],
      [/does not list .* as it is/, [entry, end(0, 0)]],
      [/does not list .* as it is/, [manifest(line(1, { ...true_, mbox: { ...mbox, bytes: 9 } })), entry]],
      [/is not what the manifest says/, [manifest(line(1, { ...true_, sha256: 'f'.repeat(64) })), entry]],
      [/is not what the manifest says/, [manifest(line(1, { ...true_, size: 2 })), entry]],
      [
        /is not what the manifest says/,
        [manifest(line(1, { ...true_, mbox: { ...mbox, lineEnds: 'kept' } })), entry],
      ],
      [/another path than its own/, [manifest(line(1, { ...true_, path: 'alice/INBOX/00000002.mbox' })), entry]],
      [/another path than its own/, [manifest(line(1, { ...true_, path: '../INBOX/00000001.mbox' })), entry]],
      [/a message that is damaged/, [manifest(line(1, { ...true_, mbox: { bytes: -1, lineEnds: 'lf' } })), entry]],
    ]
    for (const [expected, entries] of wrong) expect(await problem(...entries)).toMatch(expected)
  })
})

const reason = lacking('age') ?? lacking('python3')

describe.skipIf(reason !== null)(
  `Debian's age and tar, and Python${reason === null ? '' : ` (${reason})`}`,
  () => {
    let python: Python
    beforeAll(() => {
      python = startPython()
    })
    afterAll(async () => {
      await python.close()
    })

    it('unpack a backup into mbox files that any program reads', async () => {
      const stage = await filled()
      await stage.backup({ form: 'mbox' })
      const folder = temporary()
      const identity = join(folder, 'key.txt')
      writeFileSync(identity, `${stage.keys.identity.text()}\n`, { mode: 0o600 })
      const out = join(folder, 'out')
      mkdirSync(out)
      execFileSync('sh', ['-c', `age -d -i "${identity}" "${stage.files[0] ?? ''}" | tar -x -C "${out}"`])
      const inbox = readdirSync(join(out, 'alice', 'INBOX'))
      expect(inbox).toHaveLength(1)
      const seen = await python.messages(join(out, 'alice', 'INBOX', inbox[0] ?? ''))
      expect(seen).toHaveLength(12)
      const original = stage.store.account('alice')
      expect(JSON.stringify(original.snapshot())).toContain('INBOX')
      // Dates, and bytes but for the quoting, which Python leaves to whoever asks.
      const tenth = seen.find(({ raw }) => raw.includes('Subject: 15'))
      expect(tenth?.from).toBe('MAILER-DAEMON Mon Apr  5 06:07:23 2021')
      expect(tenth?.raw.toString()).toBe(
        mail(15, 'From me\r\n>From you')
          .toString()
          .replaceAll('\r\n', '\n')
          .replace(/^(>*From )/gm, '>$1'),
      )
    })
  },
)
