import type { AccountGuide } from '../../src/core/ports.ts'
import { tenantOf } from './account-client.ts'
import type { GraphEndConfig } from './config.ts'
import { guarded } from './context.ts'
import { listFolders } from './folders.ts'
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
  }
}
