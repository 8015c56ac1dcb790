import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { SealpostError } from '../../core/errors.ts'
import { writePrivateFile } from '../../files/durable.ts'

/** Looks while a command works whether an incident has frozen the vault meanwhile. */
export interface FreezeWatch {
  /** Aborted by a freeze, and when the command is asked to stop. */
  readonly signal: AbortSignal
  /** Throws `policy` when a freeze has stopped the command. */
  assertNotStopped(): void
  /** Twice is safe. */
  end(): void
}

const LOOK_EVERY_MS = 1_000

function markerPath(home: string): string {
  return join(home, 'frozen')
}

/**
 * Tells commands that are at work which incidents freeze the vault now. It is a bell and no lock: commands that begin ask
 * the records.
 */
export async function ringFreeze(home: string, incidents: readonly string[]): Promise<void> {
  if (incidents.length === 0) await rm(markerPath(home), { force: true })
  else await writePrivateFile(markerPath(home), Buffer.from(`${incidents.join('\n')}\n`, 'utf8'))
}

/**
 * Begins to look. When the bell rings the records are asked (`freezing`), so that a bell that was left ringing stops
 * nobody; where they cannot be asked any more, the command is stopped.
 */
export function watchFreeze(
  home: string,
  clock: Clock,
  freezing: () => Promise<readonly string[]>,
  stop: AbortSignal,
): FreezeWatch {
  const frozen = new AbortController()
  let incidents: readonly string[] = []
  let cancel: () => void = () => undefined
  let ended = false
  const look = async (): Promise<void> => {
    if (existsSync(markerPath(home))) incidents = await freezing().catch(() => ['that cannot be read'])
    if (incidents.length > 0) frozen.abort()
    else if (!ended) cancel = clock.after(LOOK_EVERY_MS, () => void look())
  }
  void look()
  return {
    signal: AbortSignal.any([stop, frozen.signal]),
    assertNotStopped: () => {
      if (!frozen.signal.aborted) return
      throw new SealpostError(
        'policy',
        `stopped: the vault was frozen meanwhile by incident ${incidents.join(', ')}`,
        {
          hint: 'it goes on once it has thawed: sealpost incident list',
          code: 'FROZEN',
        },
      )
    },
    end: () => {
      ended = true
      cancel()
    },
  }
}
