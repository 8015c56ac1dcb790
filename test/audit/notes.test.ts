import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseCheckpoint, signCheckpoint, verifyCheckpoint } from '../../src/audit/checkpoint.ts'
import { CompactRange, hashEmptyTree, hashLeaf } from '../../src/audit/merkle.ts'
import { proveInclusion } from '../../src/audit/merkle-proof.ts'
import {
  formatVerifierKey,
  parseNote,
  parseVerifierKey,
  signNote,
  verifyNote,
} from '../../src/audit/signed-note.ts'
import { formatTlogProof, parseTlogProof, verifyTlogProof } from '../../src/audit/tlog-proof.ts'
import { testSigner } from './signer.ts'

/** The examples of c2sp.org/signed-note and c2sp.org/tlog-checkpoint. */
const SPEC_KEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
const SPEC_NOTE = `This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`
const SPEC_POEM = `Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
`
const SPEC_CHECKPOINT = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
`

const signer = testSigner('example.com/log', 1)
const key = formatVerifierKey(signer.name, signer.publicKey)
const other = testSigner('example.com/witness', 2)
const otherKey = formatVerifierKey(other.name, other.publicKey)

describe('a signed note', () => {
  it('of the specification verifies', () => {
    const spec = parseVerifierKey(SPEC_KEY)
    expect(formatVerifierKey(spec.name, spec.publicKey)).toBe(SPEC_KEY)
    expect(verifyNote(parseNote(SPEC_NOTE), [spec])).toEqual([spec])
    const changed = SPEC_NOTE.replace('example message', 'exemple message')
    expect(() => verifyNote(parseNote(changed), [spec])).toThrow('is wrong')
  })

  it('of the specification with empty lines in its text is split at the last one', () => {
    const { text, signatures } = parseNote(SPEC_POEM)
    expect(text.split('\n')).toHaveLength(5)
    expect(signatures).toMatchObject([{ name: 'quasimodo.example/salvatore', keyId: 0x367ba04b }])
  })

  it('is refused for any changed byte', async () => {
    const note = Buffer.from(await signNote('one\ntwo\n', [signer]))
    for (let i = 0; i < note.length; i++) {
      const changed = Buffer.from(note)
      changed.writeUInt8(changed.readUInt8(i) ^ 1, i)
      expect(() => verifyNote(parseNote(changed.toString('utf8')), [parseVerifierKey(key)])).toThrow()
    }
  })

  it('passes over signatures of others, needs one of a trusted key, and none that is wrong', async () => {
    const note = parseNote(await signNote('text\n', [other, signer]))
    const [ours, theirs] = [parseVerifierKey(key), parseVerifierKey(otherKey)]
    expect(verifyNote(note, [ours])).toEqual([ours])
    expect(verifyNote(note, [ours, theirs])).toEqual([theirs, ours])
    expect(() => verifyNote(note, [])).toThrow('no trusted key')
    const renamed = testSigner('example.com/third', 1)
    expect(() => verifyNote(note, [parseVerifierKey(formatVerifierKey(renamed.name, renamed.publicKey))])).toThrow(
      'no trusted key',
    )
    const forged = { ...note, signatures: note.signatures.map((one) => ({ ...one, signature: Buffer.alloc(64) })) }
    expect(() => verifyNote(forged, [ours])).toThrow('is wrong')
  })

  it('takes at least 16 signatures, and no number without end', async () => {
    const lines = (count: number): string =>
      `text\n\n${`— a.example ${Buffer.alloc(70).toString('base64')}\n`.repeat(count)}`
    expect(parseNote(lines(64)).signatures).toHaveLength(64)
    expect(() => parseNote(lines(65))).toThrow('too many')
  })

  it.each([
    'no newline',
    'text\n',
    'text\n\n',
    'text\n\n— a\n',
    'text\n\n— a b c d\n',
    'text\n\n- a.example AAAAAAA=\n',
    'text\n\n— a.example AAAA\n',
    'text\n\n— a+b AAAAAAA=\n',
    'text\n\n— a\u2003b AAAAAAA=\n',
    'text\n\n— a.example AAAAAAA\n',
    'text\n\n— a.example AAAAAAB=\n',
    'te\txt\n\n— a.example AAAAAAA=\n',
    'te\rxt\n\n— a.example AAAAAAA=\n',
    'te\ud800xt\n\n— a.example AAAAAAA=\n',
    'text\n\n— a.example AAAAAAA=',
  ])('is not %j', (text) => {
    expect(() => parseNote(text)).toThrow('not a signed note')
  })

  it('never throws anything else', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '\n', '—', ' ', '+', 'A', '=', '\0', 'é') }), (text) => {
        try {
          parseNote(text)
        } catch (error) {
          expect(error).toMatchObject({ kind: 'corrupt' })
        }
      }),
    )
  })

  it('is not made of a text or under a name that cannot be read back', async () => {
    await expect(signNote('no newline', [signer])).rejects.toMatchObject({ kind: 'bug' })
    await expect(signNote('tab\t\n', [signer])).rejects.toMatchObject({ kind: 'bug' })
    await expect(signNote('text\n', [testSigner('two words')])).rejects.toMatchObject({ kind: 'config' })
  })
})

describe('a verifier key', () => {
  it.each([
    'example.com/foo',
    'example.com/foo+530d903a',
    'example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
    'example.com/fou+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
    'example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
    'example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
    'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2',
    ' +530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
  ])('is not %s', (text) => {
    expect(() => parseVerifierKey(text)).toThrow('verifier key')
  })

  it('whose base64 holds a plus is read', () => {
    for (let seed = 0; seed < 40; seed++) {
      const { name, publicKey } = testSigner('a.example', seed)
      const text = formatVerifierKey(name, publicKey)
      expect(Buffer.from(parseVerifierKey(text).publicKey)).toEqual(Buffer.from(publicKey))
    }
  })
})

describe('a checkpoint', () => {
  it('of the specification is read', () => {
    expect(parseCheckpoint(SPEC_CHECKPOINT)).toMatchObject({
      origin: 'example.com/behind-the-sofa',
      size: 20852163,
      extensions: [],
    })
  })

  it('is signed, and verified for its origin alone', async () => {
    const head = { size: 0, root: hashEmptyTree() }
    const note = await signCheckpoint(signer.name, head, [signer])
    expect(note.startsWith('example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— ')).toBe(true)
    expect(verifyCheckpoint(note, signer.name, [key])).toEqual({ origin: signer.name, ...head, extensions: [] })
    expect(() => verifyCheckpoint(note, 'example.com/another', [key])).toThrow('another log')
    expect(() => verifyCheckpoint(note, signer.name, [otherKey])).toThrow('no trusted key')
  })

  it.each([
    'o\n01\nR',
    'o\n-1\nR',
    'o\n1e3\nR',
    'o\n99999999999999999\nR',
    'o\n1\nshort',
    'o\n1',
    'o\n1\nR\n\nlate',
  ])('is not %j', async (text) => {
    const root = hashEmptyTree().toString('base64')
    const note = await signNote(`${text.replace('R', root)}\n`, [signer])
    expect(() => verifyCheckpoint(note, 'o', [key])).toThrow('not a checkpoint')
  })
})

describe('a tlog-proof', () => {
  const leaves = Array.from({ length: 13 }, (_, i) => hashLeaf(Buffer.from(`entry ${i}`)))
  const at = (i: number): Uint8Array => leaves[i] ?? Buffer.alloc(0)

  async function proofOf(index: number, extra: Uint8Array | null = null): Promise<string> {
    const range = new CompactRange()
    for (const leaf of leaves) range.append(leaf)
    const checkpoint = await signCheckpoint(signer.name, { size: 13, root: range.root() }, [signer])
    return formatTlogProof({ index, extra, hashes: proveInclusion(at, index, 13), checkpoint })
  }

  it('goes there and back for each entry, and holds for no other', async () => {
    for (let i = 0; i < 13; i++) {
      const text = await proofOf(i)
      expect(text.split('\n').slice(0, 2)).toEqual(['c2sp.org/tlog-proof@v1', `index ${i}`])
      expect(formatTlogProof(parseTlogProof(text))).toBe(text)
      expect(verifyTlogProof(text, at(i), signer.name, [key]).size).toBe(13)
      expect(() => verifyTlogProof(text, at((i + 1) % 13), signer.name, [key])).toThrow('does not show')
    }
  })

  it('carries extra data', async () => {
    const text = await proofOf(4, Buffer.from('context'))
    expect(text.split('\n')[1]).toBe('extra Y29udGV4dA==')
    expect(Buffer.from(parseTlogProof(text).extra ?? []).toString()).toBe('context')
  })

  it('is refused for any changed byte', async () => {
    const text = Buffer.from(await proofOf(6))
    for (let i = 0; i < text.length; i++) {
      const changed = Buffer.from(text)
      changed.writeUInt8(changed.readUInt8(i) ^ 1, i)
      expect(() => verifyTlogProof(changed.toString('utf8'), at(6), signer.name, [key])).toThrow()
    }
  })

  it.each([
    (text: string) => text.replace('@v1', '@v2'),
    (text: string) => text.replace('index 6', 'index 06'),
    (text: string) => text.replace('index 6\n', ''),
    (text: string) => text.replace('\n\n', '\n'),
    (text: string) => text.replace('index 6\n', 'index 6\nAAAA\n'),
    () => '',
  ])('is not what is malformed (%#)', async (change) => {
    const text = await proofOf(6)
    expect(() => verifyTlogProof(change(text), at(6), signer.name, [key])).toThrow(/not a/)
  })
})
