/** What is told while a guess has to wait. */
export function waitingText(ms: number, what: 'passphrases' | 'codes'): string {
  return `waiting ${Math.ceil(ms / 1000)} s: there were several wrong ${what}`
}

/** What an operator is told of the guesses before. */
export function wrongBeforeText({ name, wrongBefore }: { name: string; wrongBefore: number }): string {
  const guesses = wrongBefore === 1 ? 'was one wrong passphrase' : `were ${wrongBefore} wrong passphrases`
  return `there ${guesses} for ${name} since the last right one; when: sealpost audit show`
}
