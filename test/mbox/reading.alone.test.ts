import { appendFileSync } from 'node:fs'
import { appendFile, open, rename, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { envelopeDate } from '../../connectors/mbox/dates.ts'
import { headerDate } from '../../src/core/header-date.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { SourceSession } from '../../src/core/connector.ts'
import { collect, errorOf, findMailbox, list, quiet } from '../conformance/bench.ts'
import { AWKWARD_BODIES } from '../conformance/corpus.ts'
import { makeTree, openMbox, show } from './fixture.ts'

const FROM = 'From a@x Mon Jul 20 10:00:00 2020\n'

async function textsOf(
  content: string,
  quoting: 'mboxrd' | 'mboxo' | 'none' = 'mboxrd',
): Promise<readonly string[]> {
  const session = await openMbox(join(await makeTree({ file: content }), 'file'), { quoting })
  return (await show(session, ['INBOX'])).map(({ text }) => text.replace(/\r\n/g, '\n'))
}

describe('dates', () => {
  it.each([
    ['a@x Mon Jul 20 10:00:00 2020', '2020-07-20T10:00:00Z'],
    ['a@x  Mon Jul  6 10:00:00 2020', '2020-07-06T10:00:00Z'],
    ['- Mon Jul 20 10:00:00 2020', '2020-07-20T10:00:00Z'],
    ['1678@xxx Mon Jul 20 10:00:00 +0200 2020', '2020-07-20T08:00:00Z'],
    ['a@x Mon Jul 20 10:00:00 PDT 2020', '2020-07-20T17:00:00Z'],
    ['a@x Mon Jul 20 10:00:00 2020 -0530', '2020-07-20T15:30:00Z'],
    ['a@x Mon Jul 20 10:00 2020 remote from b', '2020-07-20T10:00:00Z'],
    ['foo at bar.example  Mon Jul 20 10:00:00 2020', '2020-07-20T10:00:00Z'],
    ['a@x Mon, 20 Jul 2020 10:00:00 +0200', '2020-07-20T08:00:00Z'],
    ['a@x', null],
    ['a@x Mon Jul 40 10:00:00 2020', null],
    ['a@x Mon Jul 20 10:00:00 1812', null],
  ])('From %s', (line, expected) => {
    expect(envelopeDate(line)).toBe(expected === null ? null : Date.parse(expected))
  })

  it.each([
    ['Mon, 20 Jul 2020 10:00:00 +0200 (CEST)', '2020-07-20T08:00:00Z'],
    ['20 Jul 20 10:00 GMT', '2020-07-20T10:00:00Z'],
    ['20-Jul-99 10:00:00 EST', '1999-07-20T15:00:00Z'],
    ['nonsense', null],
  ])('Date: %s', (text, expected) => {
    expect(headerDate(text)).toBe(expected === null ? null : Date.parse(expected))
  })

  it('never throw, and name an instant or nothing', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        for (const date of [envelopeDate(a), headerDate(`${a}20 Jul 2020 10:00:00 ${b}`)]) {
          expect(date === null || Number.isInteger(date)).toBe(true)
        }
      }),
    )
  })

  it.each([
    [
      'the envelope',
      'From a@x Mon Jul 20 10:00:00 2020\nDate: Mon, 1 Jan 2001 00:00:00 +0000\n',
      '2020-07-20T10:00:00Z',
    ],
    [
      'the last server, where Thunderbird wrote when it stored the message',
      'From - Tue Nov 24 10:00:00 2026\nReceived: from a by b;\n Mon, 20 Jul 2020 12:00:00 +0200\nReceived: x; 1 Jan 2001 00:00:00 +0000\nDate: Mon, 1 Jan 2001 00:00:00 +0000\n',
      '2020-07-20T10:00:00Z',
    ],
    [
      'the sender, where no server was',
      'From - Tue Nov 24 10:00:00 2026\nDate: Mon, 20 Jul 2020 10:00:00 +0000\n',
      '2020-07-20T10:00:00Z',
    ],
    ['the From_ line after all', 'From - Mon Jul 20 10:00:00 2020\nSubject: a\n', '2020-07-20T10:00:00Z'],
    [
      'the header, where the From_ line says nothing',
      'From a@x\nDate: Mon, 20 Jul 2020 10:00:00 +0000\n',
      '2020-07-20T10:00:00Z',
    ],
  ])('INTERNALDATE is what is said by %s', async (_, content, expected) => {
    const session = await openMbox(join(await makeTree({ file: content }), 'file'))
    expect((await show(session, ['INBOX'])).map(({ internalDate }) => internalDate)).toEqual([
      Date.parse(expected),
    ])
  })

  it('INTERNALDATE is the time of the file when nothing else is said', async () => {
    const file = join(await makeTree({ file: 'From a@x\nSubject: a\n\n' }), 'file')
    const [message] = await show(await openMbox(file), ['INBOX'])
    expect(message?.internalDate).toBe(Math.floor((await stat(file)).ctimeMs))
  })
})

