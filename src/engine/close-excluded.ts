import type { Pair } from '../core/ledger.ts'
import { samePath } from '../core/mailbox-path.ts'
import { NOWHERE } from './bound-cursor.ts'
import type { EngineContext } from './settings.ts'

/**
 * Mailboxes that an earlier run has begun and that the mapping leaves out since: what has not been moved of them is no source,
 * and nobody would ever come to it; what has been moved stays. Should one be let in again it is listed from nothing. What is in
 * doubt has been decided before (`settleVanished`). Twice is safe.
 */
export function closeExcluded(
  { ledger }: Pick<EngineContext, 'ledger'>,
  pair: Pair,
  excluded: readonly (readonly string[])[],
): void {
  for (const { id, cursor, sourcePath } of ledger.mailboxes(pair.id)) {
    if (cursor !== NOWHERE && excluded.some((path) => samePath(path, sourcePath))) ledger.exclude(id, NOWHERE)
  }
}
