import type { Socket } from 'node:net'
import type { Duplex, Transform } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { ImapFlow, type ImapFlowOptions } from 'imapflow'

/** What a command that runs through the library is given beside its name. */
export interface ExecOptions {
  /** Writes the command with its tag; replaces the library's compiler. Rejects to fail the command. */
  readonly write?: (tag: string) => Promise<void>
  readonly onPlusTag?: () => Promise<void>
}

interface Attribute {
  readonly type: 'ATOM'
  readonly value: string
  /** Kept out of the library's log. */
  readonly sensitive?: true
}

/** The parts of the library's client that its own types leave out and that this connector stands on (2.10.2, pinned). */
export interface Flow {
  readonly capabilities: Map<string, boolean | number>
  readonly greeting: string | undefined
  readonly byeReason: string | undefined
  readonly authenticated: string | boolean
  readonly isClosed: boolean
  readonly socket: (Socket | TLSSocket) & Duplex
  readonly streamer: Transform
  currentRequest: false | { readonly tag: string; sent?: boolean }
  usable: boolean
  options: ImapFlowOptions
  connect(): Promise<void>
  close(): void
  run(command: string): Promise<unknown>
  exec(
    command: string,
    attributes: readonly Attribute[] | undefined,
    options: ExecOptions,
  ): Promise<{ next(): void }>
  send(data: { readonly tag: string; readonly options?: ExecOptions }): Promise<void>
  upgradeToSTARTTLS(): Promise<boolean>
  authenticate(): Promise<boolean>
  startSession(): Promise<void>
  throttleWait(delay: number): Promise<boolean>
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'close', listener: () => void): unknown
}

/**
 * Makes a client of the library that does nothing by itself: no log, no ID, no COMPRESS, no IDLE, no ENABLE, no waiting
 * out of throttling (one place retries, and it is not here). `start` replaces what it does after the greeting.
 * Commands with a `write` option are written by it instead of by the library's compiler.
 */
export function createFlow(options: ImapFlowOptions, start: (flow: Flow) => Promise<void>): Flow {
  const flow = new ImapFlow({
    ...options,
    logger: false,
    emitLogs: false,
    disableAutoIdle: true,
    disableCompression: true,
    disableAutoEnable: true,
    // What may be long never gets to its parser.
    maxLineLength: 16 * 1024 * 1024,
    maxLiteralSize: 1024 * 1024,
    maxResponseSize: 32 * 1024 * 1024,
    // Quiet connections are watched by the connection itself, which knows when silence is meant.
    socketTimeout: 2 ** 31 - 1,
  }) as unknown as Flow
  flow.startSession = () => start(flow)
  flow.throttleWait = async () => false
  const exec = flow.exec.bind(flow)
  flow.exec = (command, attributes, given) => exec(command, withInitialResponse(flow, command, attributes), given)
  const compile = flow.send.bind(flow)
  flow.send = async (data) => {
    const write = data.options?.write
    if (write === undefined) {
      await compile(data)
      return
    }
    // The library takes a tagged reply only for a command that it knows to be on the wire.
    if (flow.currentRequest !== false) flow.currentRequest.sent = true
    await write(data.tag)
  }
  return flow
}

/** AUTHENTICATE PLAIN with its answer on the same line (RFC 4959), which saves a round trip; the library waits to be asked. */
function withInitialResponse(
  flow: Flow,
  command: string,
  attributes: readonly Attribute[] | undefined,
): readonly Attribute[] | undefined {
  const isPlain = command === 'AUTHENTICATE' && attributes?.length === 1 && attributes[0]?.value === 'PLAIN'
  if (!isPlain || !flow.capabilities.has('SASL-IR')) return attributes
  const { user = '', pass = '', authzid = '' } = flow.options.auth ?? {}
  const response = Buffer.from([authzid, user, pass].join('\0'), 'utf8').toString('base64')
  return [...attributes, { type: 'ATOM', value: response, sensitive: true }]
}
