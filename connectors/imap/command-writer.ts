import type { Duplex } from 'node:stream'
import { announcedBytes, exactPieces } from '../shared/exact-body.ts'
import type { Body } from '../../src/core/mail.ts'

/** A piece of a command: text (latin1, no line end), or a literal. */
export type Part =
  | string
  | {
      readonly literal: Uint8Array | Body
      /** RFC 3516 section 4.4 */
      readonly literal8?: boolean
      /** Wait until the server asks for it, whatever the mode. */
      readonly waits?: boolean
    }

/** A string of latin1 text: quoted where it can be, else a literal (RFC 9051 section 4.3). */
export function stringPart(text: string): Part {
  if (/^[\x20-\x7e]*$/.test(text)) return `"${text.replace(/["\\]/g, '\\$&')}"`
  return { literal: Buffer.from(text, 'latin1') }
}

/** Which literals may be sent without waiting (RFC 7888). */
export type LiteralMode = 'waiting' | 'to-4096' | 'any'

/** Where a command is written to. */
export interface Output {
  readonly socket: Duplex
  readonly literals: LiteralMode
  /** Resolves when the server asks for the literal; rejects when the command has ended instead. */
  readonly permission: () => Promise<void>
  /** Called whenever bytes have left. */
  readonly progress: () => void
  /** Where all but the end of the command is to be sent first: resolves when the end may follow. */
  readonly beforeEnd?: () => Promise<void>
  /** Called before the piece that ends the command is handed to the socket. */
  readonly handingOver: () => void
}

/** What is thrown when the socket goes away in the middle of a command. */
export const SOCKET_CLOSED = new Error('the connection is closed')

const BLOCK_BYTES = 128 * 1024
/** Literals from here on are written as they are; smaller ones are gathered into blocks. */
const OWN_WRITE_BYTES = 32 * 1024
const SLICE_BYTES = 256 * 1024

/**
 * Writes a whole command, its literals with exactly the bytes that were announced. Rejects with `corrupt` when a
 * literal is shorter or longer, and with what reading it throws; the connection is then in the middle of a literal and
 * must be destroyed. Returns when everything is handed to the socket and the socket keeps up.
 */
export async function writeCommand(
  output: Output,
  tag: string,
  parts: readonly Part[],
  signal: AbortSignal,
): Promise<void> {
  let block: Uint8Array[] = []
  let blockBytes = 0
  const flush = async (): Promise<void> => {
    if (block.length === 0) return
    const bytes = block.length === 1 ? (block[0] ?? Buffer.alloc(0)) : Buffer.concat(block, blockBytes)
    block = []
    blockBytes = 0
    await writeAll(output, bytes)
  }
  /** Returns a promise only where there is something to wait for: a batch holds hundreds of small literals. */
  const put = (bytes: Uint8Array): Promise<void> | undefined => {
    if (bytes.length >= OWN_WRITE_BYTES) return putLarge(bytes)
    block.push(bytes)
    blockBytes += bytes.length
    return blockBytes >= BLOCK_BYTES ? flush() : undefined
  }
  const putLarge = async (bytes: Uint8Array): Promise<void> => {
    await flush()
    // In slices, so that a slow line is seen to make progress.
    for (let at = 0; at < bytes.length; at += SLICE_BYTES)
      await writeAll(output, bytes.subarray(at, at + SLICE_BYTES))
  }
  await put(Buffer.from(`${tag} `, 'latin1'))
  for (const part of parts) {
    if (typeof part === 'string') {
      await put(Buffer.from(part, 'latin1'))
      continue
    }
    const size = announcedBytes(part.literal)
    const waits =
      part.waits === true || output.literals === 'waiting' || (output.literals === 'to-4096' && size > 4096)
    await put(Buffer.from(`${part.literal8 === true ? '~' : ''}{${size}${waits ? '' : '+'}}\r\n`, 'latin1'))
    if (waits) {
      await flush()
      await output.permission()
    }
    if (part.literal instanceof Uint8Array) {
      const wait = put(part.literal)
      if (wait !== undefined) await wait
    } else for await (const piece of exactPieces(part.literal, signal)) await put(piece)
  }
  if (output.beforeEnd !== undefined) {
    await flush()
    await output.beforeEnd()
    if (output.socket.destroyed) throw SOCKET_CLOSED
  }
  block.push(Buffer.from('\r\n'))
  blockBytes += 2
  output.handingOver()
  await flush()
}

function writeAll(output: Output, bytes: Uint8Array): Promise<void> | undefined {
  const { socket, progress } = output
  if (socket.destroyed) return Promise.reject(SOCKET_CLOSED)
  if (socket.write(bytes)) {
    progress()
    return undefined
  }
  return new Promise((resolve, reject) => {
    const done = (): void => {
      socket.off('drain', onDrain)
      socket.off('close', onClose)
    }
    const onDrain = (): void => {
      done()
      progress()
      resolve()
    }
    const onClose = (): void => {
      done()
      reject(SOCKET_CLOSED)
    }
    socket.on('drain', onDrain)
    socket.on('close', onClose)
  })
}
