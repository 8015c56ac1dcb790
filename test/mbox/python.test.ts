import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { envelopeDate } from '../../connectors/mbox/dates.ts'
import { piecesOf } from '../../connectors/mbox/read-body.ts'
import { scanFile } from '../../connectors/mbox/scan-file.ts'
import { collect, quiet } from '../conformance/bench.ts'
import { lacking } from '../packages.ts'
import { makeFolder, openMbox, show } from './fixture.ts'
import { startPython, type Python } from './python.ts'

const reason = lacking('python3')

const line = fc.oneof(
  fc.constantFrom(
    'From here on',
    '>From there',
    '>>>From afar',
    '> From not',
    'From ',
    '>From ',
    'From me@x Mon Jan  6 10:00:00 2020',
    '',
    '',
    '.',
    'Status: no status here',
    'text\r with a lone CR',
  ),
  fc.string({ maxLength: 60 }).map((text) => text.replace(/[\r\n]/g, '')),
  fc.integer({ min: 100, max: 3000 }).map((length) => 'x'.repeat(length)),
)
const field = fc.constantFrom(
  'Subject: a',
  'X-Folded: a\n\tb',
  'Status: RO',
  'X-Keywords: a b\n  c',
  'X-Mozilla-Status: 0001',
  'Message-ID: <a@b>',
)
/** A message with LF at the end of each of its lines. */
const message = fc
  .tuple(fc.array(field, { minLength: 1, maxLength: 5 }), fc.array(line, { maxLength: 12 }))
  .map(([fields, lines]) => `${['To: b', ...fields].join('\n')}\n\n${lines.map((each) => `${each}\n`).join('')}`)
const messages = fc.array(message, { minLength: 1, maxLength: 6 })

const wire = (text: string): Buffer => Buffer.from(text.replace(/(?<!\r)\n/g, '\r\n'), 'utf8')
const quote = (text: string): string => text.replace(/^(>*From )/gm, '>$1')
const unquote = (raw: Buffer): Buffer =>
  Buffer.from(raw.toString('latin1').replace(/^>(>*From )/gm, '$1'), 'latin1')
const asFile = (texts: readonly string[]): string =>
  texts
    .map(
      (text, at) =>
        `From s@example.com Thu Jan  1 00:00:${String(at % 60).padStart(2, '0')} 1970\n${quote(text)}\n`,
    )
    .join('')

describe.skipIf(reason)('against the mailbox module of Python', () => {
  let python: Python
  beforeAll(() => {
    python = startPython()
  })
  afterAll(() => python.close())

  it('both read what an mboxrd file holds, with LF and with CRLF', async () => {
    const folder = await makeFolder()
    let number = 0
    await fc.assert(
      fc.asyncProperty(messages, fc.boolean(), async (texts, isCrLf) => {
        const file = join(folder, String(number++))
        await writeFile(file, isCrLf ? wire(asFile(texts)) : asFile(texts))
        const theirs = (await python.messages(file)).map(({ from, raw }) => ({
          from,
          // Python knows the blank line between two messages only where it is a bare LF.
          raw: isCrLf ? raw.subarray(0, -2) : raw,
        }))
        const ours = await show(await openMbox(file), ['INBOX'])
        expect(ours.map(({ text }) => text)).toEqual(texts.map((text) => wire(text).toString('latin1')))
        expect(ours.map(({ text }) => text)).toEqual(
          theirs.map(({ raw }) => wire(unquote(raw).toString('utf8')).toString('latin1')),
        )
        expect(ours.map(({ internalDate }) => internalDate)).toEqual(theirs.map(({ from }) => envelopeDate(from)))
        expect(ours.map(({ bytes }) => bytes)).toEqual(texts.map((text) => wire(text).length))
        expect(new Set(ours.map(({ key }) => key)).size).toBe(texts.length)
      }),
      { numRuns: 60 },
    )
  })

  it('reads what Python writes, which is mboxo', async () => {
    const folder = await makeFolder()
    let number = 0
    await fc.assert(
      fc.asyncProperty(messages, async (texts) => {
        const file = join(folder, String(number++))
        const plain = texts.map((text) => text.replace(/^>From /gm, '> From '))
        await python.messages(
          file,
          plain.map((text) => Buffer.from(text)),
        )
        const ours = await show(await openMbox(file, { quoting: 'mboxo' }), ['INBOX'])
        expect(ours.map(({ text }) => text)).toEqual(plain.map((text) => wire(text).toString('latin1')))
      }),
      { numRuns: 40 },
    )
  })
})

describe('wherever the pieces of a file are cut', () => {
  it('the same messages come', async () => {
    const folder = await makeFolder()
    await fc.assert(
      fc.asyncProperty(messages, fc.integer({ min: 256, max: 700 }), async (texts, windowBytes) => {
        const file = join(folder, 'file')
        await writeFile(file, asFile(texts))
        const handle = await open(file)
        try {
          const bytes = (await handle.stat()).size
          const facts = {
            identity: '',
            bytes,
            start: 0,
            quoting: 'mboxrd',
            isTakeout: false,
            fallbackDate: 0,
          } as const
          const [whole, cut] = [
            await scanFile(handle, facts, quiet),
            await scanFile(handle, { ...facts, windowBytes }, quiet),
          ]
          expect(cut.count).toBe(texts.length)
          for (const [at, text] of texts.entries()) {
            expect(cut.entry(at)).toEqual(whole.entry(at))
            expect(cut.key(at)).toBe(whole.key(at))
            const pieces = await collect(piecesOf(handle, cut.entry(at), 'mboxrd', quiet, windowBytes))
            expect(Buffer.concat(pieces).equals(wire(text))).toBe(true)
          }
        } finally {
          await handle.close()
        }
      }),
      { numRuns: 60 },
    )
  })
})
