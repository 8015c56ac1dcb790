import type { WorkHours } from '../../core/work-hours.ts'
import type { PlanAmount, PlanAssumptions, PlanLimit, PlanSpan } from '../../report/plan-report.ts'
import { isFileEnd, type ProjectConfig } from '../config/project-types.ts'
import { limitsOfEnds } from './end-limits.ts'

const DAY_MINUTES = 1440
const DAY_SECONDS = 86_400
const MIB = 1024 * 1024

/** One connection to a server far away. Nobody publishes this: the span is wide so that it may be believed. */
const NETWORK: PlanAssumptions['pace'] = {
  messagesPerSecond: { fast: 10, slow: 1 },
  bytesPerSecond: { fast: 2 * MIB, slow: MIB / 4 },
  listedPerSecond: { fast: 5000, slow: 500 },
}

/** Both ends on this machine. */
const DISK: PlanAssumptions['pace'] = {
  messagesPerSecond: { fast: 500, slow: 50 },
  bytesPerSecond: { fast: 50 * MIB, slow: 5 * MIB },
  listedPerSecond: { fast: 50_000, slow: 5000 },
}

/** What the times of this project's plan rest on. */
export function assumptionsOf({ source, destination, limits }: ProjectConfig): PlanAssumptions {
  return {
    accountsAtOnce: limits.accounts,
    bytesPerSecond: limits.bytesPerSecond,
    dayShare: limits.hours === null ? 1 : shareOfDay(limits.hours),
    pace: isFileEnd(source) && isFileEnd(destination) ? DISK : NETWORK,
    deltaDays: 7,
    finalDays: 1,
    limits: limitsOfEnds(source, destination),
  }
}

function shareOfDay({ from, to }: WorkHours): number {
  return ((to - from + DAY_MINUTES) % DAY_MINUTES) / DAY_MINUTES
}

/** What an account has to do in a pass. */
export interface AccountWork extends PlanAmount {
  readonly listed: number
  readonly lanes: number
}

/** How long the work of one account takes by itself, under those platforms' limits that concern it. */
export function accountSpan(
  work: AccountWork,
  assumptions: PlanAssumptions,
  isConcerned: (limit: PlanLimit) => boolean,
): PlanSpan {
  const { dayShare, pace, limits } = assumptions
  const concerned = limits.filter(isConcerned)
  const seconds = (key: keyof PlanSpan): number => {
    const moving =
      work.messages / (work.lanes * pace.messagesPerSecond[key]) +
      work.bytes / (work.lanes * pace.bytesPerSecond[key])
    const capped = concerned.map((limit) =>
      Math.max(
        limit.messagesPerSecond === null ? 0 : work.messages / limit.messagesPerSecond,
        limit.bytesPerSecond === null ? 0 : work.bytes / limit.bytesPerSecond,
      ),
    )
    const working = work.listed / pace.listedPerSecond[key] + Math.max(moving, ...capped)
    // The first day's allowance is there at once; for each further one a night is waited.
    const waiting = concerned.map(({ bytesPerDay }) =>
      bytesPerDay === null ? 0 : Math.max(0, Math.ceil(work.bytes / bytesPerDay) - 1) * DAY_SECONDS,
    )
    return Math.ceil(Math.max(working / dayShare, ...waiting))
  }
  return { fast: seconds('fast'), slow: seconds('slow') }
}

/** How long all accounts take, begun in their order, so many at once, and together under the project's own rate. */
export function projectSpan(spans: readonly PlanSpan[], bytes: number, assumptions: PlanAssumptions): PlanSpan {
  const { accountsAtOnce, bytesPerSecond, dayShare } = assumptions
  const rated = bytesPerSecond === null ? 0 : bytes / bytesPerSecond / dayShare
  const seconds = (key: keyof PlanSpan): number => {
    const places = Array.from({ length: accountsAtOnce }, () => 0)
    for (const span of spans) {
      const next = places.indexOf(Math.min(...places))
      places[next] = (places[next] ?? 0) + span[key]
    }
    return Math.ceil(Math.max(rated, ...places))
  }
  return { fast: seconds('fast'), slow: seconds('slow') }
}
