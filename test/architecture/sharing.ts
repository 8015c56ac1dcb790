import { posix } from 'node:path'
import type { Source } from './checker.ts'

/** What changes, or measures, the whole process in which a test runs, and so the files that run there before or after it. */
const OF_THE_PROCESS: readonly RegExp[] = [
  /\bvi\.(?:mock|doMock|hoisted|spyOn|stub\w+|useFakeTimers|setSystemTime|setConfig|resetModules)\(/,
  /\bprocess\.(?:on|chdir|umask|set[a-z]+id|setgroups|memoryUsage)\b/,
  /\bprocess\.env(?:\[[^\]]+\]|\.\w+) *=[^=]/,
  /\bdelete process\.env\b/,
  /\bObject\.assign\((?:process|globalThis)\b/,
  /\bglobalThis\.\w+ *=[^=]/,
  // A limit that was lowered by unlocking in this process can not be raised again.
  /\bprlimit\b/,
]

/** Hooks of a module that several suites import are there for the first of them alone. */
const HOOK = /^(?:before|after|around)(?:All|Each)\(/m

/**
 * Which test files may not share a process with others (their names do not end in `.alone.test.ts`), and which modules have
 * hooks where only the first importer has them: `path: what`. `sources` is all of test/.
 */
export function checkSharing(sources: readonly Source[]): string[] {
  const texts = new Map(sources.map(({ path, text }) => [path, text]))
  const broken: string[] = []
  for (const { path, text } of sources) {
    if (!path.endsWith('.test.ts')) {
      const hook = HOOK.exec(text)?.[0]
      if (hook !== undefined) broken.push(`${path}: ${hook}) outside of any function`)
    } else if (!path.endsWith('.alone.test.ts')) {
      for (const each of reachable(path, texts)) {
        for (const pattern of OF_THE_PROCESS) {
          const found = pattern.exec(texts.get(each) ?? '')?.[0]
          if (found !== undefined) broken.push(`${path}: ${found}${each === path ? '' : ` in ${each}`}`)
        }
      }
    }
  }
  return broken
}

/** A file and all modules of test/ that it imports, and these. */
function reachable(path: string, texts: ReadonlyMap<string, string>): ReadonlySet<string> {
  const found = new Set([path])
  for (const each of found) {
    for (const [, specifier = ''] of (texts.get(each) ?? '').matchAll(/\bfrom '(\.[^']+)'/g)) {
      const target = posix.join(posix.dirname(each), specifier)
      if (texts.has(target)) found.add(target)
    }
  }
  return found
}
