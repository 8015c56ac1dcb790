import type { Clock } from '../../core/clock.ts'
import type { UnlockedOperator } from '../../../vault/operator.ts'
import { openRekeying } from '../../../vault/rekey-project.ts'
import type { ProjectFolder } from './folder.ts'
import { rekeyFiles, settleFiles } from './rekey-files.ts'

/** Where the keys of a project are made anew, and by whom. */
export interface RevokePlace {
  readonly home: string
  readonly lead: UnlockedOperator
  readonly folder: ProjectFolder
  readonly clock: Clock
}

/**
 * Ends what an earlier call began, whoever that was for, and then takes the project away from `name`. `note` writes down
 * whose grants end, before they have: after a kill it may be called again for the same. Returns their names; none when
 * `name` has no grant. The caller holds the project's lock. Twice is safe, and safe after a kill at any point. Throws as
 * `openRekeying`, and `busy` while somebody else reads the ledger.
 */
export async function revokeProject(
  name: string,
  { home, lead, folder, clock }: RevokePlace,
  note: (operators: readonly string[], generation: number) => Promise<void>,
): Promise<readonly string[]> {
  const ended: string[] = []
  for (;;) {
    const rekeying = await openRekeying(home, lead, folder.record.id, name, clock)
    if (rekeying === null) return ended
    const { before, begun, dropped, generation } = rekeying
    try {
      if (!begun) await settleFiles(folder, before)
      await rekeyFiles(folder, before, await rekeying.begin(), clock)
      await note(dropped, generation)
      await rekeying.commit()
      ended.push(...dropped)
    } finally {
      rekeying.wipe()
    }
  }
}
