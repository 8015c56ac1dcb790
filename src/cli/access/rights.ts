import type { OperatorRole } from '../../../vault/operator-list.ts'

/** What one role may do is a row of docs/access.md, and a test holds both together. */
export interface Right {
  readonly roles: readonly OperatorRole[]
  /** Where the operator has enrolled TOTP, a code is asked for. */
  readonly factor: boolean
}

const ALL: readonly OperatorRole[] = ['engineer', 'lead', 'auditor']
const WORK: readonly OperatorRole[] = ['engineer', 'lead']
const LOOK: readonly OperatorRole[] = ['lead', 'auditor']
const LEAD: readonly OperatorRole[] = ['lead']

/** Commands by who may give them, as they are typed. A command that stands nowhere here is refused to everybody. */
const TABLE: readonly (readonly [readonly OperatorRole[], readonly string[]])[] = [
  [
    ALL,
    [
      'unlock',
      'lock',
      'doctor',
      'status',
      'exceptions',
      'report',
      'cutover show',
      'cutover rollback',
      'operator list',
      'operator totp enrol',
      'operator totp remove',
      'audit show',
      'audit verify',
      'audit prove',
      'hold list',
      'incident open',
      'incident list',
    ],
  ],
  [
    WORK,
    [
      'plan',
      'run',
      'retry',
      'verify',
      'backup',
      'backup check',
      'backup handover',
      'backup discard',
      'restore',
      'mailboxes list',
      'cutover dns',
      'cutover done',
      'cutover undo',
      'credentials set',
      'credentials import',
      'credentials list',
      'credentials remove',
      'intake page',
      'intake open',
      'signoff',
      'signoff second',
    ],
  ],
  [
    LOOK,
    [
      'records list',
      'records show',
      'records export',
      'records retention',
      'records subject find',
      'records subject export',
      'hold set',
      'incident report',
    ],
  ],
  [
    LEAD,
    [
      'init',
      'operator add',
      'operator remove',
      'operator recovery',
      'operator totp reset',
      'grant',
      'revoke',
      'audit restart',
      'records sweep',
      'records backup',
      'records subject rectify',
      'records subject erase',
      'records subject restrict',
      'records unrestrict',
      'hold release',
      'incident update',
      'incident close',
    ],
  ],
]

/** Sign-off, holds, and whatever carries personal data out of the workspace. */
const WITH_FACTOR: ReadonlySet<string> = new Set([
  'signoff',
  'signoff second',
  'hold set',
  'hold release',
  'records export',
  'records subject export',
  'records backup',
  'incident report',
  'backup handover',
  'operator recovery',
  'operator totp remove',
  'operator totp reset',
])

/** Every action with who may do it. */
export const RIGHTS: ReadonlyMap<string, Right> = new Map(
  TABLE.flatMap(([roles, actions]) =>
    actions.map((action): readonly [string, Right] => [action, { roles, factor: WITH_FACTOR.has(action) }]),
  ),
)

/** Commands that open no operator's keys, so that nobody is known who could be refused. */
export const WITHOUT_KEYS: readonly string[] = [
  'certificate verify',
  'backup verify',
  'operator recovery use',
  'completion',
  'help',
]

/** True when the table says so, and only then. */
export function isAllowed(role: OperatorRole | null, action: string): boolean {
  return role !== null && RIGHTS.get(action)?.roles.includes(role) === true
}
