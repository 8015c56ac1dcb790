import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { drained } from '../../connectors/shared/drained.ts'
import type { Armed, ArmedPoison, SeenCommand } from './armed.ts'
import { ImapSplitter, type Piece } from './imap-splitter.ts'
import { strip, type Stripped } from './strip.ts'

/** What a connection asks of its proxy. */
export interface Surroundings {
  readonly stripped: Stripped
  /** Bytes a second in each direction; Infinity for as fast as it goes. */
  readonly bytesPerSecond: () => number
  /** The fault that strikes this command; `named`: of those that wait for one account alone. */
  claim(command: SeenCommand, named?: boolean): Armed | null
  readonly poisons: () => readonly ArmedPoison[]
  record(command: SeenCommand): void
}

type Running = { -readonly [K in keyof SeenCommand]: SeenCommand[K] } & {
  readonly literals: number[]
  fault: Armed | null
  /** It is not passed on: the proxy answers. */
  swallowed: boolean
  /** Bytes of its literals that have come, and of its response. */
  passed: number
  responded: number
  lied: boolean
}

/** Longest marker of a poison. */
const MAX_MARKER = 200
const NEVER = new Promise<never>(() => undefined)

/** One client's connection and the one to the server behind it. */
export class ProxyConnection {
  readonly #id: number
  readonly #client: Socket
  readonly #server: Socket
  readonly #around: Surroundings
  readonly #commands = new ImapSplitter()
  #account: string | null = null
  #running: Running | null = null
  /** The client has been cut off and the server is to finish. */
  #detached = false
  #stalled = false
  /** A fault has ended it: what else came with the same bytes is dropped. */
  #over = false

  constructor(id: number, client: Socket, server: Socket, around: Surroundings) {
    this.#id = id
    this.#client = client
    this.#server = server
    this.#around = around
  }

