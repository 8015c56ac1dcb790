import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { knownKeys } from '../../src/cli/config/schema.ts'
import { projectTemplate } from '../../src/cli/config/project-template.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** Folders of the repository whose paths documents name between backquotes. */
const PATHS = /`((?:src|test|docs|vault|connectors|scripts)\/[\w./-]+)`/g
/** Made by a run of the tests, and no part of the repository. */
const MADE = new Set(['test/report'])

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const documents = ['.', 'docs', 'docs/decisions'].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => join(folder, name)),
)

/** What a heading is reached by, as forges make it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

function isAnchor(path: string, anchor: string): boolean {
  return [...read(path).matchAll(/^#+ (.*)$/gm)].some(([, heading = '']) => anchorOf(heading) === anchor)
}

/** Of `pattern`, what its group found in each document and `isGood` does not know. */
function wrong(pattern: RegExp, isGood: (found: string, document: string) => boolean): readonly string[] {
  return documents.flatMap((document) =>
    [...read(document).matchAll(pattern)].flatMap(([, found = '']) =>
      isGood(found, document) ? [] : [`${document}: ${found}`],
    ),
  )
}

describe('the documents', () => {
  test('link to places that exist', () => {
    const links = wrong(/\]\(([^)\s]+)\)/g, (link, document) => {
      if (/^https?:/.test(link)) return true
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? document : join(dirname(document), path)
      return existsSync(join(ROOT, target)) && (anchor === undefined || isAnchor(target, anchor))
    })
    expect(links).toEqual([])
    expect(documents.length).toBeGreaterThan(20)
  })

  test('name files and scripts that exist', () => {
    const files = wrong(
      PATHS,
      (path) => MADE.has(path) || existsSync(join(ROOT, path)) || existsSync(join(ROOT, `${path}.ts`)),
    )
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    expect([files, wrong(/npm run ([\w:]+)/g, (name) => scripts[name] !== undefined)]).toEqual([[], []])
  })

  test('number each decision once, in its name and in its heading', () => {
    const numbered = documents.flatMap((document) => {
      const number = /^docs\/decisions\/(\d{4})-/.exec(document)?.[1]
      return number === undefined ? [] : [[Number(number), document] as const]
    })
    expect(numbered.map(([number]) => number)).toEqual(numbered.map((_, index) => index + 1))
    for (const [number, document] of numbered)
      expect(read(document).split('\n')[0]).toMatch(new RegExp(`^# ${number}\\. \\S`))
  })

  test('have a row for each long form, and sums of what was struck and compared that are right', () => {
    const text = read('docs/testing.md')
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const forms = [...text.matchAll(/^\| `(test:\w+)` /gm)].map(([, form = '']) => form)
    const others = ['test:long', 'test:most', 'test:report']
    expect(forms.sort()).toEqual(
      Object.keys(scripts)
        .filter((name) => /^test:/.test(name) && !others.includes(name))
        .sort(),
    )

    const section = text.split('### Kills, faults, duplicates')[1]?.split('\nMessages are compared')[0] ?? ''
    const numbers = [...section.matchAll(/^\|([^|]*)\|(.*)\|$/gm)]
      .filter(([line]) => /\d/.test(line))
      .map(([, name = '', cells = '']) => ({
        name: name.trim(),
        cells: cells.split('|').map((cell) => Number(cell.replaceAll(',', '').replace('–', '0'))),
      }))
    const rows = numbers.filter(({ name }) => name !== '**all**')
    expect(rows.length).toBeGreaterThan(0)
    const sums = rows[0]?.cells.map((_, column) => rows.reduce((sum, { cells }) => sum + (cells[column] ?? 0), 0))
    expect(numbers.at(-1)).toEqual({ name: '**all**', cells: sums })
  })

  test('have tables without a gap: what follows an empty line is text to whoever shows it', () => {
    expect(wrong(/\n\n(\|.*\n)(?!\|[ :|-]+\n)/g, () => false)).toEqual([])
  })

  test('say of every key of project.yaml what it does, and the file that init writes has those of an IMAP end', () => {
    const places = [[], ['mapping'], ['filters'], ['limits'], ['source', 'tls']] as const
    const general = places.flatMap((path) => knownKeys(path, 'imap'))
    const imap = [...knownKeys(['source'], 'imap'), 'username', 'authorize']
    const kinds = ['imap', 'gmail', 'graph', 'maildir', 'mbox']
    const all = kinds.flatMap((kind) =>
      [['source'], ['source', 'auth'], ['source', 'directory'], ['source', 'costs']].flatMap((path) =>
        path[1] === undefined || ['imap', 'gmail', 'graph'].includes(kind) ? knownKeys(path, kind) : [],
      ),
    )
    const told = read('docs/cli.md') + read('docs/platforms.md')
    const missing = (text: string, keys: readonly string[]): readonly string[] =>
      keys.filter((key) => !new RegExp(`(?<![\\w-])${key}(?![\\w-])`).test(text))
    expect([missing(told, [...general, ...all]), missing(projectTemplate('x'), [...general, ...imap])]).toEqual([
      [],
      [],
    ])
  })
})
