import { describe, expect, test } from 'vitest'
import type { Actor, AuditEvent, AuditLog } from '../../src/core/audit.ts'
import { SealpostError } from '../../src/core/errors.ts'
import { authorize, OF_THE_LOG } from '../../src/cli/access/authorize.ts'
import { RIGHTS } from '../../src/cli/access/rights.ts'
import type { WorkspaceBooks } from '../../src/cli/books/open-books.ts'

const signal = new AbortController().signal
const ROLES = ['engineer', 'lead', 'auditor', null] as const
const NOWHERE = ['', 'run ', 'RUN', 'credentials', 'hold', 'records', 'constructor', 'credentials show', '*']

function booksOf(role: Actor['role'], append: (event: AuditEvent) => Promise<never>): WorkspaceBooks {
  const actor: Actor = { name: role === null ? null : 'ada', role, factor: 'none' }
  return { actor, log: { append } as unknown as AuditLog } as WorkspaceBooks
}

async function decide(role: Actor['role'], action: string) {
  const logged: AuditEvent[] = []
  const books = booksOf(role, (event) => {
    logged.push(event)
    return Promise.resolve(undefined as never)
  })
  const refusal = await authorize(books, action, { project: 'p' }, signal).then(
    () => null,
    (error: unknown) => error as SealpostError,
  )
  return { logged, refusal }
}

describe('the matrix of roles and actions', () => {
  const cases = ROLES.flatMap((role) => [...RIGHTS.keys(), ...NOWHERE].map((action) => ({ role, action })))

  test.each(cases)('$role: $action', async ({ role, action }) => {
    const expected = role !== null && (RIGHTS.get(action)?.roles ?? []).includes(role)
    const { logged, refusal } = await decide(role, action)
    expect(refusal === null).toBe(expected)
    if (refusal !== null) expect(refusal).toMatchObject({ kind: 'policy', code: 'NOT_ALLOWED' })
    const facts = { action: action.replaceAll(' ', '.') }
    const outcome = expected ? 'done' : 'refused'
    // A yes to look at the log is no entry: looking changes nothing.
    if (expected && OF_THE_LOG.includes(action)) expect(logged).toEqual([])
    else expect(logged).toMatchObject([{ action: 'access-decided', outcome, project: 'p', by: { role }, facts }])
  })

  test('what only some may do is refused to the others: a table that allows all would not pass', async () => {
    for (const [role, action] of [
      ['auditor', 'run'],
      ['auditor', 'credentials list'],
      ['auditor', 'signoff'],
      ['auditor', 'hold release'],
      ['engineer', 'operator add'],
      ['engineer', 'grant'],
      ['engineer', 'records export'],
      ['engineer', 'hold release'],
      ['engineer', 'init'],
    ] as const) {
      expect((await decide(role, action)).refusal?.kind).toBe('policy')
    }
  })

  test('a decision that cannot be logged is no permission, unless it is to look at the damaged log', async () => {
    const damaged = booksOf('lead', () => Promise.reject(new SealpostError('corrupt', 'the log was changed')))
    const resource = { project: null }
    await expect(authorize(damaged, 'run', resource, signal)).rejects.toMatchObject({ kind: 'corrupt' })
    await authorize(damaged, 'audit verify', resource, signal)
  })
})
