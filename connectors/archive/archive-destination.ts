import type { Connector } from '../../src/core/connector.ts'
import { SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import { ArchiveWriter, type ArchiveWriterOptions } from './archive-writer.ts'
import { ArchivedAccount } from './destination-session.ts'
import { capabilitiesFor } from './volume-size.ts'

/** How an archive is written. */
export interface ArchiveDestinationOptions extends Omit<ArchiveWriterOptions, 'name' | 'account'> {
  /** One chain of sets for each account, or one for all. With the latter only one account at a time is worked on. */
  readonly per: 'account' | 'project'
  /** The files' name, by account, or for all. */
  readonly nameOf: (account: string | null) => string
}

/** An archive as a destination. */
export interface ArchiveDestination {
  readonly connector: Connector
  /**
   * Ends the volumes under way, after which nothing is held any more. `isWhole` says of which accounts all has been handed
   * over: their sets end too.
   */
  finish(isWhole: (account: string | null) => boolean): Promise<void>
  /** Gives up the volumes under way. Twice is safe. */
  abandon(): Promise<void>
}

/** Writes sealed volumes; see `ArchiveWriter`. Of a source it has none: see `createArchiveSource`. */
export function createArchiveDestination(options: ArchiveDestinationOptions): ArchiveDestination {
  const writers = new Map<string | null, ArchiveWriter>()
  const accounts = new Map<string, ArchivedAccount>()
  const capabilities = capabilitiesFor(options.volumeBytes)

  const writerOf = (account: string): ArchiveWriter => {
    const scope = options.per === 'project' ? null : account
    const known = writers.get(scope)
    if (known !== undefined) return known
    const writer = new ArchiveWriter({ ...options, account: scope, name: options.nameOf(scope) })
    writers.set(scope, writer)
    return writer
  }

  return {
    connector: {
      openSource: () =>
        Promise.reject(
          new SealpostError('locked', 'an archive that is being written is sealed to keys that are not here'),
        ),
      openDestination: async (name, signal) => {
        throwIfAborted(signal)
        let account = accounts.get(name)
        if (account === undefined) {
          account = new ArchivedAccount(name, writerOf(name), options.book, capabilities)
          accounts.set(name, account)
          await account.begin()
        }
        return account.openSession()
      },
    },
    finish: async (isWhole) => {
      for (const [scope, writer] of writers) await writer.finish(isWhole(scope))
    },
    abandon: async () => {
      for (const writer of writers.values()) await writer.abandon()
    },
  }
}
