import { SealpostError } from '../../src/core/errors.ts'
import type { Mailbox } from '../../src/core/mail.ts'
import type { Context } from './context.ts'
import type { Reply } from './response.ts'
import { select } from './selection.ts'
import { expandUids } from './uid-set.ts'

/** More than any mailbox holds; what a server names beyond it is no answer to go by. */
const MAX_RESULTS = 20_000_000

/** The UID down to which a limited search got; null when it was not limited. Throws when it gets no further. */
function lowest(reply: Reply, before = Infinity): number | null {
  if (reply.code !== 'MESSAGELIMIT') return null
  const uid = Number(reply.codeText.trim().split(' ')[1])
  if (Number.isSafeInteger(uid) && uid >= 1 && uid < before) return uid
  throw new SealpostError('transient', 'imap: a limited search that gets no further', { code: 'PROTOCOL' })
}

/**
 * UIDs that match, sorted; ranges on the wire where the server has ESEARCH (RFC 4731). The mailbox must be selected.
 * `criteria` is text of our own making.
 */
export async function searchUids(context: Context, criteria: string, signal: AbortSignal): Promise<number[]> {
  const { connection, features } = context
  let uids: number[] = []
  const add = (found: readonly number[]): void => {
    uids = uids.concat(found)
    if (uids.length > MAX_RESULTS) throw new Error('a search result without an end')
  }
  const take = {
    ESEARCH: (response: { readonly text: string }): void => {
      const all = / ALL ([0-9:,]+)/i.exec(response.text)
      if (all === null) return
      const found = expandUids(all[1] ?? '', MAX_RESULTS)
      if (found === null) throw new Error('a search result that cannot be read')
      add(found)
    },
    SEARCH: (response: { readonly text: string }): void => {
      const found = (/^[\d ]*/.exec(response.text)?.[0] ?? '').split(' ').filter((word) => word !== '')
      add(found.map(Number))
    },
  }
  const search = features.esearch ? 'UID SEARCH RETURN (ALL)' : 'UID SEARCH'
  let reply = await connection.expectOk([`${search} ${criteria}`], { take }, 'imap: searching', signal)
  // The server has looked at the newest ones and says how far it got (RFC 9738 section 3.3).
  for (let below = lowest(reply); below !== null && below > 1; below = lowest(reply, below)) {
    const rest = `${search} UID 1:${below - 1} ${criteria}`
    reply = await connection.expectOk([rest], { take }, 'imap: searching', signal)
  }
  // As most servers answer; of a long mailbox the set would be far larger than the list.
  const isSorted = uids.every((uid, index) => index === 0 || uid > (uids[index - 1] ?? 0))
  return isSorted ? uids : [...new Set(uids)].sort((a, b) => a - b)
}

/** Some old servers do not say UIDNEXT; one above the largest UID is as good a low-water mark. Opens the mailbox. */
export async function uidNextBySearch(
  context: Context,
  mailbox: Mailbox,
  mode: Parameters<typeof select>[2],
  signal: AbortSignal,
): Promise<number> {
  await select(context, mailbox, mode, signal)
  const uids = await searchUids(context, 'ALL', signal)
  return (uids[uids.length - 1] ?? 0) + 1
}
