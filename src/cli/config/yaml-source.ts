import { isCollection, isMap, isPair, isScalar, LineCounter, parseDocument, type Document } from 'yaml'
import type { Problem } from './problems.ts'

/** A YAML file that was read, with the places of what it holds. */
export interface YamlSource {
  /** Plain data; null when the file could not be read as YAML. */
  readonly data: unknown
  readonly problems: readonly Problem[]
  /** A problem with the value at `path`; where there is none, with its nearest parent. */
  at(path: readonly PropertyKey[], message: string, hint?: string | null): Problem
  /** A problem with a key of the map at `path`. */
  atKey(path: readonly PropertyKey[], key: string, message: string, hint?: string | null): Problem
}

/** Reads one YAML 1.2 document; all that is wrong with it is in `problems`, each with its place. */
export function readYaml(file: string, content: string): YamlSource {
  const lines = new LineCounter()
  const document = parseDocument(content, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    logLevel: 'error',
  })
  const problemAt = (offset: number | null, message: string, hint: string | null = null): Problem => {
    const place = offset === null ? { line: 1, col: 1 } : lines.linePos(offset)
    return { file, line: Math.max(1, place.line), column: Math.max(1, place.col), message, hint }
  }
  const unreadable = content.search(/[\0\uFFFD]/u)
  const problems =
    unreadable === -1
      ? causes([...document.errors, ...document.warnings], content).map(({ offset, message, hint }) =>
          problemAt(offset, message, hint),
        )
      : [problemAt(unreadable, 'the file is not UTF-8 text', 'save it as UTF-8')]
  let data: unknown = null
  if (problems.length === 0) {
    try {
      data = document.toJS()
    } catch {
      problems.push(problemAt(null, 'too many aliases'))
    }
  }
  return {
    data,
    problems,
    at: (path, message, hint) => problemAt(offsetOf(document, path), message, hint),
    atKey: (path, key, message, hint) => problemAt(keyOffset(document, path, key), message, hint),
  }
}

/** The value at a path of plain data; undefined where there is none. */
export function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  let value = data
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Readonly<Record<PropertyKey, unknown>>)[part]
  }
  return value
}

interface Cause {
  readonly offset: number
  readonly message: string
  readonly hint?: string
}

/** What is wrong with the text itself. A tab, or a quotation mark of a word processor, makes errors of all that follows: it is told alone. */
function causes(errors: Document['errors'] | Document['warnings'], content: string): readonly Cause[] {
  const tabs = errors.filter(({ code }) => code === 'TAB_AS_INDENT')
  const [first] = errors
  if (tabs.length === 0 && first !== undefined) {
    const start = content.lastIndexOf('\n', first.pos[0] - 1) + 1
    const quote = /(?<=[:,{[-]\s*)[“”„‟‘’‚]/u.exec(content.slice(start).split('\n', 1)[0] ?? '')
    if (quote !== null)
      return [
        { offset: start + quote.index, message: `${quote[0]} is no quotation mark here`, hint: 'write " instead' },
      ]
  }
  return (tabs.length > 0 ? tabs : errors).map(({ pos, code, message }) => ({
    offset: pos[0],
    message: plainMessage(code, message),
  }))
}

function plainMessage(code: string, message: string): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key stands here a second time'
    case 'TAB_AS_INDENT':
      return 'a tab is not allowed as indentation; use blanks'
    case 'MULTIPLE_DOCS':
      return 'a second document begins here (---); only one is read'
    case 'NON_STRING_KEY':
      return 'a key must be text'
    default:
      return `not valid YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`
  }
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number | null {
  for (let length = path.length; length > 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true)
    // An empty value has no text of its own: its key is what the eye looks for.
    if (isScalar(node) && node.source === '')
      return keyOffset(document, path.slice(0, length - 1), path[length - 1])
    if (isCollection(node) && length === path.length)
      return keyOffset(document, path.slice(0, -1), path[length - 1])
    if (isScalar(node) || isCollection(node)) return rangeStart(node)
  }
  return rangeStart(document.contents)
}

function keyOffset(document: Document, path: readonly PropertyKey[], key: PropertyKey | undefined): number | null {
  const map: unknown = path.length === 0 ? document.contents : document.getIn(path, true)
  if (isMap(map)) {
    const pair = map.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key)
    if (pair !== undefined) return rangeStart(pair.key)
  }
  if (isCollection(map) && typeof key === 'number') return rangeStart(map.items[key])
  return rangeStart(map)
}

function rangeStart(node: unknown): number | null {
  if (!isScalar(node) && !isCollection(node)) return null
  return node.range?.[0] ?? null
}
