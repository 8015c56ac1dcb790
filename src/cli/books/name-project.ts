import { existsSync } from 'node:fs'
import { SealpostError } from '../../core/errors.ts'
import type { Records } from '../../records/records-db.ts'
import { keystoreFolder, projectPath } from '../../../vault/paths.ts'
import type { CommandContext } from '../context.ts'
import { findProject } from '../project/folder.ts'

const FULL_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The project that a command names by id; without one, that of the project folder. Asks for no passphrase. */
export async function projectNamed(id: string | undefined, context: CommandContext): Promise<string> {
  if (id !== undefined) return id
  const { record } = await findProject(context.options.project)
  return record.id
}

/**
 * The whole id of a project that the workspace knows: one that has a record, or keys. The beginning of a record's id is
 * enough. Throws `config` for one that it does not know.
 */
export function knownProject(text: string, records: Records, home: string): string {
  const ids = records.list().map(({ project }) => project)
  const fitting = ids.filter((id) => id === text || (text.length >= 4 && id.startsWith(text)))
  const [only] = fitting
  if (only !== undefined && fitting.length === 1) return only
  if (FULL_ID.test(text) && existsSync(projectPath(keystoreFolder(home), text))) return text
  throw new SealpostError(
    'config',
    fitting.length > 1
      ? `"${text}" begins the ids of ${fitting.length} projects`
      : `no project "${text}" is known here`,
    { hint: 'sealpost records list shows the ids; in the folder of a project none is needed', code: 'NO_PROJECT' },
  )
}
