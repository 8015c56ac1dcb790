import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { SealpostError } from '../src/core/errors.ts'

/** What a client asks of the agent, one line of JSON a request; byte strings in base64. */
export type AgentRequest =
  | { readonly ask: 'who' }
  | { readonly ask: 'sign'; readonly bytes: string }
  | { readonly ask: 'open'; readonly labels: readonly string[]; readonly sealed: string }
  | { readonly ask: 'lock' }

/** What it answers, one line of JSON. `error` is one of ours; its message is safe to print. */
export type AgentReply =
  | {
      readonly name: string
      readonly role: 'lead' | 'engineer' | 'auditor'
      readonly publicKey: string
      readonly firstLead: string
      readonly withKeyFile: boolean
    }
  | { readonly bytes: string }
  | { readonly done: true }
  | { readonly error: { readonly kind: 'locked' | 'corrupt' | 'bug'; readonly message: string } }

/** A longer line is no request of ours. */
export const MAX_LINE_BYTES = 64 * 1024

/** The room that systems leave for the path of a socket (sockaddr_un, less its end). */
const MAX_SOCKET_BYTES = 107

/**
 * Where the agent of a workspace listens, inside a private folder of the user's: one socket a workspace. Throws `config`
 * when the path is longer than a socket's may be.
 */
export function agentSocketPath(runtimeFolder: string, root: string): string {
  const name = createHash('sha256').update(root).digest('hex').slice(0, 16)
  const path = join(runtimeFolder, `agent-${name}`)
  if (Buffer.byteLength(path) <= MAX_SOCKET_BYTES) return path
  throw new SealpostError('config', `the path for the agent's socket is longer than ${MAX_SOCKET_BYTES} bytes`, {
    hint: 'set XDG_RUNTIME_DIR to a short private folder',
  })
}

/** Takes pieces of a stream and calls back with each whole line; false when a line is too long to be one. */
export function lineReader(onLine: (line: string) => void): (piece: Buffer) => boolean {
  let held = Buffer.alloc(0)
  return (piece) => {
    held = Buffer.concat([held, piece])
    for (let end = held.indexOf(0x0a); end !== -1; end = held.indexOf(0x0a)) {
      const line = held.toString('utf8', 0, end)
      held = held.subarray(end + 1)
      onLine(line)
    }
    return held.length <= MAX_LINE_BYTES
  }
}
