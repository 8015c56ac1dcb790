import { SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import type { Body } from '../../src/core/mail.ts'

/**
 * Passes a body on piece by piece and holds it to its announced size: `corrupt` when it ends early or goes on
 * (invariant 7), before a byte too many is handed out; `cancelled` when the signal is aborted.
 */
export async function* exactPieces(body: Uint8Array | Body, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) {
    throwIfAborted(signal)
    yield body
    return
  }
  let left = body.bytes
  for await (const piece of body.open()) {
    throwIfAborted(signal)
    if (piece.length > left) {
      throw new SealpostError('corrupt', `a body is longer than its announced ${body.bytes} bytes`)
    }
    left -= piece.length
    yield piece
  }
  throwIfAborted(signal)
  if (left > 0) {
    throw new SealpostError('corrupt', `a body ended ${left} bytes before its announced ${body.bytes}`)
  }
}

/** Reads a body whole into memory of its own; throws as `exactPieces` does. */
export async function readExactly(body: Uint8Array | Body, signal: AbortSignal): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of exactPieces(body, signal)) pieces.push(piece)
  return Uint8Array.from(Buffer.concat(pieces))
}

/** The announced size of a body. */
export function announcedBytes(body: Uint8Array | Body): number {
  return body instanceof Uint8Array ? body.length : body.bytes
}