  /** Relays until both sides are gone. Never rejects. */
  async run(): Promise<void> {
    this.#client.once('close', () => {
      if (this.#stalled) this.destroy()
    })
    await Promise.all([this.#relayUp(), this.#relayDown()])
  }

  /** Cuts both sides. */
  destroy(): void {
    this.#client.destroy()
    this.#server.destroy()
  }

  async #relayUp(): Promise<void> {
    let tail = ''
    try {
      for await (const chunk of this.#client) {
        for (const piece of this.#commands.push(chunk as Buffer)) {
          if (piece.kind === 'line' || piece.at === 0) tail = ''
          if (this.#isPoisoned('to-server', tail, piece)) return
          tail = (tail + piece.bytes.toString('latin1')).slice(-MAX_MARKER)
          await this.#up(piece)
          if (this.#over) return
        }
      }
      const rest = this.#commands.rest()
      if (rest.length > 0) await this.#send(this.#server, rest)
    } catch {
      // the other end has gone, by a fault or by itself
    }
    if (!this.#detached && !this.#over) this.#server.end()
  }

  async #relayDown(): Promise<void> {
    const splitter = new ImapSplitter()
    let tail = ''
    try {
      for await (const chunk of this.#server) {
        for (const piece of splitter.push(chunk as Buffer)) {
          if (piece.kind === 'line' || piece.at === 0) tail = ''
          if (this.#isPoisoned('to-client', tail, piece)) return
          tail = (tail + piece.bytes.toString('latin1')).slice(-MAX_MARKER)
          await this.#down(piece)
          if (this.#over) return
        }
      }
    } catch {
      // as above
    }
    if (!this.#over) this.#client.end()
  }

  #isPoisoned(direction: 'to-server' | 'to-client', before: string, piece: Piece): boolean {
    if (piece.kind !== 'literal') return false
    const poison = this.#around
      .poisons()
      .find((armed) => armed.poison.direction === direction && armed.isIn(before, piece.bytes))
    poison?.fire()
    if (poison !== undefined) this.destroy()
    return poison !== undefined
  }

  async #up(piece: Piece): Promise<void> {
    const inDialogue = this.#running !== null && this.#running.reply === null && isDialogue(this.#running)
    if (piece.kind === 'line' && piece.first && !inDialogue) this.#begin(piece.text)
    const command = this.#running
    if (command === null || inDialogue) {
      const struck =
        command?.name === 'AUTHENTICATE' && this.#nameAccount(command, piece.bytes.toString('latin1').trim())
      if (command !== null && struck && piece.kind === 'line')
        return this.#pass(command, { ...piece, first: true })
      await this.#send(this.#server, piece.bytes)
      return
    }
    if (piece.kind === 'line' && piece.literal !== null) command.literals.push(piece.literal)
    if (piece.kind === 'line' && !piece.first) command.text += `{}${piece.text}`
    await this.#pass(command, piece)
    if (piece.kind === 'literal') command.passed += piece.bytes.length
  }

  /** Who logs in may be said after the command only. True when a fault waits for just that account. */
  #nameAccount(command: Running, line: string): boolean {
    this.#account ??= accountOf(line)
    if (command.account !== null || this.#account === null) return false
    command.account = this.#account
    if (command.fault !== null) return false
    command.fault = this.#around.claim(command, true)
    return command.fault !== null
  }

  #begin(line: string): void {
    const [tag = '', first = '', second = '', third = ''] = line.split(' ')
    const word = first.toUpperCase()
    const name = word === 'UID' ? `UID ${second.toUpperCase()}` : word
    const isLogin = name === 'LOGIN' || name === 'AUTHENTICATE'
    if (name === 'AUTHENTICATE') this.#account ??= accountOf(third)
    else if (name === 'LOGIN') this.#account ??= second.replace(/^"|"$/g, '')
    const command: Running = {
      connection: this.#id,
      account: this.#account,
      tag,
      name,
      text: isLogin ? `${name} …` : line.slice(tag.length + 1),
      literals: [],
      reply: null,
      at: performance.now(),
      fault: null,
      swallowed: false,
      passed: 0,
      responded: 0,
      lied: false,
    }
    command.fault = this.#around.claim(command)
    command.swallowed = command.fault?.fault.kind === 'answer'
    this.#running = command
    this.#around.record(command)
  }

  /** Passes a piece of a command on, or does what its fault says. */
  async #pass(command: Running, piece: Piece): Promise<void> {
    const armed = command.fault
    const fault = armed?.fault
    const ends = piece.kind === 'line' && piece.literal === null
    const isFirst = piece.kind === 'line' && piece.first
    if (armed === null || fault === undefined) return this.#send(this.#server, piece.bytes)
    if (fault.kind === 'answer') {
      const waits = piece.kind === 'line' && piece.literal !== null && !piece.text.endsWith('+}')
      if (ends || waits) await this.#answer(command, armed, fault.text)
      return
    }
    if (fault.kind === 'cut' || fault.kind === 'stall') {
      const { at } = fault
      if (at === 'before' && isFirst) return this.#strike(armed)
      if (at === 'before-last-line' && ends) {
        await this.#send(this.#server, Buffer.from(piece.text, 'latin1'))
        return this.#strike(armed)
      }
      if (at === 'after-last-byte' && ends) return this.#strikeAtEnd(armed, piece.bytes)
    }
    const limit = fault.kind === 'bye' ? fault.literalByte : 'at' in fault ? literalByteOf(fault.at) : null
    if (fault.kind === 'bye' && limit === 0 && isFirst) return this.#sayBye(armed, fault.text)
    if (limit !== null && piece.kind === 'literal' && command.passed + piece.bytes.length >= limit) {
      await this.#send(this.#server, piece.bytes.subarray(0, limit - command.passed))
      if (fault.kind === 'bye') return this.#sayBye(armed, fault.text)
      return this.#strike(armed)
    }
    return this.#send(this.#server, piece.bytes)
  }

  async #down(piece: Piece): Promise<void> {
    const command = this.#running
    const armed = command?.fault ?? null
    let { bytes } = piece
    if (piece.kind === 'line') bytes = strip(bytes, this.#around.stripped)
    const status =
      command !== null && piece.kind === 'line' && piece.first && piece.text.startsWith(`${command.tag} `)
        ? (/^\S+ (OK|NO|BAD)\b/i.exec(piece.text)?.[1]?.toUpperCase() as SeenCommand['reply'])
        : null
    if (command !== null && status !== null) {
      command.reply = status
      this.#commands.answered()
    }
    if (status !== null && this.#detached) {
      this.#server.end()
    }
    if (this.#detached) return
    if (command !== null && armed !== null) {
      const { fault } = armed
      if (status !== null && (fault.kind === 'cut' || fault.kind === 'stall') && fault.at === 'before-reply') {
        return this.#strike(armed)
      }
      if (status !== null && fault.kind === 'hold') {
        await (typeof fault.until === 'number' ? pause(fault.until) : fault.until)
        armed.fire()
      }
      if (status !== null && fault.kind === 'garbage') {
        await this.#send(this.#client, fault.bytes)
        armed.fire()
      }
      if (fault.kind === 'lie' && piece.kind === 'line' && piece.literal !== null && !command.lied) {
        bytes = Buffer.from(
          bytes.toString('latin1').replace(/\{\d+\}(\r?\n)$/, `{${piece.literal + fault.by}}$1`),
          'latin1',
        )
        command.lied = true
        armed.fire()
      }
      const limit = 'at' in fault ? responseByteOf(fault.at) : null
      if (limit !== null && command.responded + bytes.length >= limit) {
        await this.#send(this.#client, bytes.subarray(0, limit - command.responded))
        return this.#strike(armed)
      }
      command.responded += bytes.length
    }
    await this.#send(this.#client, bytes)
  }

  /** The cut or the stall itself. */
  async #strike(armed: Armed): Promise<void> {
    if (this.#over) return
    this.#over = true
    armed.fire()
    if (armed.fault.kind === 'stall') {
      this.#stalled = true
      return NEVER
    }
    this.#client.destroy()
    this.#server.destroySoon()
  }

  async #strikeAtEnd(armed: Armed, lastLine: Buffer): Promise<void> {
    const server = armed.fault.kind === 'cut' ? armed.fault.server : 'cut'
    if (typeof server === 'object') {
      this.#detached = true
      armed.fire()
      this.#client.destroy()
      await pause(server.lateBy)
      await this.#send(this.#server, lastLine)
      return
    }
    if (server === 'finish') this.#detached = true
    await this.#send(this.#server, lastLine)
    armed.fire()
    this.#client.destroy()
    if (server === 'cut') this.#server.destroySoon()
  }

  async #answer(command: Running, armed: Armed, text: string): Promise<void> {
    if (command.reply !== null) return
    command.reply = text.startsWith('NO') ? 'NO' : 'BAD'
    armed.fire()
    this.#commands.answered()
    await this.#send(this.#client, Buffer.from(`${command.tag} ${text}\r\n`))
  }

