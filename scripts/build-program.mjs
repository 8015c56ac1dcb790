// The compiled program in dist: entries, which are modules of Node's, and parts, which are scripts with a code cache beside
// them (docs/decisions/0019-code-cache.md).
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { root, say, SetUpError } from './set-up.mjs'

/** The programs of the package: the command line, its agent, and the process that stretches passphrases. */
const PROGRAMS = ['src/cli/main.ts', 'src/cli/access/agent-main.ts', 'vault/kdf-child.mjs']
/** What they load their parts with. */
const LOADER = join('scripts', 'load-part.mjs')
/** Where all of it lies. */
const PROGRAM_FOLDER = join('dist', 'src', 'cli')

/** The scripts of pages that clients open. */
const PAGE_SCRIPTS = ['vault/browser/intake.ts', 'src/report/browser/look-up.ts']

/**
 * What nearly every command loads is bundled: hundreds of small files cost more to find than to run
 * (docs/decisions/0001-tools.md). Everything else stays a package of its own, loaded by who needs it.
 */
const BUNDLED = [
  ...['age-encryption', 'commander', 'csv-parse', 'env-paths', 'libsodium-wrappers-sumo', 'p-queue', 'pino'],
  ...['yaml', 'zod'],
]

/** @typedef {import('esbuild').Metafile['outputs']} Outputs */

/** Makes the programs in dist from src, connectors and vault, and the scripts of the pages that clients open. */
export async function build() {
  say(`esbuild ${PROGRAM_FOLDER}`)
  const esbuild = /** @type {typeof import('esbuild')} */ (createRequire(import.meta.url)('esbuild'))
  const { dependencies } = /** @type {{ dependencies: Record<string, string> }} */ (
    JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  )
  const program = /** @type {const} */ ({
    absWorkingDir: root,
    entryNames: '[name]',
    outdir: PROGRAM_FOLDER,
    bundle: true,
    external: Object.keys(dependencies).filter((name) => !BUNDLED.includes(name)),
    format: 'esm',
    platform: 'node',
    target: 'node20',
    legalComments: 'linked',
    metafile: true,
    write: false,
  })
  const [split, pages] = await Promise.all([
    esbuild.build({ ...program, entryPoints: PROGRAMS, splitting: true }),
    // Pages for clients carry their script within them: each is one file with what it imports.
    esbuild.build({
      absWorkingDir: root,
      entryPoints: PAGE_SCRIPTS,
      outbase: '.',
      outdir: 'dist',
      bundle: true,
      minify: true,
      format: 'iife',
      target: 'es2022',
      charset: 'utf8',
      write: false,
    }),
  ])
  /** @type {{ path: string, text: string }[]} */
  const files = [...pages.outputFiles]
  /** @type {string[]} */
  const parts = []
  const { outputs } = split.metafile
  for (const { path, text } of split.outputFiles) {
    const output = outputs[relative(root, path)]
    if (output === undefined || !path.endsWith('.js')) files.push({ path, text })
    else if (PROGRAMS.includes(output.entryPoint ?? '')) files.push({ path, text: toEntry(text, output, outputs) })
    else {
      files.push({ path, text: await toPart(esbuild, withCalls(text, output, outputs), path) })
      parts.push(basename(path))
    }
  }
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  for (const { path, text } of files) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  copyFileSync(join(root, LOADER), join(root, PROGRAM_FOLDER, 'load-part.js'))
  chmodSync(join(root, PROGRAM_FOLDER, 'main.js'), 0o755)
  makeCache(parts)
}

/**
 * An entry: a module that waits at its top for the part which does the work.
 * @param {string} text
 * @param {Outputs[string]} output
 * @param {Outputs} outputs
 */
function toEntry(text, output, outputs) {
  const shared = output.imports.find(({ kind, external }) => kind !== 'dynamic-import' && external !== true)
  if (shared !== undefined) {
    throw new SetUpError(`${output.entryPoint ?? ''} imports what a part has: an entry may only await import()`)
  }
  const hashbang = /^#!.*\n/.exec(text)?.[0] ?? ''
  const rest = withCalls(text.slice(hashbang.length), output, outputs)
  return `${hashbang}import { loadPackage, loadPart } from "./load-part.js";\n${rest}`
}

/**
 * A part: a script, of one function that gets what a module has by itself.
 * @param {typeof import('esbuild')} esbuild
 * @param {string} text
 * @param {string} path
 */
async function toPart(esbuild, text, path) {
  const { code, warnings } = await esbuild.transform(text, {
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    define: { 'import.meta.url': 'partUrl' },
    sourcefile: basename(path),
    legalComments: 'inline',
  })
  const warning = warnings[0]
  if (warning !== undefined) throw new SetUpError(`${basename(path)}: ${warning.text}`)
  // The getters themselves, not the copy behind further getters that is for callers of CommonJS: those cost 30 ns a call.
  const body = code.replace(/^module\.exports = __toCommonJS\((\w+)\);$/m, 'module.exports = $1;')
  if (body === code)
    throw new SetUpError(`esbuild writes the exports of ${basename(path)} in another way than expected`)
  return `(function (module, require, loadPart, loadPackage, partUrl) { "use strict"; ${body}})\n`
}

/**
 * The text with each `import()` as a call of the loader. For a part it names the packages that have to be there first.
 * @param {string} text
 * @param {Outputs[string]} output
 * @param {Outputs} outputs
 */
function withCalls(text, output, outputs) {
  /** @type {Map<string, string>} */
  const calls = new Map()
  for (const { path, kind, external } of output.imports) {
    if (kind !== 'dynamic-import') continue
    const name = JSON.stringify(path)
    if (external === true) calls.set(`import(${name})`, `loadPackage(${name})`)
    else {
      const words = [basename(path), ...packagesOf(path, outputs)].map((word) => JSON.stringify(word))
      calls.set(`import("./${basename(path)}")`, `loadPart(${words.join(', ')})`)
    }
  }
  return [...calls].reduce((before, [was, call]) => {
    if (!before.includes(was)) throw new SetUpError(`esbuild writes ${was} in another way than expected`)
    return before.replaceAll(was, call)
  }, text)
}

/**
 * The packages that are imported by a part, and by the parts which come with it.
 * @param {string} path
 * @param {Outputs} outputs
 */
function packagesOf(path, outputs) {
  /** @type {Set<string>} */
  const found = new Set()
  const seen = new Set([path])
  for (const part of seen) {
    for (const { path: name, kind, external } of outputs[part]?.imports ?? []) {
      if (kind === 'dynamic-import' || isBuiltin(name)) continue
      if (external !== true) seen.add(name)
      else if (kind === 'import-statement') found.add(name)
      else throw new SetUpError(`${name} is loaded by ${kind}, and may be a module: bundle who asks for it`)
    }
  }
  return found
}

/**
 * Has the cache made by a process of its own, which is started as the program will be: V8 compares its flags. Without one
 * the program does the same, later: so a V8 that makes none fails no build.
 * @param {readonly string[]} parts
 */
function makeCache(parts) {
  say('code cache')
  const maker = join(root, 'scripts', 'make-code-cache.mjs')
  const { status, stderr, error } = spawnSync(process.execPath, [maker, join(root, PROGRAM_FOLDER)], {
    input: JSON.stringify(parts),
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  if (status === 0) return
  rmSync(join(root, PROGRAM_FOLDER, 'code-cache'), { recursive: true, force: true })
  say(`no code cache, the program starts slower: ${error?.message ?? stderr.trim()}`)
}
