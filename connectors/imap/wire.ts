import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { HUNG_UP, type Place as NetworkPlace } from '../shared/network-errors.ts'
import { tlsOptions, type TlsPolicy } from '../shared/tls.ts'

/** The way to a server, and who takes what comes over it. */
export interface Wire {
  socket: Socket | TLSSocket
  /** Called with the next bytes, which are good only until it returns: the next ones come into the same place. */
  onBytes: (bytes: Buffer) => void
}

/** Where a server is, and how it is to be reached. */
export interface Place extends NetworkPlace {
  readonly tls: TlsPolicy
}

/** TLS hands over at most 16 KiB at once, a socket without it 64 KiB. */
const INPUT_BYTES = 64 * 1024
const KEEP_ALIVE_MS = 5_000

/**
 * Begins to connect; `established` says when that is done. A socket that is made for TLS or for none reads into one place again
 * and again, which spares the collector of garbage a buffer for each 16 KiB of mail.
 * Throws `config` for a CA file that is no PEM.
 */
export function openWire({ host, port, tls }: Place): Wire {
  const onread = {
    buffer: Buffer.allocUnsafeSlow(INPUT_BYTES),
    callback: (length: number, buffer: Uint8Array): boolean => {
      wire.onBytes(buffer.subarray(0, length) as Buffer)
      return true
    },
  }
  const place = { host, port, ...(tls.mode === 'starttls' ? {} : { onread }) }
  const socket = tls.mode === 'implicit' ? connectTls({ ...place, ...namedTls(tls, host) }) : connectTcp(place)
  // Else the last bytes of a command wait until the server has acknowledged the ones before.
  socket.setNoDelay(true)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  const wire: Wire = { socket, onBytes: () => undefined }
  if (tls.mode === 'starttls') socket.on('data', (bytes: Buffer) => wire.onBytes(bytes))
  return wire
}

/** Begins TLS inside of a connection that has agreed to it (RFC 9051 section 6.2.1); nothing may be waiting to be read. */
export function upgradeWire(wire: Wire, { host, tls }: Place): void {
  wire.socket.removeAllListeners('data')
  const socket = connectTls({ socket: wire.socket, ...namedTls(tls, host) })
  socket.on('data', (bytes: Buffer) => wire.onBytes(bytes))
  wire.socket = socket
}

/** Resolves when the connection stands, its certificate verified; rejects with what Node says. */
export function established({ socket }: Wire): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => resolve())
    socket.once('error', reject)
    socket.once('close', () => reject(Object.assign(new Error('closed'), { code: HUNG_UP })))
  })
}

function namedTls(tls: TlsPolicy, host: string): ReturnType<typeof tlsOptions> {
  // An address has no place in the extension that names the server (RFC 6066 section 3).
  return { host, ...tlsOptions(tls, host), ...(isIP(host) === 0 ? { servername: host } : {}) }
}
