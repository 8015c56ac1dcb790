import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { createImapConnector } from '../../connectors/imap/imap-connector.ts'
import { compareStores } from '../../scripts/sample/compare.ts'
import { giveTo, readMaildir, writeMaildir, type StoredMessage } from '../../scripts/sample/maildir.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { Connector } from '../../src/core/connector.ts'
import type { EngineEvent } from '../../src/core/events.ts'
import type { Finding, Ledger, Pair } from '../../src/core/ledger.ts'
import type { Totals } from '../../src/core/states.ts'
import { runProject, type RunOutcome } from '../../src/engine/run-project.ts'
import { DEFAULT_LIMITS, DEFAULT_MAPPING, NO_FILTERS, type Limits } from '../../src/engine/settings.ts'
import { openLedger } from '../../src/ledger/open-ledger.ts'
import { verifyProject } from '../../src/verify/verify-project.ts'
import { startFaultProxy, type FaultProxy } from '../fakes/fault-proxy.ts'
import { memorySpool } from '../fakes/memory-spool.ts'
import type { Stripped } from '../fakes/strip.ts'
import { writeTally } from '../reporter/tally.ts'
import { issue } from '../servers/certificates.ts'
import { startDovecot, type Dovecot, type DovecotOptions } from '../servers/dovecot.ts'
import { verifyContext } from '../verify/context.ts'

/** What a stage is to be. */
export interface StageOptions {
  readonly source?: DovecotOptions
  readonly destination?: DovecotOptions
  readonly stripAtSource?: Partial<Stripped>
  readonly stripAtDestination?: Partial<Stripped>
  /** Milliseconds without a byte after which a connection counts as dead. */
  readonly idleMs?: number
  /** Milliseconds allowed for connecting; a login has three times as long. */
  readonly connectMs?: number
  /** How many accounts both servers have; 80 unless said otherwise. */
  readonly accounts?: number
}

/** How one project is to be run. */
export interface ProjectOptions {
  readonly lanes?: number
  readonly limits?: Partial<Limits>
  /** Logs in as the administrator of the destination, with this password. */
  readonly adminPassword?: string
}

type Issued = Awaited<ReturnType<typeof issue>>

const ACCOUNTS = 80
const SETTINGS = 'mail_save_crlf = yes\nmail_location = maildir:~/Maildir:LAYOUT=fs'

/** Two Dovecot servers, each behind a fault proxy, and projects between them, each with accounts of its own. */
export class Stage {
  readonly #options: StageOptions
  #source: Dovecot | null = null
  #destination: Dovecot | null = null
  #proxies: { source: FaultProxy; destination: FaultProxy } | null = null
  #certificates: { source: Issued; destination: Issued } | null = null
  #projects: Project[] = []
  /** What projects have compared so far. */
  readonly compared = { compared: 0, lost: 0, duplicates: 0 }
  #next = 0

