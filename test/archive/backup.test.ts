import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/engine/settings.ts'
import { createMemoryConnector } from '../../connectors/memory/connector.ts'
import { createMemoryStore } from '../../connectors/memory/store.ts'
import { systemClock } from '../../src/core/clock.ts'
import { lacking } from '../packages.ts'
import { BackupStage, quiet, temporary } from './stage.ts'

const mail = (text: string): Buffer =>
  Buffer.from(`Message-ID: <${text}@example.com>\r\nSubject: ${text}\r\n\r\nHello ${text}\r\n`)
const DATE = Date.UTC(2021, 3, 5, 6, 7, 8)

async function filled(): Promise<BackupStage> {
  const stage = await BackupStage.make()
  const alice = stage.store.account('alice')
  for (let n = 1; n <= 5; n++) {
    alice.add(['INBOX'], mail(`in ${n}`), { internalDate: DATE + n * 1000, flags: n % 2 === 0 ? ['\\Seen'] : [] })
  }
  alice.add(['Sent'], mail('sent before'), { internalDate: DATE, flags: [] })
  alice.add(['Sent', '2021'], mail('sent'), {
    internalDate: DATE,
    flags: ['\\Answered', '$Forwarded', 'Project-X'],
  })
  alice.add(['Sent', '2021'], mail('deleted'), { internalDate: DATE, flags: ['\\Deleted', '\\Seen'] })
  return stage
}

describe('a backup', () => {
  it('holds every message, and a restore is what the source was', async () => {
    const stage = await filled()
    const outcome = await stage.backup()
    expect(outcome.pairs.map(({ error }) => error)).toEqual([null])
    expect(stage.files.map((path) => basename(path))).toEqual(['alice.b001.v001.age'])
    const totals = stage.book.ledger.totals({})
    expect(totals).toMatchObject({ source: 8, landed: 8, appending: 0, discovered: 0 })
    expect(stage.book.ledger.unverified(null)).toBe(0)
    expect(stage.book.ledger.findings(null)).toEqual([])
    const [volume] = stage.book.records.volumes()
    const file = readFileSync(stage.files[0] ?? '')
    expect(volume).toMatchObject({
      number: 1,
      last: true,
      bytes: file.length,
      sha256: createHash('sha256').update(file).digest('hex'),
      messages: 8,
      handover: null,
    })
    const target = createMemoryStore()
    await stage.restore(createMemoryConnector(target, {}))
    expect(target.account('alice').snapshot()).toEqual(stage.store.account('alice').snapshot())
  })

  it('goes on with what is new, and the chain restores to what the source is', async () => {
    const stage = await filled()
    await stage.backup()
    const alice = stage.store.account('alice')
    alice.add(['INBOX'], mail('new'), { internalDate: DATE, flags: [] })
    alice.setFlags(['INBOX'], '1', ['\\Flagged', 'Later'])
    alice.setFlags(['INBOX'], '2', [])
    await stage.backup()
    expect(stage.files.map((path) => basename(path))).toEqual(['alice.b001.v001.age', 'alice.b002.v001.age'])
    expect(stage.book.records.volumes()[1]).toMatchObject({ messages: 1, set: { sequence: 2 } })
    // Nothing new: no file.
    await stage.backup()
    expect(stage.files).toHaveLength(2)
    const target = createMemoryStore()
    await stage.restore(createMemoryConnector(target, {}))
    expect(target.account('alice').snapshot()).toEqual(alice.snapshot())
    // The later one alone is no backup.
    const alone = await stage.open([stage.files[1] ?? ''])
    expect(alone.problems.map(({ error }) => error.message)).toEqual([
      'is a later backup, and number 1 before it is missing',
    ])
  })

  it('is cut into volumes, which are read in any order', async () => {
    const stage = await filled()
    const alice = stage.store.account('alice')
    for (let n = 0; n < 40; n++)
      alice.add(['Big'], Buffer.alloc(80_000, mail(`big ${n}`)), { internalDate: DATE, flags: [] })
    const limits = { ...DEFAULT_LIMITS, accounts: 1, lanes: 1, memoryBytes: 4 << 20 }
    await stage.backup({ volumeBytes: 1 << 20, limits })
    expect(stage.files.length).toBeGreaterThanOrEqual(2)
    const archive = await stage.open([...stage.files].reverse())
    expect(archive.problems).toEqual([])
    expect(archive.volumes.map(({ header }) => header.volume)).toEqual(stage.files.map((_, at) => at + 1))
    const target = createMemoryStore()
    await stage.restore(createMemoryConnector(target, {}))
    expect(target.account('alice').snapshot()).toEqual(alice.snapshot())
  })

  it('of a project is one file with every account', async () => {
    const stage = await filled()
    stage.store.account('bob').add(['INBOX'], mail('bob'), { internalDate: DATE, flags: [] })
    const limits = { ...DEFAULT_LIMITS, accounts: 1, lanes: 2, memoryBytes: 4 << 20 }
    await stage.backup({ per: 'project', accounts: ['alice', 'bob'], limits })
    expect(stage.files.map((path) => basename(path))).toEqual(['project.b001.v001.age'])
    for (const account of ['alice', 'bob']) {
      const target = createMemoryStore()
      await stage.restore(createMemoryConnector(target, {}), account)
      expect(target.account(account).snapshot()).toEqual(stage.store.account(account).snapshot())
    }
  })

  it('that is killed loses the volume under way, and the next run begins it anew', async () => {
    const stage = await filled()
    await stage.backup({ end: async () => undefined })
    expect(stage.files.map((path) => basename(path))).toEqual(['alice.b001.v001.age.part'])
    expect(stage.book.ledger.totals({})).toMatchObject({ landed: 0, appending: 8 })
    stage.closeLedger()
    const { removeUnfinished } = await import('../../connectors/archive/recover-files.ts')
    await removeUnfinished(stage.folder, 'alice', stage.book.records.volumes())
    await stage.backup()
    expect(stage.files.map((path) => basename(path))).toEqual(['alice.b001.v001.age'])
    const archive = await stage.open()
    expect(archive.problems).toEqual([])
    expect(archive.index.account('alice').messages).toBe(8)
  })

  it('that could not read a volume back keeps none of it', async () => {
    const stage = await filled()
    const { createBackupSealer } = await import('../../vault/age.ts')
    const real = createBackupSealer([stage.keys.recipient])
    const broken = {
      recipients: real.recipients,
      begin: async () => {
        const sealing = await real.begin()
        return {
          ...sealing,
          seal: async function* (pieces: AsyncIterable<Uint8Array>) {
            for await (const piece of sealing.seal(pieces)) {
              const changed = Buffer.from(piece)
              if (changed.length > 1000) changed.writeUInt8(changed.readUInt8(500) ^ 1, 500)
              yield changed
            }
          },
        }
      },
    }
    await expect(stage.backup({ sealer: broken })).rejects.toMatchObject({ kind: 'corrupt' })
    expect(stage.files).toEqual([])
    expect(stage.book.records.volumes()).toEqual([])
    expect(stage.book.ledger.totals({})).toMatchObject({ landed: 0, appending: 0, discovered: 8 })
  })
})

