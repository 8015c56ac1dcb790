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
  /** Bytes a second each way over all connections; unbounded when left out. */
  readonly bytesPerSecond?: number
}

/** One direction of the network; `free`: when what was sent last has left, by the clock of `performance`. */
interface Line {
  free: number
}

const WINDOW_BYTES = 4 * 1024 * 1024

/** Starts a relay to a port of this machine. */
export async function startRelay(target: number, options: RelayOptions): Promise<Relay> {
  const sockets = new Set<Socket>()
  let carried = 0
  const up: Line = { free: 0 }
  const down: Line = { free: 0 }
  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port: target })
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true)
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => undefined)
    }
    const count = (bytes: number): void => void (carried += bytes)
    carry(client, upstream, up, options, count)
    carry(upstream, client, down, options, count)
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
function carry(from: Socket, to: Socket, line: Line, options: RelayOptions, count: (bytes: number) => void): void {
  const underWay: { readonly piece: Buffer; readonly due: number }[] = []
  let bytes = 0
  let isOver = false
  /** One timer for the first piece: of several, a later one may fire before an earlier one. */
  const wait = (): void => {
    const [first] = underWay
    if (first !== undefined) setTimeout(deliver, Math.max(0, first.due - performance.now()))
  }
  const deliver = (): void => {
    const now = performance.now()
    for (let [first] = underWay; first !== undefined && first.due <= now; [first] = underWay) {
      underWay.shift()
      bytes -= first.piece.length
      if (!to.destroyed) to.write(first.piece)
    }
    if (bytes <= WINDOW_BYTES) from.resume()
    if (isOver && underWay.length === 0) to.destroySoon()
    wait()
  }
  from.on('data', (piece: Buffer) => {
    count(piece.length)
    bytes += piece.length
    if (bytes > WINDOW_BYTES) from.pause()
    const now = performance.now()
    const sendTime = options.bytesPerSecond === undefined ? 0 : (piece.length / options.bytesPerSecond) * 1000
    line.free = Math.max(now, line.free) + sendTime
    if (underWay.push({ piece, due: line.free + options.roundTrip / 2 }) === 1) wait()
  })
  from.on('close', () => {
    isOver = true
    if (underWay.length === 0) to.destroySoon()
  })
}
