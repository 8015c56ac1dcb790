import type { PlannedPair } from '../../engine/plan-project.ts'
import type { PlanAssumptions, PlanRisk, RiskCode } from '../../report/plan-report.ts'

/** Of what the destination allows, less than this part would be left free. */
const TIGHT = 0.1

/** What may go wrong, gravest first. `isFile`: the destination lies on this machine, where a disk is the only limit. */
export function planRisks(
  plans: readonly PlannedPair[],
  { limits }: PlanAssumptions,
  isFile: boolean,
): readonly PlanRisk[] {
  const day = Math.min(...limits.map((limit) => limit.bytesPerDay ?? Infinity))
  const tests: Readonly<Record<RiskCode, (plan: PlannedPair) => boolean>> = {
    unreachable: (plan) => plan.error !== null,
    unreadable: (plan) => plan.mailboxes.some(({ unlisted }) => unlisted !== null),
    'all-mail-hidden': (plan) => plan.isAllMailHidden,
    'quota-short': (plan) => (plan.shortfallBytes ?? 0) > 0,
    'quota-tight': isTight,
    'too-large': (plan) => plan.mailboxes.some(({ tooLarge }) => tooLarge.messages > 0),
    'day-limit': (plan) => plan.bytes - plan.moved.bytes > day,
    empty: (plan) => plan.error === null && plan.messages === 0,
    'bytes-changed': (plan) => plan.ends?.destination.keepsBytes === false,
    'dates-changed': (plan) => plan.ends?.destination.keepsInternalDate === false,
    'keywords-lost': (plan) => plan.ends !== null && plan.ends.destination.keywords !== 'any',
    'ids-merged': (plan) => plan.ends !== null && plan.ends.destination.merges !== 'none',
    'long-lines': (plan) => plan.maxLineBytes !== null,
    renamed: (plan) => plan.mailboxes.some(({ note }) => note === 'renamed' || note === 'collision'),
    'quota-unknown': (plan) => plan.error === null && !isFile && plan.shortfallBytes === null,
    'size-unknown': (plan) => plan.error === null && !isFile && plan.maxMessageBytes === null,
  }
  return (Object.keys(tests) as RiskCode[]).flatMap((code) => {
    const accounts = plans.filter(tests[code]).map(({ pair }) => pair.source)
    return accounts.length === 0 ? [] : [{ code, accounts }]
  })
}

function isTight({ quota, shortfallBytes, bytes, moved }: PlannedPair): boolean {
  if (quota?.limitBytes == null || shortfallBytes !== 0) return false
  return quota.limitBytes - quota.usedBytes - Math.max(0, bytes - moved.bytes) < quota.limitBytes * TIGHT
}
