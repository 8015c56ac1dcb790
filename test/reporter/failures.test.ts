import { describe, expect, it } from 'vitest'
import { nameFailures, type FailedModule } from './failures.ts'

function made(
  tests: readonly { readonly name: string; readonly state: string; readonly message?: string }[],
  more: { readonly errors?: readonly string[]; readonly suite?: string; readonly state?: string } = {},
): FailedModule {
  const suites = more.suite === undefined ? [] : [{ fullName: 'area', errors: () => [{ message: more.suite }] }]
  return {
    relativeModuleId: 'test/area/x.test.ts',
    state: () => more.state ?? 'passed',
    errors: () => (more.errors ?? []).map((message) => ({ message })),
    children: {
      allTests: () =>
        tests.map(({ name, state, message }) => ({
          fullName: name,
          result: () => ({ state, errors: message === undefined ? undefined : [{ message }] }),
        })),
      allSuites: () => suites,
    },
  }
}

describe('the lines above the closing line', () => {
  it('name each failed test with the first line of its error, and nothing else', () => {
    const lines = nameFailures(
      [
        made([
          { name: 'a > passes', state: 'passed' },
          { name: 'a > fails', state: 'failed', message: '\u001b[31mexpected 1 to be 2\u001b[39m\n\n- 2\n+ 1' },
          { name: 'a > is skipped', state: 'skipped' },
          { name: 'a > needs luck', state: 'passed', message: 'closed' },
          { name: 'a > hangs', state: 'pending' },
        ]),
      ],
      [],
    )
    expect(lines).toEqual([
      'failed: test/area/x.test.ts: a > fails: expected 1 to be 2',
      'passed the second time: test/area/x.test.ts: a > needs luck: closed',
      'failed: test/area/x.test.ts: a > hangs: it never ended',
    ])
  })

  it('add what a server said, which the message of an error of ours leaves out', () => {
    const module = made([{ name: 'a > fails', state: 'failed' }])
    const error = { message: 'imap: the server ended the session', serverText: 'Server shutting down.' }
    const tests = [{ fullName: 'a > fails', result: () => ({ state: 'failed', errors: [error] }) }]
    expect(nameFailures([{ ...module, children: { ...module.children, allTests: () => tests } }], [])).toEqual([
      'failed: test/area/x.test.ts: a > fails: imap: the server ended the session (server: Server shutting down.)',
    ])
  })

  it('name what failed outside of tests', () => {
    const modules = [made([], { errors: ['cannot import'] }), made([], { suite: 'no server' })]
    expect(nameFailures([...modules, made([], { state: 'failed' })], [{ message: 'unhandled' }, {}])).toEqual([
      'failed: test/area/x.test.ts: cannot import',
      'failed: test/area/x.test.ts: area: no server',
      'failed: test/area/x.test.ts: no reason was given',
      'failed: outside of any test: unhandled',
      'failed: outside of any test: no reason was given',
    ])
  })
})
