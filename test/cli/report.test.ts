import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readPageScript } from '../../src/cli/page-script.ts'
import { completionHtml } from '../../src/report/completion-html.ts'
import type { CompletionReport } from '../../src/report/completion-report.ts'
import { COMPLETION_WORDS } from '../../src/report/completion-words.ts'
import { LookUpIndex } from '../../src/report/look-up.ts'
import { noBrowser, showFile, startBrowser } from '../browser.ts'
import { jsonAt, runAt, useWorkspace } from '../cli/at-time.ts'
import { MAILDIR_YAML, type Place } from '../cli/program.ts'
import { HOSTILE, sampleReport } from './report-sample.ts'
import { validate, type Schema } from '../signoff/json-schema.ts'

const SCHEMA = JSON.parse(
  readFileSync(new URL('../../docs/schemas/completion-report.schema.json', import.meta.url), 'utf8'),
) as Schema

/** Where what tests leave for people lies. */
const ARTEFACTS = fileURLToPath(new URL('../report', import.meta.url))

const workspace = useWorkspace({ agent: true })
let place: Place

beforeEach(async () => {
  place = workspace()
  await place.configure(MAILDIR_YAML, 'source,destination\nanna,anna\nbert,bert\ncleo,cleo\n')
  await place.fillMaildir('anna', 5)
  await place.fillMaildir('bert', 2)
})

function readReport(): CompletionReport {
  return JSON.parse(readFileSync(join(place.project, 'reports', 'report.json'), 'utf8')) as CompletionReport
}

const sha256 = (...parts: readonly Uint8Array[]): Buffer =>
  createHash('sha256').update(Buffer.concat(parts)).digest()

/** RFC 6962 section 2.1, word for word, and none of the program's code. */
function rootOf(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256()
  if (leaves.length === 1) return sha256(Buffer.from([0]), leaves[0] ?? Buffer.alloc(0))
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return sha256(Buffer.from([1]), rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)))
}

function digestsOf(account: string, messages: number): readonly Buffer[] {
  const ids = Array.from({ length: messages }, (_, i) => i + 1)
  const texts = ids.map(
    (i) =>
      `From: a@example.com\r\nMessage-ID: <${i}.${account}@example.com>\r\nSubject: number ${i}\r\n\r\nHello ${i}\r\n`,
  )
  return texts.map((text) => sha256(Buffer.from(text))).sort((a, b) => a.compare(b))
}

test('says what was moved, how faithful it is, and when; and the tree can be computed again from the mail', async () => {
  await runAt(place, ['run', '--mailbox', 'anna', '--mailbox', 'bert'], { at: '2026-03-01T09:00:00Z' })
  // A user removes one before it is read again.
  const folder = join(place.project, 'new', 'anna')
  const [first = ''] = readdirSync(join(folder, 'cur'))
  await rm(join(folder, 'cur', first))
  await runAt(place, ['verify', '--mailbox', 'anna', '--mailbox', 'bert'], { at: '2026-03-01T10:00:00Z' })
  const told = await jsonAt<{ files: { file: string; sha256: string }[]; complete: boolean }>(
    place,
    ['report'],
    '2026-03-01T11:00:00Z',
  )
  for (const { file, sha256: digest } of told.files) {
    expect(sha256(readFileSync(file)).toString('hex')).toBe(digest)
  }
  const report = readReport()
  expect(validate(SCHEMA, report)).toEqual([])
  expect(report).toMatchObject({
    client: 'Beispiel GmbH',
    written: '2026-03-01T11:00:00Z',
    complete: false,
    counts: { source: 7, landed: 7, pending: 0 },
    fidelity: { identical: 6, missing: 1, unchecked: 0 },
    verification: { verified: 6, unverified: 1, last: { at: '2026-03-01T10:00:00Z', level: 'full', open: 1 } },
    findings: [{ account: 'anna', mailbox: 'INBOX', class: 'open', check: 'missing', count: 1 }],
  })
  expect(report.accounts.map(({ source, state }) => [source, state])).toEqual([
    ['anna', 'moved'],
    ['bert', 'moved'],
    ['cleo', 'not begun'],
  ])
  expect(report.passes.map(({ kind, ended, messages }) => [kind, ended, messages])).toEqual([
    ['run', '2026-03-01T09:00:00Z', 7],
    ['verify', '2026-03-01T10:00:00Z', 7],
  ])
  const roots = [rootOf(digestsOf('anna', 5)), rootOf(digestsOf('bert', 2)), rootOf([])]
  expect(report.accounts.map(({ merkle }) => merkle.root)).toEqual(roots.map((root) => root.toString('hex')))
  expect(report.merkle).toEqual({ leaves: 3, root: rootOf(roots).toString('hex') })
  const csv = readFileSync(join(place.project, 'reports', 'report-mailboxes.csv'), 'utf8')
  expect(csv).toMatch(/\nanna,anna,INBOX,INBOX,5,0,5,0,0,0,0,0,\d+,\d+\r\n/)
  const all = told.files.map(({ file }) => readFileSync(file, 'utf8')).join('')
  // No subject, no Message-ID, no correspondent, no content.
  for (const secret of ['number 1', '1.anna@example.com', 'a@example.com', 'Hello 1'])
    expect(all).not.toContain(secret)
  const shown = await jsonAt<{ entries: { action: string; facts: object }[] }>(place, [
    'audit',
    'show',
    '--last',
    '0',
  ])
  expect(shown.entries).toContainEqual(
    expect.objectContaining({ action: 'document-issued', facts: { kind: 'report' } }),
  )
})

