import type { Clock } from '../../src/core/clock.ts'
import { isKind, SealpostError } from '../../src/core/errors.ts'
import { changed } from './changed.ts'
import { beginningOf, stateAt, withFile, type Beginning, type FileState, type MboxFile } from './mbox-file.ts'
import type { MessageIndex } from './message-index.ts'
import type { Quoting } from './options.ts'
import { scanFile } from './scan-file.ts'

/** Messages of all indexes together that are kept; the index in use is kept in any case. */
const MOST_MESSAGES = 1_000_000
/** Changes younger than this may share their time with one that comes next, on the coarsest of file systems. */
const SURE_AGE = 2_000
const MAX_SCANS = 3
const PAUSE = 250

/** An index, and whether it holds as long as the file looks the same. */
export interface Indexed {
  readonly index: MessageIndex
  readonly isSure: boolean
}

interface Known {
  readonly promise: Promise<Indexed>
  /** Null until it is there. */
  settled: Indexed | null
}

/** The indexes of an end's files, shared by all its sessions, so that each file is gone through once and not once a lane. */
export class IndexCache {
  readonly #clock: Clock
  readonly #quoting: Quoting
  readonly #known = new Map<string, Known>()
  readonly #beginnings = new Map<string, { readonly identity: string; readonly beginning: Beginning }>()

  constructor(clock: Clock, quoting: Quoting) {
    this.#clock = clock
    this.#quoting = quoting
  }

  /** How a file begins, looked at again only when it has changed. */
  async beginning(file: MboxFile): Promise<Beginning> {
    const name = nameOf(file)
    const state = await stateAt(file.path)
    const known = this.#beginnings.get(name)
    if (known?.identity === state.identity && this.#isSure(state)) return known.beginning
    const beginning = await withFile(file, (handle) => beginningOf(handle))
    this.#beginnings.set(name, { identity: state.identity, beginning })
    return beginning
  }

  /** The index of a file as it is now. Throws `transient` while somebody keeps writing to it, `config` when it is no mbox. */
  async current(file: MboxFile, signal: AbortSignal): Promise<Indexed> {
    const { identity } = await stateAt(file.path)
    return this.#get(file, ({ index, isSure }) => isSure && index.identity === identity, signal)
  }

  /** An index of the file, maybe from before it changed: good to try first where what is read is checked. */
  async recent(file: MboxFile, signal: AbortSignal): Promise<Indexed> {
    return this.#get(file, () => true, signal)
  }

  async #get(file: MboxFile, isGood: (indexed: Indexed) => boolean, signal: AbortSignal): Promise<Indexed> {
    const name = nameOf(file)
    for (;;) {
      const known = this.#known.get(name)
      const isBusy = known !== undefined && known.settled === null
      const isUsable = isBusy || (known?.settled != null && isGood(known.settled))
      const use = known !== undefined && isUsable ? known : this.#start(name, file, signal)
      try {
        const indexed = await use.promise
        this.#touch(name, use)
        return indexed
      } catch (error) {
        if (this.#known.get(name) === use) this.#known.delete(name)
        // Another session began it and was stopped; this one was not.
        if (!isBusy || !isKind(error, 'cancelled') || signal.aborted) throw error
      }
    }
  }

  #start(name: string, file: MboxFile, signal: AbortSignal): Known {
    const known: Known = { promise: this.#index(file, signal), settled: null }
    known.promise.then(
      (indexed) => {
        known.settled = indexed
      },
      () => undefined,
    )
    this.#known.set(name, known)
    return known
  }

  /** Goes through a file until it was the same before and after. */
  async #index(file: MboxFile, signal: AbortSignal): Promise<Indexed> {
    for (let attempt = 1; ; attempt++) {
      const scanned = await this.#scan(file, signal).catch((error: unknown) => {
        if (isKind(error, 'transient')) return null
        throw error
      })
      if (scanned !== null && scanned.index.identity === (await stateAt(file.path)).identity) return scanned
      if (attempt === MAX_SCANS) throw changed()
      await this.#clock.sleep(PAUSE, signal)
    }
  }

  #scan(file: MboxFile, signal: AbortSignal): Promise<Indexed> {
    return withFile(file, async (handle, state) => {
      const isSure = this.#isSure(state)
      const beginning = await beginningOf(handle)
      if (beginning.kind === 'other') throw notMbox(file, beginning.why)
      const { start, isTakeout } = beginning.kind === 'mbox' ? beginning : { start: state.bytes, isTakeout: false }
      const facts = {
        identity: state.identity,
        bytes: state.bytes,
        start,
        quoting: this.#quoting,
        isTakeout,
        fallbackDate: state.changedAt,
      }
      return { index: await scanFile(handle, facts, signal), isSure }
    })
  }

  /** Notes the use, and gives up what was used longest ago. */
  #touch(name: string, use: Known): void {
    if (this.#known.get(name) !== use) return
    this.#known.delete(name)
    this.#known.set(name, use)
    let total = 0
    for (const [other, { settled }] of [...this.#known].reverse()) {
      total += settled?.index.count ?? 0
      if (total > MOST_MESSAGES && other !== name) this.#known.delete(other)
    }
  }

  #isSure(state: FileState): boolean {
    return this.#clock.now() - state.changedAt > SURE_AGE
  }
}

/** What is thrown for a file that holds no mail of this kind. */
export function notMbox(file: MboxFile, why: string): SealpostError {
  return new SealpostError('config', `the mbox file ${file.label} ${why}`, { code: 'NOT_MBOX' })
}

function nameOf(file: MboxFile): string {
  return file.path.toString('latin1')
}
