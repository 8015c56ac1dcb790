import type { PurgeStep } from '../../signoff/state.ts'

/** What is told while a step of a purge is at work. */
const STEP_WORDS: Readonly<Record<PurgeStep, string>> = {
  'stop-writers': 'nobody else works on the project',
  'revoke-grants': 'grants are given back to their providers',
  'search-secrets':
    'every secret is looked for in all files of project, workspace and temporary folders: minutes where these are large',
  'open-canaries': 'what was planted opens with the keys',
  'destroy-keys': 'the keys; from here on it only goes forward',
  'try-canaries': 'what was planted opens no more',
  'remove-state': 'ledger, credentials, spool and logs',
  flush: 'to the disk',
  'scan-canaries': 'what was planted is looked for in the clear, in the same places',
  'remove-documents': 'reports, list of accounts, project.yaml',
  'write-record': 'what is kept, without content',
  'issue-certificate': 'written, signed and checked',
}

/** Where the words begin. */
export const STEP_INDENT = 21

/** One line for people: the step, and what it does. */
export function stepLine(step: PurgeStep): string {
  return `${`  ${step}`.padEnd(STEP_INDENT)}${STEP_WORDS[step]}`
}