describe.skipIf(noBrowser !== null)(
  `the page, in Chromium from file://${noBrowser === null ? '' : ` (${noBrowser})`}`,
  () => {
    let browser: Browser
    beforeAll(async () => {
      browser = await startBrowser()
    })
    afterAll(() => browser.close())

    test.each(['en', 'ar'] as const)('answers where a message is, out of itself alone (%s)', async (language) => {
      await runAt(place, ['run', '--mailbox', 'anna', '--mailbox', 'bert'])
      await runAt(place, ['verify', '--mailbox', 'anna'])
      await runAt(place, ['report', '--language', language])
      const file = join(place.project, 'reports', 'report.html')
      const { page, requests } = await showFile(browser, file)
      const ask = async (id: string): Promise<readonly string[]> => {
        await page.fill('#look-up-input', id)
        await page.click('#look-up-form button')
        return page.locator('#look-up-results li').allTextContents()
      }
      const [identical, landed, unknown] =
        language === 'en'
          ? ['landed, identical', 'landed', 'No message with this Message-ID is in this report.']
          : ['وصلت مطابقة تمامًا', 'وصلت', 'لا توجد رسالة بهذا المعرّف في هذا التقرير.']
      expect(await ask('<3.anna@example.com>')).toEqual([`anna, INBOX: ${identical}`])
      expect(await ask(' Message-ID: <1.bert@example.com> ')).toEqual([`bert, INBOX: ${landed}`])
      expect(await ask('2.bert@example.com')).toEqual([`bert, INBOX: ${landed}`])
      expect(await ask('<9.anna@example.com>')).toEqual([unknown])
      expect(await ask('  ')).toEqual([])
      expect(requests).toEqual([pathToFileURL(file).href])
      expect(await page.getAttribute('html', 'dir')).toBe(language === 'en' ? 'ltr' : 'rtl')
      await page.close()
    })

    test.each(['en', 'ar'] as const)(
      'shows everything that can happen, and takes no name for HTML (%s)',
      async (language) => {
        const report = sampleReport()
        expect(validate(SCHEMA, report)).toEqual([])
        const index = new LookUpIndex()
        index.add('x@example.com', 'altered', 6)
        const file = join(place.folder, 'sample.html')
        const script = await readPageScript('src/report/browser/look-up.js')
        await writeFile(file, completionHtml(report, language, index, script))
        const { page, requests } = await showFile(browser, file)
        expect(await page.locator('img').count()).toBe(0)
        expect(await page.locator('h1').count()).toBe(1)
        expect(await page.locator('body').innerText()).toContain(HOSTILE)
        // Nothing runs out of its place, on a small window or on paper.
        for (const width of [1280, 800, 360]) {
          await page.setViewportSize({ width, height: 900 })
          expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true)
        }
        await page.fill('#look-up-input', 'x@example.com')
        await page.click('#look-up-form button')
        expect(await page.locator('#look-up-results li').allTextContents()).toEqual([
          `${HOSTILE}@new.example, INBOX: ${COMPLETION_WORDS[language].outcomes.altered}`,
        ])
        expect(requests).toEqual([pathToFileURL(file).href])
        mkdirSync(ARTEFACTS, { recursive: true })
        await page.screenshot({
          path: join(ARTEFACTS, `completion-report-${language}.png`),
          clip: { x: 0, y: 0, width: 800, height: 2600 },
          fullPage: true,
        })
        await page.close()
      },
    )
  },
)

test('before anything was done it says so', async () => {
  const ended = await runAt(place, ['report'])
  expect(ended).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/not over/) as string })
  const report = readReport()
  expect(validate(SCHEMA, report)).toEqual([])
  expect(report).toMatchObject({
    complete: false,
    counts: { source: 0 },
    passes: [],
    verification: { last: null },
  })
})

test('wrong input', async () => {
  expect(await runAt(place, ['report', '--language', 'de'])).toMatchObject({ exitCode: 2 })
  const file = join(place.folder, 'a file')
  await writeFile(file, '')
  expect(await runAt(place, ['report', '--out', file])).toMatchObject({ exitCode: 2 })
})
