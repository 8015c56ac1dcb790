import { chown, type FileHandle } from 'node:fs/promises'
import { isDirectory, within } from './folder.ts'
import { mkdir } from 'node:fs/promises'
import { systemCode } from '../shared/file-errors.ts'
import type { SessionFacts } from './session-context.ts'

/** Gives a file that we made to the owner of the Maildir, when we are root and he is not. */
export async function giveAway(facts: SessionFacts, handle: FileHandle): Promise<void> {
  if (facts.owner !== null) await handle.chown(facts.owner.uid, facts.owner.gid)
}

/** Makes a folder unless it is there; returns true when it was made. Twice is safe. */
export async function makeDirectory(owner: SessionFacts['owner'], path: Buffer): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if (systemCode(error) === 'EEXIST' && (await isDirectory(path))) return false
    throw error
  }
  if (owner !== null) await chown(path, owner.uid, owner.gid)
  return true
}

/** Makes the three parts of a folder, `cur` last: what has it is a mailbox. Twice is safe. */
export async function makeParts(owner: SessionFacts['owner'], directory: Buffer): Promise<void> {
  for (const part of ['tmp', 'new', 'cur']) await makeDirectory(owner, within(directory, part))
}
