import { formatInstant } from '../../core/clock.ts'
import { formatPath } from '../../core/mailbox-path.ts'
import { largestOf, type Amount } from '../../engine/mail-tally.ts'
import type { PlannedMailbox, PlannedPair } from '../../engine/plan-project.ts'
import type {
  PlanAccount,
  PlanAmount,
  PlanAssumptions,
  PlanLimit,
  PlanPass,
  PlanReport,
  PlanUnfit,
  PlanUse,
  PlanYear,
} from '../../report/plan-report.ts'
import { isFileEnd, type ProjectConfig } from '../config/project-types.ts'
import { errorDocument } from '../terminal/output.ts'
import { accountSpan, assumptionsOf, projectSpan, type AccountWork } from './plan-estimate.ts'
import { planRisks } from './plan-risks.ts'

/** Past the last second of the year 9999 RFC 3339 ends. */
const LAST_DATE = Date.UTC(10_000, 0)

/** What was planned, with its sums, what it costs and what may go wrong. */
export function buildPlan(
  head: Pick<PlanReport, 'project' | 'written' | 'tool'>,
  plans: readonly PlannedPair[],
  config: ProjectConfig,
): PlanReport {
  const assumptions = assumptionsOf(config)
  const passes = KINDS.map((kind) => passOf(kind, plans, assumptions, config))
  return {
    format: 'sealpost-plan',
    version: 1,
    client: config.client,
    ...head,
    ...sumOf(plans),
    accounts: plans.map((plan) => toAccount(plan, assumptions, config)),
    moved: sumOf(plans.map(({ moved }) => moved)),
    growth: growthOf(plans),
    largest: largestOf(
      plans.flatMap((plan) =>
        plan.largest.map(({ bytes, internalDate, mailboxPath }) => ({
          account: plan.pair.source,
          mailbox: formatPath(mailboxPath),
          bytes,
          date: internalDate >= 0 && internalDate < LAST_DATE ? formatInstant(internalDate) : null,
        })),
      ),
    ),
    specialUse: usesOf(plans.flatMap(({ mailboxes }) => mailboxes)),
    unfit: plans.flatMap(unfitOf),
    passes,
    assumptions,
    risks: planRisks(plans, assumptions, isFileEnd(config.destination)),
  }
}

