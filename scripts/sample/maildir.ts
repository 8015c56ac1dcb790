import { chown, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { decodeModifiedUtf7, encodeModifiedUtf7 } from './modified-utf7.ts'

/**
 * Writes and reads Maildir without the program: as mail got there before anyone thought of moving it, and as an
 * independent witness of what lies there afterwards. Knows Maildir++ (one folder a mailbox, dots between levels) and
 * Dovecot's LAYOUT=fs (folders within folders), and keywords as Dovecot keeps them.
 */
export type Layout = 'maildir++' | 'fs'

/** One message as it lies in a Maildir. */
export interface StoredMessage {
  /** Decoded name of its mailbox, one element a level. */
  readonly mailbox: readonly string[]
  readonly bytes: Buffer
  /** Milliseconds since 1970-01-01 UTC. */
  readonly internalDate: number
  readonly flags: readonly string[]
}

const LETTERS = new Map([
  ['\\Draft', 'D'],
  ['\\Flagged', 'F'],
  ['\\Answered', 'R'],
  ['\\Seen', 'S'],
  ['\\Deleted', 'T'],
])
const KEYWORD_LIST = 'dovecot-keywords'

/** Writes messages below `root`. File names are made from `seed`, so call once for each root or change it. */
export async function writeMaildir(
  root: string,
  layout: Layout,
  messages: readonly StoredMessage[],
  seed = 1,
): Promise<void> {
  await makeMailbox(root)
  const keywords = new Map<string, string[]>()
  for (const [index, message] of messages.entries()) {
    const folder = folderOf(root, layout, message.mailbox)
    let known = keywords.get(folder)
    if (known === undefined) {
      await makeMailbox(folder)
      known = []
      keywords.set(folder, known)
    }
    const file = join(
      folder,
      'cur',
      `${1_700_000_000 + index}.M${seed}P${index}.sample:2,${suffixOf(message.flags, known)}`,
    )
    await writeFile(file, message.bytes, { mode: 0o600 })
    await utimes(file, new Date(message.internalDate), new Date(message.internalDate))
  }
  for (const [folder, known] of keywords) {
    if (known.length === 0) continue
    await writeFile(join(folder, KEYWORD_LIST), known.map((keyword, at) => `${at} ${keyword}\n`).join(''))
  }
}

/** Gives a folder and all that is in it to another user, as a server that runs as that user needs it. Only root can. */
export async function giveTo(owner: { readonly uid: number; readonly gid: number }, root: string): Promise<void> {
  await chown(root, owner.uid, owner.gid)
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    await chown(join(entry.parentPath, entry.name), owner.uid, owner.gid)
  }
}

/** Reads every message below `root`, in no order. Takes the files as they are: no line end is changed. */
export async function readMaildir(root: string, layout: Layout): Promise<StoredMessage[]> {
  const messages: StoredMessage[] = []
  for (const { mailbox, folder } of await mailboxesBelow(root, layout)) {
    const keywords = await readKeywords(folder)
    for (const part of ['cur', 'new']) {
      for (const name of await readdir(join(folder, part))) {
        const file = join(folder, part, name)
        const [bytes, { mtimeMs }] = await Promise.all([readFile(file), stat(file)])
        const flags = flagsOf(/:2,([A-Za-z]*)/.exec(name)?.[1] ?? '', keywords)
        messages.push({ mailbox, bytes, internalDate: Math.floor(mtimeMs / 1000) * 1000, flags })
      }
    }
  }
  return messages
}

async function makeMailbox(folder: string): Promise<void> {
  for (const part of ['cur', 'new', 'tmp']) await mkdir(join(folder, part), { recursive: true, mode: 0o700 })
}

/** Where a mailbox lies; the inbox is the root itself. */
function folderOf(root: string, layout: Layout, mailbox: readonly string[]): string {
  if (mailbox.length === 1 && mailbox[0] === 'INBOX') return root
  const levels = mailbox.map(encodeModifiedUtf7)
  return layout === 'fs' ? join(root, ...levels) : join(root, `.${levels.join('.')}`)
}

async function mailboxesBelow(root: string, layout: Layout): Promise<{ mailbox: string[]; folder: string }[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const found: { mailbox: string[]; folder: string }[] = []
  for (const entry of entries) {
    if (!entry.isDirectory() || entry.name !== 'cur') continue
    const folder = entry.parentPath
    const path = relative(root, folder)
    if (path === '') found.push({ mailbox: ['INBOX'], folder })
    else if (layout === 'fs') found.push({ mailbox: path.split('/').map(decodeModifiedUtf7), folder })
    else if (dirname(path) === '.' && basename(path).startsWith('.')) {
      found.push({ mailbox: path.slice(1).split('.').map(decodeModifiedUtf7), folder })
    }
  }
  return found
}

/** Letters of the system flags, then one small letter a keyword; adds new keywords to `known`. */
function suffixOf(flags: readonly string[], known: string[]): string {
  const letters = flags.map((flag) => {
    const system = LETTERS.get(flag)
    if (system !== undefined) return system
    if (!known.includes(flag)) known.push(flag)
    return String.fromCharCode(0x61 + known.indexOf(flag))
  })
  return letters.sort().join('')
}

/** `P` (passed) is Maildir's own sign for what IMAP calls `$Forwarded`; Dovecot keeps that as a keyword. */
function flagsOf(letters: string, keywords: ReadonlyMap<string, string>): string[] {
  const known = new Map([...[...LETTERS].map(([flag, letter]) => [letter, flag] as const), ['P', '$Forwarded']])
  const flags = letters
    .split('')
    .map((letter) => known.get(letter) ?? keywords.get(letter) ?? `unknown letter ${letter}`)
  return [...new Set(flags)].sort()
}

async function readKeywords(folder: string): Promise<Map<string, string>> {
  const text = await readFile(join(folder, KEYWORD_LIST), 'utf8').catch(() => '')
  const lines = text.split('\n').filter((line) => line !== '')
  return new Map(
    lines.map((line) => {
      const blank = line.indexOf(' ')
      return [String.fromCharCode(0x61 + Number(line.slice(0, blank))), line.slice(blank + 1)]
    }),
  )
}
