import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'

const folder = mkdtempSync(join(tmpdir(), 'sealpost-child-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
let made = 0

/** Packages stay where they are, and each module knows itself by its own address. */
const inPlace: Plugin = {
  name: 'in-place',
  setup: (bundler) => {
    bundler.onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
      if (kind === 'entry-point' || path.startsWith('node:')) return undefined
      return { path: import.meta.resolve(path), external: true }
    })
    bundler.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const url = JSON.stringify(pathToFileURL(path).href)
      return { contents: (await readFile(path, 'utf8')).replaceAll('import.meta.url', url), loader: 'ts' }
    })
  },
}

/**
 * One file of plain JavaScript that does what a TypeScript program of the tests does, for `node`: a process that has to
 * translate its modules first takes seconds to start. It is gone when this process ends.
 */
export async function bundleProgram(source: URL): Promise<string> {
  const outfile = join(folder, `${++made}.mjs`)
  await build({
    entryPoints: [fileURLToPath(source)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    plugins: [inPlace],
    logLevel: 'silent',
  })
  return outfile
}
