import { buildSync } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { root } from '../../scripts/set-up.mjs'

/** The packages that are loaded with a file, before anything of it is called. */
function packagesLoadedWith(entry: string): readonly string[] {
  const { metafile } = buildSync({
    absWorkingDir: root,
    entryPoints: [entry],
    outdir: 'dist',
    write: false,
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    metafile: true,
  })
  const found = new Set<string>()
  const seen = new Set([entry])
  for (const file of seen) {
    for (const { path, kind, external } of metafile.inputs[file]?.imports ?? []) {
      if (kind === 'dynamic-import' || path.startsWith('node:')) continue
      if (external === true) found.add(path)
      else seen.add(path)
    }
  }
  return [...found].sort()
}

describe('the start of the program', () => {
  it('loads no package but the one that reads the command line: each costs every command its time', () => {
    expect(packagesLoadedWith('src/cli/command-line.ts')).toEqual(['commander', 'env-paths'])
  })

  it('loads no connector, no age and no libsodium with a project that is opened', () => {
    expect(packagesLoadedWith('src/cli/project/open-project.ts')).toEqual([
      'better-sqlite3',
      'csv-parse/sync',
      'pino',
      'yaml',
    ])
  })
})
