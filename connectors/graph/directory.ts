import type { AccountDirectory, AccountKind, ListedAccount } from '../../src/core/directory.ts'
import { isKind } from '../../src/core/errors.ts'
import { tenantOf } from './account-client.ts'
import { sendBatch } from './batch.ts'
import type { GraphEndConfig } from './config.ts'
import { guardedItems, type GraphContext } from './context.ts'
import { naming } from './errors.ts'
import { pagesOf } from './folders.ts'
import { fieldOf, textOf, type Json } from './json.ts'
import { usageOf, type Usage } from './usage-report.ts'

const USERS = '/users?$select=id,userPrincipalName,mail,accountEnabled&$top=999'

/** What `userPurpose` says, in our words (learn.microsoft.com: mailboxSettings). */
const KINDS: Readonly<Record<string, AccountKind>> = {
  user: 'user',
  linked: 'user',
  shared: 'shared',
  room: 'room',
  equipment: 'equipment',
}

/**
 * The mailboxes of a tenant. It needs `User.Read.All`; `MailboxSettings.Read` for kinds and `Reports.Read.All` for sizes, which
 * are not known without them. Users without a mailbox are left out.
 */
export function createGraphDirectory(config: GraphEndConfig): AccountDirectory {
  const context = tenantOf(config).contextOf('')
  return {
    listAccounts: (signal) => guardedItems(context, 'listing users', signal, listAccounts(context, signal)),
    close: async () => {
      context.alive = false
    },
  }
}

async function* listAccounts(context: GraphContext, signal: AbortSignal): AsyncGenerator<ListedAccount> {
  const usage = await usageOf(context, signal)
  let waiting: Json[] = []
  try {
    for await (const user of pagesOf(context, USERS, signal)) {
      waiting.push(user)
      if (waiting.length < 20) continue
      yield* await describe(context, waiting, usage, signal)
      waiting = []
    }
  } catch (error) {
    throw naming(error, 'User.Read.All')
  }
  yield* await describe(context, waiting, usage, signal)
}

/** Twenty users, with one request for all their kinds. */
async function describe(
  context: GraphContext,
  users: readonly Json[],
  usage: ReadonlyMap<string, Usage> | null,
  signal: AbortSignal,
): Promise<readonly ListedAccount[]> {
  const requests = users.map((user) => ({
    method: 'GET' as const,
    path: `/users/${encodeURIComponent(textOf(user, 'id') ?? '')}/mailboxSettings/userPurpose`,
  }))
  const replies = await sendBatch(context, requests, 'asking for the kind of mailboxes', signal)
  return replies.flatMap((reply, index): readonly ListedAccount[] => {
    const user = users[index]
    const principal = textOf(user, 'userPrincipalName') ?? ''
    const account = textOf(user, 'mail') ?? principal
    if (account === '') return []
    let kind: AccountKind = 'unknown'
    if (reply.kind === 'answer') kind = KINDS[textOf(reply.body, 'value') ?? ''] ?? 'unknown'
    else if (isKind(reply.error, 'not-found') || reply.error.code === 'NO_MAILBOX') return []
    else if (reply.error.code !== 'ACCESS_DENIED') throw reply.error
    return [
      {
        account,
        kind,
        bytes: usage?.get(principal.toLowerCase())?.usedBytes ?? null,
        suspended: kind === 'user' && fieldOf(user, 'accountEnabled') === false,
      },
    ]
  })
}
