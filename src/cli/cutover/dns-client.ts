import { createSocket } from 'node:dgram'
import { connect, isIP } from 'node:net'
import { randomInt } from 'node:crypto'
import { decode, encode, RECURSION_DESIRED, streamEncode, type Answer, type Packet } from 'dns-packet'
import type { Clock } from '../../core/clock.ts'
import { SealpostError } from '../../core/errors.ts'
import type { Resolver } from './resolver.ts'

/** What came of one question: the records of its type, or why there are none. */
export interface Answered {
  readonly answers: readonly Answer[]
  /** NOERROR, or NXDOMAIN: the name itself does not exist. */
  readonly exists: boolean
}

const PATIENCE_MS = 3_000
const ATTEMPTS = 2
const MAX_ANSWER_BYTES = 65_535

/**
 * Asks one question (RFC 1035): over UDP, twice at most, and over TCP where the answer did not fit. TTLs are what the
 * resolver says is left. Throws `transient` when no answer comes, or one that is no answer.
 */
export async function ask(
  resolver: Resolver,
  name: string,
  type: 'MX' | 'TXT',
  clock: Clock,
  signal: AbortSignal,
): Promise<Answered> {
  let failure: unknown = null
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    // An id that nobody can guess: a datagram from elsewhere is no answer.
    const id = randomInt(65_536)
    const query: Packet = { type: 'query', id, flags: RECURSION_DESIRED, questions: [{ type, name }] }
    try {
      const over = await askUdp(resolver, query, clock, signal)
      return read(over.flag_tc ? await askTcp(resolver, query, signal) : over, name, type)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof SealpostError) throw error
      failure = error
    }
  }
  throw new SealpostError('transient', `no answer from the DNS resolver ${resolver.host} about ${name}`, {
    cause: failure,
    hint: 'try again, or name another one with --resolver ADDRESS',
    code: 'DNS',
  })
}

type Decoded = ReturnType<typeof decode>

function read(packet: Decoded, name: string, type: 'MX' | 'TXT'): Answered {
  const { rcode } = packet as unknown as { readonly rcode: string }
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') {
    throw new SealpostError('transient', `the DNS resolver refused the question about ${name}: ${rcode}`, {
      hint: 'try again, or name another one with --resolver ADDRESS',
      code: 'DNS',
    })
  }
  return { exists: rcode === 'NOERROR', answers: (packet.answers ?? []).filter((answer) => answer.type === type) }
}

/** True for the answer to exactly this question. */
function answers(packet: Decoded, query: Packet): boolean {
  const [asked] = query.questions ?? []
  const [said] = packet.questions ?? []
  return (
    packet.type === 'response' &&
    packet.id === query.id &&
    said?.name.toLowerCase() === asked?.name.toLowerCase() &&
    said?.type === asked?.type
  )
}

function askUdp({ host, port }: Resolver, query: Packet, clock: Clock, signal: AbortSignal): Promise<Decoded> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIP(host) === 6 ? 'udp6' : 'udp4')
    const stopTimer = clock.after(PATIENCE_MS, () => end(new Error('no answer in time')))
    const onAbort = (): void => end(new Error('interrupted'))
    const end = (error: unknown, packet?: Decoded): void => {
      stopTimer()
      signal.removeEventListener('abort', onAbort)
      socket.close()
      if (packet === undefined) reject(error instanceof Error ? error : new Error('no answer'))
      else resolve(packet)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    socket.on('error', end)
    socket.on('message', (bytes) => {
      const packet = decoded(bytes)
      if (packet !== null && answers(packet, query)) end(null, packet)
    })
    // A connected socket takes datagrams from the resolver alone.
    socket.connect(port, host, () => socket.send(encode(query)))
  })
}

function askTcp({ host, port }: Resolver, query: Packet, signal: AbortSignal): Promise<Decoded> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal })
    let got = Buffer.alloc(0)
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('no answer in time')))
    socket.on('connect', () => socket.write(streamEncode(query)))
    socket.on('data', (piece) => {
      got = Buffer.concat([got, piece])
      const length = got.length < 2 ? MAX_ANSWER_BYTES : got.readUInt16BE(0)
      if (got.length < length + 2) return
      const packet = decoded(got.subarray(2, length + 2))
      if (packet === null || !answers(packet, query)) socket.destroy(new Error('no answer to the question'))
      else {
        resolve(packet)
        socket.destroy()
      }
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('no answer')))
  })
}

function decoded(bytes: Buffer): Decoded | null {
  try {
    return decode(bytes)
  } catch {
    return null
  }
}
