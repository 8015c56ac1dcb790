import { randomBytes } from 'node:crypto'
import { decodeName } from './imap-words.ts'

/** An attachment as Graph holds it. */
export interface FakeAttachment {
  readonly id: string
  readonly name: string
  readonly contentType: string
  readonly bytes: Buffer
  readonly isInline: boolean
  readonly contentId: string | null
}

/** What a message made from JSON consists of. */
export interface FakeParts {
  readonly subject: string
  readonly messageId: string
  readonly from: string
  readonly to: readonly string[]
  readonly bodyType: 'html' | 'text'
  readonly body: string
  readonly headers: readonly { readonly name: string; readonly value: string }[]
}

/** One item of a mailbox. */
export interface FakeItem {
  /** Survives moves. */
  readonly id: string
  /** What is given to those who do not ask for immutable ids; another one after each move. */
  restId: string
  uid: number
  folder: FakeFolder
  seq: number
  /** The message as it was put in; null where it was made from parts. */
  readonly mime: Buffer | null
  readonly parts: FakeParts | null
  readonly attachments: FakeAttachment[]
  receivedMs: number
  readonly createdMs: number
  modifiedMs: number
  isRead: boolean
  isDraft: boolean
  /** As Outlook and Graph show it. */
  isFlagged: boolean
  /** As IMAP shows it: an APPEND sets this one alone. */
  imapFlagged: boolean
  imapDeleted: boolean
  categories: string[]
  /** Extended properties by their id in lower case without leading zeros. */
  readonly properties: Map<string, string>
}

/** One folder. */
export interface FakeFolder {
  readonly id: string
  name: string
  parent: FakeFolder | null
  readonly wellKnown: string | null
  readonly isHidden: boolean
  readonly isSearch: boolean
  readonly containerClass: string
  readonly uidValidity: number
  uidNext: number
  readonly gone: { readonly id: string; readonly seq: number; readonly reason: 'deleted' | 'changed' }[]
}

/** What a new item starts from. */
export type NewItem = Partial<
  Pick<
    FakeItem,
    'mime' | 'parts' | 'isRead' | 'isDraft' | 'isFlagged' | 'imapFlagged' | 'receivedMs' | 'categories'
  >
> & { readonly properties?: ReadonlyMap<string, string> }

/** One mailbox of the tenant, as both doors (Graph and IMAP) show it. */
export class FakeMailbox {
  readonly address: string
  readonly userId: string = guid()
  /** As the import and export API names it. */
  readonly exchangeId: string = `MBX:${guid()}@${guid()}`
  kind: 'user' | 'shared' | 'room' = 'user'
  licensed = true
  imapEnabled = true
  /** The app was given FullAccess to it (Add-MailboxPermission). */
  granted = true
  /** Within the scope of the app's RBAC role. */
  inScope = true
  limitBytes = 50 * 1024 ** 3
  /** Its clock. */
  now: () => number = Date.now
  maxReceiveBytes = 36 * 1024 * 1024
  seq = 1
  /** Delta links from before are no longer known. */
  oldestSeq = 0
  readonly folders: FakeFolder[] = []
  readonly items = new Map<string, FakeItem>()
  readonly root: FakeFolder

  constructor(address: string) {
    this.address = address
    this.root = this.#add('Top of Information Store', null, { wellKnown: 'msgfolderroot' })
    const wellKnown: readonly [string, string][] = [
      ['inbox', 'Posteingang'],
      ['drafts', 'Entwürfe'],
      ['sentitems', 'Gesendete Elemente'],
      ['deleteditems', 'Gelöschte Elemente'],
      ['junkemail', 'Junk-E-Mail'],
      ['archive', 'Archiv'],
      ['outbox', 'Postausgang'],
    ]
    for (const [name, display] of wellKnown) this.#add(display, this.root, { wellKnown: name })
    const sync = this.#add('Synchronisierungsprobleme', this.root, { wellKnown: 'syncissues' })
    this.#add('Konflikte', sync, { wellKnown: 'conflicts' })
    this.#add('Quick Steps', this.root, { isHidden: true })
    this.#add('Team Chat', this.root, { isHidden: true, containerClass: 'IPF.SkypeTeams.Message' })
    this.#add('Ungelesen', this.root, { isSearch: true })
    // Not among Graph's mail folders; IMAP lists them all the same.
    this.#add('Kalender', this.root, { containerClass: 'IPF.Appointment' })
    this.#add('Kontakte', this.root, { containerClass: 'IPF.Contact' })
  }

  /** The folder of a well-known name, or with this id. */
  folder(nameOrId: string): FakeFolder | undefined {
    return this.folders.find((each) => each.id === nameOrId || each.wellKnown === nameOrId.toLowerCase())
  }

