import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestStream, digestWhole } from '../../src/core/digest.ts'
import type { DestinationSession } from '../../src/core/connector.ts'
import type { Mailbox } from '../../src/core/mail.ts'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { startScriptedImap } from '../servers/scripted-imap.ts'
import { startTamperingRelay } from '../servers/tampering-relay.ts'
import { ANNA, bytesOf, clearConnector, collect, connectorTo, failure, message, quiet } from './bench.ts'

const why = whyNoDovecot()

/** Bodies that come back byte for byte. */
const EXACT: Readonly<Record<string, Buffer>> = {
  'header only': Buffer.from('Subject: x\r\n'),
  'no final line end': Buffer.from('Subject: x\r\n\r\nend'),
  '8-bit in header and body': Buffer.from('Subject: Gr\xfc\xdfe\r\n\r\n\x80\x81\xff\r\n', 'latin1'),
  'lone CR': Buffer.from('Subject: x\r\n\r\na\rb\r\n'),
  'a literal in the text': Buffer.from(
    'Subject: {5}\r\n\r\n{5}\r\n* 1 FETCH (UID 9 BODY[] {2}\r\nxx)\r\n1 OK done\r\n)\r\n',
  ),
  'NUL, with 0x80 beside it': Buffer.from('Subject: n\0l\r\n\r\n\x80\0\x80\0\0\r\n', 'latin1'),
  'long line': Buffer.from(`Subject: x\r\n\r\n${'y'.repeat(1 << 20)}\r\n`),
  'one byte': Buffer.from('x'),
}

/** Bodies that the server itself changes, in ways that matchDigest knows. */
const MATCHING: Readonly<Record<string, Buffer>> = {
  'bare LF': Buffer.from('Subject: x\n\na\nb\n'),
  'mixed line ends': Buffer.from('Subject: x\r\n\na\r\nb\n'),
  'CR CR LF': Buffer.from('Subject: x\r\n\r\na\r\r\nb\r\r\r\n'),
}

