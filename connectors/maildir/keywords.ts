import type { FlagRefusal } from '../../src/core/mail.ts'
import { hasLetter } from './file-name.ts'
import type { Folder } from './folder.ts'
import { readText, replaceText } from './locked-file.ts'
import type { SessionFacts } from './session-context.ts'

/** The keywords of a folder: at index 0 what the letter `a` stands for, up to 25. */
export type Keywords = readonly (string | undefined)[]

const FILE = 'dovecot-keywords'
const LETTERS = 26
/** Dovecot's `mail_max_keyword_length`, and the characters of an atom (RFC 9051 section 9, flag-keyword). */
const STORABLE = /^[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|~]{1,50}$/

/** Reads what the letters of a folder stand for; empty where Dovecot has never been. Lines that say nothing are passed over. */
export async function readKeywords(folder: Folder): Promise<Keywords> {
  return parse((await readText(folder.directory, FILE)) ?? '')
}

/** Why a keyword cannot be stored whatever letters are free, or null. */
export function keywordProblem(keyword: string): string | null {
  if (STORABLE.test(keyword)) return null
  return keyword.length > 50 ? 'a Maildir keyword has 50 characters at most' : 'a Maildir keyword cannot hold this'
}

/**
 * Gives each of these keywords a letter, for good. Returns what the letters stand for then; a folder has 26, and
 * keywords that come too late have none.
 */
export async function assignKeywords(
  facts: SessionFacts,
  folder: Folder,
  wanted: Iterable<string>,
  signal: AbortSignal,
): Promise<Keywords> {
  const known = await readKeywords(folder)
  const missing = [...wanted].filter((keyword) => keywordProblem(keyword) === null && !includes(known, keyword))
  if (missing.length === 0) return known
  let keywords: Keywords = known
  const change = (before: string | null): string | null => {
    const assigned = [...parse(before ?? '')]
    let contents = before ?? ''
    if (contents !== '' && !contents.endsWith('\n')) contents += '\n'
    for (const keyword of missing) {
      const letter = Array.from({ length: LETTERS }).findIndex((_, index) => assigned[index] === undefined)
      if (letter === -1 || includes(assigned, keyword)) continue
      assigned[letter] = keyword
      contents += `${letter} ${keyword}\n`
    }
    keywords = assigned
    return contents === before ? null : contents
  }
  await replaceText(facts, folder.directory, FILE, change, signal)
  return keywords
}

/** Whether a keyword has a letter. Letters' case does not matter (RFC 9051 section 2.3.2). */
export function includes(keywords: Keywords, keyword: string): boolean {
  return keywords.some((known) => known?.toLowerCase() === keyword.toLowerCase())
}

/** The refusal of a keyword, or null when a letter stands for it. */
export function refusalOf(key: string, keyword: string, keywords: Keywords): FlagRefusal | null {
  if (includes(keywords, keyword) || hasLetter(keyword)) return null
  const reason = keywordProblem(keyword) ?? 'all 26 keywords of this Maildir folder are taken'
  return { key, flag: keyword, reason }
}

function parse(text: string): Keywords {
  const keywords: (string | undefined)[] = []
  for (const line of text.split('\n')) {
    const parts = /^(\d{1,2}) (\S+)$/.exec(line)
    const index = Number(parts?.[1] ?? LETTERS)
    if (index < LETTERS) keywords[index] = parts?.[2]
  }
  return keywords
}