describe('where messages begin', () => {
  it.each([
    ['a body line without a date and no header after it', `${FROM}S: a\n\nFrom here on\nit goes\n`, 1],
    ['the same after a blank line', `${FROM}S: a\n\nx\n\nFrom here on\n\nit goes\n`, 1],
    [
      'a line without a date, a blank line before it and a field after it',
      `${FROM}S: a\n\nx\n\nFrom b\nS: b\n`,
      2,
    ],
    ['bare, as new versions of Thunderbird write it', `From \nS: a\n\nx\n\nFrom \nS: b\n`, 2],
    ['no blank line before it', `${FROM}S: a\n\nx\n${FROM}S: b\n`, 2],
    ['a blank line but no field', `${FROM}S: a\n\nx\n\n${FROM}\nbody alone\n`, 2],
    ['a date alone', `${FROM}S: a\n\nx\n${FROM}no field\n`, 1],
    [
      'the sendmail of old',
      `${FROM}>From b@y Mon Jul 20 10:00:00 2020 remote from c\nS: a\n\nx\n\n${FROM}S: b\n`,
      2,
    ],
  ])('%s', async (_, content, count) => {
    expect(await textsOf(content)).toHaveLength(count)
  })
})

describe('quoting', () => {
  const body = '>From a\n>>From b\n> From c\n>Fromage\n'
  it.each([
    ['mboxrd', 'From a\n>From b\n> From c\n>Fromage\n'],
    ['mboxo', 'From a\n>>From b\n> From c\n>Fromage\n'],
    ['none', body],
  ] as const)('%s', async (quoting, expected) => {
    expect(await textsOf(`${FROM}S: a\n\n${body}\n`, quoting)).toEqual([`S: a\n\n${expected}`])
  })
})

describe('bodies', () => {
  it('awkward ones come as they were written', async () => {
    const bodies = [...AWKWARD_BODIES.values()].map((bytes) => Buffer.from(bytes).toString('latin1'))
    const ended = bodies.map((text) => (text.endsWith('\r\n') ? text : `${text}\r\n`))
    const file = ended.map((text) => `${FROM.replace('\n', '\r\n')}${text.replace(/^(>*From )/gm, '>$1')}\r\n`)
    const session = await openMbox(join(await makeTree({ file: file.join('') }), 'file'))
    expect((await show(session, ['INBOX'])).map(({ text }) => text)).toEqual(ended)
  })

  it('the last one may lack its line end, and its blank line', async () => {
    expect(await textsOf(`${FROM}S: a\n\nbody`)).toEqual(['S: a\n\nbody'])
    expect(await textsOf(`${FROM}S: a\n\nbody\n`)).toEqual(['S: a\n\nbody\n'])
    expect(await textsOf(`${FROM}S: a\n\nbody\n\n`)).toEqual(['S: a\n\nbody\n'])
    expect(await textsOf(`${FROM}S: a\n\nbody\n\n\n`)).toEqual(['S: a\n\nbody\n\n'])
  })

  it('memory does not grow with a message, even one without a line end', async () => {
    const file = join(await makeTree({ file: `${FROM}Subject: a\n\n` }), 'file')
    const bytes = 128 * 1024 * 1024
    await truncate(file, bytes)
    const before = process.memoryUsage().rss
    const session = await openMbox(file)
    const inbox = await findMailbox(session, ['INBOX'])
    const { messages } = await list(session, inbox, null)
    const [fetched] = await collect(session.fetch(inbox, [...messages.keys()], quiet))
    if (fetched?.kind !== 'large') throw new Error('not large')
    let read = 0
    for await (const piece of fetched.body.open()) read += piece.length
    expect(read).toBe(bytes - FROM.length + 2)
    expect(fetched.body.bytes).toBe(read)
    expect(process.memoryUsage().rss - before).toBeLessThan(bytes / 2)
  })

  it('twins are two, with keys that stay when flags change and the file is compacted', async () => {
    const twin = (status: string): string => `${FROM}Status: ${status}\nS: twin\n\nx\n\n`
    const file = join(await makeTree({ file: `${FROM}S: other\n\nx\n\n${twin('O')}${twin('O')}` }), 'file')
    const before = await show(await openMbox(file), ['INBOX'])
    expect(new Set(before.map(({ key }) => key)).size).toBe(3)
    await writeFile(file, `${twin('O')}${twin('RO')}`)
    const after = await show(await openMbox(file), ['INBOX'])
    expect(after.map(({ key }) => key)).toEqual(before.slice(1).map(({ key }) => key))
    expect(after.map(({ flags }) => flags)).toEqual([[], ['\\Seen']])
  })
})

