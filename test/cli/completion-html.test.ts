import { expect, test } from 'vitest'
import { completionHtml } from '../../src/report/completion-html.ts'
import type { CompletionReport } from '../../src/report/completion-report.ts'
import { sampleReport } from './report-sample.ts'

/** The rows of all tables below a heading of the page, as text. */
function rowsOf(report: CompletionReport, heading: string): readonly (readonly string[])[] {
  const section = completionHtml(report, 'en', null, '')
    .split('<section')
    .find((part) => part.includes(`${heading}</h2>`))
  const cells = (row: string): readonly string[] =>
    [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell = '']) => cell.replace(/<[^>]+>/g, '').trim())
  return [...(section ?? '').matchAll(/<tr[^>]*>(.*?)<\/tr>/gs)].map(([, row = '']) => cells(row))
}

/** What the client is told is what the report holds: each number in its own row and column. */
test('the page shows the sums, and they balance', () => {
  expect(rowsOf(sampleReport(), 'In short')).toEqual([
    ['At the source', '30,155'],
    ['Landed', '27,768'],
    ['Were there before', '1,200'],
    ['Left out', '31'],
    ['Gone from the source before they landed', '12'],
    ['Still to move', '240'],
    ['Kept back', '904'],
    ['Size', '2.3 GiB'],
    ['Size landed', '2.1 GiB'],
  ])
  expect(27_768 + 1_200 + 31 + 12 + 240 + 904).toBe(30_155)
  const merged = sampleReport()
  expect(rowsOf({ ...merged, counts: { ...merged.counts, merged: 7 } }, 'In short')).toContainEqual([
    expect.any(String),
    '7',
  ])
})

test('the page says how deep the last look was, and that nothing was read again where nothing was', () => {
  const report = sampleReport()
  expect(rowsOf(report, 'Read again')).toEqual([
    ['Delivered messages read again after they landed', '26,813'],
    ['Delivered messages not read again yet', '1,200'],
    ['Last look', '2026-03-01T10:00:00Z'],
    ['Depth', 'every byte of every message'],
    ['Open findings', '3'],
  ])
  const never = { ...report, verification: { ...report.verification, last: null } }
  expect(rowsOf(never, 'Read again')).toHaveLength(2)
  expect(completionHtml(never, 'en', null, '')).toContain('<p class="adverse">')
  expect(completionHtml(report, 'en', null, '')).not.toContain('<p class="adverse">')
})

test('the page has each account, each pass, each wait and each finding', () => {
  const report = sampleReport()
  expect(
    rowsOf(report, 'Accounts')
      .slice(1, 6)
      .map((row) => row.slice(1, 4)),
  ).toEqual([
    ['moved', '18,204', '1.4 GiB'],
    ['moved', '9,310', '721.3 MiB'],
    ['moved', '2,001', '155 MiB'],
    ['under way', '640', '49.6 MiB'],
    ['not begun', '0', '0 B'],
  ])
  const reasons = rowsOf(report, 'What did not go, and what to do')
  expect(reasons.slice(0, 3).map((row) => row[1])).toEqual(['Count', '31', '589'])
  const [first] = report.passes
  if (first === undefined) throw new Error('the sample has no pass')
  const uncounted = { ...first, began: null, messages: null, bytes: null }
  expect(rowsOf({ ...report, passes: [...report.passes, uncounted] }, 'Time line').slice(1)).toEqual([
    ['Moving', '2026-02-27T18:00:00Z', '2026-02-28T03:12:00Z', '26,000', '2 GiB', ''],
    ['Moving', '2026-02-28T18:00:00Z', '2026-02-28T18:22:00Z', '2,800', '228.9 MiB', ''],
    ['Moving', '', '2026-02-28T03:12:00Z', '', '', ''],
  ])
  expect(
    rowsOf(report, 'Limits met')
      .slice(1)
      .map((row) => row.slice(2)),
  ).toEqual([
    ['14', '2026-02-28T01:00:00Z'],
    ['2', '2026-02-28T02:00:00Z'],
  ])
  expect(rowsOf(report, 'What was found when it was read again').slice(1)).toEqual([
    ['bert@old.example', 'INBOX', 'open', 'missing', '1'],
    ['bert@old.example', 'INBOX', 'explained', 'digest (nul-as-0x80)', '310'],
  ])
})
