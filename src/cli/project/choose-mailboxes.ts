import { SealpostError } from '../../core/errors.ts'
import type { LedgerReader, MailboxRecord, Pair } from '../../core/ledger.ts'
import { compileGlob, formatPath } from '../../core/mailbox-path.ts'

/**
 * The mailboxes of these accounts that a glob matches, by their name at the source or at the destination; all without globs.
 * Throws `config` for a glob that matches none.
 */
export function chooseMailboxes(
  ledger: LedgerReader,
  pairs: readonly Pair[],
  globs: readonly string[] = [],
): readonly MailboxRecord[] {
  const mailboxes = pairs.flatMap((pair) => ledger.mailboxes(pair.id))
  if (globs.length === 0) return mailboxes
  const chosen = new Set<MailboxRecord>()
  for (const glob of globs) {
    const matches = compileGlob(glob)
    const found = mailboxes.filter(
      ({ sourcePath, destination }) => matches(sourcePath) || matches(destination.path),
    )
    if (found.length === 0) {
      throw new SealpostError('config', `--only ${glob}: no mailbox of these accounts fits`, {
        hint: whatThereIs(mailboxes),
        code: 'NO_SUCH_MAILBOX',
      })
    }
    for (const mailbox of found) chosen.add(mailbox)
  }
  return mailboxes.filter((mailbox) => chosen.has(mailbox))
}

const MOST_NAMED = 10

function whatThereIs(mailboxes: readonly MailboxRecord[]): string {
  const names = [...new Set(mailboxes.map(({ sourcePath }) => formatPath(sourcePath)))]
  if (names.length === 0) return 'nothing has been moved yet'
  const more = names.length > MOST_NAMED ? ', …' : ''
  return `there are: ${names.slice(0, MOST_NAMED).join(', ')}${more}`
}
