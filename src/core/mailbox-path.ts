/** A mailbox's path as people read and write it: levels joined by `/`, with `\/` for a slash and `\\` for a backslash within one. */
export function formatPath(path: readonly string[]): string {
  return path.map((level) => level.replace(/[\\/]/g, '\\$&')).join('/')
}

/** The opposite of `formatPath`; any text parses, `\x` reads as `x`. */
export function parsePath(text: string): readonly string[] {
  const levels: string[] = []
  let level = ''
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i)
    if (character === '\\' && i + 1 < text.length) {
      level += text.charAt(++i)
    } else if (character === '/') {
      levels.push(level)
      level = ''
    } else {
      level += character
    }
  }
  levels.push(level)
  return levels
}

/** True when both paths have the same levels, letter by letter. */
export function samePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((level, i) => level === b[i])
}

/** True when `path` is `ancestor` or lies below it. */
export function isWithin(path: readonly string[], ancestor: readonly string[]): boolean {
  return path.length >= ancestor.length && ancestor.every((level, i) => level === path[i])
}

/**
 * Compiles a glob over whole paths: `*` stands for anything within a level, `**` also across levels, `?` for one
 * character, `\` takes the next one as it is. `Old` alone matches that mailbox only; `Old/**` what lies below it.
 */
export function compileGlob(glob: string): (path: readonly string[]) => boolean {
  let pattern = ''
  for (let i = 0; i < glob.length; i++) {
    const character = glob.charAt(i)
    if (character === '*' && glob.charAt(i + 1) === '*') {
      pattern += '.*'
      i++
    } else if (character === '*') pattern += '(?:[^/\\\\]|\\\\.)*'
    else if (character === '?') pattern += '(?:[^/\\\\]|\\\\.)'
    else if (character === '\\' && i + 1 < glob.length) pattern += escapeLevel(glob.charAt(++i))
    else pattern += character === '/' ? '/' : escapeLevel(character)
  }
  const compiled = new RegExp(`^${pattern}$`, 'su')
  return (path) => compiled.test(formatPath(path))
}

/** The pattern for one literal character of a formatted path. */
function escapeLevel(character: string): string {
  if (character === '/' || character === '\\') return `\\\\\\${character}`
  return character.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
}
