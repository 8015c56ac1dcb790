import type { Clock } from '../../src/core/clock.ts'
import { SealpostError } from '../../src/core/errors.ts'
import type { Mailbox, MailboxNaming } from '../../src/core/mail.ts'
import { FileOperations } from '../shared/file-operations.ts'
import { within, type Folder } from './folder.ts'
import { INBOX_NAME } from './folder-names.ts'
import { LookUp } from './look-up.ts'
import type { UniqueNames } from './unique-name.ts'

/** What a session stands on. */
export interface SessionFacts {
  readonly end: 'source' | 'destination'
  readonly account: string
  /** The Maildir, links resolved. */
  readonly root: Buffer
  readonly naming: MailboxNaming
  readonly largeMessageBytes: number
  readonly clock: Clock
  readonly names: UniqueNames
  /** Whose the files are to be, where we may give them away; null where they are ours anyway. */
  readonly owner: { readonly uid: number; readonly gid: number } | null
}

/** One session: its facts, its operations, and what it has learnt of each folder. */
export class SessionContext {
  readonly facts: SessionFacts
  readonly operations = new FileOperations()
  readonly #lookUps = new Map<string, LookUp>()

  constructor(facts: SessionFacts) {
    this.facts = facts
  }

  close(): void {
    this.operations.end()
    this.#lookUps.clear()
  }

  /** The folder that a mailbox stands for. Throws `not-found` for a handle that none can have. */
  folder(mailbox: Mailbox): Folder {
    const { name } = mailbox
    if (name === INBOX_NAME) return { directory: this.facts.root }
    if (!/^\.[^/\0]+$/.test(name) || name === '..') {
      throw new SealpostError('not-found', 'no such mailbox', { code: 'NONEXISTENT' })
    }
    return { directory: within(this.facts.root, name) }
  }

  /** What finds the file of a key in this mailbox. */
  lookUp(mailbox: Mailbox): LookUp {
    const known = this.#lookUps.get(mailbox.name)
    if (known !== undefined) return known
    const made = new LookUp(this.facts.clock, this.folder(mailbox))
    this.#lookUps.set(mailbox.name, made)
    return made
  }
}