describe.skipIf(why !== null)(`bodies ${why ?? ''}`, () => {
  let server: Dovecot
  let session: DestinationSession
  let box: Mailbox
  beforeAll(async () => {
    server = await startDovecot()
    session = await connectorTo(server).openDestination(ANNA, quiet)
    box = await session.ensureMailbox(['Bodies'], null, quiet)
  })
  afterAll(async () => {
    await session.close()
    await server.stop()
  })

  const keysOf = async (bodies: readonly Buffer[]): Promise<readonly string[]> => {
    const outcomes = await session.append(
      box,
      bodies.map((body) => message(body)),
      quiet,
    )
    return outcomes.map((outcome) => {
      if (outcome.kind !== 'landed' || outcome.key === null) throw new Error(`not landed: ${outcome.kind}`)
      return outcome.key
    })
  }

  it('come back as they were, in one batch and one fetch, however the bytes are cut', async () => {
    const names = Object.keys(EXACT)
    const keys = await keysOf(Object.values(EXACT))
    for (const piece of [1 << 20, 1000, 7]) {
      const cut = (bytes: Buffer, wire: { toClient(bytes: Uint8Array): void }): null => {
        for (let at = 0; at < bytes.length; at += piece) wire.toClient(bytes.subarray(at, at + piece))
        return null
      }
      const chosen = piece === 7 ? names.filter((name) => name !== 'long line') : names
      const relay = await startTamperingRelay({ port: server.imapPort, fromServer: cut })
      const reader = await clearConnector(relay.port, server.password).openSource(ANNA, quiet)
      const wanted = chosen.map((name) => keys[names.indexOf(name)] ?? '')
      const seen = new Map<string, Buffer>()
      for await (const fetched of reader.fetch(box, wanted, quiet)) seen.set(fetched.key, await bytesOf(fetched))
      for (const name of chosen) {
        expect(
          seen.get(keys[names.indexOf(name)] ?? '')?.equals(EXACT[name] ?? Buffer.alloc(0)),
          `${name}, ${piece}`,
        ).toBe(true)
      }
      await reader.close()
      await relay.stop()
    }
  })

  it('that the server changes by itself have the same matchDigest', async () => {
    const keys = await keysOf(Object.values(MATCHING))
    const seen = new Map<string, Buffer>()
    for await (const fetched of session.fetch(box, keys, quiet)) seen.set(fetched.key, await bytesOf(fetched))
    Object.entries(MATCHING).forEach(([name, sent], index) => {
      const got = seen.get(keys[index] ?? '') ?? Buffer.alloc(0)
      expect(Buffer.from(digestWhole(got).matchDigest), name).toEqual(Buffer.from(digestWhole(sent).matchDigest))
    })
  })

  it('of 20 MiB go and come as streams, in ranges', async () => {
    const bytes = 20 * 1024 * 1024 + 12_345
    const line = Buffer.from(`${'0123456789abcdef'.repeat(4)}\r\n`)
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let left = bytes; left > 0; left -= line.length * 999)
        yield repeated(line, Math.min(left, line.length * 999))
    }
    const body = { bytes, open: pieces }
    const [outcome] = await session.append(box, [message('', { body })], quiet)
    if (outcome?.kind !== 'landed') throw new Error('not landed')
    const relay = await startTamperingRelay({ port: server.imapPort })
    const reader = await clearConnector(relay.port, server.password).openSource(ANNA, quiet)
    const [fetched] = await collect(reader.fetch(box, [outcome.key ?? ''], quiet))
    if (fetched?.kind !== 'large') throw new Error('it came whole')
    expect(fetched.body.bytes).toBe(bytes)
    for (let time = 0; time < 2; time++) {
      const digests = await digestStream(fetched.body.open())
      expect(Buffer.from(digests.digest)).toEqual(Buffer.from((await digestStream(pieces())).digest))
    }
    expect(relay.commands().filter((command) => command.includes('BODY.PEEK[]<')).length).toBeGreaterThanOrEqual(
      13,
    )
    expect(relay.commands().filter((command) => /BODY\.PEEK\[\]\)/.test(command))).toEqual([])
    await reader.close()
    await relay.stop()
  })

  it('large ones with NUL come back as they were', async () => {
    const body = Buffer.concat([
      Buffer.from('Subject: n\r\n\r\n'),
      Buffer.alloc(300_000, 'ab\0c\x80\r\n', 'latin1'),
    ])
    const [key = ''] = await keysOf([body])
    const limits = { largeMessageBytes: 100_000, rangeBytes: 50_001 }
    const reader = await connectorTo(server, limits).openSource(ANNA, quiet)
    const [fetched] = await collect(reader.fetch(box, [key], quiet))
    expect(fetched?.kind).toBe('large')
    expect((await bytesOf(fetched)).equals(body)).toBe(true)
    await reader.close()
  })

  it('are measured themselves where the announced size lies', async () => {
    const body = Buffer.from(`Subject: lie\r\n\r\n${'0123456789\r\n'.repeat(20_000)}`)
    const [key = ''] = await keysOf([body])
    for (const lie of [1, 100, body.length - 1, body.length + 1, body.length * 3]) {
      const lying = (bytes: Buffer): Uint8Array => {
        const text = bytes.toString('latin1').replace(/RFC822\.SIZE \d+/g, `RFC822.SIZE ${lie}`)
        return Buffer.from(text, 'latin1')
      }
      const relay = await startTamperingRelay({ port: server.imapPort, fromServer: lying })
      const limits = { largeMessageBytes: 100_000, rangeBytes: 60_000 }
      const reader = await clearConnector(relay.port, server.password, limits).openSource(ANNA, quiet)
      const [fetched] = await collect(reader.fetch(box, [key], quiet))
      if (fetched?.kind !== 'large') throw new Error('it came whole')
      expect(fetched.body.bytes, `announced as ${lie}`).toBe(body.length)
      expect((await bytesOf(fetched)).equals(body)).toBe(true)
      await reader.close()
      await relay.stop()
    }
  })

  it('that are gone between listing and reading are gone, large ones too', async () => {
    const large = Buffer.from(`Subject: l\r\n\r\n${'0123456789\r\n'.repeat(20_000)}`)
    const keys = await keysOf([Buffer.from('Subject: 1\r\n\r\n'), large, Buffer.from('Subject: 3\r\n\r\n'), large])
    const reader = await connectorTo(server, { largeMessageBytes: 100_000, rangeBytes: 50_000 }).openSource(
      ANNA,
      quiet,
    )
    const kept = await collect(reader.fetch(box, [keys[3] ?? ''], quiet))
    for (const key of [keys[0], keys[1]])
      await server.doveadm('expunge', '-u', ANNA, 'mailbox', 'Bodies', 'uid', key ?? '')
    const answers = await collect(reader.fetch(box, [keys[0] ?? '', keys[1] ?? '', keys[2] ?? ''], quiet))
    expect(answers.map(({ kind }) => kind).sort()).toEqual(['gone', 'gone', 'whole'])
    await server.doveadm('expunge', '-u', ANNA, 'mailbox', 'Bodies', 'uid', keys[3] ?? '')
    expect(['not-found', 'transient']).toContain((await failure(bytesOf(kept[0]))).kind)
    await reader.close()
  })
})

