import type { Connector, DestinationSession } from '../../src/core/connector.ts'
import { throwIfAborted } from '../../src/core/errors.ts'
import { toFileError } from '../shared/file-errors.ts'
import { maildirNaming } from './folder-names.ts'
import { LARGE_MESSAGE_BYTES, type MaildirOptions } from './options.ts'
import { isCaseSensitive, isDestinationThere, openDestinationRoot, openSourceRoot, ownerOf } from './roots.ts'
import { SessionContext } from './session-context.ts'
import { createDestinationSession, createSourceSession } from './sessions.ts'
import { createUnmadeDestination } from './unmade-destination.ts'
import { UniqueNames } from './unique-name.ts'

/**
 * Maildirs as an end of a project: Maildir++ with Dovecot's keywords and subscriptions. A source is never changed; one
 * that is not there is an error of kind `config`. A destination that is not there is made when it is first needed.
 */
export function createMaildirConnector(options: MaildirOptions): Connector {
  const names = new UniqueNames(options.clock)

  const open = async (
    end: 'source' | 'destination',
    account: string,
    signal: AbortSignal,
  ): Promise<SessionContext> => {
    throwIfAborted(signal)
    try {
      const path = options.path(account)
      const root =
        end === 'source'
          ? await openSourceRoot(account, path)
          : await openDestinationRoot(account, path, options.apartFrom?.(account) ?? [])
      return new SessionContext({
        end,
        account,
        root,
        naming: maildirNaming(await isCaseSensitive(root)),
        largeMessageBytes: options.largeMessageBytes ?? LARGE_MESSAGE_BYTES,
        clock: options.clock,
        names,
        owner: await ownerOf(root),
      })
    } catch (error) {
      throw toFileError(error, `opening the Maildir of account ${account}`)
    }
  }

  return {
    openSource: async (account, signal) => createSourceSession(await open('source', account, signal)),
    openDestination: async (account, signal) => {
      const make = async (later: AbortSignal): Promise<DestinationSession> =>
        createDestinationSession(await open('destination', account, later))
      throwIfAborted(signal)
      const apartFrom = options.apartFrom?.(account) ?? []
      const isThere = await isDestinationThere(account, options.path(account), apartFrom).catch(
        (error: unknown) => {
          throw toFileError(error, `opening the Maildir of account ${account}`)
        },
      )
      return isThere ? make(signal) : createUnmadeDestination(maildirNaming(true), make)
    },
  }
}