  async #sayBye(armed: Armed, text: string): Promise<void> {
    this.#over = true
    armed.fire()
    this.#server.destroy()
    await this.#send(this.#client, Buffer.from(`* BYE ${text}\r\n`))
    this.#client.end()
  }

  async #send(to: Socket, bytes: Buffer): Promise<void> {
    if (this.#stalled) return NEVER
    if (to.destroyed || !to.writable || bytes.length === 0) return
    const rate = this.#around.bytesPerSecond()
    if (!to.write(bytes)) await drained(to)
    if (rate !== Infinity) await pause((bytes.length / rate) * 1000)
  }
}

/** Commands during which the client sends lines that are no commands. */
function isDialogue(command: SeenCommand): boolean {
  return command.name === 'AUTHENTICATE' || command.name === 'IDLE'
}

/** The account that SASL PLAIN opens: the authorization identity, else who signs in. */
function accountOf(base64: string): string | null {
  const [authorize = '', user = '', password] = Buffer.from(base64, 'base64').toString('utf8').split('\0')
  if (password === undefined) return null
  return authorize === '' ? user : authorize
}

function literalByteOf(at: unknown): number | null {
  return typeof at === 'object' && at !== null && 'literalByte' in at ? Number(at.literalByte) : null
}

function responseByteOf(at: unknown): number | null {
  return typeof at === 'object' && at !== null && 'responseByte' in at ? Number(at.responseByte) : null
}