  constructor(options: StageOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const users = Array.from(
      { length: this.#options.accounts ?? ACCOUNTS },
      (_, index) => `user${index}@example.test`,
    )
    const start = async (
      options: DovecotOptions,
      strip: Partial<Stripped>,
    ): Promise<[Dovecot, FaultProxy, Issued]> => {
      const server = await startDovecot({
        users,
        ...options,
        settings: `${SETTINGS}\n${options.settings ?? ''}`,
      })
      const certificate = await issue(server.authority, 'proxy')
      const target = { port: server.imapsPort, ca: server.ca }
      return [server, await startFaultProxy({ target, certificate, strip }), certificate]
    }
    const { source, destination, stripAtSource, stripAtDestination } = this.#options
    const [first, second] = await Promise.all([
      start(source ?? {}, stripAtSource ?? {}),
      start(destination ?? {}, stripAtDestination ?? {}),
    ])
    this.#source = first[0]
    this.#destination = second[0]
    this.#proxies = { source: first[1], destination: second[1] }
    this.#certificates = { source: first[2], destination: second[2] }
  }

  /** Ends a test: every fault that was armed must have happened. */
  endTest(): void {
    for (const project of this.#projects.splice(0)) project.close()
    const { source, destination } = this.proxies
    try {
      source.assertAllFired()
      destination.assertAllFired()
    } finally {
      for (const proxy of [source, destination]) {
        proxy.reset()
        proxy.cutAll()
      }
    }
  }

  /** Faults that have come to pass at both proxies. */
  get struck(): number {
    return this.proxies.source.struck + this.proxies.destination.struck
  }

  async stop(): Promise<void> {
    await Promise.all([this.#proxies?.source.stop(), this.#proxies?.destination.stop()])
    await Promise.all([this.#source?.stop(), this.#destination?.stop()])
  }

  get source(): Dovecot {
    return must(this.#source)
  }

  get destination(): Dovecot {
    return must(this.#destination)
  }

  get proxies(): { readonly source: FaultProxy; readonly destination: FaultProxy } {
    return must(this.#proxies)
  }

  /** One more proxy before one of the servers. The caller stops it. */
  proxyTo(end: 'source' | 'destination', strip: Partial<Stripped>): Promise<FaultProxy> {
    const { imapsPort, ca } = this[end]
    return startFaultProxy({ target: { port: imapsPort, ca }, certificate: must(this.#certificates)[end], strip })
  }

  get timeouts(): { readonly connect: number; readonly idle: number } {
    return { connect: this.#options.connectMs ?? 10_000, idle: this.#options.idleMs ?? 30_000 }
  }

  /** A project that moves one account, which holds these messages, or several accounts that hold the same. */
  async project(messages: readonly StoredMessage[], options: ProjectOptions = {}, accounts = 1): Promise<Project> {
    const names = Array.from({ length: accounts }, () => `user${this.#next++}@example.test`)
    for (const name of names) await fill(this.source, name, messages)
    const project = new Project(this, names, options)
    this.#projects.push(project)
    return project
  }
}

/** A project with a ledger on the disk, between accounts of the same name. */
export class Project {
  readonly #stage: Stage
  readonly #options: ProjectOptions
  readonly #folder = mkdtempSync(join(tmpdir(), 'sealpost-faults-'))
  readonly #key = randomBytes(32)
  #ledger: Ledger | null = null
  readonly accounts: readonly string[]
  readonly events: EngineEvent[] = []

  constructor(stage: Stage, accounts: readonly string[], options: ProjectOptions) {
    this.#stage = stage
    this.accounts = accounts
    this.#options = options
  }

  get account(): string {
    return this.accounts[0] ?? ''
  }

  get ledger(): Ledger {
    this.#ledger ??= openLedger(join(this.#folder, 'ledger.db'), this.#key)
    return this.#ledger
  }

  close(): void {
    this.#ledger?.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  pairs(): Pair[] {
    return this.accounts.map((name) => this.ledger.openPair(name, name))
  }

  /** As a new process would do it: the connectors know nothing of a run before. */
  async run(overrides: ProjectOptions = {}, stop = new AbortController().signal): Promise<RunOutcome> {
    const options = { ...this.#options, ...overrides }
    return runProject(
      {
        source: this.#connector('source', options),
        destination: this.#connector('destination', options),
        ledger: this.ledger,
        spool: memorySpool(),
        clock: systemClock,
        events: (event) => this.events.push(event),
        mapping: DEFAULT_MAPPING,
        filters: NO_FILTERS,
        limits: { ...DEFAULT_LIMITS, lanes: options.lanes ?? 2, ...options.limits },
      },
      this.pairs(),
      stop,
      new AbortController().signal,
    )
  }

  async verify(): Promise<readonly Finding[]> {
    const { ledger } = this
    const destination = this.#connector('destination', this.#options)
    const context = verifyContext(destination, ledger)
    const outcome = await verifyProject(context, this.pairs(), 'full', new AbortController().signal)
    const [failure] = outcome.failures
    if (failure !== undefined) throw failure.error
    return outcome.findings
  }

  /** What lies in the first account's mailboxes, read from the servers' files. */
  sourceMail(account = this.account): Promise<StoredMessage[]> {
    return readMaildir(this.#stage.source.mailFolder(account), 'fs')
  }

  destinationMail(account = this.account): Promise<StoredMessage[]> {
    return readMaildir(this.#stage.destination.mailFolder(account), 'fs')
  }

  /** Every message once, twins twice, with its bytes, flags and date; nothing else; no open finding; a run again sends nothing. */
  async expectMoved(expected?: readonly StoredMessage[]): Promise<void> {
    const mail = expected ?? (await this.sourceMail())
    const found = difference(mail, await this.destinationMail())
    const { compared } = this.#stage
    compared.compared += mail.length
    compared.lost += found.missing.length
    compared.duplicates += found.extra.length
    expect(found).toEqual({ missing: [], extra: [], identical: mail.length })
    expect((await this.verify()).filter((finding) => finding.class !== 'explained')).toEqual([])
    const { destination } = this.#stage.proxies
    const appends = (): number =>
      this.accounts.reduce((sum, account) => sum + destination.count('APPEND', { account }), 0)
    const before = appends()
    const again = await this.run()
    expect(again.pairs.map(({ error }) => error)).toEqual(this.accounts.map(() => null))
    expect(appends()).toBe(before)
    expect(await this.destinationMail()).toHaveLength(mail.length)
  }

  /** Waits that the engine has told of, by reason. */
  waits(reason: string): number[] {
    return this.events.flatMap((event) =>
      event.event === 'waiting' && event.reason === reason ? [event.milliseconds] : [],
    )
  }

  /** How often sessions were opened again. */
  reconnects(end: 'source' | 'destination'): number {
    return this.events.filter((event) => event.event === 'reconnected' && event.end === end).length
  }

  /** Rows that were in doubt and what came of them. */
  reconciled(): { readonly landed: number; readonly pending: number } {
    let landed = 0
    let pending = 0
    for (const event of this.events) {
      if (event.event !== 'reconciled') continue
      landed += event.landed
      pending += event.pending
    }
    return { landed, pending }
  }

  #connector(end: 'source' | 'destination', options: ProjectOptions): Connector {
    const server = this.#stage[end]
    const { adminPassword } = options
    const isAdmin = end === 'destination' && adminPassword !== undefined
    return createImapConnector({
      host: '127.0.0.1',
      port: this.#stage.proxies[end].port,
      tls: { mode: 'implicit', ca: server.ca },
      clock: systemClock,
      timeouts: this.#stage.timeouts,
      sessions: options.lanes ?? 2,
      loginFor: async (account) =>
        isAdmin
          ? { username: `${account}*${server.masterUser}`, authorize: null, secret: { text: () => adminPassword } }
          : { username: account, authorize: null, secret: { text: () => server.password } },
      ...(isAdmin ? { credentialOf: () => 'admin' } : {}),
    })
  }
}

/** The row of the report that these suites count for. */
export const FAULTS = 'servers and networks that fail'

/** How many stages each file has had. */
const stages = new Map<string, number>()

/**
 * A stage for the suite that calls it: started before, stopped after. Faults are checked after each test, or where the
 * tests run side by side after the last one: there, faults are armed for one account.
 */
export function useStage(options: StageOptions & { readonly concurrent?: boolean } = {}): Stage {
  const stage = new Stage(options)
  beforeAll(() => stage.start())
  if (options.concurrent !== true) afterEach(() => stage.endTest())
  afterAll(async () => {
    const { struck } = stage
    try {
      stage.endTest()
    } finally {
      await stage.stop()
      const file = basename(expect.getState().testPath ?? '')
      const nth = (stages.get(file) ?? 0) + 1
      stages.set(file, nth)
      const part = `${file} ${nth}`
      writeTally('faults', FAULTS, { faults: struck, ...stage.compared }, part)
    }
  })
  return stage
}

/** Puts messages into an account's files, as mail that was there before anyone thought of moving it. */
export async function fill(server: Dovecot, account: string, messages: readonly StoredMessage[]): Promise<void> {
  const folder = server.mailFolder(account)
  await writeMaildir(folder, 'fs', messages)
  await giveTo(await stat(join(server.folder, 'mail')), dirname(folder))
}

/** What the second store lacks and what it has beside the first; and how many are equal byte by byte. */
export function difference(
  first: readonly StoredMessage[],
  second: readonly StoredMessage[],
): { readonly missing: readonly string[]; readonly extra: readonly string[]; readonly identical: number } {
  const { missing, extra, identical } = compareStores(first, second)
  return { missing, extra, identical }
}

/** The states that are not zero. */
export function counts(totals: Totals): Partial<Totals> {
  const entries = Object.entries(totals).filter(([name, count]) => !name.endsWith('Bytes') && count !== 0)
  return Object.fromEntries(entries)
}

function must<T>(value: T | null): T {
  if (value === null) throw new Error('the stage is not set')
  return value
}
