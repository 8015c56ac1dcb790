import { SealpostError } from '../../src/core/errors.ts'
import type { Mailbox } from '../../src/core/mail.ts'
import type { Context } from './context.ts'

/**
 * What the server lists, with what a second way into the account knows of it: roles, and which mailboxes hold calendars and
 * their like, which are left out. It is asked once an account; what comes to be later is mail. The list as it is without one.
 */
export async function guided(
  context: Context,
  listed: readonly Mailbox[],
  signal: AbortSignal,
): Promise<readonly Mailbox[]> {
  const { guide } = context
  if (guide === null) return listed
  const { told } = guide
  if (told.uses === null) {
    const uses = new Map((await guide.ask(signal)).map(({ path, specialUse }) => [idOf(path), specialUse]))
    const holdsMail = ({ path }: Mailbox): boolean => {
      const id = idOf(path)
      return id === 'inbox' || uses.has(id) || [...uses.keys()].some((other) => other.startsWith(`${id}/`))
    }
    for (const mailbox of listed) if (!holdsMail(mailbox)) told.others.add(mailbox.name)
    told.uses = uses
  }
  const { uses, others } = told
  return listed
    .filter(({ name }) => !others.has(name))
    .map((mailbox) => ({ ...mailbox, specialUse: uses.get(idOf(mailbox.path)) ?? mailbox.specialUse }))
}

/** Throws `rejected` for a mailbox that holds something else: what is put there is no mail to anybody. */
export function checkHoldsMail(context: Context, wireName: string): void {
  if (context.guide?.told.others.has(wireName) !== true) return
  throw new SealpostError('rejected', 'imap: the destination has a folder of this name that holds no mail', {
    hint: 'give the mailbox another name with a rule under mapping.rules',
    code: 'OTHER_KIND',
  })
}

/** A level may hold the slash that parts levels at the other way. */
function idOf(path: readonly string[]): string {
  return path.join('/').toLowerCase()
}
