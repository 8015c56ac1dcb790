/** What can stand in braces. */
export type Placeholder = 'account' | 'local' | 'admin'

/**
 * Fills `{account}`, `{local}` (the part of the account before its last @) and `{admin}` in. Call it only with templates that `templateProblem` found good, and with an
 * admin wherever the template names one.
 */
export function fillTemplate(template: string, values: Readonly<Record<'account' | 'admin', string>>): string {
  const all = { ...values, local: localPartOf(values.account) }
  return template.replace(/\{(account|local|admin)\}/g, (_, name: Placeholder) => all[name])
}

/** The part of an address before its last @; all of what has none. */
export function localPartOf(account: string): string {
  const at = account.lastIndexOf('@')
  return at === -1 ? account : account.slice(0, at)
}

/** True when the template has this placeholder. */
export function hasPlaceholder(template: string, name: Placeholder): boolean {
  return template.includes(`{${name}}`)
}

/** What is wrong with a template that may hold these placeholders, as a clause; null when nothing is. */
export function templateProblem(template: string, allowed: readonly Placeholder[]): string | null {
  const shown = allowed
    .map((name) => `{${name}}`)
    .join(', ')
    .replace(/, ([^,]*)$/, ' and $1')
  const rest = template.replace(/\{[^{}]*\}/g, (found) =>
    allowed.some((name) => found === `{${name}}`) ? '' : found,
  )
  const unknown = /\{[^{}]*\}/.exec(rest)
  if (unknown !== null) return `${unknown[0]} is not known here, only ${shown}`
  return /[{}]/.test(rest) ? `a brace stands alone; only ${shown} may stand in braces` : null
}

/** What makes an account's name unfit to be a part of a path, as a clause; null when nothing does. */
export function pathPartProblem(account: string): string | null {
  if (/[/\\]/.test(account)) return 'holds a slash or backslash, and the path of this end is made of it'
  return account === '.' || account === '..' ? 'would leave the folder that the path of this end names' : null
}