const noAge = lacking('age')

describe.skipIf(noAge !== null)(`Debian's age and tar${noAge === null ? '' : ` (skipped: ${noAge})`}`, () => {
  it('unpack a backup into readable mail', async () => {
    const stage = await filled()
    const odd = 'Kündigung: "a|b"? 100% ../..'
    stage.store.account('alice').add([odd, '日本語'], mail('odd'), { internalDate: DATE, flags: [] })
    await stage.backup()
    const folder = temporary()
    const identity = join(folder, 'key.txt')
    writeFileSync(identity, `# made for a test\n${stage.keys.identity.text()}\n`, { mode: 0o600 })
    const out = join(folder, 'out')
    mkdirSync(out)
    execFileSync('sh', ['-c', `age -d -i "${identity}" "${stage.files[0] ?? ''}" | tar -x -C "${out}"`])
    const listed = execFileSync('find', ['.', '-type', 'f', '-name', '*.eml'], { cwd: out, encoding: 'utf8' })
    expect(listed.trim().split('\n')).toHaveLength(9)
    const manifest = execFileSync('sh', ['-c', 'cat sealpost/*/manifest-*.jsonl'], { cwd: out, encoding: 'utf8' })
    const lines = manifest
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const messages = lines.filter(({ kind }) => kind === 'message')
    expect(messages).toHaveLength(9)
    for (const { path, size, sha256 } of messages) {
      const bytes = readFileSync(join(out, String(path)))
      expect(bytes.length).toBe(size)
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256)
    }
    expect(messages.find(({ mailbox }) => JSON.stringify(mailbox) === '["Sent","2021"]')).toMatchObject({
      uid: '1',
      internalDate: '2021-04-05T06:07:08.000Z',
      flags: ['\\Answered'],
      keywords: ['$Forwarded', 'Project-X'],
    })
  })

  it('make an archive again that restores: what a client unpacked and packed is still a backup', async () => {
    const stage = await filled()
    await stage.backup()
    const folder = temporary()
    const identity = join(folder, 'key.txt')
    writeFileSync(identity, `${stage.keys.identity.text()}\n`, { mode: 0o600 })
    const again = join(folder, 'again.age')
    execFileSync('sh', [
      '-c',
      `age -d -i "${identity}" "${stage.files[0] ?? ''}" | age -r ${stage.keys.recipient} > "${again}"`,
    ])
    const target = createMemoryStore()
    await stage.restore(createMemoryConnector(target, {}), 'alice', [again])
    expect(target.account('alice').snapshot()).toEqual(stage.store.account('alice').snapshot())
  })
})

it('a signal that stops a backup keeps what was written, and a later one ends it', async () => {
  const stage = await filled()
  const stop = new AbortController()
  let listed = 0
  const inner = createMemoryConnector(stage.store, {
    onStep: ({ op, phase }) => {
      if (op === 'fetch' && phase === 'after' && ++listed === 1) stop.abort()
    },
  })
  stage.source = inner
  await stage.backup({ stop: stop.signal })
  const { landed } = stage.book.ledger.totals({})
  expect(stage.book.ledger.totals({}).appending).toBe(0)
  const unfinished = await stage.open(stage.files, true)
  expect(unfinished.problems).toEqual([])
  expect(unfinished.index.account('alice').messages).toBe(landed)
  stage.source = createMemoryConnector(stage.store, { clock: systemClock })
  await stage.backup()
  const whole = await stage.open()
  expect(whole.problems).toEqual([])
  expect(whole.index.account('alice').messages).toBe(8)
  expect(quiet.aborted).toBe(false)
})
