import { counted } from '../../core/counted.ts'

/** What is told while a guess has to wait. */
export function waitingText(ms: number, what: 'passphrases' | 'codes'): string {
  return `waiting ${Math.ceil(ms / 1000)} s: there were several wrong ${what}`
}

/** What an operator is told of the guesses before. */
export function wrongBeforeText({ name, wrongBefore }: { name: string; wrongBefore: number }): string {
  return `there ${wrongBefore === 1 ? 'was' : 'were'} ${counted(wrongBefore, 'wrong passphrase')} for ${name} since the last right one; when: sealpost audit show`
}
