import { SealpostError } from '../../src/core/errors.ts'
import type { MailboxNaming } from '../../src/core/mail.ts'

/**
 * Why an end with this naming cannot store a mailbox at this path, or null when it can. The mapper keeps to the
 * naming, so that a connector which finds a reason here has been asked wrongly.
 */
export function nameProblem(path: readonly string[], naming: MailboxNaming): string | null {
  if (path.length === 0) return 'the path is empty'
  if (naming.delimiter === null && path.length > 1) return 'this end has no levels'
  for (const level of path) {
    if (level === '') return 'a level is empty'
    if (/\p{Cc}/u.test(level)) return 'a level holds a control character'
    if (!level.isWellFormed()) return 'a level is not well-formed Unicode'
    // Such a server drops the blanks, and two names would be one.
    if (naming.blanksAtEnds === false && level !== level.trim()) return 'a level begins or ends in a blank'
    if (naming.delimiter !== null && level.includes(naming.delimiter)) return 'a level holds the delimiter'
    for (const character of naming.forbidden) {
      if (level.includes(character)) return 'a level holds a character that this end forbids'
    }
    if (Buffer.byteLength(level, 'utf8') > naming.maxLevelBytes) {
      return `a level is longer than ${naming.maxLevelBytes} bytes`
    }
  }
  return null
}

/** Throws `rejected` when `nameProblem` finds a reason. The name itself is left out of the text. */
export function checkName(path: readonly string[], naming: MailboxNaming): void {
  const problem = nameProblem(path, naming)
  if (problem !== null) throw new SealpostError('rejected', `mailbox name refused: ${problem}`, { code: 'CANNOT' })
}

/** The one spelling of a path at an end with this naming: the inbox in capitals, nothing below it where all is. */
export function canonicalPath(path: readonly string[], naming: MailboxNaming): readonly string[] {
  const [first, ...rest] = path
  if (first?.toUpperCase() !== 'INBOX') return path
  if (rest.length > 0 && naming.belowInbox) return rest
  return ['INBOX', ...rest]
}

/** A string that is equal for two paths exactly when they are one mailbox at an end with this naming. */
export function pathKey(path: readonly string[], naming: MailboxNaming): string {
  const key = canonicalPath(path, naming).join('\0')
  return naming.caseSensitive ? key : key.toLowerCase()
}
