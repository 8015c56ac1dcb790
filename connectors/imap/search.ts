import type { Context } from './context.ts'
import { expandUids } from './uid-set.ts'

/** More than any mailbox holds; what a server names beyond it is no answer to go by. */
const MAX_RESULTS = 20_000_000

/**
 * UIDs that match, sorted; ranges on the wire where the server has ESEARCH (RFC 4731). The mailbox must be selected.
 * `criteria` is text of our own making.
 */
export async function searchUids(context: Context, criteria: string, signal: AbortSignal): Promise<number[]> {
  const { connection, features } = context
  let uids: number[] = []
  const take = {
    ESEARCH: (response: { readonly text: string }): void => {
      const all = / ALL ([0-9:,]+)/i.exec(response.text)
      if (all === null) return
      const found = expandUids(all[1] ?? '', MAX_RESULTS)
      if (found === null) throw new Error('a search result that cannot be read')
      uids = uids.concat(found)
    },
    SEARCH: (response: { readonly text: string }): void => {
      const found = (/^[\d ]*/.exec(response.text)?.[0] ?? '').split(' ').filter((word) => word !== '')
      uids = uids.concat(found.map(Number))
    },
  }
  const command = features.esearch ? `UID SEARCH RETURN (ALL) ${criteria}` : `UID SEARCH ${criteria}`
  await connection.expectOk([command], { take }, 'imap: searching', signal)
  return [...new Set(uids)].sort((a, b) => a - b)
}
