import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { ImapSplitter } from './imap-splitter.ts'

/** An answer of the server: its text as latin1, `{n}` where a literal stood. */
export interface RawResponse {
  readonly text: string
  readonly literals: readonly Buffer[]
}

/** How a command ended. */
export interface RawReply {
  readonly status: string
  readonly text: string
  readonly untagged: readonly RawResponse[]
}

/** One message as a server shows it. */
export interface RawMessage {
  readonly uid: number
  readonly flags: readonly string[]
  /** Milliseconds since 1970. */
  readonly internalDate: number
  readonly bytes: Buffer
}

/** One mailbox as LIST shows it, its name as it stands on the wire (latin1). */
export interface RawMailbox {
  readonly name: string
  readonly attributes: readonly string[]
  readonly delimiter: string | null
}

/** A part of a command: text, or a literal that is sent when the server asks for it. */
export type RawPart = string | Buffer | { readonly literal8: Buffer }

/** A client that knows as little of IMAP as a witness needs, and shares no code with the program. */
export class RawImap {
  readonly #socket: Socket
  readonly #splitter = new ImapSplitter()
  readonly #ready: RawResponse[] = []
  #texts: string[] = []
  #literals: Buffer[] = []
  #wake: () => void = () => undefined
  #closed = false
  #tag = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    // What waits for an answer must not wait for more to send: a server that answers late costs 40 ms each time.
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#closed = true
      this.#wake()
    })
  }

  /** Connects to this machine and logs in. `ca` null: in the clear. */
  static async login(port: number, ca: string | null, user: string, password: string): Promise<RawImap> {
    const socket = ca === null ? connect(port, '127.0.0.1') : connectTls({ port, host: '127.0.0.1', ca })
    await once(socket, ca === null ? 'connect' : 'secureConnect')
    const client = new RawImap(socket)
    await client.#next()
    const quoted = Buffer.from(password, 'utf8')
    const reply = await client.command(`LOGIN "${user}" `, quoted)
    if (reply.status !== 'OK') throw new Error(`login: ${reply.text}`)
    return client
  }

  /** Sends a command and returns what came back; refusals too. Throws when the connection ends. */
  async command(...parts: readonly RawPart[]): Promise<RawReply> {
    const tag = `r${++this.#tag}`
    const untagged: RawResponse[] = []
    const until = async (isEnd: (text: string) => boolean): Promise<string> => {
      for (;;) {
        const response = await this.#next()
        if (isEnd(response.text) || response.text.startsWith(`${tag} `)) return response.text
        untagged.push({ ...response, text: response.text.slice(2) })
      }
    }
    this.#socket.cork()
    this.#socket.write(`${tag} `)
    for (const part of parts) {
      if (typeof part === 'string') {
        this.#socket.write(part, 'latin1')
        continue
      }
      const bytes = Buffer.isBuffer(part) ? part : part.literal8
      this.#socket.write(`${Buffer.isBuffer(part) ? '' : '~'}{${bytes.length}}\r\n`)
      this.#socket.uncork()
      const answer = await until((text) => text.startsWith('+'))
      if (!answer.startsWith('+')) return ended(answer, untagged)
      this.#socket.cork()
      this.#socket.write(bytes)
    }
    this.#socket.write('\r\n')
    this.#socket.uncork()
    return ended(await until(() => false), untagged)
  }

  /** As `command`, and throws for anything but OK. */
  async must(...parts: readonly RawPart[]): Promise<RawReply> {
    const reply = await this.command(...parts)
    if (reply.status !== 'OK') throw new Error(`${describePart(parts[0])}: ${reply.status} ${reply.text}`)
    return reply
  }

  /** Every mailbox of the account. */
  async mailboxes(): Promise<RawMailbox[]> {
    const { untagged } = await this.must('LIST "" "*"')
    return untagged.flatMap(({ text, literals }) => {
      const match = /^LIST \(([^)]*)\) (NIL|"(?:\\.|[^"\\])") (.*)$/s.exec(text)
      if (match === null) return []
      const [, attributes = '', delimiter = '', name = ''] = match
      return [
        {
          name: literals[0]?.toString('latin1') ?? unquote(name),
          attributes: attributes.split(' ').filter((word) => word !== ''),
          delimiter: delimiter === 'NIL' ? null : unquote(delimiter),
        },
      ]
    })
  }

  /**
   * Every message of a mailbox, without marking it as seen. Some servers show NUL as 0x80 and have the real bytes for
   * those who ask for BINARY (RFC 3516).
   */
  async messages(name: string): Promise<RawMessage[]> {
    await this.must('EXAMINE ', nameOf(name))
    const { untagged } = await this.must('UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])')
    const messages = read(untagged)
    const masked = messages.filter(({ bytes }) => bytes.includes(0x80)).map(({ uid }) => uid)
    if (masked.length === 0) return messages
    const second = await this.command(`UID FETCH ${masked.join(',')} (UID BINARY.PEEK[])`)
    const real = new Map(
      second.untagged.map(({ text, literals }) => [Number(/\bUID (\d+)/.exec(text)?.[1]), literals[0]]),
    )
    return messages.map((message) => {
      const bytes = real.get(message.uid)
      const isReal = bytes?.every(
        (byte, i) => byte === message.bytes[i] || (byte === 0 && message.bytes[i] === 0x80),
      )
      return isReal === true && bytes !== undefined ? { ...message, bytes } : message
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  async #next(): Promise<RawResponse> {
    for (;;) {
      const response = this.#ready.shift()
      if (response !== undefined) return response
      if (this.#closed) throw new Error('the server closed the connection')
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #take(chunk: Buffer): void {
    for (const piece of this.#splitter.push(chunk)) {
      if (piece.kind === 'literal') {
        const last = this.#literals.pop() ?? Buffer.alloc(0)
        this.#literals.push(Buffer.concat([last, piece.bytes]))
        continue
      }
      this.#texts.push(piece.text)
      if (piece.literal === null) {
        this.#ready.push({ text: this.#texts.join(''), literals: this.#literals })
        this.#texts = []
        this.#literals = []
      } else this.#literals.push(Buffer.alloc(0))
    }
    this.#wake()
  }
}

function describePart(part: RawPart | undefined): string {
  return typeof part === 'string' ? part : 'a literal'
}

/** A mailbox's name as a part of a command. */
export function nameOf(name: string): RawPart {
  return /^[\x20-\x7e]*$/.test(name) ? `"${name.replace(/["\\]/g, '\\$&')}"` : Buffer.from(name, 'latin1')
}

/** `17-Jul-1996 02:44:25 -0700` as milliseconds since 1970. */
function instantOf(date: string): number {
  return Date.parse(date.trim().replace(/^(\d+)-(\w+)-(\d+) /, '$1 $2 $3 '))
}

function ended(line: string, untagged: readonly RawResponse[]): RawReply {
  const match = /^\S+ (\S+) ?(.*)$/s.exec(line)
  return { status: match?.[1] ?? '', text: match?.[2] ?? '', untagged }
}

function unquote(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/gs, '$1') : text
}

/** The messages among FETCH responses. */
function read(untagged: readonly RawResponse[]): RawMessage[] {
  return untagged.flatMap((response) => {
    const uid = /\bUID (\d+)/.exec(response.text)?.[1]
    const date = /INTERNALDATE "([^"]+)"/.exec(response.text)?.[1]
    if (!/^\d+ FETCH /.test(response.text) || uid === undefined || date === undefined) return []
    const flags = (/FLAGS \(([^)]*)\)/.exec(response.text)?.[1] ?? '').split(' ').filter((flag) => flag !== '')
    const quoted = /BODY\[\] "((?:\\.|[^"\\])*)"/s.exec(response.text)?.[1]
    return [
      {
        uid: Number(uid),
        flags: flags.filter((flag) => flag !== '\\Recent'),
        internalDate: instantOf(date),
        bytes: response.literals[0] ?? Buffer.from(unquote(`"${quoted ?? ''}"`), 'latin1'),
      },
    ]
  })
}
