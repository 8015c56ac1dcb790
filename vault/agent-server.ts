import { createServer, type Socket } from 'node:net'
import { chmod } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '../src/core/clock.ts'
import { isKind, SealpostError } from '../src/core/errors.ts'
import { ensurePrivateFolder } from '../src/files/private-files.ts'
import { lineReader, type AgentReply, type AgentRequest } from './agent-protocol.ts'
import { workspaceExists } from './keystore.ts'
import type { UnlockedOperator } from './operator.ts'

/** What an agent serves. */
export interface AgentSetup {
  readonly root: string
  readonly socketPath: string
  readonly operator: UnlockedOperator
  /** Milliseconds without a request after which the keys are forgotten. */
  readonly idleMs: number
  readonly clock: Clock
}

/** How often the agent looks whether its workspace is still there, in milliseconds. */
const WATCH_MS = 30_000

const NOT_UNDERSTOOD: AgentReply = { error: { kind: 'bug', message: 'the agent did not understand' } }

/**
 * Opens sealed keys and signs for whoever can reach the socket, which lies in a folder that only its user can enter; the
 * operator's private keys are never given out. Resolves when it has ended: idle, told to lock, or its workspace gone.
 * The keys are wiped and the socket removed in any case. Throws `busy` when another agent listens there.
 */
export async function serveAgent(setup: AgentSetup, onReady: () => void): Promise<void> {
  const { clock, operator, socketPath } = setup
  const sockets = new Set<Socket>()
  let cancelIdle: () => void = () => undefined
  let cancelWatch: () => void = () => undefined
  let end: () => void = () => undefined
  const ended = new Promise<void>((resolve) => (end = resolve))
  const touch = (): void => {
    cancelIdle()
    cancelIdle = clock.after(setup.idleMs, end)
  }
  const watch = (): void => {
    cancelWatch = clock.after(WATCH_MS, () => {
      void workspaceExists(setup.root).then((exists) => (exists ? watch() : end()), end)
    })
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    // One after the other: a client tells replies apart by their order.
    let last: Promise<void> = Promise.resolve()
    const read = lineReader((line) => {
      touch()
      last = last.then(async () => {
        const reply = await answer(operator, line)
        socket.write(`${JSON.stringify(reply)}\n`, () => {
          if ('done' in reply) end()
        })
      })
    })
    socket.on('data', (piece: Buffer) => {
      if (!read(piece)) socket.destroy()
    })
  })
  try {
    await ensurePrivateFolder(dirname(socketPath))
    await listen(server, socketPath)
    await chmod(socketPath, 0o600)
    touch()
    watch()
    onReady()
    await ended
  } finally {
    cancelIdle()
    cancelWatch()
    operator.wipe()
    for (const socket of sockets) socket.end()
    // This removes the socket too; never that of another agent, which a failed `listen` left alone.
    server.close()
  }
}

async function answer(operator: UnlockedOperator, line: string): Promise<AgentReply> {
  try {
    const request = JSON.parse(line) as AgentRequest
    switch (request.ask) {
      case 'who': {
        const { name, role, publicKey, firstLead, withKeyFile } = operator
        return { name, role, publicKey: toText(publicKey), firstLead: toText(firstLead), withKeyFile }
      }
      case 'sign':
        return { bytes: toText(await operator.sign(Buffer.from(request.bytes, 'base64'))) }
      case 'open': {
        const opened = await operator.openSealed(request.labels, Buffer.from(request.sealed, 'base64'))
        const reply = { bytes: toText(opened) }
        opened.fill(0)
        return reply
      }
      case 'lock':
        return { done: true }
      default:
        return NOT_UNDERSTOOD
    }
  } catch (error) {
    if (!isKind(error, 'locked', 'corrupt')) return NOT_UNDERSTOOD
    return { error: { kind: error.kind === 'locked' ? 'locked' : 'corrupt', message: error.message } }
  }
}

function listen(server: ReturnType<typeof createServer>, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.on('error', (cause: NodeJS.ErrnoException) => {
      const what = cause.code === 'EADDRINUSE' ? 'another agent listens already' : 'the agent cannot listen'
      reject(new SealpostError(cause.code === 'EADDRINUSE' ? 'busy' : 'config', what, { cause }))
    })
    server.listen(path, resolve)
  })
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
