import { lstat, rename } from 'node:fs/promises'
import type { Outcome } from '../../src/core/connector.ts'
import { SealpostError, type ErrorKind } from '../../src/core/errors.ts'
import type { FlagChange, FlagRefusal, Mailbox } from '../../src/core/mail.ts'
import { flushFolder } from '../../src/files/durable.ts'
import { flagsOfInfo, hasLetter, infoOfFlags } from './file-name.ts'
import { within } from './folder.ts'
import { assignKeywords, readKeywords, refusalOf } from './keywords.ts'
import type { Found } from './look-up.ts'
import { pathOf } from './message-file.ts'
import { MAILDIR_VALIDITY } from './options.ts'
import { readFloor } from './position.ts'
import type { SessionContext } from './session-context.ts'
import { fieldsOf, ownStamp } from './unique-name.ts'

const NOTHING = { add: [], remove: [] } as const

/** `DestinationSession.setFlags`: a flag is a letter of the file's name, so that setting it is a rename. */
export async function setFlags(
  context: SessionContext,
  mailbox: Mailbox,
  changes: readonly FlagChange[],
  signal: AbortSignal,
): Promise<readonly FlagRefusal[]> {
  const folder = context.folder(mailbox)
  const wanted = new Set(changes.flatMap(({ add }) => add.filter(isKeyword)))
  const keywords = await assignKeywords(context.facts, folder, wanted, signal)
  const byKey = mergeChanges(changes)
  const refusals: FlagRefusal[] = []
  const apply = async (key: string, found: Found): Promise<true> => {
    const { add, remove } = byKey.get(key) ?? NOTHING
    const removed = new Set(remove.map((flag) => flag.toLowerCase()))
    const before = flagsOfInfo(found.info, keywords)
    const kept = before.filter((flag) => !removed.has(flag.toLowerCase()))
    const info = infoOfFlags([...kept, ...add], keywords, found.info)
    const path = pathOf(folder, key, found)
    if (info === found.info || (found.info === '' && info === ':2,')) await lstat(path)
    else await rename(path, within(folder.directory, 'cur', key + info))
    return true
  }
  for await (const [key, done] of context.lookUp(mailbox).each([...byKey.keys()], apply, signal)) {
    if (done === null) continue
    for (const flag of byKey.get(key)?.add ?? []) {
      const refusal = isKeyword(flag) ? refusalOf(key, flag, keywords) : systemRefusal(key, flag)
      if (refusal !== null) refusals.push(refusal)
    }
  }
  await flushFolder(within(folder.directory, 'cur'))
  return refusals
}

/**
 * `DestinationSession.move`: a rename, whole or not at all. The message gets a new name, so that it lies above the
 * position of where it goes, and its keywords the letters that they have there.
 */
export async function moveMessages(
  context: SessionContext,
  from: Mailbox,
  keys: readonly string[],
  to: Mailbox,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const [source, target] = [context.folder(from), context.folder(to)]
  const floor = await readFloor(context, target, signal)
  const letters = await readKeywords(source)
  const used = letters.filter((keyword) => keyword !== undefined)
  const outcomes = new Map<string, Outcome>()
  const apply = async (key: string, found: Found): Promise<Outcome> => {
    const flags = flagsOfInfo(found.info, letters)
    const needed = used.filter((keyword) => flags.includes(keyword))
    const keywords = await assignKeywords(context.facts, target, needed, signal)
    if (needed.some((keyword) => refusalOf(key, keyword, keywords) !== null)) {
      return refused('rejected', 'its keywords do not fit into where it was to go')
    }
    const base = context.facts.names.next(floor) + fieldsOf(key)
    const name = base + infoOfFlags(flags, keywords, found.info)
    await rename(pathOf(source, key, found), within(target.directory, 'cur', name))
    context.facts.names.note(target.directory, ownStamp(base) ?? 0)
    return { kind: 'landed', key: base, validity: MAILDIR_VALIDITY }
  }
  for await (const [key, outcome] of context.lookUp(from).each(keys, apply, signal)) {
    outcomes.set(key, outcome ?? refused('not-found', 'it is no longer there'))
  }
  for (const folder of [target, source]) await flushFolder(within(folder.directory, 'cur'))
  return keys.map((key) => outcomes.get(key) ?? refused('bug', 'its key got no answer'))
}

function isKeyword(flag: string): boolean {
  return !flag.startsWith('\\')
}

function systemRefusal(key: string, flag: string): FlagRefusal | null {
  return hasLetter(flag) ? null : { key, flag, reason: 'a Maildir has no letter for it' }
}

function refused(kind: ErrorKind, why: string): Outcome {
  return { kind: 'refused', error: new SealpostError(kind, `a message was not moved: ${why}`) }
}

/** One change for each key; what is said later holds. */
function mergeChanges(changes: readonly FlagChange[]): ReadonlyMap<string, FlagChange> {
  const merged = new Map<string, FlagChange>()
  for (const { key, add, remove } of changes) {
    const before = merged.get(key) ?? NOTHING
    merged.set(key, {
      key,
      add: [...before.add.filter((flag) => !remove.includes(flag)), ...add],
      remove: [...before.remove.filter((flag) => !add.includes(flag)), ...remove],
    })
  }
  return merged
}
