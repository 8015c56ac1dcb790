import { encodeModifiedUtf7 } from '../shared/modified-utf7.ts'

/** What may stand in no keyword (RFC 9051 section 9, atom): blanks become `_`, the others `-`. */
const BLANKS = /\s+/g
const NO_ATOM = /[(){%*"\\\]]/g
/** Outlook refuses longer names; a comma parts categories from each other. */
const MAX_CATEGORY_CHARACTERS = 255

/** The keyword that stands for a category of Outlook. Letters beyond ASCII are written as mailbox names are (RFC 3501 section 5.1.3). */
export function keywordOf(category: string): string {
  return encodeModifiedUtf7(category.toWellFormed().trim().replace(BLANKS, '_').replace(NO_ATOM, '-'))
}

/** True for a keyword that can be a category. */
export function isCategory(keyword: string): boolean {
  return keyword !== '' && keyword.length <= MAX_CATEGORY_CHARACTERS && !/^\\|[,;]|\p{Cc}/u.test(keyword)
}
