import { SealpostError } from '../../src/core/errors.ts'
import type { AccountGuide } from '../../src/core/ports.ts'
import { pathKey } from '../shared/mailbox-names.ts'
import { tenantOf } from './account-client.ts'
import type { GraphEndConfig } from './config.ts'
import { guarded, guardedItems, type GraphContext } from './context.ts'
import { listFolders } from './folders.ts'
import { GRAPH_NAMING } from './naming.ts'
import { endProbe, probeWriting } from './probe-writing.ts'
import { usageOf } from './usage-report.ts'

/**
 * What Graph tells about a mailbox that is written by IMAP: folders by their well-known names, and the quota from the tenant's
 * usage report. Throws as a session does; a report that may not be read is a quota that is not known.
 */
export function createGraphGuide(config: GraphEndConfig): AccountGuide {
  const tenant = tenantOf(config)
  return {
    mailboxes: async (account, signal) => {
      const context = tenant.contextOf(account)
      const folders = await guarded(context, 'looking at the folders', signal, () => listFolders(context, signal))
      return folders.map(({ mailbox: { path, specialUse } }) => ({ path, specialUse }))
    },
    quota: async (account, signal) => {
      const context = tenant.contextOf(account)
      return guarded(context, 'reading the quota', signal, async () => {
        const usage = (await usageOf(context, signal))?.get(account.toLowerCase())
        return usage === undefined ? null : { usedBytes: usage.usedBytes, limitBytes: usage.limitBytes }
      })
    },
    async *probeWriting(account, path, stored, signal) {
      const context = tenant.contextOf(account)
      const folder = await guarded(context, 'looking at the folders', signal, () =>
        folderAt(context, path, signal),
      )
      const findings = probeWriting(context, folder, stored, signal)
      yield* guardedItems(context, 'trying what Graph takes', signal, findings)
    },
    async *endProbe(account, path, signal) {
      const context = tenant.contextOf(account)
      const folder = await guarded(context, 'looking at the folders', signal, () =>
        folderAt(context, path, signal),
      )
      yield* guardedItems(context, 'ending the trial', signal, endProbe(context, folder, signal))
    },
  }
}

async function folderAt(context: GraphContext, path: readonly string[], signal: AbortSignal): Promise<string> {
  const key = pathKey(path, GRAPH_NAMING)
  const found = (await listFolders(context, signal)).find(
    ({ mailbox }) => pathKey(mailbox.path, GRAPH_NAMING) === key,
  )
  if (found !== undefined) return found.mailbox.name
  throw new SealpostError('not-found', 'graph: a mailbox that IMAP made is not there', { code: 'GONE' })
}
