import { AUDIT_ID, type AuditEvent } from '../core/audit.ts'
import { SealpostError } from '../core/errors.ts'

const FACT_NAME = /^[a-z][A-Za-z0-9]{0,63}$/
const MAX_FACTS = 32
const MAX_PERSONAL_BYTES = 16 * 1024

/**
 * Throws `bug` for an event that would bring more than ids and numbers into the clear part of the log, or that is too
 * long for a line. The text names the member and never its value.
 */
export function assertEvent(event: AuditEvent): void {
  const ids = { actor: event.by.name, project: event.project, object: event.object }
  for (const [name, id] of Object.entries(ids)) {
    if (id !== null && !AUDIT_ID.test(id)) throw refused(event, `${name} is not an id`)
  }
  const facts = Object.entries(event.facts)
  if (facts.length > MAX_FACTS) throw refused(event, 'too many facts')
  for (const [name, value] of facts) {
    if (!FACT_NAME.test(name)) throw refused(event, 'a fact has no good name')
    if (typeof value === 'string' && !AUDIT_ID.test(value)) throw refused(event, `the fact ${name} is not an id`)
    if (typeof value === 'number' && !Number.isFinite(value)) throw refused(event, `the fact ${name} is no number`)
  }
  if (Buffer.byteLength(JSON.stringify(event.personal)) > MAX_PERSONAL_BYTES) {
    throw new SealpostError('config', `audit log: the text given with ${event.action} is too long`, {
      hint: `shorten it to ${MAX_PERSONAL_BYTES / 1024} KiB`,
    })
  }
}

function refused(event: AuditEvent, why: string): SealpostError {
  return new SealpostError('bug', `audit log: ${event.action}: ${why}`)
}
