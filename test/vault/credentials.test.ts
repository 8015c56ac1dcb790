import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { fork, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import {
  credentialFilePath,
  openCredentialStore,
  type CredentialStore,
  type NewCredential,
} from '../../vault/credentials.ts'
import { newHolder } from '../../src/files/lock-holder.ts'
import { readIndex, writeIndex } from '../../vault/credential-file.ts'
import { Secret } from '../../vault/secret.ts'
import { temporaryFolder } from './folder.ts'
import { secretOf } from './workspace.ts'

const DAY = 86_400_000
const KEY = randomBytes(32)
const ID = 'p-1'
let now = 0
let folder = ''
let store: CredentialStore
const clock: Clock = { ...systemClock, now: () => now }

function password(
  name: string,
  secret = 'hunter2-canary',
  username: string | null = 'admin@example.com',
): NewCredential {
  return { name, kind: 'password', username, secret: secretOf(secret), expiresAt: null }
}

beforeEach(() => {
  now = Date.UTC(2026, 0, 1)
  folder = temporaryFolder()
  store = openCredentialStore(folder, ID, KEY, clock)
})

describe('credentials', () => {
  test('come back as they were set, and are replaced by name', async () => {
    expect(await store.has('source')).toBe(false)
    expect(await store.list()).toEqual([])
    await store.set(password('source'))
    await store.set(password('destination', 'päss wörd\0\n', null))
    await store.set(password('source', 'second'))
    expect(await store.has('source')).toBe(true)
    const source = await store.get('source')
    expect([source.secret.text(), source.username, source.kind]).toEqual([
      'second',
      'admin@example.com',
      'password',
    ])
    const destination = await store.get('destination')
    expect([destination.secret.text(), destination.username]).toEqual(['päss wörd\0\n', null])
    expect((await store.list()).map((entry) => entry.name)).toEqual(['destination', 'source'])
    expect(await store.remove('source')).toBe(true)
    expect(await store.remove('source')).toBe(false)
    expect(await store.has('source')).toBe(false)
  })

  test('any name, username and secret survive', async () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter((text) => !/\p{C}/u.test(text))
    await fc.assert(
      fc.asyncProperty(
        name,
        fc.option(fc.string({ unit: 'grapheme' })),
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        async (known, username, bytes) => {
          const wanted = Buffer.from(bytes)
          await store.set({ ...password(known, 'x', username), secret: Secret.fromBytes(bytes) })
          const found = await store.get(known)
          expect(found.username).toBe(username)
          expect(found.secret.use((held) => held.equals(wanted))).toBe(true)
        },
      ),
      { numRuns: 40 },
    )
  })

  test('several are kept as one step', async () => {
    await store.set(password('a', 'old'))
    const many = Array.from({ length: 500 }, (_, i) => password(`user${i}@example.com`, `secret ${i}`))
    await store.setAll(many)
    expect(await store.list()).toHaveLength(501)
    expect((await store.get('user499@example.com')).secret.text()).toBe('secret 499')
    await expect(store.setAll([password('new'), password('bad', '')])).rejects.toMatchObject({ kind: 'config' })
    expect(await store.has('new')).toBe(false)
  })

  test('one that is missing says how to set it', async () => {
    await expect(store.get('source')).rejects.toMatchObject({
      kind: 'config',
      hint: 'sealpost credentials set source',
    })
  })

  test('expire after 90 days unless said otherwise, and then open no more', async () => {
    await store.set(password('default'))
    await store.set({ ...password('short'), expiresAt: now + DAY })
    expect((await store.get('default')).expiresAt).toBe(now + 90 * DAY)
    now += DAY
    await expect(store.get('short')).rejects.toMatchObject({ kind: 'auth', code: 'CREDENTIAL_EXPIRED' })
    now += 89 * DAY - 1
    expect((await store.get('default')).secret.text()).toBe('hunter2-canary')
    now += 1
    await expect(store.get('default')).rejects.toMatchObject({ kind: 'auth' })
    expect((await store.list()).map((entry) => [entry.name, entry.expired])).toEqual([
      ['default', true],
      ['short', true],
    ])
    await store.set(password('default', 'anew'))
    expect((await store.get('default')).secret.text()).toBe('anew')
    await expect(store.set({ ...password('past'), expiresAt: now })).rejects.toMatchObject({ kind: 'config' })
  })

  test.each(['', 'a\nb', 'a\u202eb', 'x'.repeat(321)])('the name %j is refused', async (name) => {
    await expect(store.set(password(name))).rejects.toMatchObject({ kind: 'config' })
  })
})

