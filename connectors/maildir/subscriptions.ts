import { INBOX_NAME } from './folder-names.ts'
import { readText, replaceText } from './locked-file.ts'
import type { SessionFacts } from './session-context.ts'

const FILE = 'subscriptions'
const COURIER_FILE = 'courierimapsubscribed'
/** First lines of the newer of Dovecot's two formats, in which tabs stand between levels. */
const VERSION_2 = 'V\t2\n\n'

/**
 * The names of the folders that the user has subscribed to, from Dovecot's file and Courier's; null when there is
 * neither, so that nobody was ever asked.
 */
export async function readSubscriptions(root: Buffer): Promise<ReadonlySet<string> | null> {
  const [dovecot, courier] = [await readText(root, FILE), await readText(root, COURIER_FILE)]
  if (dovecot === null && courier === null) return null
  return new Set([...parse(dovecot ?? ''), ...parseCourier(courier ?? '')])
}

/** Adds a folder to Dovecot's file, in the format that the file has. Twice is safe. */
export async function addSubscription(facts: SessionFacts, name: string, signal: AbortSignal): Promise<void> {
  const change = (before: string | null): string | null => {
    const text = before ?? VERSION_2
    if (parse(text).includes(name)) return null
    const bare = name === INBOX_NAME ? name : name.slice(1)
    const line = text.startsWith(VERSION_2) ? bare.split('.').map(escapeLevel).join('\t') : bare
    return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`
  }
  await replaceText(facts, facts.root, FILE, change, signal)
}

function parse(text: string): readonly string[] {
  const isTabbed = text.startsWith(VERSION_2)
  return text
    .slice(isTabbed ? VERSION_2.length : 0)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (isTabbed ? line.split('\t').map(unescapeLevel).join('.') : line))
    .map(nameOf)
}

function parseCourier(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(INBOX_NAME))
    .map((line) => (line === INBOX_NAME ? line : line.slice(INBOX_NAME.length)))
}

function nameOf(bare: string): string {
  return bare.toUpperCase() === INBOX_NAME ? INBOX_NAME : `.${bare}`
}

/** Dovecot's escapes for what would end a field or a line: the byte 1 and a letter. */
const ESCAPE = '\x01'
const ESCAPED: readonly (readonly [plain: string, letter: string])[] = [
  [ESCAPE, '1'],
  ['\t', 't'],
  ['\r', 'r'],
  ['\n', 'n'],
  ['\0', '0'],
]

function escapeLevel(level: string): string {
  return Array.from(level, (character) => {
    const letter = ESCAPED.find(([plain]) => plain === character)?.[1]
    return letter === undefined ? character : ESCAPE + letter
  }).join('')
}

function unescapeLevel(level: string): string {
  const [first = '', ...rest] = level.split(ESCAPE)
  return (
    first +
    rest.map((part) => (ESCAPED.find(([, letter]) => part.startsWith(letter))?.[0] ?? '') + part.slice(1)).join('')
  )
}
