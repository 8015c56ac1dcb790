import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { EXAMPLES } from '../../src/cli/help/examples.ts'
import { TOPICS } from '../../src/cli/help/topics.ts'
import { completionScript, SHELLS } from '../../src/cli/completion/scripts.ts'
import { listCommands } from '../../src/cli/completion/command-tree.ts'
import { lacking } from '../packages.ts'
import { runInProcess } from './in-process.ts'

/** The words of a call as a shell splits them, up to a pipe or a redirection, from the program's name on. */
function wordsOf(example: string): readonly string[] {
  const words = [...example.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '')
  const from = words.indexOf('sealpost') + 1
  const end = words.findIndex((word, at) => at > from && (word === '|' || word === '>'))
  return words.slice(from, end === -1 ? undefined : end)
}

describe('help', () => {
  test('every example is a call that the program takes', async () => {
    for (const [path, examples] of Object.entries(EXAMPLES)) {
      for (const example of examples) {
        const { program: fresh, called } = runInProcess()
        await fresh.parseAsync([...wordsOf(example)], { from: 'user' })
        expect(called(), example).toBe(path)
      }
    }
  })

  test('shows examples behind every help, the topics, and the nearest word for a mistyped one', async () => {
    const help = async (...words: readonly string[]): Promise<string> => {
      const { program, printed } = runInProcess()
      await program.parseAsync([...words], { from: 'user' }).catch((error: unknown) => {
        if ((error as { exitCode?: number }).exitCode !== 0) throw error
      })
      return printed()
    }
    for (const words of [
      ['backup', 'verify', '--help'],
      ['help', 'backup', 'verify'],
    ]) {
      const shown = await help(...words)
      expect(shown).toContain('Example:\n  sealpost backup verify anna.b001.v001.age')
      expect(shown).toContain('--identity <file>')
    }
    expect(await help('help')).toContain('exit-codes')
    expect(await help('help', 'exit-codes')).toBe(`${TOPICS['exit-codes']?.text ?? ''}\n`)
    await expect(help('help', 'bakup')).rejects.toMatchObject({ kind: 'config', hint: 'did you mean backup?' })
    await expect(help('help', 'exit-code')).rejects.toMatchObject({ hint: 'did you mean exit-codes?' })
  })
})

describe('a mistyped command', () => {
  const groups = listCommands(buildWithoutOutput()).filter(({ commands }) => commands.length > 0)
  const refusal = async (...words: readonly string[]): Promise<unknown> => {
    const { program, called } = runInProcess()
    const error = await program.parseAsync([...words], { from: 'user' }).then(
      () => null,
      (failure: unknown) => failure,
    )
    expect(called(), words.join(' ')).toBe('')
    return error
  }

  test('is named in every group that there is, with the nearest one and all there are', async () => {
    expect(groups.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['', 'backup', 'cutover', 'operator totp']),
    )
    for (const { path, commands } of groups) {
      const names = commands.map(({ name }) => name)
      const all = path === '' ? 'sealpost --help lists them all' : `the commands are ${names.join(', ')}`
      const before = path === '' ? [] : path.split(' ')
      expect(await refusal(...before, 'xyzzyxyzzy'), path).toMatchObject({
        ...{ kind: 'config', code: 'USAGE', message: "unknown command 'xyzzyxyzzy'", hint: all },
      })
      for (const name of names) {
        const typed = `${name}q`
        expect(await refusal(...before, typed), `${path} ${typed}`).toMatchObject({
          ...{ kind: 'config', message: `unknown command '${typed}'`, hint: `did you mean ${name}? (${all})` },
        })
      }
    }
  })

  test('is not what a command behind an option, or an argument too many, is taken for', async () => {
    expect(await refusal('cutover', '--wave', 'pilot', 'rollback')).toMatchObject({
      message: "the command 'rollback' stands behind an option",
      hint: 'sealpost cutover rollback comes first, then its options',
    })
    for (const words of [
      ['doctor', 'list'],
      ['cutover', 'rollback', 'list'],
      ['credentials', 'list', 'list'],
    ]) {
      expect(await refusal(...words)).toMatchObject({ code: 'commander.excessArguments' })
    }
  })
})

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sealpost-completion-'))
  writeFileSync(join(folder, 'key.txt'), '')
  const commands = listCommands(buildWithoutOutput())
  for (const shell of SHELLS) writeFileSync(join(folder, `sealpost.${shell}`), completionScript(shell, commands))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

function buildWithoutOutput(): Command {
  return runInProcess().program
}

