import { isKind, SealpostError } from '../../src/core/errors.ts'
import type { Mailbox } from '../../src/core/mail.ts'
import { canonicalPath, checkName, pathKey } from '../shared/mailbox-names.ts'
import type { GraphContext } from './context.ts'
import { folderPath, listFolders } from './folders.ts'
import { textOf } from './json.ts'
import { GRAPH_NAMING } from './naming.ts'

/** Finds or makes the folder at a path, level by level. Twice is safe. Throws `rejected` for a name that is refused. */
export async function ensureMailbox(
  context: GraphContext,
  path: readonly string[],
  signal: AbortSignal,
): Promise<Mailbox> {
  const meant = canonicalPath(path, GRAPH_NAMING)
  checkName(meant, GRAPH_NAMING)
  const known = new Map(
    (await listFolders(context, signal)).map(({ mailbox }) => [pathKey(mailbox.path, GRAPH_NAMING), mailbox]),
  )
  let above: Mailbox | null = null
  for (let levels = 1; levels <= meant.length; levels++) {
    const part = meant.slice(0, levels)
    above = known.get(pathKey(part, GRAPH_NAMING)) ?? (await create(context, part, above, signal))
  }
  if (above === null) throw new SealpostError('bug', 'graph: a path without levels')
  return above
}

async function create(
  context: GraphContext,
  path: readonly string[],
  above: Mailbox | null,
  signal: AbortSignal,
): Promise<Mailbox> {
  const { user } = context.client
  const place = above === null ? `${user}/mailFolders` : `${folderPath(context, above.name)}/childFolders`
  const json = { displayName: path.at(-1), isHidden: false }
  try {
    const { body } = await context.client.call(
      { method: 'POST', path: place, what: 'making a folder', json },
      signal,
    )
    const id = textOf(body, 'id')
    if (id === null || textOf(body, 'displayName') !== path.at(-1)) {
      throw new SealpostError('rejected', 'graph: the server made another folder than the one asked for', {
        code: 'CANNOT',
      })
    }
    return { path, name: id, specialUse: null, selectable: true, subscribed: true }
  } catch (error) {
    if (!isKind(error, 'rejected') || error.code !== 'ALREADYEXISTS') throw error
    // Another lane was first, or it is a folder of another kind.
    const found = (await listFolders(context, signal)).find(
      ({ mailbox }) => pathKey(mailbox.path, GRAPH_NAMING) === pathKey(path, GRAPH_NAMING),
    )
    if (found === undefined) throw error
    return found.mailbox
  }
}
