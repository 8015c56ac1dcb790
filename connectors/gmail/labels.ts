import type { gmail_v1 } from '@googleapis/gmail'
import { isKind, SealpostError } from '../../src/core/errors.ts'
import type { Mailbox, SpecialUse } from '../../src/core/mail.ts'
import { GMAIL_NAMING } from '../shared/gmail-naming.ts'
import { canonicalPath, checkName, pathKey } from '../shared/mailbox-names.ts'
import type { AccountApi } from './api.ts'
import { isNameTaken } from './errors.ts'
import { isPlace } from './label-flags.ts'

/** A label that is a mailbox. */
export interface Label {
  /** Null for All Mail, which is no label but every message that lies neither in the trash nor among spam. */
  readonly id: string | null
  readonly mailbox: Mailbox
}

/** Where Gmail refuses to change a label of a message after it was made. */
export const FIXED_LABELS: ReadonlySet<string> = new Set(['SENT', 'DRAFT'])

const SYSTEM: readonly (readonly [id: string | null, path: string, use: SpecialUse])[] = [
  ['INBOX', 'INBOX', 'inbox'],
  ['SENT', 'Sent', 'sent'],
  ['DRAFT', 'Drafts', 'drafts'],
  ['SPAM', 'Spam', 'junk'],
  ['TRASH', 'Trash', 'trash'],
  [null, 'All Mail', 'all'],
]

/** The labels of one account as a session knows them. */
export class Labels {
  readonly #api: AccountApi
  #known: readonly Label[] | null = null

  constructor(api: AccountApi) {
    this.#api = api
  }

  /** Reads the labels anew: one request. */
  async list(signal: AbortSignal): Promise<readonly Label[]> {
    const { service } = this.#api
    const answer = await this.#api.call(
      'listing labels',
      'labels-list',
      (options) => service.users.labels.list({ userId: 'me' }, options),
      signal,
    )
    this.#known = mailboxesOf(answer.labels ?? [])
    return this.#known
  }

  /** The names of the user's labels by their ids, as last read. */
  get userNames(): ReadonlyMap<string, string> {
    const known = this.#known ?? []
    return new Map(
      known.flatMap(({ id, mailbox }) => (id !== null && mailbox.specialUse === null ? [[id, mailbox.name]] : [])),
    )
  }

  /** The label behind a mailbox; read anew when it is not known. Throws `not-found`. */
  async of(mailbox: Mailbox, signal: AbortSignal, fresh = false): Promise<Label> {
    const seek = (labels: readonly Label[]): Label | undefined =>
      labels.find((label) => label.mailbox.name === mailbox.name)
    const found = (fresh ? undefined : seek(this.#known ?? [])) ?? seek(await this.list(signal))
    if (found === undefined) {
      throw new SealpostError('not-found', 'Gmail: there is no such label', { code: 'NO_LABEL' })
    }
    return found
  }

  /** `DestinationSession.ensureMailbox`: parents first, since Gmail shows a label below another only where both are. */
  async ensure(path: readonly string[], signal: AbortSignal): Promise<Mailbox> {
    checkName(path, GMAIL_NAMING)
    const whole = canonicalPath(path, GMAIL_NAMING)
    let labels = this.#known ?? (await this.list(signal))
    for (let levels = 1; levels <= whole.length; levels++) {
      const key = pathKey(whole.slice(0, levels), GMAIL_NAMING)
      const isThere = (label: Label): boolean => pathKey(label.mailbox.path, GMAIL_NAMING) === key
      if (labels.some(isThere)) continue
      const taken = await this.#createOrTaken(whole.slice(0, levels).join('/'), signal)
      labels = await this.list(signal)
      // Another session was first; or Gmail has the name for itself, and no label with it.
      if (taken !== null && !labels.some(isThere)) throw taken
    }
    const made = labels.find(({ mailbox }) => pathKey(mailbox.path, GMAIL_NAMING) === pathKey(whole, GMAIL_NAMING))
    if (made === undefined) throw new SealpostError('transient', 'Gmail: a label that was made is not listed yet')
    return made.mailbox
  }

  /** What Gmail says when the name is taken; null when the label was made. */
  async #createOrTaken(name: string, signal: AbortSignal): Promise<SealpostError | null> {
    try {
      await this.create(name, signal)
      return null
    } catch (error) {
      if (!isKind(error) || !isNameTaken(error)) throw error
      return error
    }
  }

  /** Has Gmail show a label; those of its own it always shows. */
  async show(label: Label, signal: AbortSignal): Promise<void> {
    const { id, mailbox } = label
    if (mailbox.subscribed || id === null) return
    const { service } = this.#api
    await this.#api.call(
      'showing a label',
      'labels-write',
      (options) =>
        service.users.labels.patch(
          { userId: 'me', id, requestBody: { labelListVisibility: 'labelShow' } },
          options,
        ),
      signal,
    )
    this.#known = null
  }

  /** Makes a label and returns its id. Throws `rejected` for a name that is refused or taken. */
  async create(name: string, signal: AbortSignal): Promise<string> {
    const { service } = this.#api
    const requestBody = { name, labelListVisibility: 'labelShow', messageListVisibility: 'show' }
    const { id } = await this.#api.call(
      'making a label',
      'labels-write',
      (options) => service.users.labels.create({ userId: 'me', requestBody }, options),
      signal,
    )
    if (typeof id === 'string') return id
    throw new SealpostError('transient', 'Gmail: a label that was made has no id', { code: 'NO_ID' })
  }
}

/** The mailboxes of an account: Gmail's own first, then the user's, by name. */
function mailboxesOf(labels: readonly gmail_v1.Schema$Label[]): readonly Label[] {
  const system = SYSTEM.map(([id, path, specialUse]): Label => ({
    id,
    mailbox: { path: [path], name: `\\${id ?? 'ALL'}`, specialUse, selectable: true, subscribed: true },
  }))
  const taken = new Set(system.map(({ mailbox }) => pathKey(mailbox.path, GMAIL_NAMING)))
  const user = labels.flatMap(({ id, name, type, labelListVisibility }): readonly Label[] => {
    if (typeof id !== 'string' || typeof name !== 'string' || type === 'system' || !isPlace(id)) return []
    const levels = name.split('/')
    const plain = levels.includes('') ? [name] : levels
    // No label of a user can have a name of Gmail's own; one that did would hide it.
    const path = taken.has(pathKey(plain, GMAIL_NAMING)) ? [`${name} (label)`] : plain
    const subscribed = labelListVisibility !== 'labelHide'
    return [{ id, mailbox: { path, name, specialUse: null, selectable: true, subscribed } }]
  })
  return [...system, ...user.sort((a, b) => (a.mailbox.name < b.mailbox.name ? -1 : 1))]
}

/** True when a message with these labels lies in the mailbox, as Gmail shows it: what is in the trash or spam lies nowhere else. */
export function liesIn(labels: readonly string[], label: Label): boolean {
  if (labels.includes('TRASH')) return label.id === 'TRASH'
  if (labels.includes('SPAM')) return label.id === 'SPAM'
  return label.id === null || labels.includes(label.id)
}
