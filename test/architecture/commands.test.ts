import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { RIGHTS, WITHOUT_KEYS } from '../../src/cli/access/rights.ts'
import { EXAMPLES } from '../../src/cli/help/examples.ts'
import { buildProgram, pathOf } from '../../src/cli/program.ts'
import { processOutput } from '../../src/cli/terminal/output.ts'

const program = buildProgram('0', processOutput({ json: false, noColour: true }), async () => undefined)
const leaves = (command: Command): readonly string[] =>
  command.commands.length === 0 ? [pathOf(command)] : command.commands.flatMap(leaves)

/** Rows of the table in docs/access.md: action, engineer, lead, auditor, code. */
const rows = new Map(
  readFileSync(new URL('../../docs/access.md', import.meta.url), 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, first = '', ...cells] = line.split('|').map((cell) => cell.trim())
      const actions = [...first.matchAll(/`([^`]+)`/g)].map(([, action = '']) => action)
      return cells.length < 6 ? [] : actions.map((action) => [action, cells.slice(0, 4)] as const)
    }),
)

describe('who may do what', () => {
  test('every command of the program stands in the table of rights: one that does not is refused to everybody', () => {
    const unknown = leaves(program).filter((path) => !RIGHTS.has(path) && !WITHOUT_KEYS.includes(path))
    expect(unknown).toEqual([])
    expect(leaves(program)).toContain('credentials set')
  })

  test('every command has an example behind its help (src/cli/help/examples.ts)', () => {
    expect(leaves(program).filter((path) => EXAMPLES[path] === undefined)).toEqual([])
  })

  test('docs/access.md says the same as the table of rights', () => {
    const told = Object.fromEntries(
      [...RIGHTS].map(([action, { roles, factor }]) => [
        action,
        [...(['engineer', 'lead', 'auditor'] as const).map((role) => roles.includes(role)), factor].map((yes) =>
          yes ? 'yes' : '',
        ),
      ]),
    )
    expect(Object.fromEntries(rows)).toEqual(told)
  })
})
