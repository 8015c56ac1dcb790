import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../../scripts/set-up.mjs'
import { checkSharing } from './sharing.ts'

const THIS = 'test/architecture/sharing.test.ts'

describe('files that share a process', () => {
  it('leave it as they found it; what cannot has a process of its own', () => {
    const sources = readdirSync(join(root, 'test'), { recursive: true, withFileTypes: true })
      .filter(
        (entry) => entry.isFile() && entry.name.endsWith('.ts') && !/node_modules|packages/.test(entry.parentPath),
      )
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => ({ path: relative(root, path).split(sep).join('/'), text: readFileSync(path, 'utf8') }))
      .filter(({ path }) => path !== THIS)
    expect(sources.length).toBeGreaterThan(300)
    expect(checkSharing(sources)).toEqual([])
  })

  it.each([
    ["vi.mock('./a.ts')", 'vi.mock('],
    ["const spy = vi.spyOn(target, 'write')", 'vi.spyOn('],
    ["process.env['TZ'] = 'UTC'", "process.env['TZ'] = "],
    ["delete process.env['TZ']", 'delete process.env'],
    ["process.on('warning', onWarning)", 'process.on'],
    ['const before = process.umask(0)', 'process.umask'],
    ['process.memoryUsage().rss', 'process.memoryUsage'],
    ["execa('/usr/bin/prlimit', [])", 'prlimit'],
  ])('%s is found, in a module that is imported too', (text, found) => {
    const helper = { path: 'test/x/helper.ts', text }
    const middle = { path: 'test/x/middle.ts', text: "export * from './helper.ts'" }
    const user = { path: 'test/y/b.test.ts', text: "import { a } from '../x/middle.ts'" }
    const other = { path: 'test/y/c.test.ts', text: "process.env['TZ'] === 'UTC'" }
    expect(checkSharing([{ path: 'test/x/a.test.ts', text }, other])).toEqual([`test/x/a.test.ts: ${found}`])
    expect(checkSharing([{ path: 'test/x/a.alone.test.ts', text }])).toEqual([])
    expect(checkSharing([helper, middle, user])).toEqual([`test/y/b.test.ts: ${found} in test/x/helper.ts`])
  })

  it('a hook that only the first importer would have is found', () => {
    const path = 'test/x/helper.ts'
    expect(checkSharing([{ path, text: 'const a = 1\nafterEach(() => close())\n' }])).toEqual([
      'test/x/helper.ts: afterEach() outside of any function',
    ])
    expect(checkSharing([{ path, text: 'export function use() {\n  afterEach(() => close())\n}' }])).toEqual([])
  })
})
