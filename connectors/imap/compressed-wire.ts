import { Duplex } from 'node:stream'
import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib'
import type { Wire } from './wire.ts'

/** What a compressed stream may come to: mail comes to three times, base64 to less, one letter repeated to a thousand. */
const MAX_RATIO = 100
/** Before so many bytes the ratio says nothing. */
const JUDGED_FROM_BYTES = 8 * 1024 * 1024

/** What is thrown where a stream grows beyond all that mail does. */
export const INFLATED = new Error('the compressed stream grows beyond all bounds')

/**
 * The stream inside of a connection on which COMPRESS DEFLATE is in force (RFC 4978): what is written goes deflated over the
 * wire, each write to its end; what the wire brings comes out inflated. Destroyed with `INFLATED` when what comes out is
 * more than a hundred times what came in. It reads no further ahead than its consumer lets it.
 */
export function compressWire(wire: Wire): Duplex {
  const { socket } = wire
  const deflate = createDeflateRaw({ flush: constants.Z_SYNC_FLUSH })
  const inflate = createInflateRaw({ chunkSize: 64 * 1024 })
  const stream = Duplex.from({ writable: deflate, readable: inflate })
  let [came, wentOut] = [0, 0]
  wire.onBytes = (bytes) => {
    came += bytes.length
    if (inflate.write(Buffer.from(bytes))) return
    socket.pause()
    inflate.once('drain', () => socket.resume())
  }
  stream.on('data', (piece: Buffer) => {
    wentOut += piece.length
    if (wentOut > JUDGED_FROM_BYTES && wentOut > came * MAX_RATIO) stream.destroy(INFLATED)
  })
  stream.pause()
  socket.once('close', () => stream.destroy())
  deflate.pipe(socket)
  return stream
}
