import { fstatSync, writeSync } from 'node:fs'
import { printable, SealpostError } from '../../core/errors.ts'
import { systemFault } from '../../core/system-faults.ts'
import { formatProblem, problemsOf } from '../config/problems.ts'

/** Where text goes; the process's own streams but for tests. */
export interface Streams {
  readonly stdout: Sink
  readonly stderr: Sink
}

/** The part of a stream that is used. */
export interface Sink {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  write(text: string): unknown
  on?(event: 'resize', listener: () => void): unknown
  off?(event: 'resize', listener: () => void): unknown
}

/** How output is written. */
export interface OutputOptions {
  readonly json: boolean
  readonly noColour: boolean
  /** Lines, on a terminal too: nothing is drawn anew. */
  readonly plain?: boolean
}

/** How a word can stand out on a terminal. */
export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

const CODES: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 }

const STDOUT = 1

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu
// eslint-disable-next-line no-control-regex -- these are the sequences that `paint` writes
const OWN_COLOUR = /(\u001b\[\d{1,2}m)/

/**
 * The one place that writes to stdout and stderr. What people read goes to stdout, warnings and errors to stderr;
 * with `json` stdout holds JSON alone and lines for people are left out.
 */
export class Output {
  readonly json: boolean
  readonly #streams: Streams
  readonly #colour: boolean
  readonly #plain: boolean
  #blockLines = 0
  #closed = false
  #isStderrClosed = false

  constructor(streams: Streams, options: OutputOptions) {
    this.#streams = streams
    this.json = options.json
    this.#plain = options.plain === true
    this.#colour = !options.noColour && !options.json
  }

  /** True where a block can be redrawn in place. */
  get interactive(): boolean {
    return !this.json && !this.#plain && this.#streams.stdout.isTTY === true
  }

  /** Characters a line of the terminal holds. */
  get columns(): number {
    return this.#streams.stdout.columns ?? 80
  }

  /** Lines that a block may have, so that redrawing it never scrolls. */
  get blockLines(): number {
    return Math.max(1, Math.min(40, (this.#streams.stdout.rows ?? 24) - 1))
  }

  /** Calls `listener` when the terminal has another size; returns what ends that. */
  onResize(listener: () => void): () => void {
    const { stdout } = this.#streams
    stdout.on?.('resize', listener)
    return () => stdout.off?.('resize', listener)
  }

  /** Nobody reads stdout any more (`| head`): later writes are dropped. */
  stdoutClosed(): void {
    this.#closed = true
  }

  /** Nobody reads stderr any more, or its terminal was closed: later writes are dropped. */
  stderrClosed(): void {
    this.#isStderrClosed = true
  }

  /** Colours text for stdout, if that is a terminal. */
  paint(colour: Colour, text: string): string {
    return this.#colour && this.#streams.stdout.isTTY === true ? inColour(colour, text) : text
  }

  /** One line for people. */
  line(text = ''): void {
    if (this.json) return
    this.#clearBlock()
    this.#write(`${harmless(text)}\n`)
  }

  /** Lines that replace those of the last call, on a terminal. Nothing elsewhere. */
  block(lines: readonly string[]): void {
    if (!this.interactive) return
    this.#clearBlock()
    const shown = lines.slice(0, this.blockLines)
    this.#write(shown.map((line) => `${harmless(line)}\n`).join(''))
    this.#blockLines = shown.length
  }

  /** Text as it is, such as a help page. */
  text(text: string): void {
    this.#clearBlock()
    this.#write(text)
  }

  /** Help after wrong usage. */
  usage(text: string): void {
    this.#writeError(text)
  }

  /** A question on the terminal, kept out of stdout. */
  prompt(text: string): void {
    this.#clearBlock()
    this.#writeError(text)
  }

  /** The command's one JSON document. */
  document(value: object): void {
    if (this.json) this.#write(`${harmlessJson(JSON.stringify(value, null, 2))}\n`)
  }

  /** One NDJSON event of a long command. */
  event(value: object): void {
    if (this.json) this.#write(`${harmlessJson(JSON.stringify(value))}\n`)
  }

  /** Something to know about that does not end the command. */
  warn(text: string): void {
    this.#clearBlock()
    this.#writeError(`${this.#onStderr('yellow', 'sealpost: warning:')} ${printable(text, 2000)}\n`)
  }

  /** What ended the command; called once. */
  error(error: SealpostError): void {
    this.#clearBlock()
    const problems = problemsOf(error)
    const text = sentences(error.message, error.hint)
    this.#writeError(`${this.#onStderr('red', 'sealpost:')} ${text}\n`)
    if (error.serverText !== undefined) this.#writeError(`  server: ${error.serverText}\n`)
    if (problems.length > 1) {
      for (const problem of problems) this.#writeError(`  ${problemLine(formatProblem(problem), problem.hint)}\n`)
    }
    if (error.kind === 'bug') this.#frames(error.cause ?? error)
    if (this.json) this.event({ error: errorDocument(error) })
  }

  /** Where our own fault lies: code places only, since a message of a foreign error may hold anything. */
  #frames(cause: unknown): void {
    if (!(cause instanceof Error) || cause.stack === undefined) return
    const frames = cause.stack.split('\n').filter((line) => /^\s+at /.test(line))
    for (const frame of frames.slice(0, 8)) this.#writeError(`  ${printable(frame)}\n`)
  }

  #onStderr(colour: Colour, text: string): string {
    return this.#colour && this.#streams.stderr.isTTY === true ? inColour(colour, text) : text
  }

  #clearBlock(): void {
    if (this.#blockLines === 0) return
    this.#write(`\u001b[${this.#blockLines}A\u001b[J`)
    this.#blockLines = 0
  }

  #write(text: string): void {
    if (!this.#closed) this.#streams.stdout.write(text)
  }

  #writeError(text: string): void {
    if (!this.#isStderrClosed) this.#streams.stderr.write(text)
  }
}

/**
 * Output over the process's own streams. A reader that goes away (`2>&1 | head`), or a terminal, does not end the command.
 * `onLost` hears, once, that something was not written for another reason, such as a full disk.
 */
export function processOutput(
  options: OutputOptions,
  onLost: (error: SealpostError) => void = () => undefined,
): Output {
  let isLost = false
  const failed = (error: NodeJS.ErrnoException): void => {
    if (isLost) return
    output.stdoutClosed()
    const fault = systemFault(error.code)
    if (fault === null || process.stdout.isTTY) return
    isLost = true
    const text = `not all was written to stdout: ${fault.text}`
    onLost(new SealpostError('transient', text, { hint: fault.hint, cause: error }))
  }
  const stdout = fstatSync(STDOUT).isFile() ? fileSink(STDOUT, failed) : process.stdout
  const output = new Output({ stdout, stderr: process.stderr }, options)
  process.stdout.on('error', failed)
  process.stderr.on('error', () => output.stderrClosed())
  return output
}

/** Writes all there is: of what a disk takes in part Node's own stream for files drops the rest without a word. */
function fileSink(descriptor: number, onError: (error: NodeJS.ErrnoException) => void): Sink {
  return {
    write: (text) => {
      const bytes = Buffer.from(text, 'utf8')
      try {
        for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written)
      } catch (error) {
        onError(error as NodeJS.ErrnoException)
      }
    },
  }
}

/** What `--json` says of an error. */
export function errorDocument(error: SealpostError): object {
  const problems = problemsOf(error)
  return {
    kind: error.kind,
    message: error.message,
    hint: error.hint ?? null,
    code: error.code ?? null,
    ...(error.serverText === undefined ? {} : { serverText: error.serverText }),
    ...(problems.length === 0 ? {} : { problems }),
  }
}

/** A failure of one account among others, on one line: what went wrong, what the server said, what to do. */
export function failureText(error: SealpostError): string {
  const server = error.serverText === undefined ? '' : ` (server: ${error.serverText})`
  return sentences(`${error.message}${server}`, error.hint)
}

/** `What went wrong. What to do.` as two sentences. */
export function sentences(message: string, hint: string | undefined): string {
  const first = endsSentence(message) ? message : `${message}.`
  if (hint === undefined || hint === '') return first
  // A command to type, a key, a file and an option stay as they are to be typed.
  const second = /^(?:sealpost|chmod|chown)\b|^-|^\S*[./_=]\w/.test(hint)
    ? hint
    : hint.charAt(0).toUpperCase() + hint.slice(1)
  return `${first} ${endsSentence(second) ? second : `${second}.`}`
}

/** Names of mailboxes come from servers: what could move the cursor or turn the writing round becomes a blank. */
function harmless(text: string): string {
  return text
    .split(OWN_COLOUR)
    .map((part, index) => (index % 2 === 1 ? part : part.replace(UNPRINTABLE, ' ')))
    .join('')
}

/**
 * JSON may be shown on a terminal too. What could move the cursor or turn the writing round is written as JSON's own escape, so
 * that nothing of it is lost; line ends are those between members, since JSON has them escaped within texts.
 */
function harmlessJson(text: string): string {
  return text.replace(UNPRINTABLE, (found) =>
    found === '\n'
      ? found
      : Array.from(
          { length: found.length },
          (_, i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, '0')}`,
        ).join(''),
  )
}

function problemLine(text: string, hint: string | null): string {
  return hint === null ? printable(text, 600) : `${printable(text, 600)} (${hint})`
}

function endsSentence(text: string): boolean {
  return /[.?!…]$/.test(text)
}

function inColour(colour: Colour, text: string): string {
  return `\u001b[${CODES[colour]}m${text}\u001b[0m`
}
