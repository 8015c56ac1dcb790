import type { Clock } from '../../core/clock.ts'
import { toSealpostError } from '../../core/errors.ts'
import { openAuditLog } from '../../audit/audit-log.ts'
import type { GuessWatch } from '../../../vault/attempts.ts'
import { readOperatorChain } from '../../../vault/operator-list.ts'
import { keystoreFolder } from '../../../vault/paths.ts'
import { auditLogOptions } from '../books/open-books.ts'

/** Who hears of guesses. */
export interface GuessScene {
  readonly clock: Clock
  readonly signal: AbortSignal
  waiting(ms: number): void
  warn(text: string): void
}

/** Writes wrong guesses down by `note`; a log that cannot be written is warned of, and hides nothing else. */
export function guessWatch(scene: GuessScene, note: GuessWatch['wrong']): GuessWatch {
  const { clock, signal } = scene
  return {
    clock,
    signal,
    waiting: (ms) => scene.waiting(ms),
    wrong: async (operator, count) => {
      try {
        await note(operator, count)
      } catch (error) {
        scene.warn(`the audit log could not be written: ${toSealpostError(error, 'audit log').message}`)
      }
    },
  }
}

/**
 * Puts wrong passphrases into the audit log, which takes no key: the name of the operator is sealed, since nobody has
 * shown to be that person. `agent`: whether an agent was to be given the keys.
 */
export function watchPassphrases(home: string, agent: boolean, scene: GuessScene): GuessWatch {
  return guessWatch(scene, async (operator, wrong) => {
    const { current } = await readOperatorChain(keystoreFolder(home), null)
    const log = openAuditLog(auditLogOptions(home, current.recordsKey, scene.clock))
    await log.append(
      {
        by: { name: null, role: null, factor: null },
        action: 'unlock-failed',
        outcome: 'failed',
        project: null,
        object: null,
        facts: { wrong, agent },
        personal: { operator },
      },
      scene.signal,
    )
  })
}
