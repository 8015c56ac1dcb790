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
  /** What it holds of each account. */
  readonly accounts: ReadonlyMap<string, PartShare>
}

/** What a part holds of one account. */
export interface PartShare {
  readonly first: number
  readonly last: number
  readonly mailboxes: ReadonlySet<string>
}

/** What an archive holds of one account. */
export interface AccountIndex {
  readonly mailboxes: Map<string, ArchivedMailbox>
  /** In the order of the messages' numbers. */
  readonly parts: PartPlace[]
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
    const shares = new Map<string, { first: number; last: number; mailboxes: Set<string> }>()
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
        const share = shares.get(line.account) ?? { first: line.number, last: 0, mailboxes: new Set<string>() }
        share.last = line.number
        share.mailboxes.add(mailboxKey(line.mailbox))
        shares.set(line.account, share)
      }
    }
    const place = {
      file,
      from: part.from,
      to: part.to,
      offsets: Float64Array.from(part.offsets),
      accounts: shares,
    }
    for (const name of shares.keys()) this.account(name).parts.push(place)
  }

  /** What is known of an account; an empty one where it has nothing. */
  account(name: string): AccountIndex {
    const known = this.accounts.get(name)
    if (known !== undefined) return known
    const added = { mailboxes: new Map(), parts: [], changes: new Map(), messages: 0, messageBytes: 0 }
    this.accounts.set(name, added)
    return added
  }
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
