import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { writeCommand } from '../../connectors/imap/command-writer.ts'
import { DESYNCHRONIZED, LiteralGate, REFUSED } from '../../connectors/imap/literal-gate.ts'

const quiet = new AbortController().signal

/** A socket that lags: a server that answers at once has its `+` sent before the writer hears that it may go on. */
class LaggingSocket extends Duplex {
  readonly written: Buffer[] = []
  readonly #gate: LiteralGate

  constructor(gate: LiteralGate) {
    super({ writableHighWaterMark: 1 })
    this.#gate = gate
  }

  override _read(): void {
    // nothing is ever read from it
  }

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.written.push(bytes)
    if (bytes.toString('latin1').endsWith('}\r\n')) this.#gate.open()
    setTimeout(done, 5)
  }
}

describe('a literal that waits for the server', () => {
  it('goes on when the server asked for it while the socket was still draining', async () => {
    const gate = new LiteralGate()
    const socket = new LaggingSocket(gate)
    const output = {
      socket,
      literals: 'waiting' as const,
      permission: () => gate.wait(),
      progress: () => undefined,
      handingOver: () => undefined,
    }
    const bodies = ['first', 'second', 'third']
    const parts = ['APPEND box', ...bodies.flatMap((body) => [' () ', { literal: Buffer.from(body) }])]
    await writeCommand(output, 'A1', parts, quiet)
    expect(Buffer.concat(socket.written).toString('latin1')).toBe(
      'A1 APPEND box () {5}\r\nfirst () {6}\r\nsecond () {5}\r\nthird\r\n',
    )
  })

  it('is asked for once: one permission opens no second literal', async () => {
    const gate = new LiteralGate()
    gate.open()
    await gate.wait()
    let opened = false
    const second = gate.wait().then(() => (opened = true))
    await new Promise((resolve) => setImmediate(resolve))
    expect(opened).toBe(false)
    gate.open()
    await second
    expect(opened).toBe(true)
  })

  it('is refused with the command, and not begun after its end', async () => {
    const gate = new LiteralGate()
    const waiting = gate.wait()
    gate.end()
    await expect(waiting).rejects.toBe(REFUSED)
    await expect(gate.wait()).rejects.toBe(DESYNCHRONIZED)
  })
})
