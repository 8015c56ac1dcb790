import { SealpostError } from '../../src/core/errors.ts'
import type { Mailbox } from '../../src/core/mail.ts'
import { formatPath, parsePath, samePath } from '../../src/core/mailbox-path.ts'
import { FileOperations } from '../shared/file-operations.ts'
import type { IndexCache } from './index-cache.ts'
import type { MboxFile } from './mbox-file.ts'
import type { Entry } from './message-index.ts'
import type { Quoting } from './options.ts'
import { SYSTEM_MAILBOXES } from './takeout-labels.ts'
import { readTree, type Tree } from './tree.ts'

/** What a session stands on. */
export interface SessionFacts {
  readonly account: string
  /** The account's file or folder, links resolved. */
  readonly root: Buffer
  readonly quoting: Quoting
  readonly largeMessageBytes: number
  readonly cache: IndexCache
}

/** A file in which messages of a mailbox lie: all of its messages, or those of a Takeout with this place. */
export interface Part {
  readonly file: MboxFile
  readonly place: string | null
}

/** One session: its facts, its operations, and the files that it found. */
export class SessionContext {
  readonly facts: SessionFacts
  readonly operations = new FileOperations()
  #tree: Tree | null = null

  constructor(facts: SessionFacts) {
    this.facts = facts
  }

  /** Looks for the account's files anew. */
  async look(signal: AbortSignal): Promise<Tree> {
    const { account, root, cache } = this.facts
    this.#tree = await readTree(account, root, cache, signal)
    return this.#tree
  }

  /**
   * The files in which a mailbox lies, as found when last looked for. Throws `not-found` where there is none; the inbox,
   * and what a Takeout always has, may be empty.
   */
  async parts(mailbox: Mailbox, signal: AbortSignal): Promise<readonly Part[]> {
    const path = parsePath(mailbox.name)
    const { folders, takeout } = this.#tree ?? (await this.look(signal))
    const file = folders.find((folder) => folder.file !== null && samePath(folder.path, path))?.file ?? null
    const place = JSON.stringify(path)
    const labelled = takeout.map((each) => ({ file: each, place }))
    if (file !== null) return [{ file, place: null }, ...labelled]
    const isSure = path[0] === 'INBOX' && path.length === 1
    if (isSure || SYSTEM_MAILBOXES.has(path.join('/')) || (await this.#hasPlace(takeout, place, signal))) {
      return labelled
    }
    throw new SealpostError('not-found', 'no such mailbox', { code: 'NONEXISTENT' })
  }

  async #hasPlace(takeout: readonly MboxFile[], place: string, signal: AbortSignal): Promise<boolean> {
    for (const file of takeout) {
      if ((await this.facts.cache.recent(file, signal)).index.places.includes(place)) return true
    }
    return false
  }
}

/** The handle of a mailbox is its path. */
export function nameOf(path: readonly string[]): string {
  return formatPath(path)
}

/** The message of a part that a key names; null when there is none, or when it belongs elsewhere. */
export function entryOf(part: Part, entry: Entry | null): Entry | null {
  return entry !== null && (part.place === null || entry.place === part.place) ? entry : null
}
