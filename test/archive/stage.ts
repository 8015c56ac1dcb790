import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createArchiveDestination, type ArchiveDestination } from '../../connectors/archive/archive-destination.ts'
import { createArchiveSource } from '../../connectors/archive/archive-source.ts'
import { openArchive, type OpenArchive } from '../../connectors/archive/open-archive.ts'
import { createMemoryConnector } from '../../connectors/memory/connector.ts'
import { createMemoryStore, type MemoryStore } from '../../connectors/memory/store.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { BackupForm } from '../../src/core/backups.ts'
import type { Connector } from '../../src/core/connector.ts'
import type { BackupSealer } from '../../src/core/ports.ts'
import { runProject, type RunOutcome } from '../../src/engine/run-project.ts'
import { DEFAULT_LIMITS, DEFAULT_MAPPING, NO_FILTERS, type EngineContext } from '../../src/engine/settings.ts'
import { openBackupLedger, openLedger, type BackupLedger } from '../../src/ledger/open-ledger.ts'
import { generateAgeKeys, type AgeKeys } from '../../vault/age-key.ts'
import { createBackupSealer, createRecipientOpener } from '../../vault/age.ts'
import { createSealer } from '../../vault/stream.ts'
import { memorySpool } from '../fakes/memory-spool.ts'

export const quiet = new AbortController().signal

/** A folder that goes with the test. */
export function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sealpost-archive-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** How a backup is made here. */
export interface BackupOptions {
  readonly volumeBytes?: number
  readonly per?: 'account' | 'project'
  readonly form?: BackupForm
  readonly accounts?: readonly string[]
  readonly sealer?: BackupSealer
  readonly stop?: AbortSignal
  readonly limits?: EngineContext['limits']
  /** Called in the place of ending the volumes, to be killed there. */
  readonly end?: (archive: ArchiveDestination) => Promise<void>
}

/** A source, a folder for backups, and the book of them, as a project has it. */
export class BackupStage {
  source: Connector
  readonly store: MemoryStore = createMemoryStore()
  readonly root = temporary()
  readonly folder = join(this.root, 'backups')
  readonly keys: AgeKeys
  readonly #key = randomBytes(32)
  #ledger: BackupLedger | null = null

  private constructor(keys: AgeKeys) {
    this.keys = keys
    this.source = createMemoryConnector(this.store, {})
    mkdirSync(this.folder)
    onTestFinished(() => this.closeLedger())
  }

  static async make(): Promise<BackupStage> {
    return new BackupStage(await generateAgeKeys())
  }

  get book(): BackupLedger {
    this.#ledger ??= openBackupLedger(join(this.root, 'backups.db'), this.#key)
    return this.#ledger
  }

  /** As a new process would find it. */
  closeLedger(): void {
    this.#ledger?.ledger.close()
    this.#ledger = null
  }

  get files(): readonly string[] {
    return readdirSync(this.folder)
      .sort()
      .map((name) => join(this.folder, name))
  }

  async backup(options: BackupOptions = {}): Promise<RunOutcome> {
    const { ledger, records } = this.book
    const per = options.per ?? 'account'
    const form = options.form ?? records.series?.form ?? 'eml'
    if (records.series === null) records.begin({ from: 'source', per, form })
    records.releaseAll()
    const archive = createArchiveDestination({
      folder: this.folder,
      per,
      nameOf: (account) => account ?? 'project',
      sealer: options.sealer ?? createBackupSealer([this.keys.recipient]),
      book: records.book(() => systemClock.now()),
      clock: systemClock,
      volumeBytes: options.volumeBytes ?? 1 << 30,
      mbox: form === 'mbox' ? createSealer(randomBytes(32), 'test') : null,
    })
    const pairs = (options.accounts ?? ['alice']).map((name) => ledger.openPair(name, name))
    const outcome = await run(this.source, archive.connector, ledger, pairs, options.limits, options.stop)
    if (options.end !== undefined) await options.end(archive)
    else await archive.finish(() => !outcome.cancelled && outcome.pairs.every(({ error }) => error === null))
    return outcome
  }

  open(paths: readonly string[] = this.files, incomplete = false): Promise<OpenArchive> {
    return openFiles(paths, this.keys, incomplete)
  }

  /** Restores into a destination with a ledger of its own; returns what came of it. */
  async restore(destination: Connector, account = 'alice', paths = this.files): Promise<RunOutcome> {
    const archive = await this.open(paths)
    for (const { error } of archive.problems) throw error
    const ledger = openLedger(join(this.root, 'restore.db'), this.#key)
    try {
      const pairs = [ledger.openPair(account, account)]
      return await run(createArchiveSource({ archive }), destination, ledger, pairs)
    } finally {
      ledger.close()
      await archive.close()
    }
  }
}

/** Opens an archive; it is closed when the test ends. */
export async function openFiles(
  paths: readonly string[],
  keys: AgeKeys,
  incomplete = false,
): Promise<OpenArchive> {
  const archive = await openArchive(paths, createRecipientOpener(keys.identity), { incomplete }, quiet)
  onTestFinished(() => archive.close())
  return archive
}

/** One run of the engine. */
export function run(
  source: Connector,
  destination: Connector,
  ledger: EngineContext['ledger'],
  pairs: Parameters<typeof runProject>[1],
  limits: EngineContext['limits'] = DEFAULT_LIMITS,
  stop: AbortSignal = quiet,
): Promise<RunOutcome> {
  return runProject(
    {
      source,
      destination,
      ledger,
      spool: memorySpool(),
      clock: systemClock,
      events: () => undefined,
      mapping: DEFAULT_MAPPING,
      filters: NO_FILTERS,
      limits,
    },
    pairs,
    stop,
    quiet,
  )
}
