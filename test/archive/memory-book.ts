import { randomBytes } from 'node:crypto'
import type { ArchiveBook, ArchivedMailbox, SetState, WrittenVolume } from '../../src/core/backups.ts'
import type { Outcome } from '../../src/core/connector.ts'
import { messageIdOf } from '../../src/core/header.ts'
import { normalizeFlags, type Candidate, type NewMessage } from '../../src/core/mail.ts'

interface Entry extends Candidate {
  readonly account: string
  readonly path: string
}

/** The book of an archive in memory, for tests of the connector alone; the real one has tests of its own. */
export class MemoryBook implements ArchiveBook {
  readonly series = randomBytes(16).toString('hex')
  readonly volumes: WrittenVolume[] = []
  readonly landed: Entry[] = []
  #held: Entry[] = []
  readonly #sets = new Map<string | null, SetState>()

  /** What the engine writes down of an append. */
  hold(
    account: string,
    path: readonly string[],
    batch: readonly NewMessage[],
    outcomes: readonly Outcome[],
  ): void {
    outcomes.forEach((outcome, index) => {
      const message = batch[index]
      if (outcome.kind !== 'held' || message === undefined) return
      this.#held.push({
        account,
        path: JSON.stringify(path),
        key: outcome.key,
        bytes: message.body instanceof Uint8Array ? message.body.length : message.body.bytes,
        internalDate: message.internalDate,
        flags: normalizeFlags(message.flags),
        messageId: message.body instanceof Uint8Array ? messageIdOf(message.body) : null,
      })
    })
  }

  setOf(account: string | null): SetState {
    const own = this.volumes.filter(({ set }) => set.account === account)
    const last = own.at(-1)
    if (last !== undefined && !last.last) {
      return { ...last.set, volume: last.number + 1, previous: last.plainSha256 }
    }
    const sequence = (last?.set.sequence ?? 0) + 1
    const known = this.#sets.get(account)
    if (known?.sequence === sequence) return known
    const set: SetState = {
      id: randomBytes(16).toString('hex'),
      sequence,
      account,
      parent: last === undefined ? null : { set: last.set.id, sha256: last.plainSha256 },
      beganAt: 1_700_000_000_000,
      volume: 1,
      previous: null,
    }
    this.#sets.set(account, set)
    return set
  }

  nextNumber(account: string): number {
    return this.landed.filter((entry) => entry.account === account).length + 1
  }

  mailboxes(account: string): readonly ArchivedMailbox[] {
    const known = new Map<string, ArchivedMailbox>()
    for (const { mailboxes } of this.volumes) {
      for (const mailbox of mailboxes)
        if (mailbox.account === account) known.set(JSON.stringify(mailbox.mailbox), mailbox)
    }
    return [...known.values()]
  }

  find(account: string, path: readonly string[], from: number): readonly Candidate[] {
    const wanted = JSON.stringify(path)
    return this.landed.filter(
      (entry) => entry.account === account && entry.path === wanted && Number(entry.key) >= from,
    )
  }

  commit(volume: WrittenVolume): void {
    if (volume.messages !== this.#held.length) throw new Error('what is held is not what the volume has')
    this.volumes.push(volume)
    this.landed.push(...this.#held)
    this.#held = []
  }

  discard(): void {
    this.#held = []
  }
}