describe('the file', () => {
  test('is private, and holds neither secrets nor usernames nor names in the clear', async () => {
    await store.set(password('alice@client.example'))
    const path = credentialFilePath(folder)
    expect(path).toBe(join(folder, '.sealpost', 'credentials'))
    expect([statSync(path).mode & 0o777, statSync(join(folder, '.sealpost')).mode & 0o777]).toEqual([0o600, 0o700])
    expect(readdirSync(join(folder, '.sealpost'))).toEqual(['credentials'])
    const text = readFileSync(path, 'utf8')
    for (const canary of ['hunter2', 'admin@', 'alice', 'client.example']) {
      expect(text).not.toContain(canary)
      expect(Buffer.from(text).includes(Buffer.from(canary).toString('base64').slice(0, 6))).toBe(false)
    }
    expect(JSON.stringify(await store.list())).not.toMatch(/hunter2|admin@/)
  })

  test('opens under no other key, project or after any change', async () => {
    await store.set(password('a'))
    await expect(openCredentialStore(folder, ID, randomBytes(32), clock).list()).rejects.toMatchObject({
      kind: 'corrupt',
    })
    await expect(openCredentialStore(folder, 'p-2', KEY, clock).list()).rejects.toMatchObject({ kind: 'corrupt' })
    const path = credentialFilePath(folder)
    const original = readFileSync(path)
    for (let at = 0; at < original.length - 1; at += 3) {
      const changed = Buffer.from(original)
      changed.writeUInt8(changed.readUInt8(at) ^ (1 << (at % 7)), at)
      writeFileSync(path, changed)
      const error: unknown = await store.get('a').catch((thrown: unknown) => thrown)
      expect(error, `byte ${at}`).toMatchObject({ kind: expect.stringMatching(/^(corrupt|config)$/) as string })
    }
    writeFileSync(path, original.subarray(0, original.length / 2))
    await expect(store.list()).rejects.toMatchObject({ kind: 'corrupt' })
    writeFileSync(path, '')
    await expect(store.list()).rejects.toMatchObject({ kind: 'corrupt' })
  })

  test('binds each field to its record, even for who holds the key', async () => {
    await store.setAll([password('a', 'secret of a'), password('b', 'secret of b')])
    const path = credentialFilePath(folder)
    const index = await readIndex(path, ID, KEY)
    const [a, b] = index.records
    if (a === undefined || b === undefined) throw new Error('records are missing')
    const tampered = [
      { ...a, secret: b.secret },
      { ...a, secret: a.username },
      { ...a, expiresAt: a.expiresAt + DAY },
      { ...a, createdAt: a.createdAt + 1 },
      { ...a, revision: a.revision + 1 },
      { ...a, kind: 'token' as const },
      { ...b, name: 'a' },
    ]
    for (const record of tampered) {
      await writeIndex(path, ID, KEY, { revision: index.revision, records: [record] })
      await expect(store.get('a')).rejects.toMatchObject({ kind: 'corrupt' })
    }
  })

  test('is refused when it or its folder is open to others', async () => {
    await store.set(password('a'))
    chmodSync(credentialFilePath(folder), 0o640)
    await expect(store.get('a')).rejects.toMatchObject({ kind: 'policy' })
    chmodSync(credentialFilePath(folder), 0o600)
    chmodSync(join(folder, '.sealpost'), 0o755)
    await expect(store.get('a')).rejects.toMatchObject({ kind: 'policy' })
    await expect(store.set(password('a'))).rejects.toMatchObject({ kind: 'policy' })
  })

  test('a wiped key seals and opens nothing', async () => {
    const key = Buffer.from(KEY)
    const wiped = openCredentialStore(folder, ID, key, clock)
    await wiped.set(password('a'))
    const before = readFileSync(credentialFilePath(folder))
    key.fill(0)
    await expect(wiped.get('a')).rejects.toMatchObject({ kind: 'locked' })
    await expect(wiped.set(password('b'))).rejects.toMatchObject({ kind: 'locked' })
    expect(readFileSync(credentialFilePath(folder)).equals(before)).toBe(true)
    expect(existsSync(`${credentialFilePath(folder)}.lock`)).toBe(false)
  })
})

describe('several at once', () => {
  test('nothing is lost within one process', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.set(password(`c${i}`))))
    expect(await store.list()).toHaveLength(20)
  })

  test('nor between processes, and a kill in the middle leaves a whole file and no lasting lock', async () => {
    const script = new URL('./credential-writer.ts', import.meta.url)
    const writers = ['a', 'b', 'c'].map((letter) =>
      fork(script, [folder, letter, KEY.toString('hex')], { execArgv: ['--import', 'tsx'], stdio: 'ignore' }),
    )
    const ended = writers.map(
      (writer) => new Promise<number | null>((resolve) => writer.on('exit', (code) => resolve(code))),
    )
    const victim = writers[2]
    while ((await store.list()).filter((entry) => entry.name.startsWith('c')).length < 3) {
      await systemClock.sleep(5, new AbortController().signal)
    }
    victim?.kill('SIGKILL')
    expect(await Promise.all(ended)).toEqual([0, 0, null])
    const names = (await store.list()).map((entry) => entry.name)
    expect(names.filter((name) => /^[ab]/.test(name))).toHaveLength(40)
    await store.set(password('after'))
    expect((await store.get('after')).secret.text()).toBe('hunter2-canary')
  })

  test('a lock whose process is gone is taken over, also where another one has its number; one that is held is busy in the end', async () => {
    await store.set(password('a'))
    const lock = `${credentialFilePath(folder)}.lock`
    const holder = await newHolder()
    writeFileSync(lock, JSON.stringify(holder), { mode: 0o600 })
    let elapsed = 0
    const hurried: Clock = { ...clock, monotonic: () => (elapsed += 10_000) }
    const held = openCredentialStore(folder, ID, KEY, hurried).set(password('b'))
    await expect(held).rejects.toMatchObject({ kind: 'busy' })
    expect(existsSync(lock)).toBe(true)
    const dead = { ...holder, pid: spawnSync('true').pid }
    for (const gone of [dead, { ...holder, started: 'an earlier boot/1' }]) {
      writeFileSync(lock, JSON.stringify(gone), { mode: 0o600 })
      await store.set(password('b'))
      expect(existsSync(lock)).toBe(false)
    }
  })
})
