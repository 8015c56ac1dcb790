import { read } from 'node:fs'
import { promisify } from 'node:util'
import { systemClock } from '../../core/clock.ts'
import { SealpostError, throwIfAborted } from '../../core/errors.ts'
import { codeOf } from '../../core/system-faults.ts'
import { readPrivateFile } from '../../files/private-files.ts'
import { Secret } from '../../../vault/secret.ts'

const readDescriptor = promisify(read)

const LF = 0x0a
const CR = 0x0d
const MAX_SECRET_BYTES = 64 * 1024
const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024

/**
 * Reads a secret from an open descriptor up to the first line end, byte by byte, so that what follows stays there for
 * the next reader of the same descriptor. Throws `config` when the descriptor is not open or holds nothing.
 */
export async function readSecretLine(descriptor: number, what: string, signal: AbortSignal): Promise<Secret> {
  const line = Buffer.allocUnsafeSlow(MAX_SECRET_BYTES)
  const byte = Buffer.allocUnsafeSlow(1)
  let length = 0
  try {
    while ((await readSome(descriptor, byte, what, signal)) === 1 && byte[0] !== LF) {
      if (length === MAX_SECRET_BYTES) throw tooLong(what, MAX_SECRET_BYTES)
      line[length++] = byte[0] ?? 0
    }
    return toSecret(line.subarray(0, length), what)
  } finally {
    line.fill(0)
    byte.fill(0)
  }
}

/** Reads a descriptor to its end. The caller wipes the result. Throws `config`. */
export async function readDescriptorWhole(descriptor: number, what: string, signal: AbortSignal): Promise<Buffer> {
  const piece = Buffer.allocUnsafeSlow(64 * 1024)
  let whole = Buffer.allocUnsafeSlow(0)
  try {
    for (;;) {
      const count = await readSome(descriptor, piece, what, signal)
      if (count === 0) return whole
      if (whole.length + count > MAX_DOCUMENT_BYTES) throw tooLong(what, MAX_DOCUMENT_BYTES)
      const longer = Buffer.allocUnsafeSlow(whole.length + count)
      longer.set(whole)
      longer.set(piece.subarray(0, count), whole.length)
      whole.fill(0)
      whole = longer
    }
  } catch (error) {
    whole.fill(0)
    throw error
  } finally {
    piece.fill(0)
  }
}

/** Reads a secret from the first line of a file that nobody else can read. Throws `policy` when it is looser. */
export async function readSecretFile(path: string, what: string): Promise<Secret> {
  const bytes = await readSecretBytes(path, what)
  try {
    const end = bytes.indexOf(LF)
    return toSecret(end === -1 ? bytes : bytes.subarray(0, end), what)
  } finally {
    bytes.fill(0)
  }
}

/** Reads a whole file that nobody else can read, as a key file is. Throws as `readSecretFile`. */
export async function readKeyFile(path: string, what: string): Promise<Secret> {
  const bytes = await readSecretBytes(path, what)
  return wholeSecret(bytes, what)
}

async function readSecretBytes(path: string, what: string): Promise<Buffer> {
  // What a shell's <(…) gives is a link to a pipe: no file whose mode could be looked at.
  if (/^\/(?:dev\/fd|proc\/(?:self|\d+)\/fd)\//.test(path)) {
    throw new SealpostError('config', `${path} is a descriptor, and ${what} was to come from a file`, {
      hint: 'give its number to the option that ends in -fd',
      code: 'DESCRIPTOR',
    })
  }
  const bytes = await readPrivateFile(path, MAX_SECRET_BYTES)
  if (bytes === null) throw new SealpostError('config', `no file ${path} to read ${what} from`, { code: 'ENOENT' })
  return bytes
}

/** Reads a key file from an open descriptor, to its end. Throws `config`. */
export async function readWholeSecret(descriptor: number, what: string, signal: AbortSignal): Promise<Secret> {
  return wholeSecret(await readDescriptorWhole(descriptor, what, signal), what)
}

function wholeSecret(bytes: Buffer, what: string): Secret {
  try {
    if (bytes.length > MAX_SECRET_BYTES) throw tooLong(what, MAX_SECRET_BYTES)
    if (bytes.every((byte) => byte <= 0x20))
      throw new SealpostError('config', `${what} is empty`, { code: 'EMPTY_SECRET' })
    return Secret.fromBytes(bytes)
  } finally {
    bytes.fill(0)
  }
}

function toSecret(line: Buffer, what: string): Secret {
  const end = line.length > 0 && line[line.length - 1] === CR ? line.length - 1 : line.length
  if (end === 0) throw new SealpostError('config', `${what} is empty`, { code: 'EMPTY_SECRET' })
  return Secret.fromBytes(line.subarray(0, end))
}

async function readSome(descriptor: number, into: Buffer, what: string, signal: AbortSignal): Promise<number> {
  // Once Node has made a stream of it, a pipe answers at once: waiting for its writer, a read would hold the process.
  if (descriptor === 0) process.stdin.pause()
  for (;;) {
    throwIfAborted(signal)
    try {
      return (await readDescriptor(descriptor, into, 0, into.length, null)).bytesRead
    } catch (error) {
      const code = codeOf(error)
      // Windows says so at the end of a pipe.
      if (code === 'EOF') return 0
      if (code !== 'EAGAIN') throw descriptorError(error, descriptor, what)
      await systemClock.sleep(20, signal)
    }
  }
}

function descriptorError(error: unknown, descriptor: number, what: string): SealpostError {
  const code = codeOf(error)
  const details = { cause: error, ...(code === undefined ? {} : { code }) }
  if (code !== 'EBADF')
    return new SealpostError('config', `cannot read ${what} from descriptor ${descriptor}`, details)
  return new SealpostError('config', `descriptor ${descriptor} is not open, so ${what} cannot be read from it`, {
    ...details,
    hint: `open it in the shell, as in ${descriptor}<FILE`,
  })
}

function tooLong(what: string, limit: number): SealpostError {
  return new SealpostError('config', `${what} is longer than ${limit} bytes`)
}
