import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import type { DestinationSession, SourceSession } from '../../src/core/connector.ts'
import type { Mailbox } from '../../src/core/mail.ts'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { startTamperingRelay, type Hook, type TamperingRelay } from '../servers/tampering-relay.ts'
import { issue } from '../servers/certificates.ts'
import {
  ANNA,
  bytesOf,
  clearConnector,
  collect,
  connectorTo,
  failure,
  message,
  messagesOf,
  quiet,
} from './bench.ts'

const why = whyNoDovecot()

const BODY = `Subject: body\r\n\r\n${'0123456789abcdef\r\n'.repeat(20_000)}`

describe.skipIf(why !== null)(`connections that fail ${why ?? ''}`, () => {
  let server: Dovecot
  let box: Mailbox
  beforeAll(async () => {
    server = await startDovecot()
    const session = await connectorTo(server).openDestination(ANNA, quiet)
    box = await session.ensureMailbox(['Source'], null, quiet)
    await session.append(box, [message(BODY), message('Subject: 2\r\n\r\n2\r\n'), message(BODY)], quiet)
    await session.close()
  })
  afterAll(async () => server.stop())

  /** Works through a relay that speaks TLS to the connector and tampers once `armed` is set. */
  async function tampered<T>(
    hooks: { readonly fromClient?: Hook; readonly fromServer?: Hook },
    work: (relay: TamperingRelay) => Promise<T>,
  ): Promise<T> {
    const relay = await startTamperingRelay({
      port: server.imapPort,
      tls: await issue(server.authority, 'relay'),
      ...hooks,
    })
    try {
      return await work(relay)
    } finally {
      await relay.stop()
    }
  }

  const sourceOver = async (
    relay: TamperingRelay,
    idle = 5000,
    clock: Clock = systemClock,
  ): Promise<SourceSession> =>
    connectorTo(server, { port: relay.port, clock, timeouts: { idle } }).openSource(ANNA, quiet)
  const destinationOver = async (relay: TamperingRelay, idle = 5000): Promise<DestinationSession> =>
    connectorTo(server, { port: relay.port, timeouts: { idle } }).openDestination(ANNA, quiet)
  const stored = async (mailbox: Mailbox): Promise<number> => {
    const session = await connectorTo(server).openSource(ANNA, quiet)
    const listed = messagesOf(await collect(session.listMessages(mailbox, null, quiet)))
    await session.close()
    return listed.length
  }

  it('a session cut in the middle of a literal fails the fetch and hands out no short body', async () => {
    for (const cutAt of [1, 100, 20_000, 300_000, 361_000]) {
      let armed = false
      let passed = 0
      const fromServer: Hook = (bytes, wire) => {
        if (!armed) return bytes
        passed += bytes.length
        if (passed < cutAt) return bytes
        wire.toClient(bytes.subarray(0, Math.max(0, bytes.length - (passed - cutAt))))
        setTimeout(() => wire.cut(), 20)
        return null
      }
      await tampered({ fromServer }, async (relay) => {
        const session = await sourceOver(relay)
        await collect(session.flags(box, ['1'], quiet))
        armed = true
        const whole: number[] = []
        const read = async (): Promise<void> => {
          for await (const fetched of session.fetch(box, ['1', '2', '3'], quiet))
            whole.push((await bytesOf(fetched)).length)
        }
        expect((await failure(read())).kind, `cut at ${cutAt}`).toBe('transient')
        expect(whole.filter((length) => length !== BODY.length && length !== 17)).toEqual([])
        expect(session.alive).toBe(false)
        expect((await failure(collect(session.flags(box, ['1'], quiet)))).kind).toBe('transient')
        await session.close()
      })
    }
  })

  it('a session cut between the last literal and the tagged OK fails the fetch', async () => {
    const fromServer: Hook = (bytes, wire) => {
      const text = bytes.toString('latin1')
      const end = text.search(/\r\n[0-9A-F]+ OK (\[.*\] )?Fetch completed/)
      if (end === -1 || !text.includes('Subject: 2')) return bytes
      wire.toClient(bytes.subarray(0, end + 2))
      setTimeout(() => wire.cut(), 20)
      return null
    }
    await tampered({ fromServer }, async (relay) => {
      const session = await sourceOver(relay)
      const seen: string[] = []
      const read = async (): Promise<void> => {
        for await (const fetched of session.fetch(box, ['2'], quiet)) seen.push(fetched.key)
      }
      expect((await failure(read())).kind).toBe('transient')
      await session.close()
    })
  })

  it('an append whose reply is lost is unknown, and what it stored is found', async () => {
    let armed = false
    const fromServer: Hook = (bytes, wire) => {
      if (!armed || !bytes.toString('latin1').includes('APPENDUID')) return bytes
      wire.cut()
      return null
    }
    await tampered({ fromServer }, async (relay) => {
      const session = await destinationOver(relay)
      const target = await session.ensureMailbox(['Swallowed'], null, quiet)
      const mark = await session.position(target, quiet)
      await session.append(target, [message('Subject: before\r\n\r\n')], quiet)
      armed = true
      const outcomes = await session.append(
        target,
        [message('Subject: a\r\n\r\n'), message('Subject: b\r\n\r\n')],
        quiet,
      )
      expect(outcomes.map(({ kind }) => kind)).toEqual(['unknown', 'unknown'])
      expect(outcomes[0]).toMatchObject({ error: { kind: 'unknown-outcome' } })
      await session.close()
      const again = await connectorTo(server).openDestination(ANNA, quiet)
      expect(await collect(again.find(target, mark, quiet))).toHaveLength(3)
      await again.close()
    })
  })

  it('an append cut before its last byte throws, and nothing is stored', async () => {
    let armed = false
    let passed = 0
    const fromClient: Hook = (bytes, wire) => {
      if (!armed) return bytes
      passed += bytes.length
      if (passed > 100_000) {
        wire.cut()
        return null
      }
      return bytes
    }
    await tampered({ fromClient }, async (relay) => {
      const session = await destinationOver(relay)
      const target = await session.ensureMailbox(['Cut'], null, quiet)
      await session.position(target, quiet)
      armed = true
      const large = { bytes: BODY.length * 50, open: () => slowly(BODY, 50) }
      const error = await failure(
        session.append(target, [message(''), { ...message(''), body: large }].slice(1), quiet),
      )
      expect(error.kind).toBe('transient')
      expect(await stored(target)).toBe(0)
      await session.close()
    })
  })

  it('a source of a body that fails midway leaves nothing behind, and no half command', async () => {
    const session = await connectorTo(server).openDestination(ANNA, quiet)
    const target = await session.ensureMailbox(['Broken'], null, quiet)
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(50_000, 'x')
      throw new Error('the disk has gone')
    }
    const error = await failure(
      session.append(target, [{ ...message(''), body: { bytes: 100_000, open: broken } }], quiet),
    )
    expect(error.message).not.toContain('disk')
    expect(session.alive).toBe(false)
    await session.close()
    expect(await stored(target)).toBe(0)
  })

  it.each([true, false])('a server that dies of a message before its end: suspected %s', async (suspect) => {
    const cutOff = new AbortController()
    const fromClient: Hook = (bytes, wire) => {
      if (!bytes.includes('deadly')) return bytes
      wire.cut()
      return null
    }
    // The time that the server is given is up when the connection has died.
    let isHeld = false
    const sleep = async (): Promise<void> => {
      isHeld = true
      while (!cutOff.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await tampered({ fromClient }, async (relay) => {
      const clock = { ...systemClock, sleep }
      const session = await connectorTo(server, { port: relay.port, clock }).openDestination(ANNA, quiet)
      const watch = setInterval(() => session.alive || cutOff.abort(), 5)
      const target = await session.ensureMailbox([`Deadly ${suspect}`], null, quiet)
      const attempt = session.append(target, [message('Subject: deadly\r\n\r\n', { suspect })], quiet)
      // Nothing can have been stored when the last byte was held back; else nobody knows.
      if (suspect) expect((await failure(attempt)).kind).toBe('transient')
      else expect((await attempt).map(({ kind }) => kind)).toEqual(['unknown'])
      expect(isHeld).toBe(suspect)
      clearInterval(watch)
      await session.close()
      expect(await stored(target)).toBe(0)
    })
  })

  it('a server that falls silent is given up after the idle time, reading and writing', async () => {
    let silent = false
    const mute: Hook = (bytes) => (silent ? null : bytes)
    await tampered({ fromServer: mute, fromClient: mute }, async (relay) => {
      const session = await sourceOver(relay, 1000)
      await collect(session.flags(box, ['1'], quiet))
      await new Promise((resolve) => setTimeout(resolve, 2200))
      expect(session.alive, 'silence between commands is no fault').toBe(true)
      silent = true
      const begun = performance.now()
      const error = await failure(collect(session.fetch(box, ['1'], quiet)))
      expect(error).toMatchObject({ kind: 'transient', code: 'IDLE' })
      expect(performance.now() - begun).toBeLessThan(10_000)
      await session.close()
      silent = false
      const writer = await destinationOver(relay, 1000)
      const target = await writer.ensureMailbox(['Silent'], null, quiet)
      await writer.position(target, quiet)
      silent = true
      const outcomes = await writer.append(target, [message('Subject: x\r\n\r\n')], quiet).catch(() => [])
      expect(outcomes.filter(({ kind }) => kind === 'landed')).toEqual([])
      await writer.close()
    })
  })

  it('a slow but steady server is not given up', async () => {
    let delays = Promise.resolve()
    const fromServer: Hook = (bytes, wire) => {
      for (let at = 0; at < bytes.length; at += 40_000) {
        const piece = bytes.subarray(at, at + 40_000)
        delays = delays
          .then(() => new Promise((resolve) => setTimeout(resolve, 300)))
          .then(() => wire.toClient(piece))
      }
      return null
    }
    await tampered({ fromServer }, async (relay) => {
      const session = await sourceOver(relay, 1500)
      const [fetched] = await collect(session.fetch(box, ['1'], quiet))
      expect((await bytesOf(fetched)).length).toBe(BODY.length)
      await session.close()
    })
  })

  it('a consumer that lags stops the reading, and is not taken for a silent server', async () => {
    const session = await connectorTo(server).openDestination(ANNA, quiet)
    const target = await session.ensureMailbox(['Many'], null, quiet)
    const body = Buffer.alloc(1_000_000, 'Subject: many\r\n')
    for (let at = 0; at < 5; at++)
      await session.append(
        target,
        Array.from({ length: 8 }, () => message(body)),
        quiet,
      )
    await session.close()
    // The connection asks for the time at each piece that it reads, and a piece has 64 KiB at most. What lies in the
    // buffers of the system meanwhile, 33 MB of it on some, is not ours to count.
    let readings = 0
    const monotonic = (): number => {
      readings++
      return systemClock.monotonic()
    }
    await tampered({}, async (relay) => {
      const reader = await sourceOver(relay, 1500, { ...systemClock, monotonic })
      const keys = Array.from({ length: 40 }, (_, index) => String(index + 1))
      let count = 0
      for await (const fetched of reader.fetch(target, keys, quiet)) {
        expect((await bytesOf(fetched)).length).toBe(1_000_000)
        if (++count === 1) {
          await new Promise((resolve) => setTimeout(resolve, 2000))
          readings = 0
        }
      }
      expect(count).toBe(40)
      expect(readings).toBeGreaterThan(30_000_000 / 65_536)
      await reader.close()
    })
  })

  it('a process that was kept from reading does not take the server for silent', async () => {
    let armed = false
    const busy = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 900)
    // After the command has gone out, and before its answer is read: timers then come first.
    const after: Clock['after'] = (ms, callback) => {
      if (armed && ms === 300) setImmediate(() => setImmediate(busy))
      armed = false
      return systemClock.after(ms, callback)
    }
    const connector = connectorTo(server, { clock: { ...systemClock, after }, timeouts: { idle: 300 } })
    const session = await connector.openSource(ANNA, quiet)
    armed = true
    expect(await collect(session.flags(box, ['1'], quiet))).toHaveLength(1)
    expect(armed).toBe(false)
    await session.close()
  })

  it('an aborted signal ends a running command at once', async () => {
    let silent = false
    await tampered({ fromServer: (bytes) => (silent ? null : bytes) }, async (relay) => {
      const session = await sourceOver(relay)
      await collect(session.flags(box, ['1'], quiet))
      silent = true
      const stop = new AbortController()
      const attempt = failure(collect(session.fetch(box, ['1'], stop.signal)))
      setTimeout(() => stop.abort(), 50)
      expect((await attempt).kind).toBe('cancelled')
      expect(session.alive).toBe(false)
      await session.close()
    })
  })

  it('an append that is aborted once its last byte has gone is unknown', async () => {
    let silent = false
    await tampered({ fromServer: (bytes) => (silent ? null : bytes) }, async (relay) => {
      const session = await destinationOver(relay)
      const target = await session.ensureMailbox(['Aborted'], null, quiet)
      await session.append(target, [message('Subject: 0\r\n\r\n')], quiet)
      silent = true
      const stop = new AbortController()
      const attempt = session.append(target, [message('Subject: 1\r\n\r\n')], stop.signal)
      setTimeout(() => stop.abort(), 50)
      expect((await attempt).map(({ kind }) => kind)).toEqual(['unknown'])
      await session.close()
    })
  })

  it('timers come from the clock that it was given', async () => {
    const asked: number[] = []
    const clock: Clock = {
      ...systemClock,
      after: (ms, callback) => {
        asked.push(ms)
        return systemClock.after(ms, callback)
      },
    }
    const session = await clearConnector(server.imapPort, server.password, {
      clock,
      timeouts: { idle: 4321 },
    }).openSource(ANNA, quiet)
    await session.close()
    expect(asked).toContain(4321)
  })

  it('two operations at once wait for each other; one during a reading is refused, and does no harm', async () => {
    const session = await connectorTo(server).openSource(ANNA, quiet)
    const [a, b] = await Promise.all([
      collect(session.flags(box, ['1'], quiet)),
      collect(session.flags(box, ['2'], quiet)),
    ])
    expect([a.length, b.length]).toEqual([1, 1])
    const seen: string[] = []
    for await (const fetched of session.fetch(box, ['1', '2', '3'], quiet)) {
      seen.push(fetched.key)
      if (seen.length === 1) expect((await failure(collect(session.flags(box, ['1'], quiet)))).kind).toBe('bug')
    }
    expect(seen.sort()).toEqual(['1', '2', '3'])
    await session.close()
  })
})

async function* slowly(text: string, times: number): AsyncGenerator<Uint8Array> {
  for (let time = 0; time < times; time++) {
    yield Buffer.from(text)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