  /** The folder at a path below the root; the inbox is `INBOX`. */
  folderAt(path: readonly string[]): FakeFolder | undefined {
    let at: FakeFolder | undefined = this.root
    for (const [index, level] of path.entries()) {
      const isInbox = index === 0 && level.toUpperCase() === 'INBOX'
      at = this.childrenOf(at).find((child) =>
        isInbox ? child.wellKnown === 'inbox' : child.name.toLowerCase() === level.toLowerCase(),
      )
      if (at === undefined) return undefined
    }
    return at
  }

  childrenOf(folder: FakeFolder): readonly FakeFolder[] {
    return this.folders.filter((each) => each.parent === folder)
  }

  /** Makes a folder; Exchange tells no capitals apart. */
  createFolder(name: string, parent: FakeFolder, containerClass?: string): FakeFolder {
    const exists = this.childrenOf(parent).some((child) => child.name.toLowerCase() === name.toLowerCase())
    if (exists) throw new Error('ErrorFolderExists')
    return this.#add(name, parent, containerClass === undefined ? {} : { containerClass })
  }

  /** As IMAP's CREATE asks for it, the name as it stands on the wire. */
  createWireFolder(wireName: string, parent: FakeFolder): FakeFolder {
    return this.createFolder(decodeName(wireName), parent)
  }

  itemsIn(folder: FakeFolder): readonly FakeItem[] {
    return [...this.items.values()].filter((item) => item.folder === folder).sort((a, b) => a.uid - b.uid)
  }

  add(folder: FakeFolder, from: NewItem): FakeItem {
    const now = this.now()
    const item: FakeItem = {
      id: `AAkALg${randomBytes(24).toString('base64url')}=`,
      restId: `AAMkAG${randomBytes(24).toString('base64url')}=`,
      uid: folder.uidNext++,
      folder,
      seq: ++this.seq,
      mime: from.mime ?? null,
      parts: from.parts ?? null,
      attachments: [],
      receivedMs: from.receivedMs ?? now,
      createdMs: now,
      modifiedMs: now,
      isRead: from.isRead ?? false,
      isDraft: from.isDraft ?? false,
      isFlagged: from.isFlagged ?? false,
      imapFlagged: from.imapFlagged ?? from.isFlagged ?? false,
      imapDeleted: false,
      categories: from.categories ?? [],
      properties: new Map(from.properties),
    }
    this.items.set(item.id, item)
    return item
  }

  touch(item: FakeItem): void {
    item.seq = ++this.seq
    item.modifiedMs = this.now()
  }

  move(item: FakeItem, to: FakeFolder): void {
    item.folder.gone.push({ id: item.id, seq: ++this.seq, reason: 'changed' })
    item.folder = to
    item.uid = to.uidNext++
    item.restId = `AAMkAG${randomBytes(24).toString('base64url')}=`
    this.touch(item)
  }

  remove(item: FakeItem): void {
    item.folder.gone.push({ id: item.id, seq: ++this.seq, reason: 'deleted' })
    this.items.delete(item.id)
  }

  /** Forgets every delta link that was given out. */
  forgetDeltas(): void {
    this.oldestSeq = ++this.seq
  }

  /** All that a user can see, and the counters. */
  state(): string {
    const folders = this.folders.map(({ id, name, uidNext }) => `${id} ${name} ${uidNext}`)
    const items = [...this.items.values()].map((item) =>
      JSON.stringify([
        item.id,
        item.folder.id,
        item.uid,
        item.seq,
        item.isRead,
        item.isDraft,
        item.isFlagged,
        item.imapFlagged,
        item.imapDeleted,
        item.categories,
        item.receivedMs,
        item.modifiedMs,
        [...item.properties],
      ]),
    )
    return [...folders, ...items].join('\n')
  }

  #add(
    name: string,
    parent: FakeFolder | null,
    rest: Partial<Pick<FakeFolder, 'wellKnown' | 'isHidden' | 'isSearch' | 'containerClass'>>,
  ): FakeFolder {
    const folder: FakeFolder = {
      id: `AQMkAG${randomBytes(24).toString('base64url')}=`,
      name,
      parent,
      wellKnown: rest.wellKnown ?? null,
      isHidden: rest.isHidden ?? false,
      isSearch: rest.isSearch ?? false,
      containerClass: rest.containerClass ?? 'IPF.Note',
      uidValidity: 14 + this.folders.length,
      uidNext: 1,
      gone: [],
    }
    this.folders.push(folder)
    return folder
  }
}

/** A GUID as directories show it. */
export function guid(): string {
  const hex = randomBytes(16).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