/** What is typed, and what must be among the answers and what must not. */
const CASES: readonly (readonly [typed: string, among: readonly string[], not: readonly string[]])[] = [
  ['', ['backup', 'run', 'completion'], ['verify-nothing']],
  ['back', ['backup'], ['run']],
  ['backup v', ['verify'], ['handover']],
  ['--project here backup ha', ['handover'], ['verify']],
  ['backup --f', ['--from', '--format', '--full'], ['--identity']],
  ['backup --format ', ['eml', 'mbox'], ['verify']],
  ['records subject r', ['rectify', 'restrict'], ['find']],
  ['restore x.age --identity k', ['key.txt'], ['backup']],
  ['operator add bob --role ', ['engineer', 'lead', 'auditor'], ['bob']],
  ['completion ', ['bash', 'zsh', 'fish'], ['sh']],
]

const noBash = lacking('bash')

describe.skipIf(noBash !== null)(`completion in bash${noBash === null ? '' : ` (${noBash})`}`, () => {
  it.each(CASES)('sealpost %s', (typed, among, not) => {
    const words = ['sealpost', ...typed.split(' ')]
    const script = `source sealpost.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sealpost; printf '%s\\n' "\${COMPREPLY[@]}"`
    const said = execFileSync('bash', ['--norc', '-c', script, 'x', ...words], { cwd: folder, encoding: 'utf8' })
    const answers = said.trim().split('\n')
    expect(answers).toEqual(expect.arrayContaining([...among]))
    for (const word of not) expect(answers).not.toContain(word)
  })
})

const noFish = lacking('fish')

describe.skipIf(noFish !== null)(`completion in fish${noFish === null ? '' : ` (${noFish})`}`, () => {
  it('answers what is typed', () => {
    const asked = CASES.map(([typed]) => `complete -C "sealpost ${typed}"; echo ---`).join('\n')
    const said = execFileSync('fish', ['--no-config', '-c', `source sealpost.fish\n${asked}`], {
      cwd: folder,
      encoding: 'utf8',
      env: { HOME: folder, PATH: process.env['PATH'] ?? '' },
    })
    const answers = said.split('---\n').map((part) => part.split('\n').map((line) => line.split('\t')[0] ?? ''))
    for (const [at, [typed, among, not]] of CASES.entries()) {
      expect(answers[at], typed).toEqual(expect.arrayContaining([...among]))
      for (const word of not) expect(answers[at], typed).not.toContain(word)
    }
  })
})

const noZsh = lacking('zsh')

describe.skipIf(noZsh !== null)(`completion in zsh${noZsh === null ? '' : ` (${noZsh})`}`, () => {
  it('answers on its line editor', () => {
    // Unambiguous ones: what is typed becomes what is wanted.
    const typed = {
      'sealpost back': 'sealpost backup',
      'sealpost backup ver': 'sealpost backup verify',
      'sealpost backup --format m': '--format mbox',
      'sealpost restore x.age --identity k': '--identity key.txt',
    }
    for (const [line, wanted] of Object.entries(typed)) {
      const script = `
        zmodload zsh/zpty
        zpty -b z 'zsh -f -i'
        zpty -w z 'PS1=; autoload -U compinit; compinit -D -u; source sealpost.zsh; echo rea""dy'
        zpty -r z out '*ready*'
        zpty -n -w z '${line}'$'\\t'
        zpty -r z out '*${wanted}*' && print -- "$out"
        zpty -d z`
      const said = execFileSync('zsh', ['-f', '-c', script], {
        cwd: folder,
        encoding: 'utf8',
        timeout: 50_000,
        env: { HOME: folder, TERM: 'dumb', PATH: process.env['PATH'] ?? '' },
      })
      expect(said).toContain(wanted)
    }
  }, 240_000)
})

const noMan = lacking('man-db')

it.skipIf(noMan !== null)(
  `the manual page is read by man without a complaint${noMan === null ? '' : ` (${noMan})`}`,
  async () => {
    const { program, printed } = runInProcess()
    await program.parseAsync(['help', 'man'], { from: 'user' })
    const page = join(folder, 'sealpost.1')
    writeFileSync(page, printed())
    const shown = execFileSync('man', ['--warnings', '-E', 'UTF-8', '-l', page], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', MANWIDTH: '100', LC_ALL: 'C.UTF-8', MANROFFOPT: '-c' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const words of ['sealpost backup handover', '--volume-size', 'EXIT CODES', '130  interrupted'])
      expect(shown).toContain(words)
  },
)
