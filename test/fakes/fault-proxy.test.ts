import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts'
import { answer, bye, cut, garbage, hold, lie, stall, type Fault } from './faults.ts'

/** A server that takes what comes and says OK at the end of each command. */
class PlainServer {
  received = ''
  closed = 0
  readonly #listener = createServer((socket) => this.#serve(socket))

  async start(): Promise<number> {
    this.#listener.listen(0, '127.0.0.1')
    await once(this.#listener, 'listening')
    return (this.#listener.address() as AddressInfo).port
  }

  stop(): void {
    this.#listener.close()
  }

  #serve(socket: Socket): void {
    let buffered = ''
    socket.on('error', () => undefined)
    socket.on('close', () => this.closed++)
    socket.write('* OK [CAPABILITY IMAP4rev1 UIDPLUS LITERAL+ LITERAL- MULTIAPPEND] ready\r\n')
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1')
      buffered += chunk.toString('latin1')
      for (;;) {
        const command = /^(\S+) (\S+)(?:[^{\r]|\{(\d+)\+?\}\r\n)*\r\n/.exec(buffered)
        if (command === null || (command[3] !== undefined && buffered.length < Number(command[3]))) return
        buffered = ''
        const [, tag = '', name = ''] = command
        if (name === 'FETCH') socket.write('* 1 FETCH (BODY[] {10}\r\n0123456789)\r\n')
        socket.write(`${tag} OK [APPENDUID 1 2] ${name} done\r\n`)
      }
    })
  }
}

let server: PlainServer
let proxy: FaultProxy

beforeEach(async () => {
  server = new PlainServer()
  proxy = await startFaultProxy({ target: { port: await server.start(), ca: null }, certificate: null })
})
afterEach(async () => {
  await proxy.stop()
  server.stop()
})

/** Milliseconds; some faults leave a command without an answer. */
const MOST_WAITED = 500

/** What a client hears until the connection ends, or until nothing more comes. */
async function hear(...lines: readonly string[]): Promise<{ text: string; open: boolean }> {
  const socket = connect(proxy.port, '127.0.0.1')
  let text = ''
  let open = true
  socket.on('error', () => undefined)
  socket.on('close', () => (open = false))
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  await pause(30)
  let tag = ''
  for (const line of lines) {
    tag = /^(\S+) /.exec(line)?.[1] ?? tag
    socket.write(line)
    await pause(30)
    // As a client does, which says nothing more before its command was answered; a busy machine takes its time.
    const isWhole = line.endsWith('\r\n') && !/\{\d+\+?\}\r\n$/.test(line)
    const isAnswered = (): boolean => !open || new RegExp(`^${tag} `, 'm').test(text)
    for (let waited = 0; isWhole && !isAnswered() && waited < MOST_WAITED; waited += 10) await pause(10)
  }
  await pause(150)
  const heard = { text: text.replace(/^\* OK.*\r\n/, ''), open }
  socket.destroy()
  return heard
}

const APPEND = ['a APPEND x {10+}\r\n', '0123456789', '\r\n']

