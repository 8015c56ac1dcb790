import { describe, expect, it } from 'vitest'
import type { MemoryAccount } from '../../connectors/memory/store.ts'
import { Fixture, nonZero, openFindings } from './fixture.ts'

const RENDERS = { keepsBytes: false } as const

function letter(text: string, id: string | null = `${text}@example.com`): string {
  const named = id === null ? '' : `Message-ID: <${id}>\r\n`
  return `From: a@example.com\r\n${named}Date: Thu, 01 Jan 2015 10:00:00 +0200\r\nSubject: about ${text}\r\n\r\n${text}\r\n`
}

/** Another rendering of the same message, as a server with a store of its own hands it out: new each time. */
function rendered(body: Uint8Array): Uint8Array {
  const [head = '', ...text] = Buffer.from(body).toString('latin1').split('\r\n\r\n')
  const id = /^Message-ID: .*$/im.exec(head)?.[0] ?? 'Message-ID: <added@server.example>'
  const others = head.split('\r\n').filter((line) => !line.startsWith('Message-ID'))
  const boundary = `b${body.length}`
  const encoded = Buffer.from(text.join('\r\n\r\n'), 'latin1').toString('base64')
  return Buffer.from(
    `Received: from server\r\n${others.reverse().join('\r\n')}\r\n${id}\r\nContent-Type: multipart/mixed; boundary=${boundary}\r\n\r\n` +
      `--${boundary}\r\nContent-Transfer-Encoding: base64\r\n\r\n${encoded}\r\n--${boundary}--\r\n`,
    'latin1',
  )
}

/** Between ends of which the second renders mail anew. Every fourth is a twin, one has no Message-ID. */
function rendering(count = 20): Fixture {
  const fixture = new Fixture()
  for (let i = 0; i < count; i++) fixture.alice.add(['INBOX'], letter(i % 4 === 0 ? 'twin' : `m${i}`))
  fixture.alice.add(['INBOX'], letter('nameless', null))
  fixture.destinationOptions = {
    capabilities: { ...RENDERS, appendBatch: { messages: 5, bytes: 1 << 20 } },
    alterBody: rendered,
  }
  return fixture
}

/** Changes what lies under a key at the destination behind everybody's back. */
function tamper(account: MemoryAccount, uid: number, change: (text: string) => string): void {
  const message = account.mailbox(['INBOX']).messages.get(uid)
  if (message === undefined) throw new Error(`no message ${uid}`)
  const bytes = Buffer.from(change(Buffer.from(message.bytes).toString('latin1')), 'latin1')
  account.mailbox(['INBOX']).messages.set(uid, { ...message, bytes })
}

describe('a destination that renders mail anew', () => {
  it('is verified by content, and each message has its fidelity', async () => {
    const fixture = rendering()
    await fixture.run()
    const outcome = await fixture.verify()
    expect(outcome.findings).toEqual([])
    expect(fixture.ledger.fidelity(null)).toEqual({
      identical: 0,
      equivalent: 21,
      altered: 0,
      missing: 0,
      unchecked: 0,
    })
    expect(fixture.ledger.unverified(null)).toBe(0)
  })

  it('altered, missing and identical messages are named', async () => {
    const fixture = rendering(5)
    await fixture.run()
    tamper(fixture.moved, 2, (text) => text.replace(/\r\n[A-Za-z0-9+/=]+\r\n--b/, '\r\nb3RoZXI=\r\n--b'))
    tamper(fixture.moved, 3, (text) => text.replace('Subject: about', 'Subject: About'))
    tamper(fixture.moved, 4, () => letter('m3'))
    fixture.moved.expunge(['INBOX'], '5')
    expect(openFindings(await fixture.verify())).toEqual([
      'content: the content that was fetched / other text',
      'content: the content that was fetched / other headers',
      'missing: one copy / none found',
    ])
    expect(fixture.ledger.fidelity(null)).toEqual({
      identical: 1,
      equivalent: 2,
      altered: 2,
      missing: 1,
      unchecked: 0,
    })
    expect(fixture.ledger.unverified(null)).toBe(3)
  })

  it.each([
    ['all stored', { fault: 'lose-reply' } as const],
    ['some stored', { fault: 'lose-reply', stored: 2 } as const],
    ['stored later', { fault: 'land-late', milliseconds: 395 } as const],
  ])('a lost reply is settled by content, exactly once: %s', async (_name, fault) => {
    for (const n of [1, 3]) {
      const fixture = rendering()
      let count = 0
      fixture.destinationOptions = {
        ...fixture.destinationOptions,
        onStep: ({ op, phase }) => (op === 'append' && phase === 'before' && ++count === n ? fault : undefined),
      }
      const { totals } = await fixture.run()
      expect(count).toBeGreaterThanOrEqual(n)
      expect(nonZero(totals)).toEqual({ source: 21, landed: 21 })
      expect(fixture.moved.messages(['INBOX'])).toHaveLength(21)
      expect(openFindings(await fixture.verify())).toEqual([])
    }
  })

  it('what is there is adopted after a lost ledger, but for mail that was given a Message-ID', async () => {
    const fixture = rendering()
    await fixture.run()
    fixture.loseLedger()
    const { totals } = await fixture.run()
    expect(nonZero(totals)).toEqual({ source: 21, landed: 1, existing: 20 })
  })

  it('and without keys, all are found under theirs', async () => {
    const fixture = rendering()
    const { capabilities } = fixture.destinationOptions
    fixture.destinationOptions = {
      ...fixture.destinationOptions,
      capabilities: { ...capabilities, keyOnAppend: false },
    }
    await fixture.run()
    const { findings } = await fixture.verify()
    expect(findings).toEqual([])
    expect(fixture.ledger.fidelity(null)).toMatchObject({ equivalent: 21 })
  })

  it('a message that the user has filed is found by content', async () => {
    const fixture = rendering()
    await fixture.run()
    fixture.moved.move(['INBOX'], '7', ['Filed'])
    const { findings } = await fixture.verify()
    expect(findings.map(({ class: kind, rule }) => `${kind} ${rule ?? ''}`)).toEqual([
      'explained moved-at-destination',
    ])
    expect(fixture.ledger.fidelity(null)).toMatchObject({ equivalent: 21, missing: 0 })
  })
})

describe('a destination that keeps bytes', () => {
  it('has every message identical, and one whose content changed is altered', async () => {
    const fixture = new Fixture()
    for (let i = 0; i < 5; i++) fixture.alice.add(['INBOX'], letter(`m${i}`))
    await fixture.run()
    tamper(fixture.moved, 1, (text) => text.replaceAll('\r\n', '\n'))
    tamper(fixture.moved, 2, (text) => `Received: x\r\n${text}`)
    expect(openFindings(await fixture.verify())).toHaveLength(1)
    expect(fixture.ledger.fidelity(fixture.pairs()[0]?.id ?? 0)).toEqual({
      ...{ identical: 3, equivalent: 1, altered: 1, missing: 0, unchecked: 0 },
    })
  })
})
