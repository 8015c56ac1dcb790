import { printable, throwIfAborted, toSealpostError, type SealpostError } from '../../src/core/errors.ts'
import { factOf, type ProbeFinding } from '../../src/core/probe.ts'
import type { Connection } from './connection.ts'

/** More are never opened. */
const MOST = 16

/**
 * Opens connections until one is refused, and closes them again. `open` are open already, `used` is how many a run would open at
 * most. Throws `cancelled` alone.
 */
export async function probeSessions(
  connect: () => Promise<Connection>,
  open: number,
  used: number,
  signal: AbortSignal,
): Promise<ProbeFinding> {
  const connections: Connection[] = []
  let refused: SealpostError | null = null
  try {
    while (refused === null && open + connections.length < MOST) {
      try {
        connections.push(await connect())
      } catch (error) {
        throwIfAborted(signal)
        refused = toSealpostError(error, 'imap: one more session')
      }
    }
  } finally {
    for (const connection of connections) await connection.close()
  }
  const most = open + connections.length
  if (refused === null) return factOf('sessions', `${most} sessions at once were let in`)
  const words = printable(refused.serverText ?? refused.message, 120)
  const text = `${most} sessions at once were let in, one more was refused: ${words}`
  if (most >= used) return factOf('sessions', text)
  return { code: 'sessions', state: 'adverse', text, hint: `set limits.connections to ${most}` }
}
