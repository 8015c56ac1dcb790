import { open, opendir, readlink, stat } from 'node:fs/promises'
import { SealpostError } from '../../src/core/errors.ts'
import type { Mailbox } from '../../src/core/mail.ts'
import { flushFolder } from '../../src/files/durable.ts'
import { systemCode } from '../shared/file-errors.ts'
import { isDirectory, within } from './folder.ts'
import { folderOfPath, INBOX_NAME, pathOfFolder, pathsOfFolders } from './folder-names.ts'
import { giveAway, makeDirectory, makeParts } from './ownership.ts'
import type { SessionContext } from './session-context.ts'
import { addSubscription, readSubscriptions } from './subscriptions.ts'

/**
 * `Session.listMailboxes`: the inbox and every folder beside it that has a `cur` or a `new`. Where nobody was ever
 * asked what he subscribes to, a source counts everything as subscribed and a destination nothing. Throws `config` for
 * a folder that is a link: it may lead out of the Maildir, and leaving it out would lose its mail.
 */
export async function* listMailboxes(context: SessionContext): AsyncGenerator<Mailbox> {
  const { root, end } = context.facts
  const subscribed = await readSubscriptions(root)
  const names: string[] = []
  for await (const entry of await opendir(root, { encoding: 'latin1' })) {
    if (!entry.name.startsWith('.')) continue
    const directory = within(root, entry.name)
    if (await isMailbox(directory)) names.push(entry.name)
    else if (await isLinkToMailbox(directory)) throw linkError()
  }
  for (const [name, path] of pathsOfFolders([INBOX_NAME, ...names])) {
    yield describe(name, path, subscribed === null ? end === 'source' : subscribed.has(name))
  }
}

/** `DestinationSession.ensureMailbox`. Twice is safe, also after the first time was cut short. */
export async function ensureMailbox(context: SessionContext, path: readonly string[]): Promise<Mailbox> {
  const { facts } = context
  const wanted = folderOfPath(path, facts.naming)
  // Where Dovecot was told to write names in UTF-8 (`:UTF-8`), what is there is used.
  const inUtf8 = `.${Buffer.from(path.join('.'), 'utf8').toString('latin1')}`
  const isThere = wanted !== INBOX_NAME && (await isMailbox(within(facts.root, inUtf8)))
  const name = isThere ? inUtf8 : wanted
  if (name === wanted && name !== INBOX_NAME) {
    const levels = name.slice(1).split('.')
    for (let count = 1; count <= levels.length; count++) {
      await makeFolder(context, `.${levels.slice(0, count).join('.')}`)
    }
    await flushFolder(facts.root)
  }
  const subscribed = await readSubscriptions(facts.root)
  return describe(name, pathOfFolder(name), subscribed?.has(name) ?? false)
}

/** `DestinationSession.subscribe`. */
export async function subscribe(context: SessionContext, mailbox: Mailbox, signal: AbortSignal): Promise<void> {
  context.folder(mailbox)
  await addSubscription(context.facts, mailbox.name, signal)
}

async function makeFolder(context: SessionContext, name: string): Promise<void> {
  const { root, owner } = context.facts
  const directory = within(root, name)
  await makeDirectory(owner, directory)
  await makeParts(owner, directory)
  // The mark of a Maildir++ folder, by which delivery programs know that the quota is one level up.
  try {
    const handle = await open(within(directory, 'maildirfolder'), 'wx', 0o600)
    await giveAway(context.facts, handle)
    await handle.close()
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
  }
  await flushFolder(directory)
}

async function isMailbox(directory: Buffer): Promise<boolean> {
  if (!(await isDirectory(directory))) return false
  return (await isDirectory(within(directory, 'cur'))) || (await isDirectory(within(directory, 'new')))
}

async function isLinkToMailbox(path: Buffer): Promise<boolean> {
  try {
    await readlink(path)
    const parts = await Promise.allSettled(['cur', 'new'].map((part) => stat(within(path, part))))
    return parts.some(({ status }) => status === 'fulfilled')
  } catch (error) {
    if (['EINVAL', 'ENOENT'].includes(systemCode(error) ?? '')) return false
    throw error
  }
}

function describe(name: string, path: readonly string[], subscribed: boolean): Mailbox {
  return {
    path,
    name,
    specialUse: name === INBOX_NAME ? 'inbox' : null,
    selectable: true,
    subscribed,
  }
}

function linkError(): SealpostError {
  return new SealpostError('config', 'a folder of a Maildir is a symbolic link', {
    hint: "links are not followed out of a Maildir: put the folder itself in the link's place",
  })
}