describe('bodies from a scripted server', () => {
  const fetching = async (
    lines: readonly string[],
    capabilities = 'LITERAL+',
    keys: readonly string[] = ['5'],
    greeting?: string,
  ): Promise<readonly { kind: string; text: string | null }[]> => {
    const server = await startScriptedImap({
      capabilities,
      ...(greeting === undefined ? {} : { greeting }),
      answer: ({ tag, text }) => {
        if (text.startsWith('UID SEARCH')) return ['* SEARCH', `${tag} OK done`]
        return text.startsWith('UID FETCH') ? [...lines, `${tag} OK done`] : undefined
      },
    })
    const session = await clearConnector(server.port, 'x', { largeMessageBytes: 1000 }).openSource('a', quiet)
    try {
      const [inbox] = await collect(session.listMailboxes(quiet))
      if (inbox === undefined) throw new Error('no inbox')
      const answers = await collect(session.fetch(inbox, keys, quiet))
      return answers.map((answer) => ({
        kind: answer.kind,
        text: answer.kind === 'whole' ? Buffer.from(answer.body).toString('latin1') : null,
      }))
    } finally {
      await session.close()
      await server.stop()
    }
  }

  it('NIL means gone, an empty string a message without a byte', async () => {
    expect(await fetching(['* 1 FETCH (UID 5 BODY[] NIL)'])).toEqual([{ kind: 'gone', text: null }])
    expect(await fetching(['* 1 FETCH (UID 5 BODY[] "")'])).toEqual([{ kind: 'whole', text: '' }])
    expect(await fetching(['* 1 FETCH (UID 5 BODY[] {0}', ')'])).toEqual([{ kind: 'whole', text: '' }])
  })

  it('what is there and is not handed over is neither gone nor empty', async () => {
    for (const answer of [[], ['* 1 FETCH (UID 5 BODY[] NIL)'], ['* 1 FETCH (UID 5 BODY[] "")']]) {
      const lines = [...answer, '* 1 FETCH (UID 5 RFC822.SIZE 29012)']
      expect(await fetching(lines), answer.join()).toEqual([{ kind: 'unreadable', text: null }])
    }
    // Above the limit for a body in one piece, and so read in ranges, all of which are empty.
    const large = ['* 1 FETCH (UID 5 BODY[] {1001}', `${'x'.repeat(1001)} RFC822.SIZE 5000 BODY[]<0> "")`]
    expect(await fetching(large)).toEqual([{ kind: 'unreadable', text: null }])
  })

  it('a note of Exchange in the place of a message is no message, and elsewhere is one', async () => {
    const subject = 'Subject: Retrieval using the IMAP4 protocol failed for the following message: 752'
    const words = 'The server couldn=92t retrieve the following message:'
    const foreign = [
      ...[
        'MIME-Version: 1.0',
        'Content-Type: text/plain; charset="iso-8859-1"',
        'From: Microsoft Exchange Server 2010',
      ],
      ...['To: Bo <bo@b.example>', 'Subject: =?iso-8859-1?Q?Kein_Abruf_m=F6glich,?=', ' Nachricht: 5'],
      ...['Content-Transfer-Encoding: quoted-printable', '', 'Der Server konnte sie nicht abrufen.', ''],
    ].join('\r\n')
    const notes = {
      'by its text': `From: a@b.example\r\n${subject}\r\n\r\n${words}\r\n`,
      'by its sender, its subject folded': `${subject.replace('for the', 'for the\r\n')}\r\nFrom: "Microsoft Exchange Server 2010"\r\n\r\nVGhl\r\n`,
      'in another language': foreign,
      'in another language, by its first build': foreign.replace('Server 2010', 'Server').replace('Bo', '"Bo B"'),
      'in another language, without its UID': foreign.replace('Nachricht: 5', 'IMAP4'),
    }
    const mail = {
      'an answer': notes['by its text'].replace('Subject: ', 'Subject: RE: '),
      'the subject alone': `From: a@b.example\r\n${subject}\r\n\r\nDid you see this?\r\n`,
      'a note of another message, stored as mail': foreign.replace('Nachricht: 5', 'Nachricht: 15'),
      'what was delivered': foreign.replace(
        'Subject',
        'Received: from a.example; Fri, 1 May 2026 10:00:00 +0000\r\nSubject',
      ),
      'what was sent': foreign.replace('Subject', 'Date: Fri, 1 May 2026 10:00:00 +0000\r\nSubject'),
      'from an address': foreign.replace('Server 2010', 'Server 2010 <exchange@b.example>'),
    }
    const greeting = '* OK The Microsoft Exchange IMAP4 service is ready.\r\n'
    const rowOf = (text: string): readonly string[] => [`* 1 FETCH (UID 5 BODY[] {${text.length}}`, `${text})`]
    for (const [name, text] of Object.entries(notes)) {
      expect(await fetching(rowOf(text), undefined, ['5'], greeting), name).toMatchObject([{ kind: 'unreadable' }])
      expect(await fetching(rowOf(text)), name).toEqual([{ kind: 'whole', text }])
    }
    for (const [name, text] of Object.entries(mail))
      expect(await fetching(rowOf(text), undefined, ['5'], greeting), name).toEqual([{ kind: 'whole', text }])
  })

  it('items in any order, quoted strings, strangers and repetitions are told apart', async () => {
    const lines = [
      '* 9 FETCH (FLAGS (\\Seen))',
      '* 9 FETCH (UID 7 BODY[] {1}',
      'x)',
      '* 1 FETCH (BODY[] {4}',
      'abcd FLAGS (\\Seen) X-ODD ((1 "a)b") NIL {3}',
      '(((] ) UID 5)'.replace(']', ''),
      '* 1 FETCH (UID 5 BODY[] "again")',
    ]
    expect(await fetching(lines)).toEqual([{ kind: 'whole', text: 'abcd' }])
    expect(await fetching(['* 1 FETCH (UID 5 BODY[] "q\\"uo\\\\ted")'])).toEqual([
      { kind: 'whole', text: 'q"uo\\ted' },
    ])
  })

  it('a message is gone only when the server has been made to look again', async () => {
    let asked = 0
    let looked = false
    const server = await startScriptedImap({
      answer: ({ tag, text }) => {
        if (text.startsWith('UID SEARCH')) return ['* SEARCH', `${tag} OK done`]
        if (text === 'NOOP') looked = true
        if (!text.startsWith('UID FETCH')) return undefined
        asked++
        return looked && asked > 1
          ? ['* 1 FETCH (UID 5 BODY[] {4}', 'late)', `${tag} OK done`]
          : [`${tag} OK done`]
      },
    })
    const session = await clearConnector(server.port, 'x').openSource('a', quiet)
    const [inbox] = await collect(session.listMailboxes(quiet))
    if (inbox === undefined) throw new Error('no inbox')
    const answers = await collect(session.fetch(inbox, ['5', '6'], quiet))
    expect(answers.map(({ kind, key }) => `${kind} ${key}`)).toEqual(['whole 5', 'gone 6'])
    await session.close()
    await server.stop()
  })

  it('0x80 stays where BINARY says something else', async () => {
    const lines = ['* 1 FETCH (UID 5 BODY[] {3}', 'a\x80b)']
    expect(await fetching(lines, 'BINARY')).toEqual([{ kind: 'whole', text: 'a\x80b' }])
    const answers = [...lines, '* 1 FETCH (UID 5 BINARY[] ~{3}', 'a\0c)']
    expect(await fetching(answers, 'BINARY')).toEqual([{ kind: 'whole', text: 'a\x80b' }])
  })

  it.each(['* 1 FETCH (UID 5 BODY[] {4294967296}', '* 1 FETCH (BODY[] {4294967296}'])(
    'what is announced with 4 GB is not waited for, and comes in ranges the next time: %s',
    async (lie) => {
      const text = 'Subject: not that large\r\n\r\n'
      const server = await startScriptedImap({
        answer: ({ tag, text: command }) => {
          const [, from = '0', length = '0'] = /BODY\.PEEK\[\]<(\d+)\.(\d+)>/.exec(command) ?? []
          const range = text.slice(Number(from), Number(from) + Number(length))
          if (command.startsWith('UID SEARCH')) return ['* SEARCH', `${tag} OK done`]
          if (command.includes('RFC822.SIZE'))
            return [`* 1 FETCH (UID 5 RFC822.SIZE ${text.length})`, `${tag} OK done`]
          if (command.includes('BODY.PEEK[])')) return [lie]
          return command.includes('BODY.PEEK[]<')
            ? [`* 1 FETCH (UID 5 BODY[]<${from}> {${range.length}}`, `${range})`, `${tag} OK done`]
            : undefined
        },
      })
      const connector = clearConnector(server.port, 'x')
      const first = await connector.openSource('a', quiet)
      const [inbox] = await collect(first.listMailboxes(quiet))
      if (inbox === undefined) throw new Error('no inbox')
      const error = await failure(collect(first.fetch(inbox, ['5'], quiet)))
      expect(error).toMatchObject({ kind: 'transient', code: 'LITERAL' })
      expect([error.message, first.alive]).toEqual([expect.stringContaining('4294967296 bytes'), false])
      await first.close()
      const second = await connector.openSource('a', quiet)
      const [fetched] = await collect(second.fetch(inbox, ['5'], quiet))
      expect((await bytesOf(fetched)).toString()).toBe(text)
      await second.close()
      await server.stop()
    },
  )

  it.each([
    ['* 1 FETCH (UID 5 BODY[] (', 'an open list'],
    ['* 1 FETCH UID 5', 'no list'],
  ])('%s ends the session (%s)', async (line) => {
    expect(await failure(fetching([line]))).toMatchObject({ kind: 'transient', code: 'PROTOCOL' })
  })
})

function repeated(line: Buffer, bytes: number): Buffer {
  return Buffer.alloc(bytes, line)
}
