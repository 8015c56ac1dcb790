import type { Clock } from '../../core/clock.ts'
import { toSealpostError } from '../../core/errors.ts'
import { openAuditLog } from '../../records/audit-log.ts'
import type { GuessWatch } from '../../../vault/attempts.ts'
import { readOperatorChain } from '../../../vault/operator-list.ts'
import { keystoreFolder } from '../../../vault/paths.ts'
import { auditLogOptions } from '../books/open-books.ts'

/** Where guesses are made, and who hears of them. */
export interface GuessScene {
  readonly home: string
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Whether an agent was to be given the keys. */
  readonly agent: boolean
  waiting(ms: number): void
  warn(text: string): void
}

/**
 * Puts wrong passphrases into the audit log, which takes no key: the name of the operator is sealed, since nobody has
 * shown to be that person. A log that cannot be written is warned of, and hides nothing else.
 */
export function watchGuesses(scene: GuessScene): GuessWatch {
  const { home, clock, signal, agent } = scene
  return {
    clock,
    signal,
    waiting: (ms) => scene.waiting(ms),
    wrong: async (operator, wrong) => {
      try {
        const { current } = await readOperatorChain(keystoreFolder(home), null)
        const log = openAuditLog(auditLogOptions(home, current.recordsKey, clock))
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
          signal,
        )
      } catch (error) {
        scene.warn(`the audit log could not be written: ${toSealpostError(error, 'audit log').message}`)
      }
    },
  }
}
