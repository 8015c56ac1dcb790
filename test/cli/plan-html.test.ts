import { mkdirSync, readFileSync } from 'node:fs'
import { mkdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { planHtml } from '../../src/report/plan-html.ts'
import type { PlanReport } from '../../src/report/plan-report.ts'
import { PLAN_WORDS } from '../../src/report/plan-words.ts'
import { noBrowser, showFile, startBrowser } from '../browser.ts'
import { validate, type Schema } from '../signoff/json-schema.ts'
import { jsonAt, runAt, useWorkspace } from './at-time.ts'
import { MAILDIR_YAML, type Place } from './program.ts'
import { HOSTILE } from './report-sample.ts'

const SCHEMA = JSON.parse(
  readFileSync(new URL('../../docs/schemas/plan.schema.json', import.meta.url), 'utf8'),
) as Schema

/** Where what tests leave for people lies. */
const ARTEFACTS = fileURLToPath(new URL('../report', import.meta.url))

const NOW = '2026-03-01T09:00:00Z'
const FILTERS = 'filters: { max_bytes: 64kB }\nmapping: { exclude: ["Spam"] }\nlimits: { rate: 1MiB }\n'

const workspace = useWorkspace({ agent: true })
let place: Place

beforeEach(async () => {
  place = workspace()
  await place.configure(`${MAILDIR_YAML}${FILTERS}`, 'source,destination\nanna,anna\nbert,bert\ncleo,cleo\n')
  // 24 in the year of the plan, five long ago, one too large, and a folder that stays.
  await put('anna', '', 24, '2026-01-15T12:00:00Z', 1000)
  await put('anna', '.Sent', 5, '2019-12-31T23:59:59Z', 20_000)
  await put('anna', '.Projekte', 1, '2021-06-01T00:00:00Z', 90_000)
  await put('anna', '.Spam', 3, '2025-06-01T00:00:00Z', 500)
  await put('bert', '', 2, '2025-06-01T00:00:00Z', 30_000)
})

async function put(account: string, folder: string, messages: number, date: string, bytes: number): Promise<void> {
  const root = join(place.project, 'old', account, folder)
  for (const part of ['cur', 'new', 'tmp']) await mkdir(join(root, part), { recursive: true })
  if (folder !== '') await writeFile(join(root, 'maildirfolder'), '')
  const at = new Date(date)
  for (let i = 1; i <= messages; i++) {
    const head = `From: a@example.com\r\nMessage-ID: <${i}.${account}@example.com>\r\nSubject: secret ${i}\r\n\r\n`
    const file = join(root, 'cur', `${at.getTime() / 1000}.M${i}P1.example:2,S`)
    await writeFile(file, `${head}${'x'.repeat(bytes - head.length - 2)}\r\n`)
    await utimes(file, at, at)
  }
}

test('plan --json says sizes, growth, the largest, what stays, the cost of each pass, and fits its schema', async () => {
  const plan = await jsonAt<PlanReport>(place, ['plan', '--mailbox', 'anna', '--mailbox', 'bert'], NOW)
  expect(validate(SCHEMA, plan)).toEqual([])
  expect(plan).toMatchObject({
    client: 'Beispiel GmbH',
    written: NOW,
    messages: 31,
    bytes: 184_000,
    moved: { messages: 0, bytes: 0 },
    growth: [
      { year: 2019, messages: 5, bytes: 100_000 },
      { year: 2025, messages: 2, bytes: 60_000 },
      { year: 2026, messages: 24, bytes: 24_000 },
    ],
    assumptions: { bytesPerSecond: 1024 * 1024, dayShare: 1, limits: [] },
  })
  expect(plan.largest).toHaveLength(20)
  expect(plan.largest[0]).toEqual({
    account: 'bert',
    mailbox: 'INBOX',
    bytes: 30_000,
    date: '2025-06-01T00:00:00Z',
  })
  expect(plan.largest[2]).toEqual({
    account: 'anna',
    mailbox: 'Sent',
    bytes: 20_000,
    date: '2019-12-31T23:59:59Z',
  })
  expect(plan.unfit.map(({ account, mailbox, reason, messages }) => [account, mailbox, reason, messages])).toEqual(
    [
      ['anna', 'Projekte', 'filtered', 1],
      ['anna', 'Spam', 'excluded', null],
    ],
  )
  const cost = plan.passes.map(({ kind, listed, messages, bytesToDestination, bytesFromDestination }) => [
    kind,
    listed,
    messages,
    bytesToDestination,
    bytesFromDestination,
  ])
  // 26 messages of 84,000 bytes came in the last 365 days; a Maildir is read through each time.
  expect(cost).toEqual([
    ['initial', 31, 31, 184_000, 0],
    ['delta', 31, 2, 1612, 0],
    ['final', 31, 2, 231, 0],
    ['verify', 0, 31, 0, 184_000],
  ])
  expect(JSON.stringify(plan)).not.toMatch(/secret|example\.com/)
})

test('what was moved already is no work any more; an account that cannot be looked at is told', async () => {
  await runAt(place, ['run', '--mailbox', 'anna'], { at: NOW })
  const plan = await jsonAt<PlanReport>(place, ['plan'], NOW, 2)
  expect(validate(SCHEMA, plan)).toEqual([])
  expect(plan.moved).toEqual({ messages: 29, bytes: 124_000 })
  expect(plan.passes[0]).toMatchObject({ kind: 'initial', messages: 2, bytesFromSource: 60_000 })
  expect(plan.unfit).toContainEqual(expect.objectContaining({ account: 'cleo', reason: 'unreachable' }))
  expect(plan.risks).toContainEqual({ code: 'unreachable', accounts: ['cleo'] })
})

test('a file that cannot be written is told before anything is looked at', async () => {
  const words = ['plan', '--mailbox', 'anna', '--html', join(place.folder, 'no folder', 'plan.html')]
  const ended = await runAt(place, words)
  expect(ended).toMatchObject({ exitCode: 2, stdout: '' })
  expect(ended.stderr).toMatch(/^sealpost: .*no folder is not a folder\. Make it/)
  const folder = await runAt(place, ['plan', '--mailbox', 'anna', '--html', place.folder])
  expect(folder).toMatchObject({ exitCode: 2, stdout: '' })
  expect(folder.stderr).toMatch(/ is a folder\. Name a file in it\.\n$/)
})

describe.skipIf(noBrowser !== null)(
  `the page, in Chromium from file://${noBrowser === null ? '' : ` (${noBrowser})`}`,
  () => {
    let browser: Browser
    beforeAll(async () => {
      browser = await startBrowser()
    })
    afterAll(() => browser.close())

    test.each(['en', 'ar'] as const)('can be sent to the client (%s)', async (language) => {
      const file = join(place.folder, 'plan.html')
      const words = ['plan', '--mailbox', 'anna', '--mailbox', 'bert', '--html', file, '--language', language]
      const plan = await jsonAt<PlanReport>(place, words, NOW)
      expect(readFileSync(file, 'utf8')).not.toMatch(/secret|@example\.com/)
      const { page, requests } = await showFile(browser, file)
      expect(await page.getAttribute('html', 'dir')).toBe(language === 'en' ? 'ltr' : 'rtl')
      const text = await page.locator('body').innerText()
      const said = PLAN_WORDS[language]
      for (const part of [
        'Projekte',
        '2019',
        said.reasons.filtered,
        said.kinds.verify,
        said.assumed,
        said.uses.inbox,
      ]) {
        expect(text).toContain(part)
      }
      expect(await page.locator('svg.bar').count()).toBe(plan.growth.length + plan.specialUse.length)

      // Names that are HTML stay names, and with every risk and reason nothing runs out of its place.
      await writeFile(file, planHtml(troubled(plan, language), language))
      await page.reload()
      expect(await page.locator('img').count()).toBe(0)
      expect(await page.locator('body').innerText()).toContain(HOSTILE)
      for (const width of [1280, 800, 360]) {
        await page.setViewportSize({ width, height: 900 })
        expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true)
      }
      expect(new Set(requests)).toEqual(new Set([pathToFileURL(file).href]))
      mkdirSync(ARTEFACTS, { recursive: true })
      await page.screenshot({ path: join(ARTEFACTS, `plan-${language}.png`), fullPage: true })
      await page.close()
    })
  },
)

/** The plan with everything in it that can go wrong. */
function troubled(plan: PlanReport, language: 'en' | 'ar'): PlanReport {
  const words = PLAN_WORDS[language]
  const codes = Object.keys(words.risks) as (keyof typeof words.risks)[]
  const reasons = Object.keys(words.reasons) as (keyof typeof words.reasons)[]
  const accounts = Array.from({ length: 12 }, (_, i) => `${HOSTILE}${i}`)
  const limits = {
    platform: 'Google IMAP',
    messagesPerSecond: 4,
    bytesPerSecond: 366_666,
    bytesPerDay: 500_000_000,
  }
  return {
    ...plan,
    risks: codes.map((code) => ({ code, accounts })),
    unfit: reasons.map((reason) => ({
      account: HOSTILE,
      mailbox: 'مشاريع/2024',
      reason,
      messages: 3,
      bytes: 99_000_000,
      limitBytes: 35_000_000,
    })),
    assumptions: { ...plan.assumptions, limits: [{ side: 'source', work: 'read', ...limits }] },
  }
}
