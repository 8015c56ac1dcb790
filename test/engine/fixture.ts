import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { createMemoryConnector } from '../../connectors/memory/connector.ts'
import type { MemoryOptions } from '../../connectors/memory/options.ts'
import { createMemoryStore, type MemoryStore } from '../../connectors/memory/store.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { Connector } from '../../src/core/connector.ts'
import { throwIfAborted } from '../../src/core/errors.ts'
import type { EngineEvent } from '../../src/core/events.ts'
import type { Finding, Ledger, Pair } from '../../src/core/ledger.ts'
import type { Totals } from '../../src/core/states.ts'
import { runProject, type RunOutcome } from '../../src/engine/run-project.ts'
import { DEFAULT_LIMITS, DEFAULT_MAPPING, NO_FILTERS, type EngineContext } from '../../src/engine/settings.ts'
import { openLedger } from '../../src/ledger/open-ledger.ts'
import { verifyProject, type VerifyOutcome } from '../../src/verify/verify-project.ts'
import type { VerifyLevel } from '../../src/verify/mailbox-check.ts'
import { memorySpool } from '../fakes/memory-spool.ts'
import { verifyContext } from '../verify/context.ts'

/** A clock whose sleeps take no time but are remembered, and whose callbacks come when their time has. */
export class SwiftClock implements Clock {
  readonly slept: number[] = []
  #time = 1_700_000_000_000
  #due: { at: number; callback: () => void }[] = []

  now(): number {
    return this.#time
  }

  monotonic(): number {
    return this.#time
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    this.slept.push(ms)
    this.#time += ms
    const due = this.#due.filter(({ at }) => at <= this.#time)
    this.#due = this.#due.filter(({ at }) => at > this.#time)
    for (const { callback } of due) callback()
    await nextTurn()
    throwIfAborted(signal)
  }

  after(ms: number, callback: () => void): () => void {
    const entry = { at: this.#time + ms, callback }
    this.#due.push(entry)
    return () => {
      this.#due = this.#due.filter((other) => other !== entry)
    }
  }
}

/** A project between two memory ends, with a real ledger on the disk. */
export class Fixture {
  readonly source: MemoryStore = createMemoryStore()
  readonly destination: MemoryStore = createMemoryStore()
  readonly clock = new SwiftClock()
  readonly events: EngineEvent[] = []
  readonly spool = memorySpool()
  sourceOptions: MemoryOptions = {}
  destinationOptions: MemoryOptions = {}
  settings: Partial<Pick<EngineContext, 'mapping' | 'filters' | 'limits' | 'pace'>> = {}
  readonly #folder = mkdtempSync(join(tmpdir(), 'sealpost-engine-'))
  readonly #key = randomBytes(32)
  #ledger: Ledger | null = null

  constructor() {
    onTestFinished(() => {
      this.#ledger?.close()
      rmSync(this.#folder, { recursive: true, force: true })
    })
  }

  get ledger(): Ledger {
    this.#ledger ??= openLedger(join(this.#folder, 'ledger.db'), this.#key)
    return this.#ledger
  }

  /** As a new process would find it. */
  reopenLedger(): void {
    this.#ledger?.close()
    this.#ledger = null
  }

  loseLedger(): void {
    this.reopenLedger()
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(this.#folder, `ledger.db${suffix}`), { force: true })
  }

  get alice(): MemoryStore extends { account(name: string): infer A } ? A : never {
    return this.source.account('alice')
  }

  get moved(): MemoryStore extends { account(name: string): infer A } ? A : never {
    return this.destination.account('alice')
  }

  pairs(...names: readonly string[]): Pair[] {
    return (names.length === 0 ? ['alice'] : names).map((name) => this.ledger.openPair(name, name))
  }

  connectors(): { source: Connector; destination: Connector } {
    return {
      source: createMemoryConnector(this.source, { clock: this.clock, ...this.sourceOptions }),
      destination: createMemoryConnector(this.destination, { clock: this.clock, ...this.destinationOptions }),
    }
  }

  async run(
    pairs = this.pairs(),
    stop: AbortSignal = new AbortController().signal,
    ledger = this.ledger,
  ): Promise<RunOutcome> {
    return runProject(
      {
        ...this.connectors(),
        ledger,
        spool: this.spool,
        clock: this.clock,
        events: (event) => this.events.push(event),
        mapping: DEFAULT_MAPPING,
        filters: NO_FILTERS,
        limits: DEFAULT_LIMITS,
        ...this.settings,
      },
      pairs,
      stop,
      new AbortController().signal,
    )
  }

  async verify(
    level: VerifyLevel = 'full',
    pairs = this.pairs(),
    signal: AbortSignal = new AbortController().signal,
  ): Promise<VerifyOutcome> {
    const { destination } = this.connectors()
    const context = verifyContext(destination, this.ledger, this.clock)
    return verifyProject(context, pairs, level, signal)
  }
}

/** Findings that stand open, in short. */
export function openFindings(outcome: { readonly findings: readonly Finding[] }): string[] {
  return outcome.findings.filter((f) => f.class === 'open').map((f) => `${f.check}: ${f.expected} / ${f.actual}`)
}

/** The states that are not zero. */
export function nonZero(totals: Totals): Partial<Totals> {
  const counts = Object.entries(totals).filter(([name, count]) => !name.endsWith('Bytes') && count !== 0)
  return Object.fromEntries(counts)
}

/** A small message; equal texts make twins. */
export function mail(text: string, messageId: string | null = `${text}@example.com`): string {
  const id = messageId === null ? '' : `Message-ID: <${messageId}>\r\n`
  return `From: a@example.com\r\n${id}Subject: s\r\n\r\n${text}\r\n`
}
