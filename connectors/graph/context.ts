import type { Clock } from '../../src/core/clock.ts'
import { SealpostError, throwIfAborted, toSealpostError } from '../../src/core/errors.ts'
import type { GraphClient } from './client.ts'
import type { Limits } from './config.ts'

/** What the parts of one session share. */
export interface GraphContext {
  readonly client: GraphClient
  readonly limits: Limits
  readonly clock: Clock
  /** False once the session is closed. */
  alive: boolean
}

/** Throws `transient` once the session is closed, and `cancelled` for an aborted signal. */
export function checkOpen(context: Pick<GraphContext, 'alive'>, signal: AbortSignal): void {
  throwIfAborted(signal)
  if (!context.alive) throw new SealpostError('transient', 'graph: the session is closed', { code: 'CLOSED' })
}

/** Runs an operation of an open session; whatever it throws is one of ours. */
export async function guarded<T>(
  context: GraphContext,
  what: string,
  signal: AbortSignal,
  operation: () => Promise<T>,
): Promise<T> {
  try {
    checkOpen(context, signal)
    return await operation()
  } catch (error) {
    throw toSealpostError(error, `graph: ${what}`)
  }
}

/** As `guarded`, item by item. */
export async function* guardedItems<T>(
  context: GraphContext,
  what: string,
  signal: AbortSignal,
  items: AsyncGenerator<T>,
): AsyncGenerator<T> {
  try {
    checkOpen(context, signal)
    for await (const item of items) {
      throwIfAborted(signal)
      yield item
    }
  } catch (error) {
    throw toSealpostError(error, `graph: ${what}`)
  }
}
