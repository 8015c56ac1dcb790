import { describe, expect, it } from 'vitest'
import { RIGHTS } from '../../src/cli/access/rights.ts'
import { listCommands } from '../../src/cli/completion/command-tree.ts'
import { runAt, useWorkspace } from './at-time.ts'
import { runInProcess } from './in-process.ts'
import { MAILDIR_YAML } from './program.ts'
import { readSchema, type Schema } from '../signoff/json-schema.ts'
import { assertPublished, commandOf, faultsOf, PUBLISHED } from './published.ts'

/** They print text alone. */
const WITHOUT: readonly string[] = ['help', 'completion']

/**
 * One project's life, where each of these prints JSON. Every other test that gives a command `--json` within this process has
 * the output held against the schema too (`runAt`).
 */
const LIFE: readonly string[] = [
  'credentials list',
  'operator list',
  'plan',
  'run',
  'run --dry-run',
  'retry',
  'verify',
  'status',
  'exceptions',
  'cutover show',
  'cutover done mx-changed',
  'cutover undo mx-changed',
  'cutover rollback',
  'hold set --reason dispute',
  'hold list',
  'hold release 1 --reason settled',
  'incident list',
  'audit show',
  'audit verify',
  'audit prove 0',
  'records list',
  'records sweep --dry-run',
  'records retention',
]

/** Where a schema allows an object whatever members there are; one whose members are data says what each may be. */
function looseIn(schema: unknown, path: string): readonly string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const others: unknown = (schema as Schema)['additionalProperties']
  const isLoose = (schema as Schema)['type'] === 'object' && (others === undefined || others === true)
  const inner = Object.entries(schema).flatMap(([key, value]) => looseIn(value, `${path}/${key}`))
  return isLoose ? [path, ...inner] : inner
}

const workspace = useWorkspace({ agent: true })

describe('what --json prints', () => {
  it('has a definition for every command, and none for a command that is not there', () => {
    const entries = listCommands(runInProcess().program).filter(({ path }) => path !== '')
    const paths = entries.map(({ path }) => path)
    const acting = entries.filter(({ path, commands }) => commands.length === 0 || RIGHTS.has(path))
    const wanted = acting.map(({ path }) => path).filter((path) => !WITHOUT.includes(path))
    expect(wanted.filter((path) => !PUBLISHED.includes(path.replaceAll(' ', '-')))).toEqual([])
    const known = paths.map((path) => path.replaceAll(' ', '-'))
    expect(PUBLISHED.filter((name) => /^[a-z]/.test(name) && !known.includes(name))).toEqual([])
  })

  it('is defined strictly: no object may have members that are not named', () => {
    expect(looseIn(readSchema('cli-output.schema.json'), '')).toEqual([])
    expect(looseIn(readSchema('plan.schema.json'), '')).toEqual([])
  })

  it('is as published, one command after the other', async () => {
    const place = workspace()
    await place.configure(MAILDIR_YAML, 'source,destination\nanna,anna\n')
    await place.fillMaildir('anna', 3)
    for (const line of LIFE) {
      const ended = await runAt(place, [...line.split(' '), '--json'])
      expect(`${line}: ${ended.exitCode} ${ended.stderr}`).toMatch(/^[^:]+: 0 /)
      expect(ended.stdout).not.toBe('')
    }
  })

  it('may be an error in place of a document', async () => {
    const ended = await runAt(workspace(), ['records', 'show', 'nobody', '--json'])
    expect(JSON.parse(ended.stdout)).toMatchObject({ error: { kind: 'config' } })
  })
})

describe('the check', () => {
  it('finds a member too many, one too few and a wrong type', () => {
    const right = { unlocked: true, operator: 'eva', idleSeconds: 60 }
    expect(faultsOf('unlock', right)).toEqual([])
    expect(faultsOf('unlock', { ...right, more: 1 })).toEqual(['$.more: additionalProperties'])
    expect(faultsOf('unlock', { unlocked: true, operator: 'eva' })).toEqual(['$.idleSeconds: required'])
    expect(faultsOf('unlock', { ...right, idleSeconds: '60' })).toEqual(['$.idleSeconds: type'])
  })

  it('knows the command among its options, and reads every line', () => {
    expect(commandOf(['--operator', 'eva', 'records', 'subject', 'find', 'Eva'])).toBe('records-subject-find')
    expect(commandOf(['cutover'])).toBe('cutover-show')
    const events = '{"event":"run-started","pairs":1}\n'
    expect(() => assertPublished(['run', '--json'], events)).not.toThrow()
    expect(() => assertPublished(['run', '--json'], `${events}{"event":"run-begun"}\n`)).toThrow(/run-begun|const/)
  })
})
