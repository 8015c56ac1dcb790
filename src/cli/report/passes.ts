import type { AuditEntry, AuditLog } from '../../core/audit.ts'
import type { ReportPass, ReportVerification } from '../../report/completion-report.ts'

/** Which entry ends which work, and which one began it. */
const WORK: ReadonlyMap<string, { readonly kind: ReportPass['kind']; readonly began: string | null }> = new Map([
  ['run-finished', { kind: 'run', began: 'run-started' }],
  ['verify', { kind: 'verify', began: null }],
  ['backup', { kind: 'backup', began: null }],
  ['restore', { kind: 'restore', began: null }],
])

/** What was done on a project, in the order in which it ended, out of the audit log. */
export async function readPasses(
  log: AuditLog,
  project: string,
  signal: AbortSignal,
): Promise<{ readonly passes: readonly ReportPass[]; readonly last: ReportVerification['last'] }> {
  const passes: ReportPass[] = []
  const begun = new Map<string, string>()
  let last: ReportVerification['last'] = null
  for await (const { entry } of log.entries(signal)) {
    if (entry === null || entry.project !== project) continue
    if (entry.action === 'run-started') begun.set('run-started', entry.at)
    const work = WORK.get(entry.action)
    if (work === undefined) continue
    const began = work.began === null ? null : (begun.get(work.began) ?? null)
    if (work.began !== null) begun.delete(work.began)
    passes.push(toPass(entry, work.kind, began))
    if (work.kind !== 'verify') continue
    last = { at: entry.at, level: textOf(entry, 'level') ?? '', open: numberOf(entry, 'open') ?? 0 }
  }
  return { passes, last }
}

function toPass(entry: AuditEntry, kind: ReportPass['kind'], began: string | null): ReportPass {
  return {
    kind,
    began,
    ended: entry.at,
    outcome: entry.outcome,
    accounts: numberOf(entry, 'accounts'),
    messages: numberOf(entry, kind === 'verify' ? 'checked' : 'messages'),
    bytes: numberOf(entry, 'bytes'),
    level: textOf(entry, 'level'),
  }
}

function numberOf({ facts }: AuditEntry, name: string): number | null {
  const value = facts[name]
  return typeof value === 'number' ? value : null
}

function textOf({ facts }: AuditEntry, name: string): string | null {
  const value = facts[name]
  return typeof value === 'string' ? value : null
}