describe('a file that changes', () => {
  const many = (count: number): string =>
    Array.from({ length: count }, (_, at) => `${FROM}Subject: ${at}\n\n${'x'.repeat(60)}\n\n`).join('')

  async function listed(options = {}): Promise<{ file: string; session: SourceSession; keys: readonly string[] }> {
    const file = join(await makeTree({ file: many(20) }), 'file')
    const session = await openMbox(file, options)
    const keys = [...(await list(session, await findMailbox(session, ['INBOX']), null)).messages.keys()]
    return { file, session, keys }
  }

  it('is gone through anew when a message is not where it was', async () => {
    const { file, session, keys } = await listed()
    await writeFile(`${file}.new`, many(20).slice(many(3).length))
    await rename(`${file}.new`, file)
    const fetched = await collect(session.fetch(await findMailbox(session, ['INBOX']), keys, quiet))
    expect(fetched.filter(({ kind }) => kind === 'gone').map(({ key }) => key)).toEqual(keys.slice(0, 3))
    expect(fetched.filter(({ kind }) => kind === 'whole')).toHaveLength(17)
  })

  it('a body that is changed in place is not handed over as the old one', async () => {
    const { file, session, keys } = await listed()
    const handle = await open(file, 'r+')
    await handle.write('y', many(5).length - 10)
    await handle.close()
    const inbox = await findMailbox(session, ['INBOX'])
    const fetched = await collect(session.fetch(inbox, keys.slice(3, 6), quiet))
    expect(fetched.map(({ kind, key }) => [kind, keys.indexOf(key)])).toEqual([
      ['whole', 3],
      ['whole', 5],
      ['gone', 4],
    ])
  })

  it('a large body that is cut or changed while it is read ends with an error', async () => {
    for (const spoil of [
      (file: string) => truncate(file, 100_000),
      async (file: string) => {
        const handle = await open(file, 'r+')
        await handle.write('y', 150_000)
        await handle.close()
      },
    ]) {
      const content = `${FROM}Subject: large\n\n${'x'.repeat(200_000)}\n`
      const file = join(await makeTree({ file: content }), 'file')
      const session = await openMbox(file, { largeMessageBytes: 1000 })
      const inbox = await findMailbox(session, ['INBOX'])
      const { messages } = await list(session, inbox, null)
      const [fetched] = await collect(session.fetch(inbox, [...messages.keys()], quiet))
      if (fetched?.kind !== 'large') throw new Error('not large')
      await spoil(file)
      expect(await errorOf(collect(fetched.body.open()))).toMatchObject({ kind: 'transient', code: 'CHANGED' })
    }
  })

  it('that never rests is told in one line', async () => {
    const file = join(await makeTree({ file: many(5) }), 'file')
    const session = await openMbox(file, { clock: { ...systemClock, sleep: async () => undefined } })
    const inbox = await findMailbox(session, ['INBOX'])
    // Whoever looks whether to stop adds to the file, so that it grows each time it is gone through.
    const growing = new Proxy(new AbortController().signal, {
      get: (signal, property) => {
        if (property === 'aborted') appendFileSync(file, many(1))
        return Reflect.get(signal, property, signal) as unknown
      },
    })
    const error = await errorOf(collect(session.listMessages(inbox, null, growing)))
    expect(error).toMatchObject({
      kind: 'transient',
      code: 'CHANGED',
      message: 'an mbox file changes while it is read',
    })
    expect(error.hint).toContain('stop the program that writes to it')
  })

  it('nothing is listed twice for a cursor once the file rests, and all when it has changed', async () => {
    let shift = 10_000
    const clock = { ...systemClock, now: () => systemClock.now() + shift }
    const { file, session } = await listed({ clock })
    const inbox = await findMailbox(session, ['INBOX'])
    const first = await list(session, inbox, null)
    expect((await list(session, inbox, first.cursor, first.messages)).pages).toEqual([
      { kind: 'end', cursor: first.cursor, complete: false },
    ])
    await appendFile(file, many(1))
    expect((await list(session, inbox, first.cursor, first.messages)).messages.size).toBe(21)
    shift = 0
    const unsure = await list(session, inbox, null)
    expect((await list(session, inbox, unsure.cursor, unsure.messages)).messages.size).toBe(21)
  })
})
