import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { checkVolume } from '../../connectors/archive/check-volume.ts'
import { messagePath, ownPath } from '../../connectors/archive/entry-path.ts'
import type { SealpostError } from '../../src/core/errors.ts'
import { end, header, line, manifest, SET, tarOf, type Entry } from './forged.ts'
import { quiet } from './stage.ts'

/** A volume is made of what really streams, as much as it says and more. A reader writes nothing and holds little. */

const GIB = 1024 ** 3
const MIB = 1024 ** 2
const ZEROS = Buffer.alloc(MIB)

/** The 512 bytes before an entry of so many bytes. */
async function headOf(name: string, size: number, type = '0'): Promise<Buffer> {
  const whole = await tarOf([{ header: { name }, bytes: Buffer.alloc(1) }])
  const head = Buffer.from(whole.subarray(0, 512))
  // Base-256 where octal digits do not suffice, as GNU tar writes it.
  head.fill(0, 124, 136)
  head.writeUInt8(0x80, 124)
  head.writeBigUInt64BE(BigInt(size), 128)
  head.write(type, 156, 'latin1')
  head.fill(0x20, 148, 156)
  const sum = head.reduce((total, byte) => total + byte, 0)
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return head
}

/** Checks what streams; returns what was wrong and how many bytes were taken before that was said. */
async function check(
  first: readonly Entry[],
  head: Buffer,
  bytes: number,
  rest: readonly Entry[] = [],
): Promise<{ readonly error: SealpostError; readonly taken: number }> {
  const begin = await tarOf(first)
  let taken = 0
  async function* volume(): AsyncGenerator<Uint8Array> {
    // Without the two empty blocks that end an archive.
    for (const piece of [begin.subarray(0, begin.length - 1024), head]) {
      taken += piece.length
      yield piece
    }
    for (let given = 0; given < bytes; given += ZEROS.length) {
      taken += ZEROS.length
      yield ZEROS.subarray(0, Math.min(ZEROS.length, bytes - given))
    }
    yield await tarOf(rest)
  }
  const opened = { bytes: 64 * GIB, readAll: volume, read: volume, close: () => undefined }
  const error = await checkVolume(opened, () => undefined, quiet).then(
    () => Promise.reject(new Error('it was taken')),
    (reason: unknown) => reason as SealpostError,
  )
  expect(error.kind).toBe('corrupt')
  expect(error.message).not.toContain('\n')
  return { error, taken }
}

const PATH = messagePath('alice', ['INBOX'], 1)

describe('a volume that is a bomb', () => {
  it('a manifest, an end and a header of 8 GB are refused before they are read', async () => {
    for (const name of ['manifest-000001.jsonl', 'end.json']) {
      const { error, taken } = await check([header()], await headOf(ownPath(SET, 1, name), 8 * GIB), 8 * GIB)
      expect(error.message).toMatch(/is too large/)
      expect(taken).toBeLessThan(8 * MIB)
    }
    const { error, taken } = await check([], await headOf(ownPath(SET, 1, 'volume.json'), 8 * GIB), 8 * GIB)
    expect(error.message).toMatch(/is too large/)
    expect(taken).toBeLessThan(8 * MIB)
  })

  it('a name of 8 GB is refused, in a pax header and in a long name of GNU tar', async () => {
    for (const type of ['x', 'L', 'g']) {
      const { error, taken } = await check([header()], await headOf('PaxHeader', 8 * GIB, type), 8 * GIB)
      expect(error.message).toMatch(/is no tar archive/)
      expect(taken).toBeLessThan(16 * MIB)
    }
  })

  it('a message of 10 bytes by the manifest that is 256 MB is found by reading it, and held nowhere', async () => {
    const before = process.memoryUsage().arrayBuffers
    const sha256 = createHash('sha256').update(Buffer.alloc(10)).digest('hex')
    const bytes = 256 * MIB
    const rest = [manifest(line(1, { size: 10, sha256 })), end(1, 10)]
    const { error } = await check([header()], await headOf(PATH, bytes), bytes, rest)
    expect(error.message).toMatch(/00000001\.eml is not what the manifest says/)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(bytes / 2)
  })

  it('messages without end that nothing lists', async () => {
    const head = await headOf(PATH, 0)
    const { error, taken } = await check([header()], Buffer.concat(Array.from({ length: 6_000 }, () => head)), 0)
    expect(error.message).toMatch(/does not list alice\/INBOX\/00000001\.eml/)
    expect(taken).toBeLessThan(8 * MIB)
  })
})
