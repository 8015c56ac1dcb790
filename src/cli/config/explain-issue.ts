import type * as z from 'zod'
import { didYouMean } from './did-you-mean.ts'
import type { Problem } from './problems.ts'
import { END_KINDS, knownKeys } from './schema.ts'
import { valueAt, type YamlSource } from './yaml-source.ts'

const SECRET_KEY = /pass|secret|token|pwd/i

/** The keys that may stand at a path of a file; `kind` is that of the part the path lies in. */
export type KnownKeys = (path: readonly PropertyKey[], kind: unknown) => readonly string[]

/** What the schema found wrong, in our words and with its place. One issue may be several problems. */
export function explainIssue(
  issue: z.core.$ZodIssue,
  source: YamlSource,
  known: KnownKeys = knownKeys,
): readonly Problem[] {
  const found = valueAt(source.data, issue.path)
  const name = nameOf(issue.path)
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, issue.path, source, known))
    case 'invalid_value': {
      const values = issue.values.map(String)
      const hint = typeof found === 'string' ? suggestion(found, values) : null
      if (found === undefined) return [missing(issue.path, source, `one of ${values.join(', ')}`)]
      return [source.at(issue.path, `${name} must be ${oneOf(values)}`, hint)]
    }
    case 'invalid_union': {
      const kinds = END_KINDS
      if (found === undefined) return [missing(issue.path, source, `one of ${kinds.join(', ')}`)]
      return [
        source.at(
          issue.path,
          `${name} must be ${oneOf(kinds)}`,
          typeof found === 'string' ? suggestion(found, kinds) : null,
        ),
      ]
    }
    case 'invalid_type':
      if (found === undefined) return [missing(issue.path, source, null)]
      return [source.at(issue.path, `${name} must be ${TYPES[issue.expected] ?? issue.expected}`)]
    default:
      if (found === undefined) return [missing(issue.path, source, null)]
      return [source.at(issue.path, `${name}: ${issue.message}`)]
  }
}

const TYPES: Readonly<Record<string, string>> = {
  object: 'a map of keys',
  array: 'a list',
  boolean: 'true or false',
  string: 'text',
  number: 'a number',
}

function unknownKey(key: string, path: readonly PropertyKey[], source: YamlSource, knownOf: KnownKeys): Problem {
  if (SECRET_KEY.test(key)) {
    return source.atKey(
      path,
      key,
      `"${key}": secrets do not belong into this file`,
      'use `sealpost credentials set NAME`',
    )
  }
  const kind = valueAt(source.data, [...path.slice(0, 1), 'kind'])
  const known = knownOf(path, kind)
  const hint =
    key === 'preset' && path.length === 1
      ? 'a preset makes an IMAP end: leave out the preset, or the kind'
      : (suggestion(key, known) ?? `known here: ${known.join(', ')}`)
  return source.atKey(path, key, `unknown key "${key}"`, hint)
}

function missing(path: readonly PropertyKey[], source: YamlSource, what: string | null): Problem {
  return source.at(path.slice(0, -1), `${nameOf(path)} is missing${what === null ? '' : ` (${what})`}`)
}

function suggestion(typed: string, known: readonly string[]): string | null {
  const meant = didYouMean(typed, known)
  return meant === null ? null : `did you mean "${meant}"?`
}

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? (values[0] ?? '') : `one of ${values.join(', ')}`
}

function nameOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the file'
  return path.map((part) => (typeof part === 'number' ? String(part + 1) : String(part))).join('.')
}
