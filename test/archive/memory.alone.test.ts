import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { entriesOf } from '../../connectors/archive/tar-entries.ts'
import { VolumeWriter } from '../../connectors/archive/volume-writer.ts'
import { FORMAT, type VolumeHeader } from '../../connectors/archive/manifest.ts'
import { messagePath } from '../../connectors/archive/entry-path.ts'
import type { KeptSealing } from '../../src/core/ports.ts'
import { quiet, temporary } from './stage.ts'

/** Memory does not grow with the mail because nothing is read before there is room for it: `npm run bench` measures the peak. */

const PIECE_BYTES = 64 * 1024
const PIECES = 1_000
/** What pipes and gatherings between a body and the file may hold. */
const HELD_BYTES = 4 * 1024 * 1024
const HEADER: VolumeHeader = {
  ...{ format: FORMAT, series: 'b'.repeat(32), set: 'a'.repeat(32), sequence: 1, volume: 1 },
  ...{ previous: null, parent: null, account: 'anna', form: 'eml', began: '2026-01-01T00:00:00Z' },
}
const ENTRY = {
  ...{ account: 'anna', mailbox: ['INBOX'], number: 1, uid: null, flags: [], keywords: [], labels: [] },
  ...{ path: messagePath('anna', ['INBOX'], 1), internalDate: '2020-01-01T00:00:00.000Z' },
}

/** Whatever could go on without waiting has gone on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5_000; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** A body that counts what was asked of it. */
function countedBody(): { readonly bytes: number; open(): AsyncGenerator<Uint8Array>; given: number } {
  const body = {
    bytes: PIECES * PIECE_BYTES,
    given: 0,
    async *open() {
      const piece = Buffer.alloc(PIECE_BYTES, 'mail\r\n')
      for (let n = 0; n < PIECES; n++) {
        body.given += piece.length
        yield piece
      }
    },
  }
  return body
}

it('a volume takes no more of a message than the disk has room for', async () => {
  let release: () => void = () => undefined
  const stalled = new Promise<void>((resolve) => (release = resolve))
  // Nothing is sealed, and nothing goes on, until it is let go.
  const sealing: KeptSealing = {
    async *seal(pieces) {
      await stalled
      yield* pieces
    },
    open: (pieces) => pieces,
    wipe: () => undefined,
  }
  const warnings: Error[] = []
  const warn = (warning: Error): number => warnings.push(warning)
  process.on('warning', warn)
  onTestFinished(() => void process.off('warning', warn))
  const writer = await VolumeWriter.create(join(temporary(), 'x.age'), HEADER, sealing)
  const body = countedBody()
  const adding = writer.addMessage(ENTRY, body, quiet)
  await settle()
  expect(body.given).toBeGreaterThan(0)
  expect(body.given).toBeLessThan(HELD_BYTES)
  release()
  await adding
  expect(body.given).toBe(body.bytes)
  expect(await writer.finish(true)).toMatchObject({ messages: 1, messageBytes: body.bytes })
  // Such as listeners that pile up with each wait.
  expect(warnings).toEqual([])
})

it('a reader takes no more of a volume than is asked of it', async () => {
  const { pack } = await import('tar-stream')
  let given = 0
  async function* volume(): AsyncGenerator<Uint8Array> {
    const archive = pack()
    const entry = archive.entry({ name: 'a', size: PIECES * PIECE_BYTES })
    yield (await archive[Symbol.asyncIterator]().next()).value as Uint8Array
    entry.destroy()
    const piece = Buffer.alloc(PIECE_BYTES, 'mail\r\n')
    for (let n = 0; n < PIECES; n++) {
      given += piece.length
      yield piece
    }
  }
  for await (const { header } of entriesOf(volume())) {
    expect(header.size).toBe(PIECES * PIECE_BYTES)
    await settle()
    expect(given).toBeLessThan(HELD_BYTES)
    break
  }
  expect(given).toBeLessThan(HELD_BYTES)
})
