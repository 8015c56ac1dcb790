import type { Cursor, Page } from '../../src/core/connector.ts'
import type { Listed, Mailbox } from '../../src/core/mail.ts'
import type { MessageState } from './account-index.ts'
import type { Context } from './context.ts'
import { flagsOf } from './label-flags.ts'
import { liesIn, type Label } from './labels.ts'

const PAGE_MESSAGES = 500

/**
 * `SourceSession.listMessages`. The key of a message is Gmail's id, the same in every mailbox it lies in. A cursor is
 * a number of the history; one that the history does not reach back to any more is stale.
 */
export async function* listMessages(
  context: Context,
  mailbox: Mailbox,
  since: Cursor | null,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  const label = await context.labels.of(mailbox, signal, true)
  if (since === null) {
    const { states, cursor } = await context.index.all(signal)
    const found = [...states].filter((state) => liesIn(state.labels, label))
    yield* pagesOf(found, context.labels.userNames)
    yield { kind: 'end', cursor: formatCursor(label, cursor), complete: true }
    return
  }
  const from = parseCursor(label, since)
  const changes = from === null ? null : await context.index.since(from, signal)
  if (changes === null) {
    yield { kind: 'stale' }
    return
  }
  yield* pagesOf(
    changes.changed.filter((state) => liesIn(state.labels, label)),
    context.labels.userNames,
  )
  const left = changes.changed.filter((state) => !liesIn(state.labels, label)).map(({ id }) => id)
  const expunged = [...left, ...changes.gone]
  for (let start = 0; start < expunged.length; start += PAGE_MESSAGES) {
    yield { kind: 'expunged', keys: expunged.slice(start, start + PAGE_MESSAGES) }
  }
  yield { kind: 'end', cursor: formatCursor(label, changes.cursor), complete: false }
}

function* pagesOf(states: readonly MessageState[], names: ReadonlyMap<string, string>): Generator<Page> {
  for (let start = 0; start < states.length; start += PAGE_MESSAGES) {
    yield {
      kind: 'messages',
      messages: states.slice(start, start + PAGE_MESSAGES).map((state) => listedOf(state, names)),
    }
  }
}

function listedOf({ id, bytes, internalDate, labels }: MessageState, names: ReadonlyMap<string, string>): Listed {
  const named = labels.flatMap((label) => names.get(label) ?? []).sort()
  return { key: id, bytes, internalDate, flags: flagsOf(labels), identity: id, labels: named }
}

/** A label that was deleted and made again has another id: its mailbox is another one. */
function formatCursor(label: Label, number: number): Cursor {
  return `1 ${label.id ?? ''} ${number}`
}

function parseCursor(label: Label, cursor: Cursor): number | null {
  const [version, id, number, ...rest] = cursor.split(' ')
  if (version !== '1' || id !== (label.id ?? '') || rest.length > 0) return null
  return number !== undefined && /^\d{1,15}$/.test(number) ? Number(number) : null
}
