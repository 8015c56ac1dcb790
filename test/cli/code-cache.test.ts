import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { root } from '../../scripts/set-up.mjs'
import { bindCache, cachePath } from '../../scripts/load-part.mjs'
import { INIT_WORDS } from './program.ts'

const BUILT = join(root, 'dist', 'src', 'cli')

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sealpost-code-cache-'))
  folders.push(folder)
  return folder
}

/** Runs a program with an environment that has nothing in it but a home. */
function node(home: string, ...words: readonly string[]) {
  const env = { HOME: home, TMPDIR: home, SEALPOST_HOME: join(home, 'workspace') }
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { cwd: home, env, encoding: 'utf8' })
  return { status, stdout, stderr }
}

const namesIn = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()

describe('the built program', () => {
  it('has a code cache of each of its parts, and the Node that built it takes them all', () => {
    const parts = readdirSync(BUILT).filter((name) =>
      readFileSync(join(BUILT, name.endsWith('.js') ? name : 'main.js'), 'utf8').startsWith('(function'),
    )
    expect(parts.length).toBeGreaterThan(100)
    const looked = execFileSync(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        `import { readFileSync } from 'node:fs'
         import { join } from 'node:path'
         const folder = process.argv[1]
         const { cachePath, compilePart, readCache } = await import(join(folder, 'load-part.js'))
         for (const part of process.argv.slice(2)) {
           const source = readFileSync(join(folder, part))
           const cache = readCache(join(folder, cachePath(part)), source)
           if (cache === null || compilePart(part, source, cache).cachedDataRejected) console.log(part)
         }`,
        BUILT,
        ...parts,
      ],
      { encoding: 'utf8', env: {} },
    )
    expect(looked).toBe('')
    const cached = namesIn(join(BUILT, dirname(cachePath(''))))
    expect(cached).toEqual(parts.map((part) => basename(cachePath(part))).sort())
  })

  it('loads each of its parts with the packages that are named where it is asked for', () => {
    const calls = readdirSync(BUILT)
      .filter((name) => name.endsWith('.js') && name !== 'load-part.js')
      .flatMap((name) => [...readFileSync(join(BUILT, name), 'utf8').matchAll(/\bloadPart\(("[^)]+")\)/g)])
      .map(([, words]) => `[${words ?? ''}]`)
    const asked = [...new Set(calls)]
    expect(asked.filter((words) => words.includes(','))).not.toEqual([])
    const load = `
      const { loadPart } = await import(process.argv[1])
      for (const words of process.argv.slice(2)) await loadPart(...JSON.parse(words))`
    const words = ['--input-type=module', '--eval', load, join(BUILT, 'load-part.js'), ...asked]
    expect(node(newFolder(), ...words)).toEqual({ status: 0, stdout: '', stderr: '' })
  })

  it('works without a code cache, says nothing about it, and makes none', () => {
    const folder = newFolder()
    cpSync(join(root, 'dist'), join(folder, 'dist'), {
      recursive: true,
      filter: (path) => basename(path) !== 'code-cache',
    })
    copyFileSync(join(root, 'package.json'), join(folder, 'package.json'))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    const before = namesIn(join(folder, 'dist'))
    const home = newFolder()
    writeFileSync(join(home, 'passphrase'), 'a passphrase of these tests\n', { mode: 0o600 })
    const main = join(folder, 'dist', 'src', 'cli', 'main.js')
    expect(node(home, main, ...INIT_WORDS)).toMatchObject({ status: 0, stderr: '' })
    expect(namesIn(join(folder, 'dist'))).toEqual(before)
    expect(readdirSync(home).sort()).toEqual(['passphrase', 'project', 'workspace'])
    expect(namesIn(home).filter((name) => /cache|\.bin$/.test(name))).toEqual([])
  })
})

describe('a part', () => {
  const NEW = Buffer.from(`(function (module, require, loadPart, loadPackage, partUrl) { "use strict";
const said = 'new';
module.exports = { said, url: partUrl, fails: () => { throw new Error('as asked') } };
})`)
  const OLD = Buffer.from(NEW.toString().replace("'new'", "'old'"))
  const MAIN = `import { loadPart } from './load-part.js'
    const { said, url, fails } = await loadPart('part.js')
    console.log(said, url === new URL('part.js', import.meta.url).href)
    try { fails() } catch (error) { console.log(error.stack.split('\\n')[1].trim()) }`

  /** What V8 makes of a source when it runs as the program does. */
  function codeOf(source: Buffer): Buffer {
    const made = execFileSync(
      process.execPath,
      [
        '--eval',
        `const script = new vm.Script(fs.readFileSync(0, 'utf8'), { filename: 'part.js' })
         script.runInThisContext()({}, require, null, null, '')
         process.stdout.write(script.createCachedData())`,
      ],
      { input: source, env: {} },
    )
    return made
  }

  /** What is said by a program of this one part whose source is NEW. */
  function run(cache: Buffer | null, ...options: readonly string[]) {
    const folder = newFolder()
    copyFileSync(join(BUILT, 'load-part.js'), join(folder, 'load-part.js'))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'part.js'), NEW)
    writeFileSync(join(folder, 'main.js'), MAIN)
    const file = join(folder, cachePath('part.js'))
    if (cache !== null) {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, cache)
    }
    const before = namesIn(folder)
    const ended = node(folder, ...options, join(folder, 'main.js'))
    expect(namesIn(folder)).toEqual(before)
    if (cache !== null) expect(readFileSync(file)).toEqual(cache)
    return ended
  }

  const saying = (said: string) => ({
    status: 0,
    stdout: `${said} true\nat fails (part.js:3:61)\n`,
    stderr: '',
  })
  const code = { new: codeOf(NEW), old: codeOf(OLD) }
  const bound = bindCache(NEW, code.new)

  it('runs from its code cache: V8 believes one that is said to be of this source', () => {
    expect(run(bindCache(NEW, code.old))).toEqual(saying('old'))
  })

  it.each([
    ['its own', bound],
    ['none', null],
    ['one of another source of the same length', bindCache(OLD, code.old)],
    [
      'one with a byte changed',
      Buffer.from(bound.map((byte, index) => (index === bound.length - 9 ? byte ^ 1 : byte))),
    ],
    ['one that is cut off', bound.subarray(0, -1)],
    ['one that is cut off within its digest', bound.subarray(0, 10)],
    ['an empty file', Buffer.alloc(0)],
    ['one that V8 does not know', bindCache(NEW, Buffer.alloc(1000))],
  ])('does what its source says with %s as a code cache', (_name, cache) => {
    expect(run(cache)).toEqual(saying('new'))
  })

  it('does what its source says where Node runs with other flags', () => {
    expect(run(bindCache(NEW, code.old), '--stack-size=900')).toEqual(saying('new'))
  })
})
