import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isKind } from '../../core/errors.ts'
import type { IssuedCertificate } from '../../signoff/ports.ts'
import type { PurgeState } from '../../signoff/state.ts'
import type { CommandContext } from '../context.ts'
import { findProject, type ProjectFolder } from '../project/folder.ts'
import { readIssued } from './issuer.ts'
import { findJournal, openJournal } from './journal.ts'

/** How far the sign-off of the project in a folder has come. */
export type SignoffFound =
  | { readonly kind: 'project'; readonly folder: ProjectFolder; readonly journal: PurgeState | null }
  /** The project itself is gone already, and the purge has not ended. */
  | { readonly kind: 'journal'; readonly journal: PurgeState }
  | { readonly kind: 'certificate'; readonly certificate: IssuedCertificate }

/** Finds the project, the purge of it that was interrupted, or its certificate. Throws `config` when there is none of them. */
export async function findSignoff(context: CommandContext): Promise<SignoffFound> {
  try {
    const folder = await findProject(context.options.project)
    return { kind: 'project', folder, journal: await openJournal(context.home, folder.record.id).read() }
  } catch (error) {
    if (!isKind(error, 'config') || error.code !== 'NO_PROJECT') throw error
    const path = await realpath(resolve(context.options.project))
    const journal = await findJournal(context.home, path)
    if (journal !== null) return { kind: 'journal', journal }
    const certificate = await readIssued(path)
    if (certificate !== null) return { kind: 'certificate', certificate }
    throw error
  }
}
