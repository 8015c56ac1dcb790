import { readFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import type { Certificate } from './certificates.ts'

/** What a hook can do to the connection that it looks at. */
export interface Wire {
  /** Sends to the client, past the server. */
  toClient(bytes: string | Uint8Array): void
  /** Cuts both sides at once. */
  cut(): void
}

/** Looks at bytes on their way; what it returns goes on instead, nothing for null. */
export type Hook = (bytes: Buffer, wire: Wire) => Uint8Array | null

/** How a relay tampers. */
export interface RelayOptions {
  readonly port: number
  /** Speaks TLS to the client with this certificate; the server is always spoken to in the clear. */
  readonly tls?: Certificate & { readonly options?: TlsOptions }
  readonly fromClient?: Hook
  readonly fromServer?: Hook
}

/** A relay on loopback that writes down what the client sends, and may tamper. */
export interface TamperingRelay {
  readonly port: number
  /** Everything that clients have sent so far, latin1. */
  sent(): string
  /** The commands among it: lines that begin with a tag. */
  commands(): readonly string[]
  /** How many connections there were. */
  connections(): number
  stop(): Promise<void>
}

/** Starts a relay to a cleartext port of this machine. */
export async function startTamperingRelay(options: RelayOptions): Promise<TamperingRelay> {
  const seen: Buffer[] = []
  const open = new Set<Socket>()
  let connections = 0
  const onClient = (client: Socket): void => {
    connections++
    const server = connect(options.port, '127.0.0.1')
    for (const socket of [client, server]) {
      open.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        open.delete(socket)
        client.destroy()
        server.destroy()
      })
    }
    const wire: Wire = {
      toClient: (bytes) => void client.write(bytes),
      cut: () => {
        client.destroy()
        server.destroy()
      },
    }
    client.on('data', (bytes: Buffer) => {
      seen.push(bytes)
      const passed = options.fromClient === undefined ? bytes : options.fromClient(bytes, wire)
      if (passed !== null) forward(client, server, passed)
    })
    server.on('data', (bytes: Buffer) => {
      const passed = options.fromServer === undefined ? bytes : options.fromServer(bytes, wire)
      if (passed !== null) forward(server, client, passed)
    })
  }
  const { tls } = options
  const server =
    tls === undefined
      ? createServer(onClient)
      : createTlsServer(
          { key: readFileSync(tls.keyFile), cert: readFileSync(tls.certificateFile), ...tls.options },
          onClient,
        )
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const sent = (): string => Buffer.concat(seen).toString('latin1')
  return {
    port: (server.address() as AddressInfo).port,
    sent,
    commands: () =>
      sent()
        .split('\r\n')
        .filter((line) => /^[0-9A-F]+ [A-Z]/.test(line))
        .map((line) => line.slice(line.indexOf(' ') + 1)),
    connections: () => connections,
    stop: async () => {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Passes bytes on; the side that they came from waits while the other one does not take them. */
function forward(from: Socket, to: Socket, bytes: Uint8Array): void {
  if (to.destroyed || to.write(bytes)) return
  from.pause()
  to.once('drain', () => from.resume())
}