describe('the fault proxy', () => {
  it('passes everything on as it is, and says what came by', async () => {
    expect(await hear(...APPEND, 'b NOOP\r\n')).toEqual({
      text: 'a OK [APPENDUID 1 2] APPEND done\r\nb OK [APPENDUID 1 2] NOOP done\r\n',
      open: true,
    })
    expect(server.received).toBe('a APPEND x {10+}\r\n0123456789\r\nb NOOP\r\n')
    expect(proxy.commands.map(({ name, text, literals, reply }) => ({ name, text, literals, reply }))).toEqual([
      { name: 'APPEND', text: 'APPEND x {10+}{}', literals: [10], reply: 'OK' },
      { name: 'NOOP', text: 'NOOP', literals: [], reply: 'OK' },
    ])
  })

  const cuts: [string, Fault, string, string][] = [
    ['before', cut('APPEND', 'before'), '', ''],
    ['in the literal', cut('APPEND', { literalByte: 4 }), 'a APPEND x {10+}\r\n0123', ''],
    ['before the last line end', cut('APPEND', 'before-last-line'), 'a APPEND x {10+}\r\n0123456789', ''],
    ['after the last byte', cut('APPEND', 'after-last-byte', 'finish'), 'a APPEND x {10+}\r\n0123456789\r\n', ''],
    ['before the reply', cut('APPEND', 'before-reply'), 'a APPEND x {10+}\r\n0123456789\r\n', ''],
    ['in the reply', cut('APPEND', { responseByte: 4 }), 'a APPEND x {10+}\r\n0123456789\r\n', 'a OK'],
  ]
  it.each(cuts)('cuts %s', async (_, fault, received, heard) => {
    const armed = proxy.arm(fault)
    expect(await hear(...APPEND)).toEqual({ text: heard, open: false })
    expect(server.received).toBe(received)
    expect(server.closed).toBe(1)
    expect(armed.fired).toBe(1)
    proxy.assertAllFired()
    expect((await hear(...APPEND)).text).toContain('a OK')
  })

  it('lets the server have the end of a command long after its client has gone', async () => {
    proxy.arm(cut('APPEND', 'after-last-byte', { lateBy: 500 }))
    expect((await hear(...APPEND)).open).toBe(false)
    expect(server.received).toBe('a APPEND x {10+}\r\n0123456789')
    await pause(600)
    expect(server.received).toBe('a APPEND x {10+}\r\n0123456789\r\n')
    expect(proxy.count('APPEND', { reply: 'OK' })).toBe(1)
  })

  it.each(['before', 'before-reply', { literalByte: 4 }, { responseByte: 2 }] as const)(
    'stalls at %j and leaves the connection open',
    async (at) => {
      proxy.arm(stall('APPEND', at))
      const { text, open } = await hear(...APPEND, 'b NOOP\r\n')
      expect({ text, open }).toEqual({
        text: typeof at === 'object' && 'responseByte' in at ? 'a ' : '',
        open: true,
      })
      expect(server.received).not.toContain('b NOOP')
      proxy.assertAllFired()
    },
  )

  it('holds a reply', async () => {
    proxy.arm(hold('NOOP', 150))
    const begun = performance.now()
    const socket = connect(proxy.port, '127.0.0.1')
    await once(socket, 'data')
    socket.write('a NOOP\r\n')
    await once(socket, 'data')
    expect(performance.now() - begun).toBeGreaterThan(140)
    socket.destroy()
  })

  it('answers for the server, at once where the client waits to send a literal', async () => {
    proxy.arm(answer('APPEND', 'NO [OVERQUOTA] full')).times(2)
    expect((await hear(...APPEND)).text).toBe('a NO [OVERQUOTA] full\r\n')
    const { text } = await hear('a APPEND x {10}\r\n', 'b NOOP\r\n')
    expect(text).toBe('a NO [OVERQUOTA] full\r\nb OK [APPENDUID 1 2] NOOP done\r\n')
    expect(server.received).toBe('b NOOP\r\n')
    expect((await hear(...APPEND)).text).toContain('a OK')
    proxy.assertAllFired()
  })

  it('says BYE in the middle of a literal, and sends garbage', async () => {
    proxy.arm(bye('APPEND', 'gone', 5))
    proxy.arm(garbage('NOOP', 'x\0y\r\n'))
    expect(await hear(...APPEND)).toEqual({ text: '* BYE gone\r\n', open: false })
    expect(server.received).toBe('a APPEND x {10+}\r\n01234')
    expect((await hear('b NOOP\r\n')).text).toBe('x\0y\r\nb OK [APPENDUID 1 2] NOOP done\r\n')
    proxy.assertAllFired()
  })

  it('lies about the size of a literal', async () => {
    proxy.arm(lie('FETCH', 27))
    expect((await hear('a FETCH 1 BODY[]\r\n')).text).toContain('{37}\r\n0123456789)')
  })

  it('dies of a poison that comes in two pieces, in both directions', async () => {
    const inwards = proxy.poison({ marker: '4567', direction: 'to-server' })
    expect(await hear('a APPEND x {10+}\r\n', '012345', '6789', '\r\n')).toEqual({ text: '', open: false })
    expect(server.received).toBe('a APPEND x {10+}\r\n012345')
    inwards.mend()
    proxy.poison({ marker: '345', direction: 'to-client' })
    expect((await hear('a FETCH 1 BODY[]\r\n')).open).toBe(false)
    proxy.assertAllFired()
  })

  it('refuses connections', async () => {
    proxy.arm(answer('CONNECT', '* BYE too many connections'))
    proxy.arm(cut('CONNECT', 'before'))
    expect(await hear()).toEqual({ text: '* BYE too many connections\r\n', open: false })
    expect((await hear()).open).toBe(false)
    expect((await hear('a NOOP\r\n')).text).toContain('a OK')
  })

  it('passes over commands and other accounts, and counts', async () => {
    const login = `a AUTHENTICATE PLAIN ${Buffer.from('\0anna\0secret').toString('base64')}\r\n`
    proxy.arm(cut('NOOP', 'before')).forAccount('bert')
    proxy.arm(cut('NOOP', 'before')).forAccount('anna').after(1)
    const { text, open } = await hear(login, 'b NOOP\r\n', 'c NOOP\r\n')
    expect({ text: text.replace(/\[[^\]]*\] /g, ''), open }).toEqual({
      text: 'a OK AUTHENTICATE done\r\nb OK NOOP done\r\n',
      open: false,
    })
    expect(JSON.stringify(proxy.commands)).not.toContain('secret')
    expect(() => proxy.assertAllFired()).toThrow('cut on NOOP at "before": armed for 1 times, fired 0 times')
  })

  it('complains of a fault that found nothing to strike', async () => {
    proxy.arm(cut('APPEND', { literalByte: 4000 }))
    await hear(...APPEND)
    expect(() => proxy.assertAllFired()).toThrow('fired 0 times')
  })
})

describe('what the proxy takes out', () => {
  it('strips capabilities and response codes', async () => {
    const stripping = await startFaultProxy({
      target: { port: await new PlainServer().start(), ca: null },
      certificate: null,
      strip: { capabilities: ['UIDPLUS', 'LITERAL+'], codes: ['APPENDUID'] },
    })
    const socket = connect(stripping.port, '127.0.0.1')
    const [greeting] = (await once(socket, 'data')) as [Buffer]
    expect(greeting.toString()).toBe('* OK [CAPABILITY IMAP4rev1 LITERAL- MULTIAPPEND] ready\r\n')
    socket.write('a APPEND x {1+}\r\nz\r\n')
    const [reply] = (await once(socket, 'data')) as [Buffer]
    expect(reply.toString()).toBe('a OK APPEND done\r\n')
    socket.destroy()
    await stripping.stop()
  })
})
