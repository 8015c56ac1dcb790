import { tenantOf } from './account-client.ts'
import type { GraphEndConfig, NativeSource } from './config.ts'
import { guarded, type GraphContext } from './context.ts'
import { exportItem } from './native-items.ts'

/** Items of a tenant in Exchange's own form, for another one that takes them as they are. Opens no connection yet. */
export function createGraphExporter(config: GraphEndConfig): NativeSource {
  const tenant = tenantOf(config)
  const contexts = new Map<string, GraphContext>()
  return {
    exportItem: (account, key, signal) => {
      const context = contexts.get(account) ?? tenant.contextOf(account)
      contexts.set(account, context)
      return guarded(context, 'exporting an item', signal, () => exportItem(context, key, signal))
    },
  }
}
