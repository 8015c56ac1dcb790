/** What a fault of the machine means, in words, and what to do about it. */
export interface SystemFault {
  readonly text: string
  readonly hint: string
}

const FULL: SystemFault = { text: 'the disk is full', hint: 'free some space and try again' }
const NO_DESCRIPTORS: SystemFault = {
  text: 'too many files are open',
  hint: 'close other programs, or raise the limit (ulimit -n), and try again',
}

const FAULTS: ReadonlyMap<string, SystemFault> = new Map([
  ['ENOSPC', FULL],
  ['EDQUOT', FULL],
  ['EIO', { text: 'the disk could not be read or written', hint: 'look after the disk, then try again' }],
  ['EMFILE', NO_DESCRIPTORS],
  ['ENFILE', NO_DESCRIPTORS],
  ['EROFS', { text: 'the disk can only be read', hint: 'look after the disk, then try again' }],
])

/** The fault behind a code of the system (errno(3)) that is about the machine and not about the one file; else null. */
export function systemFault(code: string | undefined): SystemFault | null {
  return code === undefined ? null : (FAULTS.get(code) ?? null)
}

/** The code of an error of Node or of ours (`ENOENT`), or undefined. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
