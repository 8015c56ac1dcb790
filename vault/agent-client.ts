import { rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { SealpostError } from '../src/core/errors.ts'
import { codeOf } from '../src/core/system-faults.ts'
import { assertPrivateFolder } from '../src/files/private-files.ts'
import { lineReader, type AgentReply, type AgentRequest } from './agent-protocol.ts'
import type { UnlockedOperator } from './operator.ts'

/**
 * The operator whose keys an agent holds, or null when no agent listens. What a killed agent left of its socket is
 * removed. Throws `policy` when the socket's folder is open to others.
 */
export async function connectAgent(socketPath: string): Promise<UnlockedOperator | null> {
  const line = await openLine(socketPath)
  if (line === null) return null
  const who = await line.ask({ ask: 'who' })
  if (!('name' in who)) throw unexpected()
  const bytesOf = async (request: AgentRequest): Promise<Buffer> => {
    const reply = await line.ask(request)
    if (!('bytes' in reply)) throw unexpected()
    return Buffer.from(reply.bytes, 'base64')
  }
  return {
    name: who.name,
    role: who.role,
    through: 'agent',
    withKeyFile: who.withKeyFile,
    wrongBefore: 0,
    publicKey: Buffer.from(who.publicKey, 'base64'),
    firstLead: Buffer.from(who.firstLead, 'base64'),
    sign: (bytes) => bytesOf({ ask: 'sign', bytes: Buffer.from(bytes).toString('base64') }),
    openSealed: (labels, sealed) =>
      bytesOf({ ask: 'open', labels, sealed: Buffer.from(sealed).toString('base64') }),
    wipe: () => line.close(),
  }
}

/** Tells the agent to forget its keys and end. False when there was none. */
export async function stopAgent(socketPath: string): Promise<boolean> {
  const line = await openLine(socketPath)
  if (line === null) return false
  await line.ask({ ask: 'lock' })
  line.close()
  return true
}

interface Line {
  ask(request: AgentRequest): Promise<AgentReply>
  close(): void
}

async function openLine(socketPath: string): Promise<Line | null> {
  const socket = await reach(socketPath)
  if (socket === null) return null
  await assertPrivateFolder(dirname(socketPath))
  const waiting: { resolve: (reply: AgentReply) => void; reject: (error: SealpostError) => void }[] = []
  const read = lineReader((line) => waiting.shift()?.resolve(JSON.parse(line) as AgentReply))
  socket.on('data', (piece: Buffer) => {
    if (!read(piece)) socket.destroy()
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    for (const { reject } of waiting.splice(0)) reject(new SealpostError('locked', 'the agent has ended'))
  })
  return {
    ask: async (request) => {
      const reply = await new Promise<AgentReply>((resolve, reject) => {
        if (socket.destroyed) reject(new SealpostError('locked', 'the agent has ended'))
        waiting.push({ resolve, reject })
        socket.write(`${JSON.stringify(request)}\n`)
      })
      if ('error' in reply) throw new SealpostError(reply.error.kind, reply.error.message)
      return reply
    },
    close: () => socket.destroy(),
  }
}

async function reach(socketPath: string): Promise<Socket | null> {
  const socket = connect(socketPath)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return socket
  } catch (error) {
    socket.destroy()
    // A socket that nobody listens on was left by an agent that was killed.
    if (codeOf(error) === 'ECONNREFUSED') await rm(socketPath, { force: true })
    return null
  }
}

function unexpected(): SealpostError {
  return new SealpostError('bug', 'the agent gave an answer that was not asked for')
}
