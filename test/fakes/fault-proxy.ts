import { readFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { Armed, ArmedPoison, type SeenCommand } from './armed.ts'
import type { Fault, Poison } from './faults.ts'
import { ProxyConnection, type Surroundings } from './proxy-connection.ts'
import type { Stripped } from './strip.ts'

/** What stands behind the proxy, and what it shows to clients. */
export interface ProxyOptions {
  readonly target: {
    readonly port: number
    /** PEM of the authority of the server's certificate; null where it speaks no TLS. */
    readonly ca: string | null
  }
  /** What it shows to clients; null to speak no TLS. */
  readonly certificate: { readonly certificateFile: string; readonly keyFile: string } | null
  /** Taken out of what the server says. */
  readonly strip?: Partial<Stripped>
}

/**
 * A proxy before a real IMAP server on this machine. It ends the client's TLS, speaks TLS or none to the server, and
 * does to chosen commands what servers and networks do. Every fault that was armed must have happened.
 */
export interface FaultProxy {
  readonly host: '127.0.0.1'
  readonly port: number
  /** Every command that came by, in order. */
  readonly commands: readonly SeenCommand[]
  /** Connections that clients have opened so far. */
  readonly connections: number
  /** Faults and poisons that have come to pass since it was started. */
  readonly struck: number
  /** How many commands of this name came by, of an account, with this answer. */
  count(name: string, filter?: { readonly reply?: SeenCommand['reply']; readonly account?: string }): number
  /** The next fitting command goes wrong; see `times`, `after`, `always`, `forAccount`. */
  arm(fault: Fault): Armed
  /** The server dies of literals that hold the marker. */
  poison(poison: Poison): ArmedPoison
  /** Bytes a second in each direction and connection; null for no limit. */
  limitBandwidth(bytesPerSecond: number | null): void
  /** Forgets faults and what came by; connections stay. */
  reset(): void
  /** Throws when a fault that was armed has not happened as often as it should. */
  assertAllFired(): void
  /** Cuts every connection, now. */
  cutAll(): void
  stop(): Promise<void>
}

/** Starts a proxy on a free port of this machine. */
export async function startFaultProxy(options: ProxyOptions): Promise<FaultProxy> {
  const { target } = options
  const stripped = { capabilities: options.strip?.capabilities ?? [], codes: options.strip?.codes ?? [] }
  const open = new Set<ProxyConnection>()
  const refused = new Set<Socket>()
  let commands: SeenCommand[] = []
  let armed: Armed[] = []
  let poisons: ArmedPoison[] = []
  let connections = 0
  let struckBefore = 0
  const struckNow = (): number => [...armed, ...poisons].reduce((sum, { fired }) => sum + fired, 0)
  let bytesPerSecond = Infinity
  const around: Surroundings = {
    stripped,
    bytesPerSecond: () => bytesPerSecond,
    claim: (command, named = false) => armed.find((one) => (!named || one.isNamed) && one.claims(command)) ?? null,
    poisons: () => poisons,
    record: (command) => void commands.push(command),
  }

  const onClient = (client: Socket): void => {
    client.on('error', () => undefined)
    client.setNoDelay(true)
    const id = ++connections
    const seen: SeenCommand = {
      connection: id,
      account: null,
      tag: '*',
      name: 'CONNECT',
      text: 'CONNECT',
      literals: [],
      reply: null,
      at: performance.now(),
    }
    const fault = around.claim(seen)
    if (fault !== null) {
      greetBadly(client, fault)
      return
    }
    const server =
      target.ca === null
        ? connect(target.port, '127.0.0.1')
        : connectTls({ port: target.port, host: '127.0.0.1', ca: target.ca })
    server.on('error', () => undefined)
    server.setNoDelay(true)
    const connection = new ProxyConnection(id, client, server, around)
    open.add(connection)
    void connection.run().finally(() => open.delete(connection))
  }

  const greetBadly = (client: Socket, fault: Armed): void => {
    fault.fire()
    if (fault.fault.kind === 'answer') client.end(`${fault.fault.text}\r\n`)
    else if (fault.fault.kind === 'stall') refused.add(client)
    else client.destroy()
  }

  const listener = await listen(options.certificate, onClient)
  return {
    host: '127.0.0.1',
    port: (listener.address() as AddressInfo).port,
    get commands() {
      return commands
    },
    get connections() {
      return connections
    },
    get struck() {
      return struckBefore + struckNow()
    },
    count: (name, { reply, account } = {}) =>
      commands
        .filter((command) => command.name === name && (account === undefined || command.account === account))
        .filter((command) => reply === undefined || command.reply === reply).length,
    arm: (fault) => {
      const one = new Armed(fault)
      armed.push(one)
      return one
    },
    poison: (poison) => {
      const one = new ArmedPoison(poison)
      poisons.push(one)
      return one
    },
    limitBandwidth: (limit) => void (bytesPerSecond = limit ?? Infinity),
    reset: () => {
      struckBefore += struckNow()
      commands = []
      armed = []
      poisons = []
      connections = 0
      bytesPerSecond = Infinity
    },
    assertAllFired: () => {
      const complaints = [...armed, ...poisons].flatMap(({ complaint }) => (complaint === null ? [] : [complaint]))
      if (complaints.length > 0)
        throw new Error(`faults that were armed did not happen:\n${complaints.join('\n')}`)
    },
    cutAll: () => {
      for (const connection of open) connection.destroy()
    },
    stop: async () => {
      for (const connection of open) connection.destroy()
      for (const socket of refused) socket.destroy()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}

async function listen(
  certificate: ProxyOptions['certificate'],
  onClient: (client: Socket) => void,
): Promise<Server> {
  let listener: Server
  if (certificate === null) listener = createServer(onClient)
  else {
    const [cert, key] = await Promise.all([readFile(certificate.certificateFile), readFile(certificate.keyFile)])
    const secure = createTlsServer({ cert, key, minVersion: 'TLSv1.2' }, onClient)
    secure.on('tlsClientError', () => undefined)
    listener = secure
  }
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject)
    listener.listen(0, '127.0.0.1', resolve)
  })
  return listener
}
