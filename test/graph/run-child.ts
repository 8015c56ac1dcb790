/**
 * One run between two ends, in a process of its own so that it can be killed:
 *
 *   node run-child.mjs TASK.json
 *
 * Says `landed N` as messages land, and `ended OUTCOME` at its end.
 */
import { readFileSync, writeSync } from 'node:fs'
import { createGraphExporter } from '../../connectors/graph/exporter.ts'
import { createGraphConnector } from '../../connectors/graph/graph-connector.ts'
import { createGraphGuide } from '../../connectors/graph/guide.ts'
import { createImapConnector } from '../../connectors/imap/imap-connector.ts'
import { EXCHANGE_ONLINE_MANNERS } from '../../connectors/presets/exchange-online.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { Connector } from '../../src/core/connector.ts'
import { runProject } from '../../src/engine/run-project.ts'
import { DEFAULT_LIMITS, DEFAULT_MAPPING, NO_FILTERS } from '../../src/engine/settings.ts'
import { openLedger } from '../../src/ledger/open-ledger.ts'
import { verifyProject } from '../../src/verify/verify-project.ts'
import { memorySpool } from '../fakes/memory-spool.ts'
import { verifyContext } from '../verify/context.ts'

/** One end of a task. Tokens and passwords are those of a test. */
export type TaskEnd =
  | {
      readonly kind: 'graph'
      readonly port: number
      readonly ca: string
      readonly token: string
      /** The tenant that items are transferred from. */
      readonly from?: {
        readonly port: number
        readonly ca: string
        readonly token: string
        readonly account: string
      }
    }
  | {
      readonly kind: 'exchange'
      readonly port: number
      readonly graphPort: number
      readonly ca: string
      readonly token: string
      readonly graphToken: string
    }
  | { readonly kind: 'imap'; readonly port: number; readonly ca: string; readonly password: string }

/** What a child is to do. */
export interface Task {
  readonly action: 'run' | 'verify'
  readonly source: TaskEnd
  readonly destination: TaskEnd
  readonly account: { readonly source: string; readonly destination: string }
  readonly ledger: string
  /** In hex. */
  readonly key: string
}

function connectorTo(end: TaskEnd): Connector {
  const tokens = (token: string) => ({ token: async () => token })
  const common = { clock: systemClock, largeMessageBytes: 1024 * 1024 }
  if (end.kind === 'graph') {
    const to = (place: { readonly port: number; readonly ca: string; readonly token: string }) => ({
      ...common,
      host: 'localhost',
      port: place.port,
      tls: { ca: place.ca },
      tokens: tokens(place.token),
    })
    const { from } = end
    if (from === undefined) return createGraphConnector(to(end))
    const write = {
      mode: 'transfer',
      from: createGraphExporter(to(from)),
      sourceOf: () => from.account,
      maxMessageBytes: 35 * 1024 * 1024,
    } as const
    return createGraphConnector({ ...to(end), write })
  }
  if (end.kind === 'imap') {
    return createImapConnector({
      ...common,
      host: 'localhost',
      port: end.port,
      tls: { mode: 'implicit', ca: end.ca },
      loginFor: async (username) => ({ username, authorize: null, secret: { text: () => end.password } }),
    })
  }
  const graph = { host: 'localhost', port: end.graphPort, tls: { ca: end.ca }, tokens: tokens(end.graphToken) }
  return createImapConnector({
    ...common,
    host: 'localhost',
    port: end.port,
    tls: { mode: 'implicit', ca: end.ca },
    sessions: 3,
    manners: EXCHANGE_ONLINE_MANNERS,
    guide: createGraphGuide({ ...common, ...graph }),
    loginFor: async (username) => ({ username, authorize: null, secret: { token: async () => end.token } }),
  })
}

const task = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Task
const ledger = openLedger(task.ledger, Buffer.from(task.key, 'hex'))
const pair = ledger.openPair(task.account.source, task.account.destination)
const never = new AbortController().signal
const destination = connectorTo(task.destination)
if (task.action === 'verify') {
  const context = verifyContext(destination, ledger)
  const outcome = await verifyProject(context, [pair], 'full', never)
  const open = outcome.findings.filter((finding) => finding.class === 'open')
  writeSync(1, `ended ${JSON.stringify({ open: open.length, unverified: ledger.unverified(null) })}\n`)
} else {
  let landed = 0
  const outcome = await runProject(
    {
      source: connectorTo(task.source),
      destination,
      ledger,
      spool: memorySpool(),
      clock: systemClock,
      events: (event) => {
        if (event.event !== 'batch-landed') return
        landed += event.messages
        writeSync(1, `landed ${landed}\n`)
      },
      mapping: DEFAULT_MAPPING,
      filters: NO_FILTERS,
      limits: DEFAULT_LIMITS,
    },
    [pair],
    never,
    never,
  )
  const error = outcome.pairs[0]?.error?.message ?? null
  writeSync(1, `ended ${JSON.stringify({ totals: outcome.totals, error })}\n`)
}
ledger.close()
process.exit(0)
