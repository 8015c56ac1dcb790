import { SealpostError } from '../core/errors.ts'

/** A person, as somebody who asks names himself. */
export interface SubjectQuery {
  readonly name: string | null
  readonly address: string | null
}

/** `exact`: the field is this person. `mention`: the person is named in it. */
export type Match = 'exact' | 'mention'

/** What stands in the place of what was erased. */
export const ERASED = '[erased]'

/** Throws `config` when nobody is named. */
export function assertQuery(query: SubjectQuery): void {
  const named = [query.name, query.address].some((text) => text !== null && fold(text).length >= 3)
  if (!named) throw new SealpostError('config', 'name the person, or an address, with three characters at least')
}

/**
 * Whether a person's entry is the one asked for: every part that both have must agree, and one at least. Letters of
 * either case and width are one, and so are blanks of any number.
 */
export function matchPerson(
  query: SubjectQuery,
  person: { readonly name: string; readonly address: string | null },
): Match | null {
  const name = query.name === null ? null : fold(query.name) === fold(person.name)
  const address =
    query.address === null || person.address === null ? null : fold(query.address) === fold(person.address)
  if (name === false || address === false) {
    // Another person of the same name, or the same address under another name: told, and never taken for the one.
    return name === true || address === true || mentions(query, person.name) ? 'mention' : null
  }
  if (name === true || address === true) return 'exact'
  return null
}

/** Whether a text names the person: the whole name or the whole address, as words. */
export function matchText(query: SubjectQuery, text: string): Match | null {
  const exact = [query.name, query.address].some((part) => part !== null && fold(part) === fold(text))
  if (exact) return 'exact'
  return mentions(query, text) ? 'mention' : null
}

/** Texts below a JSON value that name the person, each with its place (RFC 6901). */
export function matchJson(
  query: SubjectQuery,
  value: unknown,
  place = '',
): { place: string; text: string; match: Match }[] {
  if (typeof value === 'string') {
    const match = matchText(query, value)
    return match === null ? [] : [{ place, text: value, match }]
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]: [string, unknown]) =>
    matchJson(query, member, `${place}/${key.replace(/~/g, '~0').replace(/\//g, '~1')}`),
  )
}

function mentions(query: SubjectQuery, text: string): boolean {
  const folded = fold(text)
  return [query.name, query.address].some((part) => part !== null && holdsWords(folded, fold(part)))
}

/** True where `words` stands in `text` and no letter or digit touches it. */
function holdsWords(text: string, words: string): boolean {
  if (words === '') return false
  for (let at = text.indexOf(words); at !== -1; at = text.indexOf(words, at + 1)) {
    const touched =
      /[\p{L}\p{N}]$/u.test(text.slice(0, at)) || /^[\p{L}\p{N}]/u.test(text.slice(at + words.length))
    if (!touched) return true
  }
  return false
}

function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ').trim()
}
