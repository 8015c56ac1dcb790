import { SealpostError } from '../core/errors.ts'
import type { Finding, FindingClass, Ledger } from '../core/ledger.ts'
import type { FidelityCounts, MessageState, Totals } from '../core/states.ts'
import { mailboxReader } from './mailboxes.ts'
import { toMessage, type MessageRow } from './rows.ts'
import type { Store } from './store.ts'

type Methods = Pick<Ledger, 'unverified' | 'fidelity' | 'replaceFindings' | 'findings' | 'totals' | 'exceptions'>

interface CounterRow {
  readonly state: MessageState
  readonly messages: number
  readonly bytes: number
  readonly merged: number
}

interface FindingRow {
  readonly class: FindingClass
  readonly check_name: string
  readonly pair_id: number
  readonly mailbox_id: number
  readonly message_id: number | null
  readonly source_key: string | null
  readonly destination_key: string | null
  readonly expected: string
  readonly actual: string
  readonly rule: string | null
}

const OF_PAIR = '(@pair IS NULL OR mailbox_id IN (SELECT id FROM mailbox WHERE pair_id = @pair))'

/** What is told about the work: sums, exceptions, findings. Sums come from counters and cost nothing. */
export function reportMethods(store: Store): Methods {
  const readMailbox = mailboxReader(store)
  const selectUnverified = store
    .prepare<number>(
      `SELECT ifnull(sum(messages - verified), 0) FROM counter WHERE state IN ('landed', 'existing') AND ${OF_PAIR}`,
    )
    .pluck()
  const selectTotals = store.prepare<CounterRow>(
    `SELECT state, sum(messages) AS messages, sum(bytes) AS bytes, sum(merged) AS merged FROM counter
     WHERE ${OF_PAIR} AND (@mailbox IS NULL OR mailbox_id = @mailbox) GROUP BY state`,
  )
  const selectFidelity = store.prepare<FidelityCounts>(
    `SELECT ifnull(sum(identical), 0) AS identical, ifnull(sum(equivalent), 0) AS equivalent,
       ifnull(sum(altered), 0) AS altered, ifnull(sum(missing), 0) AS missing,
       ifnull(sum(messages - identical - equivalent - altered - missing), 0) AS unchecked
     FROM counter WHERE state IN ('landed', 'existing') AND ${OF_PAIR}`,
  )
  const selectExceptions = store.prepare<MessageRow>(
    `SELECT * FROM message INDEXED BY message_exception
     WHERE state IN ('quarantined', 'skipped') AND id > @after AND ${OF_PAIR} ORDER BY id LIMIT @limit`,
  )
  const deleteFindings = store.prepare(
    `DELETE FROM finding WHERE mailbox_id = @mailbox AND check_group = @group
     AND (@checks IS NULL OR check_name IN (SELECT value FROM json_each(@checks)))`,
  )
  const insertFinding = store.prepare(
    `INSERT INTO finding (mailbox_id, check_group, class, check_name, message_id, source_key, destination_key,
       expected, actual, rule) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const selectFindings = store.prepare<FindingRow>(
    `SELECT finding.*, mailbox.pair_id FROM finding JOIN mailbox ON mailbox.id = finding.mailbox_id
     WHERE @pair IS NULL OR mailbox.pair_id = @pair ORDER BY finding.id`,
  )

  return {
    unverified: store.read('unverified', (pairId) => selectUnverified.get({ pair: pairId }) ?? 0),

    replaceFindings: store.write('replaceFindings', (mailboxId, group, findings, checks) => {
      const { pair_id } = readMailbox('replaceFindings', mailboxId)
      const of = checks === undefined ? null : JSON.stringify(checks)
      deleteFindings.run({ mailbox: mailboxId, group, checks: of })
      for (const finding of findings) {
        if (finding.mailboxId !== mailboxId || finding.pairId !== pair_id) {
          throw new SealpostError('bug', `ledger: replaceFindings: a finding of another mailbox than ${mailboxId}`)
        }
        insertFinding.run(
          mailboxId,
          group,
          finding.class,
          finding.check,
          finding.messageId,
          finding.sourceKey,
          finding.destinationKey,
          finding.expected,
          finding.actual,
          finding.rule,
        )
      }
    }),

    findings: store.read('findings', (pairId) => selectFindings.all({ pair: pairId }).map(toFinding)),

    totals: store.read('totals', (scope) =>
      toTotals(selectTotals.all({ pair: scope.pairId ?? null, mailbox: scope.mailboxId ?? null })),
    ),

    fidelity: store.read('fidelity', (pairId) => {
      const counts = selectFidelity.get({ pair: pairId })
      if (counts === undefined) throw new SealpostError('bug', 'ledger: fidelity: a sum has no row')
      return counts
    }),

    exceptions: store.read('exceptions', (pairId, afterId, limit) =>
      selectExceptions.all({ pair: pairId, after: afterId, limit }).map(toMessage),
    ),
  }
}

function toTotals(rows: readonly CounterRow[]): Totals {
  const messages = (state: MessageState): number => rows.find((row) => row.state === state)?.messages ?? 0
  return {
    source: rows.reduce((sum, row) => sum + row.messages, 0),
    discovered: messages('discovered'),
    appending: messages('appending'),
    landed: messages('landed'),
    existing: messages('existing'),
    skipped: messages('skipped'),
    quarantined: messages('quarantined'),
    expunged: messages('expunged'),
    merged: rows.find((row) => row.state === 'landed')?.merged ?? 0,
    sourceBytes: rows.reduce((sum, row) => sum + row.bytes, 0),
    landedBytes: rows.find((row) => row.state === 'landed')?.bytes ?? 0,
  }
}

function toFinding(row: FindingRow): Finding {
  return {
    class: row.class,
    check: row.check_name,
    pairId: row.pair_id,
    mailboxId: row.mailbox_id,
    messageId: row.message_id,
    sourceKey: row.source_key,
    destinationKey: row.destination_key,
    expected: row.expected,
    actual: row.actual,
    rule: row.rule,
  }
}
