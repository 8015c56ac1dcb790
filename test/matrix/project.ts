import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createImapConnector } from '../../connectors/imap/imap-connector.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { Connector } from '../../src/core/connector.ts'
import type { Finding, Ledger, Pair } from '../../src/core/ledger.ts'
import { ByteBudget } from '../../src/core/byte-budget.ts'
import { planProject, type PlannedPair } from '../../src/engine/plan-project.ts'
import { runProject, type RunOutcome } from '../../src/engine/run-project.ts'
import { DEFAULT_LIMITS, DEFAULT_MAPPING, NO_FILTERS } from '../../src/engine/settings.ts'
import { openLedger } from '../../src/ledger/open-ledger.ts'
import { verifyProject } from '../../src/verify/verify-project.ts'
import { memorySpool } from '../fakes/memory-spool.ts'
import type { RunningServer } from './servers.ts'
import { verifyContext } from '../verify/context.ts'

const quiet = new AbortController().signal

/** A project that moves one account from one server to another, with a ledger of its own. */
export class MatrixProject {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sealpost-matrix-'))
  readonly #source: Connector
  readonly #destination: Connector
  readonly ledger: Ledger
  readonly pair: Pair

  constructor(source: RunningServer, from: string, destination: RunningServer, to: string) {
    this.#source = connectorTo(source)
    this.#destination = connectorTo(destination)
    this.ledger = openLedger(join(this.#folder, 'ledger.db'), randomBytes(32))
    this.pair = this.ledger.openPair(from, to)
  }

  async plan(): Promise<PlannedPair> {
    const context = { ...this.#context(), budget: new ByteBudget(DEFAULT_LIMITS.memoryBytes) }
    const [planned] = await planProject(context, [this.pair], () => undefined, quiet)
    if (planned === undefined) throw new Error('no plan')
    return planned
  }

  run(): Promise<RunOutcome> {
    return runProject(this.#context(), [this.pair], quiet, quiet)
  }

  async verify(): Promise<readonly Finding[]> {
    const context = verifyContext(this.#destination, this.ledger)
    const outcome = await verifyProject(context, [this.pair], 'full', quiet)
    const [failure] = outcome.failures
    if (failure !== undefined) throw failure.error
    return outcome.findings
  }

  close(): void {
    this.ledger.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #context() {
    return {
      source: this.#source,
      destination: this.#destination,
      ledger: this.ledger,
      spool: memorySpool(),
      clock: systemClock,
      events: () => undefined,
      mapping: DEFAULT_MAPPING,
      filters: NO_FILTERS,
      limits: { ...DEFAULT_LIMITS, lanes: 2 },
    }
  }
}

function connectorTo(server: RunningServer): Connector {
  return createImapConnector({
    host: '127.0.0.1',
    port: server.port,
    tls: server.ca === null ? { mode: 'none' } : { mode: 'implicit', ca: server.ca },
    clock: systemClock,
    loginFor: async (username) => ({ username, authorize: null, secret: { text: () => server.password } }),
  })
}
