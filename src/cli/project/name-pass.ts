import { SealpostError } from '../../core/errors.ts'
import type { Ledger, Pair } from '../../core/ledger.ts'
import type { Pass } from '../../engine/run-project.ts'

/**
 * What a run over these pairs is called: the initial pass until something of one has been looked at, a delta pass
 * afterwards. Throws `config` where a delta or final pass was asked for and an account has had none before.
 */
export function namePass(
  ledger: Pick<Ledger, 'mailboxes'>,
  pairs: readonly Pair[],
  asked: { readonly delta?: boolean; readonly final?: boolean },
): Pass {
  const fresh = pairs.filter((pair) => ledger.mailboxes(pair.id).length === 0)
  const [first] = fresh
  if (first !== undefined && (asked.delta === true || asked.final === true)) {
    const others = fresh.length === 1 ? '' : ` (and ${fresh.length - 1} more)`
    const which = asked.final === true ? 'final' : 'delta'
    throw new SealpostError('config', `${first.source}${others}: a ${which} pass comes after the first one`, {
      hint: 'run without --delta and --final first, or name other accounts',
      code: 'NO_INITIAL_PASS',
    })
  }
  if (asked.final === true) return 'final'
  return fresh.length < pairs.length ? 'delta' : 'initial'
}
