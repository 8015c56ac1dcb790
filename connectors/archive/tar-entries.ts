import { extract, type Extract, type Header } from 'tar-stream'
import { SealpostError } from '../../src/core/errors.ts'
import { drained } from '../shared/drained.ts'

/** One entry of an archive; to be read to its end before the next one. */
export interface Entry extends AsyncIterable<Uint8Array> {
  readonly header: Header
}

/** The entries of a tar archive, in order. Throws what reading `pieces` throws, and `corrupt` for what is no tar archive. */
export async function* entriesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Entry, void, undefined> {
  const archive = extract()
  // Told by the iteration, or not at all when nobody iterates any more.
  archive.on('error', () => undefined)
  const fed = feed(pieces, archive)
  try {
    for await (const entry of archive) yield entry as unknown as Entry
  } catch (error) {
    if (error instanceof SealpostError) throw error
    const early = error instanceof Error && /end of data/.test(error.message)
    throw new SealpostError('corrupt', `what is sealed inside ${early ? 'ends too early' : 'is no tar archive'}`, {
      cause: error,
    })
  } finally {
    archive.destroy()
    await fed
  }
}

/** Where the bytes of an entry begin in the archive; the library says so, its types do not. */
export function offsetOf(entry: Entry): number {
  const { byteOffset } = entry.header as { readonly byteOffset?: number }
  if (byteOffset === undefined) throw new SealpostError('bug', 'the tar library does not say where an entry lies')
  return byteOffset
}

/** Never rejects: what goes wrong comes out of the archive. */
async function feed(pieces: AsyncIterable<Uint8Array>, archive: Extract): Promise<void> {
  try {
    for await (const piece of pieces) {
      if (archive.destroyed) return
      if (!archive.write(piece)) await drained(archive)
    }
    archive.end(null)
  } catch (error) {
    archive.destroy(error instanceof Error ? error : new SealpostError('bug', 'reading an archive failed'))
  }
}
