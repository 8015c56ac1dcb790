import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pack, type Header } from 'tar-stream'
import { messagePath, ownPath } from '../../connectors/archive/entry-path.ts'
import { FORMAT } from '../../connectors/archive/manifest.ts'
import { createRecipientSealer } from '../../vault/age.ts'
import { temporary } from './stage.ts'

/** Volumes as somebody else could have written them. */

export const SET = 'a'.repeat(32)
const LIE = 'f'.repeat(64)

/** One entry of a tar archive. */
export interface Entry {
  readonly header: Partial<Header> & { readonly name: string }
  readonly bytes?: Buffer
}

export const body = Buffer.from('Subject: x\r\n\r\nx\r\n')

/** The plain archive of these entries. */
export async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const archive = pack()
  for (const { header, bytes } of entries) {
    // One time for all, so that the same entries are the same archive.
    const mtime = new Date(0)
    if (bytes === undefined) archive.entry({ mtime, ...header })
    else archive.entry({ mtime, ...header, size: bytes.length }, bytes)
  }
  archive.finalize()
  const pieces: Buffer[] = []
  for await (const piece of archive as AsyncIterable<Buffer>) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Seals what is to stand in a volume; returns the file's path. */
export async function sealTo(
  recipient: string,
  plain: AsyncIterable<Uint8Array>,
  name = 'forged.age',
): Promise<string> {
  const path = join(temporary(), name)
  const sealed: Uint8Array[] = []
  for await (const piece of createRecipientSealer([recipient]).seal(plain)) sealed.push(piece)
  writeFileSync(path, Buffer.concat(sealed))
  return path
}

export async function* one(...pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces
}

/** The header of a volume of one set; the first one where nothing else is said. */
export function header(changes: object = {}): Entry {
  const value = {
    ...{ format: FORMAT, series: 'b'.repeat(32), set: SET, sequence: 1, volume: 1, previous: null, parent: null },
    ...{ account: 'alice', form: 'eml', began: '2026-01-01T00:00:00Z' },
    ...changes,
  }
  return { header: { name: ownPath(value.set, value.volume, 'volume.json') }, bytes: jsonOf(value) }
}

/** What ends a volume. */
export function end(messages: number, messageBytes: number, changes: object = {}): Entry {
  const value = { messages, messageBytes, changes: 0, last: true, ...changes }
  return { header: { name: ownPath(SET, 1, 'end.json') }, bytes: jsonOf(value) }
}

export function message(number: number, path = messagePath('alice', ['INBOX'], number)): Entry {
  return { header: { name: path }, bytes: body }
}

/** A line of the manifest, whose digest is a lie where nothing else is said. */
export function line(number: number, changes: object = {}): string {
  const value = {
    ...{ kind: 'message', path: messagePath('alice', ['INBOX'], number), account: 'alice', mailbox: ['INBOX'] },
    ...{ number, uid: '1', internalDate: '2020-01-01T00:00:00.000Z', flags: [], keywords: [], labels: [] },
    ...{ size: body.length, sha256: LIE },
    ...changes,
  }
  return `${JSON.stringify(value)}\n`
}

export function manifest(...lines: readonly string[]): Entry {
  return { header: { name: ownPath(SET, 1, 'manifest-000001.jsonl') }, bytes: Buffer.from(lines.join('')) }
}

function jsonOf(value: object): Buffer {
  return Buffer.from(JSON.stringify(value))
}
