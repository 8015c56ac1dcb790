import type { Capabilities } from '../core/connector.ts'
import { isBalanced, type Totals } from '../core/states.ts'

/** True when a run can do no more: every message has ended, or is held in a volume that others will end. */
export function isWorkedOff(totals: Totals, capabilities: Capabilities): boolean {
  return capabilities.holds === true ? totals.discovered === 0 : isBalanced(totals)
}
