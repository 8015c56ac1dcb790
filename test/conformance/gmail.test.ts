import { afterAll, beforeAll, describe } from 'vitest'
import { startGmail, type GmailStage } from '../gmail/stage.ts'
import { conformance } from './conformance.ts'
import type { Harness } from './harness.ts'

const NO_ANSWERED = 'Gmail has no \\Answered: test/gmail/flags.test.ts has the flags that it keeps'

/** Labels for flags, written down here a second time: the harness shares no code with the connector. */
function labelsFor(flags: readonly string[]): readonly string[] {
  const labels = flags.includes('\\Seen') ? [] : ['UNREAD']
  if (flags.includes('\\Flagged')) labels.push('STARRED')
  return labels
}

function harness(stage: () => GmailStage): Harness {
  let next = 0
  return {
    bodies: 'exact',
    keepsNul: true,
    keywords: ['$Important', '$CategorySocial'],
    skips: {
      'an append sets every system flag': NO_ANSWERED,
      'lists every message with its date, size and flags': NO_ANSWERED,
      'flags set by another hand are told from the cursor': NO_ANSWERED,
      'flags are added and removed, and the others stay': NO_ANSWERED,
      'a message marked \\Deleted stays where it is': 'Gmail has no \\Deleted',
    },
    setup: async (wish) => {
      const running = stage()
      const { server } = running
      const name = `user${next++}@example.test`
      const account = server.account(name)
      const labelOf = (path: readonly string[]): string => account.byName(path.join('/'))?.id ?? 'none'
      return {
        account: name,
        connector: running.connector({
          resumableBytes: 500_000,
          ...(wish.largeMessageBytes === undefined ? {} : { largeMessageBytes: wish.largeMessageBytes }),
        }),
        outside: {
          deliver: async (path, mail) => {
            account.store(Buffer.from(mail.body), [labelOf(path), ...labelsFor(mail.flags)], mail.internalDate)
          },
          expunge: async (_path, key) => account.delete(key),
          resetValidity: async () => account.expireHistory(),
        },
        snapshot: async () => account.snapshot(),
        cleanup: async () => undefined,
      }
    },
  }
}

describe('gmail', () => {
  let running: GmailStage | null = null
  beforeAll(async () => {
    running = await startGmail()
  })
  afterAll(async () => running?.stop())
  const stage = (): GmailStage => {
    if (running === null) throw new Error('the stub does not run')
    return running
  }
  conformance('gmail', harness(stage))
})
