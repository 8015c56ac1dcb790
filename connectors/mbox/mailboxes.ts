import type { Mailbox, SpecialUse } from '../../src/core/mail.ts'
import { nameOf, type SessionContext } from './session-context.ts'
import { SYSTEM_MAILBOXES } from './takeout-labels.ts'

/**
 * `Session.listMailboxes`: the folders of files, and a mailbox for each place that the labels of a Takeout name. The inbox
 * is always among them. Nobody says what is subscribed to, so that everything is.
 */
export async function* listMailboxes(context: SessionContext, signal: AbortSignal): AsyncGenerator<Mailbox> {
  const { folders, takeout } = await context.look(signal)
  const found = new Map<string, Mailbox>()
  const add = (path: readonly string[], selectable: boolean, specialUse: SpecialUse | null): void => {
    const name = nameOf(path)
    if (found.get(name)?.selectable !== true)
      found.set(name, { path, name, specialUse, selectable, subscribed: true })
  }
  add(['INBOX'], true, 'inbox')
  for (const { path, file } of folders) add(path, file !== null, null)
  for (const file of takeout) {
    const { index } = await context.facts.cache.current(file, signal)
    for (const place of index.places) {
      const path = JSON.parse(place) as readonly string[]
      const use = path.length === 1 ? SYSTEM_MAILBOXES.get(path[0] ?? '') : undefined
      for (let depth = 1; depth < path.length; depth++) add(path.slice(0, depth), false, null)
      add(path, true, use ?? null)
    }
  }
  yield* found.values()
}