function sumOf(amounts: readonly Amount[]): PlanAmount {
  return {
    messages: amounts.reduce((sum, { messages }) => sum + messages, 0),
    bytes: amounts.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

function growthOf(plans: readonly PlannedPair[]): readonly PlanYear[] {
  const years = new Map<number | null, PlanAmount>()
  for (const { year, ...amount } of plans.flatMap(({ growth }) => growth)) {
    years.set(year, sumOf([amount, years.get(year) ?? { messages: 0, bytes: 0 }]))
  }
  return [...years].map(([year, amount]) => ({ year, ...amount })).sort((a, b) => (a.year ?? 0) - (b.year ?? 0))
}

function usesOf(mailboxes: readonly PlannedMailbox[]): readonly PlanUse[] {
  return [...new Set(mailboxes.map(({ specialUse }) => specialUse))]
    .map((use) => {
      const all = mailboxes.filter(({ specialUse }) => specialUse === use)
      return { use, mailboxes: all.length, ...sumOf(all) }
    })
    .sort((a, b) => b.bytes - a.bytes)
}

function unfitOf(plan: PlannedPair): readonly PlanUnfit[] {
  const none = { account: plan.pair.source, mailbox: null, messages: null, bytes: null, limitBytes: null }
  if (plan.error !== null) return [{ ...none, reason: 'unreachable' }]
  const short = plan.shortfallBytes ?? 0
  return [
    ...(short === 0
      ? []
      : [{ ...none, reason: 'quota' as const, bytes: short, limitBytes: plan.quota?.limitBytes ?? null }]),
    ...plan.mailboxes.flatMap(({ sourcePath, tooLarge, filtered, unlisted }) => {
      const place = { ...none, mailbox: formatPath(sourcePath) }
      return [
        ...(unlisted === null ? [] : [{ ...place, reason: 'unreadable' as const }]),
        ...(tooLarge.messages === 0
          ? []
          : [{ ...place, reason: 'too-large' as const, ...tooLarge, limitBytes: plan.maxMessageBytes }]),
        ...(filtered === 0 ? [] : [{ ...place, reason: 'filtered' as const, messages: filtered }]),
      ]
    }),
    ...plan.excluded.map((path) => ({ ...none, mailbox: formatPath(path), reason: 'excluded' as const })),
  ]
}

function toAccount(plan: PlannedPair, assumptions: PlanAssumptions, config: ProjectConfig): PlanAccount {
  const work = workOf('initial', plan, assumptions, config)
  return {
    source: plan.pair.source,
    destination: plan.pair.destination,
    messages: plan.messages,
    bytes: plan.bytes,
    maxMessageBytes: plan.maxMessageBytes,
    maxLineBytes: plan.maxLineBytes,
    quota: plan.quota === null ? null : { usedBytes: plan.quota.usedBytes, limitBytes: plan.quota.limitBytes },
    shortfallBytes: plan.shortfallBytes,
    moved: plan.moved,
    growth: plan.growth,
    seconds: accountSpan(work, assumptions, CONCERNED.initial),
    lanes: work.lanes,
    mailboxes: plan.mailboxes.map((mailbox) => ({
      source: formatPath(mailbox.sourcePath),
      destination: formatPath(mailbox.destinationPath),
      create: !mailbox.exists,
      note: mailbox.note,
      specialUse: mailbox.specialUse,
      messages: mailbox.messages,
      bytes: mailbox.bytes,
      filtered: mailbox.filtered,
      tooLarge: mailbox.tooLarge,
      oversized: mailbox.oversized,
    })),
    excluded: plan.excluded.map(formatPath),
    error: plan.error === null ? null : errorDocument(plan.error),
  }
}

type Kind = PlanPass['kind']

const KINDS: readonly Kind[] = ['initial', 'delta', 'final', 'verify']

const isMoving = ({ side, work }: PlanLimit): boolean => side === 'source' || work === 'write'

/** Which limits a pass comes up against: verification reads the destination alone. */
const CONCERNED: Readonly<Record<Kind, (limit: PlanLimit) => boolean>> = {
  initial: isMoving,
  delta: isMoving,
  final: isMoving,
  verify: ({ side, work }) => side === 'destination' && work === 'read',
}

function passOf(
  kind: Kind,
  plans: readonly PlannedPair[],
  assumptions: PlanAssumptions,
  config: ProjectConfig,
): PlanPass {
  const works = plans.map((plan) => workOf(kind, plan, assumptions, config))
  const { messages, bytes } = sumOf(works)
  const spans = works.map((work) => accountSpan(work, assumptions, CONCERNED[kind]))
  return {
    kind,
    listed: kind === 'verify' ? 0 : works.reduce((sum, { listed }) => sum + listed, 0),
    messages,
    bytesFromSource: kind === 'verify' ? 0 : bytes,
    bytesToDestination: kind === 'verify' ? 0 : bytes,
    bytesFromDestination: kind === 'verify' ? bytes : 0,
    seconds: projectSpan(spans, bytes, assumptions),
  }
}

function workOf(
  kind: Kind,
  plan: PlannedPair,
  assumptions: PlanAssumptions,
  { limits }: ProjectConfig,
): AccountWork {
  const tooLarge = sumOf(plan.mailboxes.map((mailbox) => mailbox.tooLarge))
  const fitting = less(plan, tooLarge)
  const sessions = plan.ends === null ? 1 : Math.min(plan.ends.source.sessions, plan.ends.destination.sessions)
  const lanes = Math.max(1, Math.min(limits.lanesAtFirst, sessions))
  const readers = Math.max(1, Math.min(limits.lanesAtFirst, plan.ends?.destination.sessions ?? 1))
  switch (kind) {
    case 'initial':
      return { ...less(fitting, plan.moved), listed: plan.messages, lanes }
    case 'verify':
      return { ...fitting, listed: 0, lanes: readers }
    default: {
      const days = kind === 'delta' ? assumptions.deltaDays : assumptions.finalDays
      const part = (amount: number): number => Math.ceil((amount * days) / 365)
      const fresh = { messages: part(plan.recent.messages), bytes: part(plan.recent.bytes) }
      const listed = plan.ends?.source.delta === 'scan' ? plan.messages : fresh.messages
      return { ...fresh, listed, lanes }
    }
  }
}

function less(whole: Amount, part: Amount): PlanAmount {
  return {
    messages: Math.max(0, whole.messages - part.messages),
    bytes: Math.max(0, whole.bytes - part.bytes),
  }
}
