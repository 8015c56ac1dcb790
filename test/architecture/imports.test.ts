import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root, wantedPackages } from '../../scripts/set-up.mjs'
import { check, type Source } from './checker.ts'
import { PACKAGE_HOMES } from './rules.ts'

function filesBelow(folder: string, ending: string): Source[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending) && !entry.parentPath.includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: relative(root, path).split(sep).join('/'), text: readFileSync(path, 'utf8') }))
}

const sources = ['src', 'connectors', 'vault'].flatMap((folder) => filesBelow(folder, '.ts'))

describe('the tree', () => {
  it('keeps the rules of docs/design.md section 3', () => {
    expect(sources.length).toBeGreaterThan(10)
    const decisions = filesBelow('docs/decisions', '.md').map(({ text }) => text)
    expect(check(sources, decisions.join('\n'))).toEqual([])
  })

  it('exports nothing whose name stands nowhere else', () => {
    const uses = new Map<string, number>()
    for (const { text } of [...sources, ...filesBelow('test', '.ts'), ...filesBelow('scripts', '.ts')])
      for (const [word] of text.matchAll(/\w+/g)) uses.set(word, (uses.get(word) ?? 0) + 1)
    const exported = /^export (?:async )?(?:function\*?|const|class|interface|type) (\w+)/gm
    const dead = sources.flatMap(({ path, text }) =>
      [...text.matchAll(exported)].flatMap(([, name = '']) => (uses.get(name) === 1 ? [`${path}: ${name}`] : [])),
    )
    expect(dead).toEqual([])
  })

  it('has a home for every dependency, and no home for what is no dependency', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
    }
    expect([...PACKAGE_HOMES.keys()].sort()).toEqual(Object.keys(dependencies).sort())
  })

  it('pins every dependency, and holds no address in its lock files', () => {
    for (const folder of ['.', 'test/corpus']) {
      const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as {
        dependencies: Record<string, string>
      }
      for (const version of Object.values(manifest.dependencies)) {
        expect(version).toMatch(/^(npm:[a-z0-9-]+@)?\d+\.\d+\.\d+$/)
      }
      expect(readFileSync(join(root, folder, 'package-lock.json'), 'utf8')).not.toMatch(
        /"resolved"|https?:\/\/registry/,
      )
    }
  })

  it('names in test/packages.txt every Debian package that a suite asks for', () => {
    const wanted = wantedPackages()
    const asked = filesBelow('test', '.ts').flatMap(({ text }) =>
      [...text.matchAll(/\blacking\(([^)]*)\)/g)].flatMap(([, args = '']) =>
        [...args.matchAll(/'([a-z0-9.+-]+)'/g)].map(([, name]) => name),
      ),
    )
    expect(asked.filter((name) => name === undefined || !wanted.includes(name))).toEqual([])
  })
})
