import { SealpostError } from '../src/core/errors.ts'

const OPERATOR_NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/
const PROJECT_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,126}$/

/** Throws `config` unless the name can stand as a file's name on any system: lower case letters, digits, `.`, `_`, `-`. */
export function assertOperatorName(name: string): void {
  if (OPERATOR_NAME.test(name) && !name.endsWith('.')) return
  throw new SealpostError('config', `"${name}" cannot be an operator's name`, {
    hint: 'use lower case letters, digits, ".", "_" and "-", at most 63',
  })
}

/** True when the id can stand as a file's name: letters, digits, `_`, `-`. */
export function isProjectId(projectId: string): boolean {
  return PROJECT_ID.test(projectId)
}

/** Throws `config` unless the id can stand as a file's name: letters, digits, `_`, `-`. */
export function assertProjectId(projectId: string): void {
  if (isProjectId(projectId)) return
  throw new SealpostError('config', `"${projectId}" cannot be a project's id`, {
    hint: 'use letters, digits, "_" and "-", at most 127',
  })
}
