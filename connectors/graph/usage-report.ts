import { isKind, SealpostError } from '../../src/core/errors.ts'
import type { GraphContext } from './context.ts'

/** One line of the report. */
export interface Usage {
  readonly usedBytes: number
  /** What the mailbox may hold before it receives and sends nothing any more; null where it is not told. */
  readonly limitBytes: number | null
}

const REPORT = "/reports/getMailboxUsageDetail(period='D7')"

/**
 * The tenant's report of mailbox usage by address in small letters, up to two days old. Null where the app may not read reports
 * (`Reports.Read.All`), or where the tenant hides names in them. It leads to another host, which is sent no token.
 */
export async function usageOf(
  context: GraphContext,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Usage> | null> {
  let text: string
  try {
    text = await context.client.getElsewhere(REPORT, 'reading the usage report', signal)
  } catch (error) {
    // A right that is not there is a size that is not known.
    if (isKind(error) && (error.code === 'NO_CONSENT' || error.code === 'ACCESS_DENIED')) return null
    throw error
  }
  const [head = [], ...rows] = parseCsv(text)
  const at = (name: string): number => head.findIndex((title) => title.toLowerCase() === name)
  const [address, used, limit] = [
    at('user principal name'),
    at('storage used (byte)'),
    at('prohibit send/receive quota (byte)'),
  ]
  if (address === -1 || used === -1) {
    throw new SealpostError('transient', 'graph: the usage report has other columns than it should', {
      code: 'PROTOCOL',
    })
  }
  const usage = new Map<string, Usage>()
  for (const row of rows) {
    const name = row[address]?.toLowerCase() ?? ''
    const usedBytes = Number(row[used])
    const limitBytes = Number(row[limit] ?? NaN)
    // A tenant that hides names writes digests in their place.
    if (!name.includes('@') || !Number.isSafeInteger(usedBytes)) continue
    usage.set(name, {
      usedBytes,
      limitBytes: Number.isSafeInteger(limitBytes) && limitBytes > 0 ? limitBytes : null,
    })
  }
  return usage.size === 0 ? null : usage
}

/** RFC 4180, as the report is written: a mark of UTF-8 first, fields quoted where they must be. */
function parseCsv(text: string): readonly (readonly string[])[] {
  const rows: string[][] = []
  let row: string[] = []
  const pattern = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y
  const body = text.replace(/^\ufeff/, '')
  while (pattern.lastIndex < body.length) {
    const match = pattern.exec(body)
    if (match === null) break
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
    if (match[3] === ',') continue
    rows.push(row)
    row = []
  }
  if (row.length > 0) rows.push(row)
  return rows.filter((fields) => fields.some((field) => field !== ''))
}
