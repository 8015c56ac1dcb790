import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A TCP relay on loopback that makes a network of it: a delay each way, and a bound on bytes a second. */
export interface Relay {
  readonly port: number
  /** Bytes carried so far, both ways. */
  readonly carried: () => number
  stop(): Promise<void>
}

/** How the network is to be. */
export interface RelayOptions {
  /** Milliseconds there and back. */
  readonly roundTrip: number
  /** Bytes a second each way; unbounded when left out. */
  readonly bytesPerSecond?: number
}

const WINDOW_BYTES = 4 * 1024 * 1024

/** Starts a relay to a port of this machine. */
export async function startRelay(target: number, options: RelayOptions): Promise<Relay> {
  const sockets = new Set<Socket>()
  let carried = 0
  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port: target })
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true)
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => undefined)
    }
    const count = (bytes: number): void => void (carried += bytes)
    carry(client, upstream, options, count)
    carry(upstream, client, options, count)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    carried: () => carried,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

/** Every piece arrives half a round trip after it was sent, in order, no sooner than the line is free. */
function carry(from: Socket, to: Socket, options: RelayOptions, count: (bytes: number) => void): void {
  let underWay = 0
  let lineFree = 0
  from.on('data', (piece: Buffer) => {
    count(piece.length)
    underWay += piece.length
    if (underWay > WINDOW_BYTES) from.pause()
    const now = performance.now()
    const sendTime = options.bytesPerSecond === undefined ? 0 : (piece.length / options.bytesPerSecond) * 1000
    lineFree = Math.max(now, lineFree) + sendTime
    setTimeout(
      () => {
        underWay -= piece.length
        if (underWay <= WINDOW_BYTES) from.resume()
        if (!to.destroyed) to.write(piece)
      },
      lineFree - now + options.roundTrip / 2,
    )
  })
  from.on('close', () => setTimeout(() => to.destroy(), options.roundTrip / 2))
}
