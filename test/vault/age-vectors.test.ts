import { createHash } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import * as vectors from 'cctv-age'
import { describe, expect, it } from 'vitest'
import { createRecipientOpener, openAge } from '../../vault/age.ts'
import { bytesAt } from './stored-bytes.ts'
import { Secret } from '../../vault/secret.ts'

/** A vector of C2SP's age test kit: header lines that say what to expect, an empty line, and the file. */
interface Vector {
  readonly fields: ReadonlyMap<string, readonly string[]>
  readonly file: Buffer
}

function readVector(bytes: Uint8Array): Vector {
  const whole = Buffer.from(bytes)
  const end = whole.indexOf('\n\n')
  const fields = new Map<string, string[]>()
  for (const line of whole.toString('utf8', 0, end).split('\n')) {
    const [name = '', value = ''] = line.split(/: (.*)/s)
    fields.set(name, [...(fields.get(name) ?? []), value])
  }
  const body = whole.subarray(end + 2)
  return { fields, file: fields.get('compressed')?.[0] === 'zlib' ? inflateSync(body) : body }
}

async function* inPieces(file: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.length; at += size) yield file.subarray(at, at + size)
}

const SIZES = [Infinity, 1_000, 1]

/** Of the kit, what concerns us: files opened with one native identity. Passphrases we refuse by rule. */
const cases = Object.entries(vectors as Record<string, Uint8Array>).map(([name, bytes]) => ({
  name,
  ...readVector(bytes),
}))

describe('the public test kit of age', () => {
  it('is all there', () => {
    expect(cases.length).toBeGreaterThanOrEqual(143)
  })

  it.each(cases.filter(({ fields }) => fields.has('identity')))('$name', async ({ fields, file }) => {
    const expected = fields.get('expect')?.[0]
    const [identity = ''] = fields.get('identity') ?? []
    for (const size of file.length > 20_000 ? SIZES.slice(0, 2) : SIZES) {
      const hash = createHash('sha256')
      let failure: unknown = null
      try {
        const pieces = inPieces(file, size === Infinity ? Math.max(1, file.length) : size)
        for await (const piece of openAge(Secret.fromBytes(Buffer.from(identity)), pieces)) hash.update(piece)
      } catch (error) {
        failure = error
      }
      if (expected === 'success') {
        expect(failure).toBeNull()
        expect(hash.digest('hex')).toBe(fields.get('payload')?.[0])
      } else expect(failure, `${expected ?? ''} in pieces of ${size}`).toMatchObject({ name: 'SealpostError' })
    }
  })

  it.each(cases.filter(({ fields }) => fields.has('identity') && !fields.has('armored')))(
    '$name, as a file that is read anywhere',
    async ({ fields, file }) => {
      const opener = createRecipientOpener(Secret.fromBytes(Buffer.from(fields.get('identity')?.[0] ?? '')))
      const open = async (): Promise<string> => {
        const opened = await opener.openFile(bytesAt(file))
        const all = createHash('sha256')
        let bytes = 0
        for await (const piece of opened.readAll()) {
          all.update(piece)
          bytes += piece.length
        }
        expect(bytes).toBe(opened.bytes)
        const parts = createHash('sha256')
        for (let at = 0; at < bytes; at += 50_001) {
          for await (const piece of opened.read(at, Math.min(bytes, at + 50_001))) parts.update(piece)
        }
        const [whole, inParts] = [all.digest('hex'), parts.digest('hex')]
        expect(inParts).toBe(whole)
        opened.close()
        return whole
      }
      if (fields.get('expect')?.[0] === 'success') expect(await open()).toBe(fields.get('payload')?.[0])
      else await expect(open()).rejects.toMatchObject({ name: 'SealpostError' })
    },
  )

  it.each(cases.filter(({ fields }) => fields.has('passphrase')))(
    '$name: refused, like all passphrases',
    async (vector) => {
      const identity = Secret.fromBytes(
        Buffer.from('AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0'),
      )
      const open = async (): Promise<void> => {
        for await (const piece of openAge(identity, inPieces(vector.file, 1_000))) expect(piece).toBeDefined()
      }
      await expect(open()).rejects.toMatchObject({ name: 'SealpostError' })
    },
  )
})
