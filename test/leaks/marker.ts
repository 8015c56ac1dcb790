import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A random text that every canary of one road begins with, and every way in which it could have been written. */
export class Marker {
  readonly text = `kz${randomBytes(8).toString('hex')}`
  readonly #forms: readonly (readonly [string, Buffer])[]

  constructor() {
    const bytes = Buffer.from(this.text)
    const wide = Buffer.from(this.text, 'utf16le')
    this.#forms = [
      ['in the clear', bytes],
      ['in capitals', Buffer.from(this.text.toUpperCase())],
      ['UTF-16', wide],
      ['UTF-16 the other way round', Buffer.from(wide).swap16()],
      ['hexadecimal', Buffer.from(bytes.toString('hex'))],
      // The characters that do not depend on what stands before and behind.
      ...[0, 1, 2].map((before) => {
        const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
        const from = before === 0 ? 0 : before + 1
        return [`base64 at ${before}`, Buffer.from(encoded.slice(from, encoded.length - 4))] as const
      }),
    ]
  }

  /** A canary for one role. */
  of(role: string): string {
    return `${this.text}-${role}`
  }

  /** Where the marker stands in these bytes, with what follows it. */
  find(bytes: Buffer): readonly string[] {
    return this.#forms.flatMap(([form, needle]) => {
      const at = bytes.indexOf(needle)
      return at === -1 ? [] : [`${form}: ${printed(bytes.subarray(at, at + needle.length + 24))}`]
    })
  }

  /** The same over every file below a folder, and over their names. Throws when there is nothing to be searched. */
  async findBelow(root: string): Promise<readonly string[]> {
    const entries = await readdir(root, { recursive: true, withFileTypes: true })
    if (entries.length === 0) throw new Error(`nothing lies in ${root}`)
    const hits: string[] = []
    for (const entry of entries) {
      const path = join(entry.parentPath, entry.name)
      const found = [...this.find(Buffer.from(entry.name))]
      // A file may go while it is looked for.
      if (entry.isFile()) found.push(...this.find(await readFile(path).catch(() => Buffer.alloc(0))))
      hits.push(...found.map((hit) => `${path}: ${hit}`))
    }
    return hits
  }
}

function printed(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/[^\x20-\x7e]/g, '.')
}
