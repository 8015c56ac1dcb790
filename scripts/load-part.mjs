// What the built program loads its parts with; the build puts it beside them. They are scripts and no modules of Node's,
// because only a script can be given a code cache (docs/decisions/0019-code-cache.md).
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Script } from 'node:vm'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const DIGEST_BYTES = 32
const requireBuiltin = createRequire(import.meta.url)
/** What the parts export that have been evaluated. @type {Map<string, object>} */
const parts = new Map()
/** @type {Map<string, object>} */
const packages = new Map()

/**
 * What a part of the program exports, as `import()` would; evaluated once. `needed` are the packages that it and the parts
 * below it import: these are Node's to load. Rejects with what came of evaluating.
 * @param {string} part
 * @param {readonly string[]} needed
 */
export async function loadPart(part, ...needed) {
  for (const name of needed) {
    if (!packages.has(name)) packages.set(name, asRequired(await loadPackage(name)))
  }
  return evaluate(part)
}

/**
 * `import()` of what is Node's to load; a script has none of its own.
 * @param {string} name
 * @returns {Promise<object>}
 */
export async function loadPackage(name) {
  /** @type {object} */
  const namespace = await import(name)
  return namespace
}

/**
 * Compiles the source of a part, from a code cache where V8 takes it; without one, what is called is compiled then. Its name
 * is all that its script knows of where it lies: V8 keeps that in the cache, which is made before the program is where it
 * will be.
 * @param {string} part
 * @param {Buffer} source
 * @param {Buffer | null} cachedData
 */
export function compilePart(part, source, cachedData) {
  return new Script(source.toString('utf8'), { filename: part, ...(cachedData === null ? {} : { cachedData }) })
}

/**
 * Where the code cache of a part lies, below the folder of the parts: one folder for each V8, which reads no other's.
 * @param {string} part
 */
export function cachePath(part) {
  return join('code-cache', `${process.versions.v8}-${process.arch}`, `${part}.bin`)
}

/**
 * What is kept of a code cache that V8 made of a source: the digest of both, and the cache.
 * @param {Buffer} source
 * @param {Buffer} code
 */
export function bindCache(source, code) {
  return Buffer.concat([digestOf(source, code), code])
}

/**
 * The code cache in a file that `bindCache` made, or null where there is none, it is damaged, or it was made of another
 * source. V8 looks at the length of the source alone, and believes every byte of the cache.
 * @param {string} file
 * @param {Buffer} source
 */
export function readCache(file, source) {
  /** @type {Buffer} */
  let bound
  try {
    bound = readFileSync(file)
  } catch {
    return null
  }
  const code = bound.subarray(DIGEST_BYTES)
  return bound.subarray(0, DIGEST_BYTES).equals(digestOf(source, code)) ? code : null
}

/**
 * @param {Buffer} source
 * @param {Buffer} code
 */
function digestOf(source, code) {
  return createHash('sha256').update(source).update(code).digest()
}

/**
 * @param {string} part
 * @returns {object}
 */
function evaluate(part) {
  const known = parts.get(part)
  if (known !== undefined) return known
  const path = join(FOLDER, part)
  const source = readFileSync(path)
  const script = compilePart(part, source, readCache(join(FOLDER, cachePath(part)), source))
  /** @type {{ exports: object }} */
  const module = { exports: {} }
  const body = /** @type {(...given: readonly unknown[]) => void} */ (script.runInThisContext())
  body(module, requireFor, loadPart, loadPackage, pathToFileURL(path).href)
  parts.set(part, module.exports)
  return module.exports
}

/** @param {string} name */
function requireFor(name) {
  if (name.startsWith('./')) return evaluate(name.slice(2))
  return packages.get(name) ?? /** @type {unknown} */ (requireBuiltin(name))
}

/**
 * A module's exports in the form that esbuild asks for where it has made `require` of `import`. What was compiled to CommonJS
 * has a mark of that form already.
 * @param {object} namespace
 */
function asRequired(namespace) {
  const exports = {}
  Object.defineProperty(exports, '__esModule', { value: true })
  for (const name of Object.keys(namespace).filter((key) => key !== '__esModule')) {
    Object.defineProperty(exports, name, {
      enumerable: true,
      get: () => /** @type {unknown} */ (Reflect.get(namespace, name)),
    })
  }
  return exports
}
