import { SealpostError } from '../../src/core/errors.ts'

/** What is thrown when a file is not what it was when it was gone through. */
export function changed(): SealpostError {
  return new SealpostError('transient', 'an mbox file changes while it is read', {
    hint: 'stop the program that writes to it, or give a copy',
    code: 'CHANGED',
  })
}
