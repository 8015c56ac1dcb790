import { readSchema, validate } from '../signoff/json-schema.ts'

const SCHEMA = readSchema('cli-output.schema.json')

/** Called by its group's name too. */
const DEFAULTS: Readonly<Record<string, string>> = { cutover: 'cutover-show' }

/** Names of all definitions of docs/schemas/cli-output.schema.json: commands, and parts with a capital. */
export const PUBLISHED: readonly string[] = Object.keys(SCHEMA['$defs'] as object)

/** What is wrong with one document or event of a command, as published. */
export function faultsOf(command: string, value: unknown): readonly string[] {
  const failed = JSON.stringify(Object.keys(value as object)) === '["error"]'
  return validate({ $ref: `#/$defs/${failed ? 'Failure' : command}` }, value, SCHEMA)
}

/** Throws when a call with `--json` printed what the published schema does not know. */
export function assertPublished(words: readonly string[], stdout: string): void {
  if (!words.includes('--json') || stdout === '') return
  const command = commandOf(words)
  for (const value of valuesOf(stdout)) {
    const faults = faultsOf(command ?? 'Failure', value)
    if (faults.length > 0)
      throw new Error(`${words.join(' ')}: not as docs/schemas/cli-output.schema.json says: ${faults.join('; ')}`)
  }
}

/** The longest run of words that names a command. */
export function commandOf(words: readonly string[]): string | null {
  for (let start = 0; start < words.length; start++) {
    for (let end = Math.min(words.length, start + 3); end > start; end--) {
      const name = words.slice(start, end).join('-')
      const found = DEFAULTS[name] ?? name
      if (/^[a-z]/.test(found) && PUBLISHED.includes(found)) return found
    }
  }
  return null
}

/** Documents over several lines and events of one line each; a line that a kill cut off is none. */
function valuesOf(stdout: string): readonly unknown[] {
  const values: unknown[] = []
  let open = ''
  for (const line of stdout.split('\n').slice(0, -1)) {
    open += `${line}\n`
    // Only the first and the last line of a document begin with a brace.
    if (line !== '}' && !(line.startsWith('{') && line.endsWith('}'))) continue
    values.push(JSON.parse(open))
    open = ''
  }
  if (open !== '') throw new Error(`not JSON: ${open.slice(0, 200)}`)
  return values
}
