import { limitsOf } from '../../../connectors/gmail/config.ts'
import type { PlanLimit } from '../../report/plan-report.ts'
import type { EndConfig } from '../config/project-types.ts'

type Caps = Pick<PlanLimit, 'platform' | 'messagesPerSecond' | 'bytesPerSecond' | 'bytesPerDay'>
type Work = PlanLimit['work']

const MB = 1_000_000
const NONE = { messagesPerSecond: null, bytesPerSecond: null, bytesPerDay: null }
/** Of a minute's quota units the meter hands out so many without a burst. */
const STEADY = 0.9

/** What is known of how much one account may do at both ends (docs/platforms.md); what nobody has published is not here. */
export function limitsOfEnds(source: EndConfig, destination: EndConfig): readonly PlanLimit[] {
  const known = [
    ['source', 'read', source],
    ['destination', 'write', destination],
    ['destination', 'read', destination],
  ] as const
  return known.flatMap(([side, work, end]) => {
    const caps = capsOf(end, work)
    return caps === null ? [] : [{ side, work, ...caps }]
  })
}

function capsOf(end: EndConfig, work: Work): Caps | null {
  if (end.kind === 'gmail') return gmailCaps(end, work)
  if (end.kind === 'graph') {
    // 150 MB in five minutes, of which base64 takes a quarter.
    if (work === 'write' && end.write !== 'imap') {
      return { ...NONE, platform: 'Microsoft Graph', bytesPerSecond: Math.floor((22 * MB) / 60) }
    }
    return work === 'write' || end.read === 'imap' ? EXCHANGE : null
  }
  if (end.kind !== 'imap') return null
  switch (end.preset) {
    case 'google':
      return { ...NONE, platform: 'Google IMAP', bytesPerDay: (work === 'read' ? 2500 : 500) * MB }
    case 'microsoft365':
    case 'outlook.com':
      return EXCHANGE
    case 'icloud':
      return work === 'read' ? null : { ...NONE, platform: 'iCloud', messagesPerSecond: 2 }
    default:
      return null
  }
}

/** As users report it. */
const EXCHANGE: Caps = { ...NONE, platform: 'Exchange Online', messagesPerSecond: 4 }

function gmailCaps(end: EndConfig & { kind: 'gmail' }, work: Work): Caps {
  const { unitsPerMinute, costs } = limitsOf({
    unitsPerMinute: end.unitsPerMinute ?? undefined,
    costs: end.costs,
  } as Parameters<typeof limitsOf>[0])
  const cost = work === 'read' ? costs.get : costs[end.write]
  const perSecond = (unitsPerMinute * STEADY) / 60 / cost
  return { ...NONE, platform: 'Gmail API', messagesPerSecond: Number(perSecond.toFixed(2)) }
}
