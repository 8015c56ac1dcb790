import type { CompletionReport, ReportAccount, ReportCounts } from '../../src/report/completion-report.ts'

/** A name that is HTML, and text of both directions in one. */
export const HOSTILE = '<img src=x onerror=alert(1)>'

const ROOT = 'ab'.repeat(32)

function countsOf(source: number, over: Partial<ReportCounts> = {}): ReportCounts {
  const { pending = 0, merged = 0, existing = 0, skipped = 0, quarantined = 0, expunged = 0 } = over
  const landed = source - pending - existing - skipped - quarantined - expunged
  return { source, pending, landed, merged, existing, skipped, quarantined, expunged }
}

function accountOf(source: string, counts: ReportCounts, over: Partial<ReportAccount> = {}): ReportAccount {
  const bytes = { source: counts.source * 81_234, landed: counts.landed * 81_234 }
  return {
    source,
    destination: source.replace('old.example', 'new.example'),
    state: 'moved',
    counts,
    bytes,
    fidelity: {
      identical: Math.max(0, counts.landed - 3),
      equivalent: 3,
      altered: 0,
      missing: 0,
      unchecked: counts.existing,
    },
    verified: counts.landed,
    merkle: { leaves: counts.landed + counts.existing, root: ROOT },
    mailboxes: [
      { source: 'INBOX', destination: 'INBOX', specialUse: null, counts, bytes },
      { source: 'Sent Items', destination: 'Sent', specialUse: '\\Sent', counts: countsOf(12), bytes },
      { source: 'مشاريع/2024', destination: 'مشاريع.2024', specialUse: null, counts: countsOf(7), bytes },
    ],
    ...over,
  }
}

/** A report in which everything happens that can. */
export function sampleReport(): CompletionReport {
  const accounts = [
    accountOf('anna.lindqvist@old.example', countsOf(18_204, { existing: 1200, skipped: 31, quarantined: 4 })),
    accountOf('bert@old.example', countsOf(9_310, { expunged: 12 })),
    accountOf(`${HOSTILE}@old.example`, countsOf(2_001, { quarantined: 900 })),
    accountOf('info@old.example', countsOf(640, { pending: 240 }), { state: 'under way' }),
    accountOf('leer@old.example', countsOf(0), { state: 'not begun', mailboxes: [] }),
  ]
  const sum = (of: (one: ReportAccount) => number): number => accounts.reduce((total, one) => total + of(one), 0)
  const counts = Object.fromEntries(
    Object.keys(countsOf(0)).map((name) => [name, sum((one) => one.counts[name as keyof ReportCounts])]),
  ) as unknown as ReportCounts
  return {
    format: 'sealpost-completion-report',
    version: 1,
    client: `Beispiel & Söhne ${HOSTILE}`,
    project: '3f0c1a52-7c1e-4a57-9d0c-2a4b6c8d0e1f',
    written: '2026-03-01T11:00:00Z',
    tool: 'sealpost 0.1.0',
    complete: false,
    counts,
    bytes: { source: sum((one) => one.bytes.source), landed: sum((one) => one.bytes.landed) },
    fidelity: { identical: 26_500, equivalent: 310, altered: 2, missing: 1, unchecked: 1200 },
    verification: {
      verified: 26_813,
      unverified: 1200,
      last: { at: '2026-03-01T10:00:00Z', level: 'full', open: 3 },
    },
    merkle: { leaves: 5, root: ROOT },
    accounts,
    exceptions: Array.from({ length: 620 }, (_, i) => ({
      account: 'anna.lindqvist@old.example',
      mailbox: i % 2 === 0 ? 'INBOX' : HOSTILE,
      uid: String(4000 + i),
      state: i % 20 === 0 ? ('quarantined' as const) : ('skipped' as const),
      code: i % 20 === 0 ? 'rejected' : 'too-large',
      bytes: 41_000_000 + i,
      date: '2019-04-01T08:00:00Z',
    })),
    findings: [
      { account: 'bert@old.example', mailbox: 'INBOX', class: 'open', check: 'missing', rule: null, count: 1 },
      {
        account: 'bert@old.example',
        mailbox: 'INBOX',
        class: 'explained',
        check: 'digest',
        rule: 'nul-as-0x80',
        count: 310,
      },
    ],
    passes: [
      ['2026-02-27T18:00:00Z', '2026-02-28T03:12:00Z', 26_000, 2_100_000_000],
      ['2026-02-28T18:00:00Z', '2026-02-28T18:22:00Z', 2_800, 240_000_000],
    ].map(([began, ended, messages, bytes]) => ({
      kind: 'run' as const,
      began: String(began),
      ended: String(ended),
      outcome: 'done',
      accounts: 5,
      messages: Number(messages),
      bytes: Number(bytes),
      level: null,
    })),
    limits: [
      { account: 'bert@old.example', reason: 'throttled', waits: 14, last: '2026-02-28T01:00:00Z' },
      { account: 'bert@old.example', reason: 'transient', waits: 2, last: '2026-02-28T02:00:00Z' },
    ],
    checkpoint: 'sealpost/audit/0a1b2c3d\n42\nqqvv\n\n— sealpost/audit/0a1b2c3d/ada AAAA\n',
  }
}
