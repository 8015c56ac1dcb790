import { SealpostError } from '../src/core/errors.ts'

/** The error that was thrown; fails when none was, or one of another kind than ours. */
export function thrownBy(action: () => unknown): SealpostError {
  try {
    action()
  } catch (error) {
    if (error instanceof SealpostError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
