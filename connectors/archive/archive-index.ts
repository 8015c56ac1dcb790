import type { ArchivedMailbox } from '../../src/core/backups.ts'
import { pathKey } from '../shared/mailbox-names.ts'
import type { CheckedVolume, ManifestPart } from './check-volume.ts'
import { ARCHIVE_NAMING } from './facts.ts'

/** A part of a manifest, without its lines: they are read again when they are asked for. */
export interface PartPlace {
  /** Which of the files, in the order of the archive. */
  readonly file: number
  readonly from: number
  readonly to: number
  readonly offsets: Float64Array
}

/** What a part holds of one mailbox: numbers between these, which only grow from part to part. */
export interface PartShare {
  readonly part: PartPlace
  readonly first: number
  readonly last: number
}

/** What an archive holds of one account. */
export interface AccountIndex {
  readonly mailboxes: Map<string, ArchivedMailbox>
  /** By mailbox, in the order of the messages' numbers. */
  readonly parts: Map<string, PartShare[]>
  /** Changes of flags, by the message's number, in the order in which they came. */
  readonly changes: Map<number, { readonly add: readonly string[]; readonly remove: readonly string[] }[]>
  messages: number
  messageBytes: number
}

/**
 * Where everything lies in an archive, as checking its volumes found it. Memory grows by eight bytes a message, and with the
 * mailboxes and the changed flags; never with the mail.
 */
export class ArchiveIndex {
  readonly accounts = new Map<string, AccountIndex>()

  /** Takes one part in; `file` is the number of its volume. Parts must come in the order of the archive. */
  add(file: number, part: ManifestPart): void {
    const place = { file, from: part.from, to: part.to, offsets: Float64Array.from(part.offsets) }
    for (const line of part.lines) {
      const account = this.account(line.account)
      if (line.kind === 'mailbox') {
        const { mailbox, specialUse, subscribed } = line
        account.mailboxes.set(mailboxKey(mailbox), { account: line.account, mailbox, specialUse, subscribed })
      } else if (line.kind === 'flags') {
        account.changes.set(line.number, [...(account.changes.get(line.number) ?? []), line])
      } else {
        account.messages++
        account.messageBytes += line.size
        addShare(account.parts, mailboxKey(line.mailbox), place, line.number)
      }
    }
  }

  /** What is known of an account; an empty one where it has nothing. */
  account(name: string): AccountIndex {
    const known = this.accounts.get(name)
    if (known !== undefined) return known
    const added = { mailboxes: new Map(), parts: new Map(), changes: new Map(), messages: 0, messageBytes: 0 }
    this.accounts.set(name, added)
    return added
  }
}

function addShare(parts: Map<string, PartShare[]>, mailbox: string, part: PartPlace, number: number): void {
  const shares = parts.get(mailbox) ?? []
  parts.set(mailbox, shares)
  const last = shares.at(-1)
  if (last?.part === part) shares[shares.length - 1] = { ...last, last: number }
  else shares.push({ part, first: number, last: number })
}

/** The key of a mailbox within its account. */
export function mailboxKey(path: readonly string[]): string {
  return pathKey(path, ARCHIVE_NAMING)
}

/** One volume of an archive, and where it came from. */
export interface ArchiveVolume extends CheckedVolume {
  readonly path: string
  readonly bytes: number
}
