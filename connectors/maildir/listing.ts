import { lstat } from 'node:fs/promises'
import type { Cursor, Page } from '../../src/core/connector.ts'
import type { Listed, Mailbox } from '../../src/core/mail.ts'
import { isMissing } from '../shared/file-errors.ts'
import { flagsOfInfo } from './file-name.ts'
import { fingerprintOf, type Fingerprint, type Folder } from './folder.ts'
import { readKeywords, type Keywords } from './keywords.ts'
import { pathOf } from './message-file.ts'
import { scan, type Entry } from './scan.ts'
import type { SessionContext } from './session-context.ts'

/** Changes younger than this may share their time with one that comes next, on the coarsest of file systems. */
const SURE_AGE = 2_000
const UNSURE = '-'

/**
 * `SourceSession.listMessages`: all messages each time, unless the times of the folder prove that nothing has changed
 * since the cursor was taken. Opens no message: size and date are those of the file. A message that is listed twice is
 * still one; `complete` only when nothing moved while the listing went through.
 */
export async function* listMessages(
  context: SessionContext,
  mailbox: Mailbox,
  since: Cursor | null,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  const folder = context.folder(mailbox)
  if (since !== null && !/^1:(-|[-_.0-9a-z]+)$/.test(since)) {
    yield { kind: 'stale' }
    return
  }
  if (since !== null && since !== `1:${UNSURE}` && since === `1:${(await fingerprintOf(folder)).text}`) {
    yield { kind: 'end', cursor: since, complete: false }
    return
  }
  const keywords = await readKeywords(folder)
  for await (const step of scan(context.facts.clock, folder, signal)) {
    if (step.kind === 'end') {
      yield { kind: 'end', cursor: cursorOf(context, step.before), complete: step.settled }
      return
    }
    context.lookUp(mailbox).learn(step.entries)
    const messages = await describe(folder, step.entries, keywords)
    if (messages.length > 0) yield { kind: 'messages', messages }
  }
}

/** Sizes and dates of a page of entries; what has been renamed meanwhile comes again in the scan's next pass. */
async function describe(
  folder: Folder,
  entries: readonly Entry[],
  keywords: Keywords,
): Promise<readonly Listed[]> {
  const listed = await Promise.all(
    entries.map(async (entry): Promise<Listed | null> => {
      try {
        const stat = await lstat(pathOf(folder, entry.base, entry))
        if (!stat.isFile() && !stat.isSymbolicLink()) return null
        return {
          key: entry.base,
          bytes: stat.size,
          internalDate: Math.round(stat.mtimeMs),
          flags: flagsOfInfo(entry.info, keywords),
        }
      } catch (error) {
        if (isMissing(error)) return null
        throw error
      }
    }),
  )
  return listed.filter((message) => message !== null)
}

function cursorOf(context: SessionContext, fingerprint: Fingerprint): Cursor {
  const age = context.facts.clock.now() - fingerprint.changedMicros / 1000
  return `1:${age > SURE_AGE ? fingerprint.text : UNSURE}`
}
