import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { startRelay } from './relay.ts'

describe('the network of the benchmark', () => {
  it('brings everything in the order in which it was sent, whatever each piece takes', async () => {
    const sent = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) % 251))
    const server = createServer((socket) => {
      // Pieces of very different lengths, so that each takes another time on the line.
      for (let at = 0, n = 1; at < sent.length; at += n, n = (n * 7919) % 4093)
        socket.write(sent.subarray(at, at + n))
      socket.end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const relay = await startRelay(port, { roundTrip: 4, bytesPerSecond: 3_000_000 })
    const socket = connect(relay.port, '127.0.0.1')
    const pieces: Buffer[] = []
    socket.on('data', (piece: Buffer) => pieces.push(piece))
    const length = (): number => pieces.reduce((sum, piece) => sum + piece.length, 0)
    while (length() < sent.length && !socket.destroyed) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(Buffer.concat(pieces).equals(sent)).toBe(true)
    expect(relay.carried()).toBe(sent.length)
    socket.destroy()
    await relay.stop()
    server.close()
  })
})
