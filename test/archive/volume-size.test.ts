import { statSync } from 'node:fs'
import { basename } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pack } from 'tar-stream'
import { createMemoryConnector } from '../../connectors/memory/connector.ts'
import { createMemoryStore } from '../../connectors/memory/store.ts'
import { entryBytes, sealedBytes } from '../../connectors/archive/volume-size.ts'
import { DEFAULT_LIMITS } from '../../src/engine/settings.ts'
import { createBackupSealer } from '../../vault/age.ts'
import { BackupStage } from './stage.ts'

const VOLUME_BYTES = 1 << 20
const DATE = 1_600_000_000_000
const LIMITS = { ...DEFAULT_LIMITS, accounts: 1, lanes: 1 }

function mail(text: string, bytes: number, filler: string): Buffer {
  const head = Buffer.from(`From: a@example.com\r\nSubject: ${text}\r\n\r\n`)
  return Buffer.concat([head, Buffer.alloc(Math.max(0, bytes - head.length), filler)])
}

/** A public key of 4,096 bits, as long as one of a person, and of nobody. */
function rsaKey(): string {
  const modulus = Buffer.concat([Buffer.from([0, 0xc0]), Buffer.alloc(510, 0x5a), Buffer.from([0x01])])
  const parts = [Buffer.from('ssh-rsa'), Buffer.from([1, 0, 1]), modulus]
  const framed = parts.flatMap((part) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(part.length)
    return [length, part]
  })
  return `ssh-rsa ${Buffer.concat(framed).toString('base64')}`
}

describe('a volume', () => {
  it.each(['eml', 'mbox'] as const)(
    'has at most the size that was asked for, and is well filled (%s)',
    async (form) => {
      const stage = await BackupStage.make()
      const alice = stage.store.account('alice')
      const add = (path: readonly string[], body: Buffer, flags: readonly string[] = []): void =>
        void alice.add(path, body, { internalDate: DATE, flags })
      for (let n = 0; n < 60; n++) add(['INBOX'], mail(`big ${n}`, 40_000 + 997 * n, 'x'.repeat(77) + '\r\n'))
      for (let n = 0; n < 400; n++)
        add(['Entwürfe', 'ä'.repeat(60), `${n % 3}`], mail(`small ${n}`, 50, 'y'), [`key-${n}`])
      // What mboxrd makes most of.
      for (let n = 0; n < 20; n++) add(['From'], mail(`from ${n}`, 30_000, 'From \n'))
      for (const path of [['Entwürfe'], ['Entwürfe', 'ä'.repeat(60)]]) alice.create(path)
      await stage.backup({ form, volumeBytes: VOLUME_BYTES, limits: LIMITS })
      const sizes = stage.files.map((path) => statSync(path).size)
      expect(Math.max(...sizes)).toBeLessThanOrEqual(VOLUME_BYTES)
      const total = sizes.reduce((sum, size) => sum + size, 0)
      expect(sizes.length).toBeLessThanOrEqual(2 * Math.ceil(total / VOLUME_BYTES))
      const target = createMemoryStore()
      await stage.restore(createMemoryConnector(target, {}))
      expect(target.account('alice').snapshot()).toEqual(alice.snapshot())
    },
  )

  it.each(['eml', 'mbox'] as const)(
    'is larger for one message that alone is, and holds that one (%s)',
    async (form) => {
      const stage = await BackupStage.make()
      const alice = stage.store.account('alice')
      for (let n = 0; n < 9; n++) {
        const bytes = n === 4 ? 3 * VOLUME_BYTES : 20_000
        alice.add(['INBOX'], mail(`message ${n}`, bytes, 'z'), { internalDate: DATE, flags: [] })
      }
      await stage.backup({ form, volumeBytes: VOLUME_BYTES, limits: LIMITS })
      const large = stage.files.filter((path) => statSync(path).size > VOLUME_BYTES).map((path) => basename(path))
      expect(large).toEqual(['alice.b001.v002.age'])
      const volumes = stage.book.records.volumes()
      expect(volumes.map(({ messages }) => messages)).toEqual([4, 1, 4])
    },
  )

  it('has room for what has changed since, without a new one too early or too late', async () => {
    const stage = await BackupStage.make()
    const alice = stage.store.account('alice')
    for (let n = 0; n < 1400; n++) {
      alice.add(['INBOX'], mail(`message ${n}`, 60, 'z'), { internalDate: DATE, flags: [] })
    }
    await stage.backup({ limits: LIMITS })
    const keywords = Array.from({ length: 12 }, (_, n) => `keyword-${n}-${'of-a-message-'.repeat(5)}`)
    for (const { uid } of alice.messages(['INBOX'])) alice.setFlags(['INBOX'], String(uid), keywords)
    await stage.backup({ volumeBytes: VOLUME_BYTES, limits: LIMITS })
    const sizes = stage.files.slice(1).map((path) => statSync(path).size)
    expect(sizes.length).toBe(2)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(VOLUME_BYTES)
  })

  it('is measured before it is written: an entry of tar takes no more than was reckoned', async () => {
    const name = fc.oneof(
      fc.string({ minLength: 1, maxLength: 300, unit: fc.constantFrom('a', 'b', '/') }),
      fc.string({ minLength: 1, maxLength: 120, unit: 'binary' }).filter((text) => !text.includes('\0')),
    )
    await fc.assert(
      fc.asyncProperty(name, fc.nat(3000), async (path, size) => {
        const tar = pack()
        tar.entry({ name: path, size, mtime: new Date(DATE) }, Buffer.alloc(size))
        tar.finalize()
        let bytes = 0
        for await (const piece of tar as AsyncIterable<Uint8Array>) bytes += piece.length
        expect(bytes - 1024).toBeLessThanOrEqual(entryBytes(path, size))
      }),
      { numRuns: 200 },
    )
  })

  it('is measured before it is sealed: an age file has no more bytes than was reckoned, and few less', async () => {
    const { keys } = await BackupStage.make()
    for (const recipients of [[keys.recipient], [keys.recipient, rsaKey()]]) {
      for (const size of [0, 1, 65_535, 65_536, 65_537, 1_000_000]) {
        const sealing = await createBackupSealer(recipients).begin()
        async function* plain(): AsyncGenerator<Uint8Array> {
          yield Buffer.alloc(size)
        }
        let bytes = 0
        for await (const piece of sealing.seal(plain())) bytes += piece.length
        sealing.wipe()
        const most = sealedBytes(size, recipients.length)
        expect([bytes <= most, most - bytes < 8192], `${size} for ${recipients.length}`).toEqual([true, true])
      }
    }
  })
})
