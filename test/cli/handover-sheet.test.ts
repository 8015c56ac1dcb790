import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { handoverSheetHtml, type HandoverSheet } from '../../src/report/handover-sheet.ts'
import { noBrowser, showFile, startBrowser } from '../browser.ts'

const HOSTILE = `<img src="https://example.com/x" onerror="document.title='run'"> & Söhne`
const digestOf = (n: number): string => String(n).repeat(64)

interface Seen {
  readonly language: string
  readonly direction: string
  readonly overflow: number
  readonly width: string
  readonly codes: readonly string[]
  readonly text: string
}

/** Runs in the page, which has another language of types. */
const LOOK = `({
  language: document.documentElement.lang,
  direction: getComputedStyle(document.body).direction,
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  width: getComputedStyle(document.body).maxWidth,
  codes: [...document.querySelectorAll('pre, code')].map((element) => getComputedStyle(element).direction),
  text: document.body.innerText,
})`

function sheet(over: Partial<HandoverSheet> = {}): HandoverSheet {
  return {
    client: 'Beispiel GmbH',
    projectId: '0f1e2d3c4b5a69788796a5b4c3d2e1f0',
    to: 'Jane Doe',
    how: 'disk by courier',
    date: '2026-11-26T08:00:00Z',
    language: 'en',
    files: [1, 2].map((n) => ({
      name: `anna@example.com.1a2b3c.b00${n}.v001.age`,
      bytes: n * 2 ** 31,
      messages: n * 12_345,
      sha256: digestOf(n),
      recipients: [{ key: 'age1x', fingerprint: 'ab'.repeat(32) }],
      form: n === 1 ? 'eml' : 'mbox',
    })),
    receiptNamespace: 'backup-receipt@sealpost',
    certificateFingerprint: `SHA256:${'x'.repeat(43)}`,
    checkpoint: `audit\n17\n${'s'.repeat(43)}=\n\n— anna ${'c'.repeat(100)}==\n`,
    ...over,
  }
}

describe.skipIf(noBrowser !== null)(
  `the hand-over sheet, in Chromium${noBrowser === null ? '' : ` (${noBrowser})`}`,
  () => {
    let browser: Browser
    let folder = ''
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'sealpost-sheet-'))
      browser = await startBrowser()
    })
    afterAll(async () => {
      await browser.close()
      rmSync(folder, { recursive: true, force: true })
    })

    async function show(content: HandoverSheet, width: number): ReturnType<typeof showFile> {
      const file = join(folder, 'sheet.html')
      writeFileSync(file, handoverSheetHtml(content))
      const shown = await showFile(browser, file, { width, height: 900 })
      // Its own policy lets its style in and nothing else; nothing is asked for but the page.
      expect(shown.requests).toEqual([pathToFileURL(file).href])
      return shown
    }

    it.each(['en', 'ar'] as const)(
      'reads in its direction, on a desk and on a telephone (%s)',
      async (language) => {
        const LONG = 'x'.repeat(300)
        for (const width of [900, 360]) {
          const { page } = await show(sheet({ language, client: LONG, to: `Jane Doe ${LONG}`, how: LONG }), width)
          const seen = await page.evaluate<Seen>(LOOK)
          expect(seen).toMatchObject({ language, direction: language === 'ar' ? 'rtl' : 'ltr', overflow: 0 })
          expect(seen.width).not.toBe('none')
          expect(new Set(seen.codes)).toEqual(new Set(['ltr']))
          for (const text of [digestOf(1), digestOf(2), '2,147,483,648', 'Jane Doe', 'age -d -i key.txt']) {
            expect(seen.text).toContain(text)
          }
          await page.close()
        }
      },
    )

    it('shows names as they are, and runs nothing of them', async () => {
      const file = { ...sheet().files[0], name: `${HOSTILE}.age` } as HandoverSheet['files'][number]
      const { page } = await show(sheet({ client: HOSTILE, to: HOSTILE, how: HOSTILE, files: [file] }), 900)
      expect(await page.title()).toContain(HOSTILE)
      expect(await page.locator('img').count()).toBe(0)
      expect(await page.locator('section code').first().innerText()).toBe(`${HOSTILE}.age`)
      await page.close()
      // What turns the writing round stays out, whoever typed it.
      const turned = await show(sheet({ client: 'a\u202eb', to: 'c\u2066d', how: 'e\u0007f' }), 900)
      const text = await turned.page.locator('body').innerText()
      for (const harmful of ['\u202e', '\u2066', '\u0007']) expect(text).not.toContain(harmful)
      for (const name of ['a b', 'c d', 'e f']) expect(text).toContain(name)
    })
  },
)
