import { median } from './measure.ts'

/** What one tool did with one workload. */
export interface Row {
  readonly name: string
  readonly tool: string
  readonly messages: number
  readonly bytes: number
  /** Each run's, in order. */
  readonly seconds: readonly number[]
  /** Medians; null where only the time was taken. */
  readonly cpuSeconds: number | null
  readonly peakBytes: number | null
  /** Processor time of both servers together, the median. */
  readonly serverSeconds?: number
  readonly wireBytes?: number
  /** What a message cost in the last tenth, by what it cost in the second. */
  readonly lastToFirst?: number
  readonly remark?: string
}

const HEAD = [
  'case',
  'tool',
  'messages',
  'MB',
  'median s',
  'runs',
  'msg/s',
  'MB/s',
  'CPU s',
  'servers CPU s',
  'peak MiB',
  'to mbsync',
  'note',
]

/** Prints the table, or one JSON document. */
export function printReport(rows: readonly Row[], json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ rows }, null, 2))
    return
  }
  const lines = [HEAD, HEAD.map(() => '---'), ...rows.map((row) => cells(row, rows))]
  for (const line of lines) console.log(`| ${line.join(' | ')} |`)
}

function cells(row: Row, rows: readonly Row[]): string[] {
  const seconds = median(row.seconds)
  const base = rows.find(
    ({ name, tool, messages }) => name === row.name && tool === 'mbsync' && messages === row.messages,
  )
  const notes = [
    ...(row.wireBytes === undefined ? [] : [`${(row.wireBytes / 1024).toFixed(0)} KiB on the wire`]),
    ...(row.lastToFirst === undefined ? [] : [`last tenth ${row.lastToFirst.toFixed(2)} x the second`]),
    ...(row.remark === undefined ? [] : [row.remark]),
  ]
  return [
    row.name,
    row.tool,
    String(row.messages),
    (row.bytes / 1e6).toFixed(0),
    seconds.toFixed(2),
    `${Math.min(...row.seconds).toFixed(2)}–${Math.max(...row.seconds).toFixed(2)} (${row.seconds.length})`,
    (row.messages / seconds).toFixed(0),
    (row.bytes / 1e6 / seconds).toFixed(1),
    row.cpuSeconds?.toFixed(2) ?? '–',
    row.serverSeconds?.toFixed(2) ?? '–',
    row.peakBytes === null ? '–' : (row.peakBytes / 2 ** 20).toFixed(0),
    base === undefined ? '–' : (seconds / median(base.seconds)).toFixed(2),
    notes.join('; '),
  ]
}
