import { openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { isatty, ReadStream } from 'node:tty'
import { SealpostError, throwIfAborted } from '../../core/errors.ts'
import { Secret } from '../../../vault/secret.ts'

const STDERR = 2
const MAX_SECRET_BYTES = 4096
const INTERRUPT = 0x03
const END = 0x04
const BACKSPACE = 0x08
const KILL_LINE = 0x15
const ESCAPE = 0x1b
const DELETE = 0x7f

/** What one typed byte did to the line. */
type Typed = 'more' | 'done' | 'interrupted'

/** A line as it is typed, in memory that is wiped; it is never shown. */
export class SecretLine {
  readonly #bytes = Buffer.allocUnsafeSlow(MAX_SECRET_BYTES)
  #length = 0
  /** Bytes of an escape sequence (arrow keys, bracketed paste) are passed over. */
  #escape: 'none' | 'started' | 'sequence' = 'none'

  /** Takes one byte from a terminal in raw mode. */
  type(byte: number): Typed {
    if (this.#escape !== 'none') {
      const opens = this.#escape === 'started' && (byte === 0x5b || byte === 0x4f)
      const ends = this.#escape === 'started' || (byte >= 0x40 && byte <= 0x7e)
      this.#escape = opens || !ends ? 'sequence' : 'none'
      return 'more'
    }
    if (byte === INTERRUPT) return 'interrupted'
    if (byte === END) return this.#length === 0 ? 'interrupted' : 'done'
    if (byte === 0x0d || byte === 0x0a) return 'done'
    if (byte === ESCAPE) this.#escape = 'started'
    else if (byte === KILL_LINE) this.#length = 0
    else if (byte === BACKSPACE || byte === DELETE) this.#erase()
    else if (byte >= 0x20 && this.#length < MAX_SECRET_BYTES) this.#bytes[this.#length++] = byte
    return 'more'
  }

  /** What was typed; the line is empty afterwards. */
  take(): Secret {
    const secret = Secret.fromBytes(this.#bytes.subarray(0, this.#length))
    this.wipe()
    return secret
  }

  wipe(): void {
    this.#bytes.fill(0)
    this.#length = 0
  }

  /** Takes back one character, which is several bytes in UTF-8. */
  #erase(): void {
    let index = this.#length - 1
    while (index > 0 && ((this.#bytes[index] ?? 0) & 0xc0) === 0x80) index--
    this.#length = Math.max(0, index)
  }
}

/** True when somebody can be asked: a terminal is there to read from and to show the question on. */
export function canPrompt(): boolean {
  return isatty(STDERR) && (process.stdin.isTTY || openTerminal() !== null)
}

/**
 * Asks on the terminal, through `show`, without showing what is typed. Throws `cancelled` on Ctrl-C, on Ctrl-D in an empty line, and
 * when the signal is aborted.
 */
export async function promptSecret(
  question: string,
  show: (text: string) => void,
  signal: AbortSignal,
): Promise<Secret> {
  const terminal = process.stdin.isTTY ? process.stdin : openTerminal()
  if (terminal === null) throw new SealpostError('config', 'there is no terminal to ask on')
  const line = new SecretLine()
  try {
    await readLine(terminal, line, () => show(`${question}: `), signal)
    return line.take()
  } finally {
    line.wipe()
    show('\n')
  }
}

/**
 * Asks on the terminal, through `show`, for a line that may be seen; the terminal itself shows and mends it. Throws `cancelled`
 * on Ctrl-D, and when the signal is aborted, as Ctrl-C does.
 */
export async function promptLine(
  question: string,
  show: (text: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const terminal = process.stdin.isTTY ? process.stdin : openTerminal()
  if (terminal === null) throw new SealpostError('config', 'there is no terminal to ask on')
  throwIfAborted(signal)
  const lines = createInterface({ input: terminal, terminal: false })
  try {
    return await new Promise<string>((resolve, reject) => {
      const onEnd = (): void => reject(new SealpostError('cancelled', 'interrupted'))
      lines.once('line', resolve)
      lines.once('close', onEnd)
      signal.addEventListener('abort', onEnd, { once: true })
      show(`${question}: `)
    })
  } finally {
    lines.close()
    terminal.pause()
  }
}

function readLine(terminal: ReadStream, line: SecretLine, ask: () => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error: Error | null): void => {
      terminal.off('data', onData)
      terminal.off('end', onEnd)
      signal.removeEventListener('abort', onEnd)
      terminal.setRawMode(false)
      terminal.pause()
      if (error === null) resolve()
      else reject(error)
    }
    const onEnd = (): void => finish(new SealpostError('cancelled', 'interrupted'))
    const onData = (typed: Buffer): void => {
      for (const [index, byte] of typed.entries()) {
        const did = line.type(byte)
        if (did === 'more') continue
        finish(did === 'done' ? null : new SealpostError('cancelled', 'interrupted'))
        // Two lines pasted at once answer two questions.
        if (index + 1 < typed.length) terminal.unshift(Buffer.from(typed.subarray(index + 1)))
        break
      }
      typed.fill(0)
    }
    if (signal.aborted) {
      reject(new SealpostError('cancelled', 'interrupted'))
      return
    }
    signal.addEventListener('abort', onEnd, { once: true })
    terminal.on('data', onData)
    terminal.on('end', onEnd)
    // Only then is the question shown: until here the terminal repeats what is typed.
    terminal.setRawMode(true)
    ask()
    terminal.resume()
  })
}

let controlling: ReadStream | null = null

/** The controlling terminal, for when stdin carries something else; null where there is none. */
function openTerminal(): ReadStream | null {
  if (controlling !== null) return controlling
  try {
    controlling = new ReadStream(openSync('/dev/tty', 'r'))
    controlling.pause()
    return controlling
  } catch {
    return null
  }
}
