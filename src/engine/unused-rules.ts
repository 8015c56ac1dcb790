import { compileGlob, formatPath, isWithin } from '../core/mailbox-path.ts'
import type { MappingRules } from './mapping.ts'

/**
 * What of the project's mapping fits none of these mailboxes: `key` as it is written in the project's settings, and the
 * mailbox or glob. Most often a path with the server's own delimiter (`INBOX.Work`), or a mistyped name; nothing else would say so.
 */
export function unusedRules(
  { rules, include, exclude }: Pick<MappingRules, 'rules' | 'include' | 'exclude'>,
  paths: readonly (readonly string[])[],
): readonly { readonly key: string; readonly text: string }[] {
  const idle = (key: string, globs: readonly string[]): readonly { key: string; text: string }[] =>
    globs.filter((glob) => !paths.some(compileGlob(glob))).map((text) => ({ key, text }))
  return [
    ...rules
      .filter(({ from }) => !paths.some((path) => isWithin(path, from)))
      .map(({ from }) => ({ key: 'mapping.rules', text: formatPath(from) })),
    ...idle('mapping.include', include),
    ...idle('mapping.exclude', exclude),
  ]
}
