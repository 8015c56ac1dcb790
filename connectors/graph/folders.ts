import { SealpostError } from '../../src/core/errors.ts'
import type { Mailbox, SpecialUse } from '../../src/core/mail.ts'
import { sendBatch } from './batch.ts'
import type { GraphContext } from './context.ts'
import { expandOf, integerOf, PROPERTY, propertyOf } from './extended-properties.ts'
import { fieldOf, listOf, numberOf, textOf, type Json } from './json.ts'

/** Well-known folders whose role a user sees, whatever the language of the mailbox. */
const ROLES: ReadonlyMap<string, SpecialUse> = new Map([
  ['inbox', 'inbox'],
  ['drafts', 'drafts'],
  ['sentitems', 'sent'],
  ['deleteditems', 'trash'],
  ['junkemail', 'junk'],
  ['archive', 'archive'],
])

/** Well-known folders of the machinery, which hold no mail of a person; what lies below them neither. */
const MACHINERY: readonly string[] = [
  'syncissues',
  'conflicts',
  'localfailures',
  'serverfailures',
  'searchfolders',
  'recoverableitemsdeletions',
]

/** Kinds of folders that hold mail (MS-OXOSFLD); `IPF.Imap` is what Outlook makes of an IMAP account, and keeps in a PST that is imported. */
const OF_MAIL = /^(IPF\.(Note|Imap)(\..*)?|IPF|)$/i
const OF_OTHERS =
  /^(IPF\.(Appointment|Contact|Task|Journal|StickyNote|Configuration|Files|ShortcutFolder|SkypeTeams)|Outlook\.Reminder)(\.|$)/i

const FOLDER_QUERY = `$select=id,displayName,childFolderCount,totalItemCount,isHidden&includeHiddenFolders=true&$top=100&${expandOf(PROPERTY.containerClass, PROPERTY.folderSize)}`

/** A folder of a mailbox with what else is known of it. */
export interface Folder {
  readonly mailbox: Mailbox
  /** Size of what lies in it, null where the server does not say. */
  readonly bytes: number | null
}

/** Every folder that holds mail, parents before children. Search folders, hidden empty ones and those of other items are left out. */
export async function listFolders(context: GraphContext, signal: AbortSignal): Promise<readonly Folder[]> {
  const wellKnown = await wellKnownIds(context, signal)
  const folders: Folder[] = []
  const walk = async (path: string, above: readonly string[]): Promise<void> => {
    for await (const item of pagesOf(context, `${path}?${FOLDER_QUERY}`, signal)) {
      const id = textOf(item, 'id')
      const name = textOf(item, 'displayName')
      if (id === null || name === null) continue
      const known = wellKnown.get(id)
      if (known !== undefined && MACHINERY.includes(known)) continue
      const specialUse = (known === undefined ? undefined : ROLES.get(known)) ?? null
      const own = [...above, levelOf(name, specialUse, above.length === 0)]
      if (holdsMail(item, specialUse)) {
        const mailbox: Mailbox = { path: own, name: id, specialUse, selectable: true, subscribed: true }
        folders.push({ mailbox, bytes: integerOf(item, PROPERTY.folderSize) })
      }
      if ((numberOf(item, 'childFolderCount') ?? 0) > 0) await walk(`${folderPath(context, id)}/childFolders`, own)
    }
  }
  await walk(`${context.client.user}/mailFolders`, [])
  return folders
}

/** The place of a folder in paths. */
export function folderPath(context: GraphContext, id: string): string {
  return `${context.client.user}/mailFolders/${encodeURIComponent(id)}`
}

/** Which folders are the well-known ones: their names by id. One batch. */
async function wellKnownIds(context: GraphContext, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const names = [...ROLES.keys(), ...MACHINERY]
  const requests = names.map((name) => ({
    method: 'GET' as const,
    path: `${context.client.user}/mailFolders/${name}?$select=id`,
  }))
  const replies = await sendBatch(context, requests, 'looking for the well-known folders', signal)
  const ids = new Map<string, string>()
  for (const [index, reply] of replies.entries()) {
    const name = names[index] ?? ''
    // Not every mailbox has every one.
    if (reply.kind === 'error') {
      if (reply.error.kind !== 'not-found' || name === 'inbox') throw reply.error
      continue
    }
    const id = textOf(reply.body, 'id')
    if (id !== null) ids.set(id, name)
  }
  return ids
}

/** The items of a list, page after page. */
export async function* pagesOf(context: GraphContext, path: string, signal: AbortSignal): AsyncIterable<Json> {
  const seen = new Set<string>()
  for (let next: string | null = path; next !== null;) {
    if (seen.has(next)) throw new SealpostError('transient', 'graph: a list leads back to itself')
    seen.add(next)
    const body: Json = await context.client.get(next, 'listing', signal)
    yield* listOf(body, 'value')
    next = textOf(body, '@odata.nextLink')
  }
}

/** The inbox has one name everywhere; a folder of the user's that happens to be called so is another one. */
function levelOf(name: string, specialUse: SpecialUse | null, isTop: boolean): string {
  if (specialUse === 'inbox') return 'INBOX'
  return isTop && name.toUpperCase() === 'INBOX' ? `${name} (2)` : name
}

function holdsMail(item: Json, specialUse: SpecialUse | null): boolean {
  if (textOf(item, '@odata.type') === '#microsoft.graph.mailSearchFolder') return false
  const containerClass = propertyOf(item, PROPERTY.containerClass)
  const isHidden = fieldOf(item, 'isHidden') === true
  // What a user sees and is of no known kind may hold mail; what is hidden and of no kind of mail is the machinery's.
  if (containerClass !== null && (isHidden ? !OF_MAIL.test(containerClass) : OF_OTHERS.test(containerClass)))
    return false
  const isEmpty = (numberOf(item, 'totalItemCount') ?? 0) === 0
  return specialUse !== null || !isHidden || !isEmpty
}
