import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pageDigest } from '../../vault/intake.ts'
import { noBrowser, showFile, startBrowser } from '../browser.ts'
import { Place } from './program.ts'

let place: Place
let browser: Browser

describe.skipIf(noBrowser !== null)(
  `the intake page, in Chromium from file://${noBrowser === null ? '' : ` (${noBrowser})`}`,
  () => {
    beforeAll(async () => {
      place = await Place.open()
      await place.init()
      browser = await startBrowser()
    })
    afterAll(async () => {
      await browser.close()
      await place.close()
    })

    async function makePage(
      ...more: readonly string[]
    ): Promise<{ readonly file: string; readonly sha256: string }> {
      const { stdout, exitCode } = await place.run(['intake', 'page', '--json', ...more])
      expect(exitCode).toBe(0)
      return JSON.parse(stdout) as { file: string; sha256: string }
    }

    const show = (file: string): ReturnType<typeof showFile> => showFile(browser, file)

    async function seal(page: Page, account: string, secret: string): Promise<string> {
      await page.fill('[name=account]', account)
      await page.fill('[name=secret]', secret)
      await page.click('#seal')
      await page.waitForSelector('#done:not([hidden])')
      expect(await page.inputValue('[name=secret]')).toBe('')
      return page.inputValue('#result')
    }

    it('seals what was typed to the project, which takes it once', async () => {
      const { file, sha256 } = await makePage()
      expect(pageDigest(await readFile(file))).toBe(sha256)
      const { page, requests } = await show(file)
      const armored = await seal(page, 'erika@example.com', 'geheim – 秘密')
      expect(requests).toEqual([pathToFileURL(file).href])
      await page.close()
      expect(armored).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/)
      const answer = join(place.folder, 'answer.age')
      await writeFile(answer, armored)
      const opened = await place.run(['intake', 'open', answer])
      expect(opened).toMatchObject({ exitCode: 0, stderr: '' })
      expect(opened.stdout).toContain('source/erika@example.com: password')
      expect(opened.stdout).not.toContain('geheim')
      expect((await place.run(['credentials', 'list'])).stdout).toContain('source/erika@example.com')
      const again = await place.run(['intake', 'open', answer])
      expect(again.exitCode).toBe(4)
      expect(again.stderr).toMatch(/^sealpost: that page was used already, at .*intake page\.\n$/)
    })

    it('shows before it overwrites, and takes a dropped list', async () => {
      const { file } = await makePage()
      const { page } = await show(file)
      await page.setInputFiles('#file', {
        name: 'list.csv',
        mimeType: 'text/csv',
        buffer: Buffer.from(
          'side,account,secret\nsource,erika@example.com,new\ndestination,max@example.com,other\n',
        ),
      })
      await page.waitForFunction("document.getElementById('file-name').textContent !== ''")
      await page.click('#seal')
      await page.waitForSelector('#done:not([hidden])')
      const answer = join(place.folder, 'list.age')
      await writeFile(answer, await page.inputValue('#result'))
      await page.close()
      const refused = await place.run(['intake', 'open', answer])
      expect(refused.exitCode).toBe(2)
      expect(refused.stdout).toContain('source/erika@example.com: password, is kept already')
      expect((await place.run(['intake', 'open', answer, '--replace', '--json'])).exitCode).toBe(0)
    })

    it('fits a narrow window, says what is missing, and seals nothing', async () => {
      const { file } = await makePage()
      const { page } = await show(file)
      for (const width of [900, 360]) {
        await page.setViewportSize({ width, height: 800 })
        expect(
          await page.evaluate('document.documentElement.scrollWidth - window.innerWidth'),
        ).toBeLessThanOrEqual(0)
      }
      await page.click('#seal')
      expect(await page.textContent('#message')).toBe('Nothing was entered.')
      await page.fill('[name=account]', 'x@example.com')
      await page.click('#seal')
      expect(await page.textContent('#message')).toBe('An account or a password is missing.')
      expect(await page.isHidden('#done')).toBe(true)
      await page.close()
    })

    it('stands in Arabic from right to left, and lets no hostile client name out', async () => {
      const other = await Place.open()
      await other.run([
        'init',
        other.project,
        '--client',
        '</title><script>alert(1)</script>',
        '--kdf',
        'interactive',
      ])
      const { stdout } = await other.run(['intake', 'page', '--json', '--language', 'ar'])
      const { page, requests } = await show((JSON.parse(stdout) as { file: string }).file)
      expect(await page.getAttribute('html', 'dir')).toBe('rtl')
      expect(requests).toHaveLength(1)
      expect(await page.locator('script').count()).toBe(2)
      // What the policy is for: a script that somebody added does not run.
      await page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">')",
      )
      expect(await page.title()).not.toBe('1')
      await page.close()
      await other.close()
    })

    it('refuses what is old, foreign, or no answer at all', async () => {
      const { file } = await makePage('--expires', '1h')
      const { page } = await show(file)
      const armored = await seal(page, 'a@example.com', 'x')
      await page.close()
      const answer = join(place.folder, 'foreign.age')
      await writeFile(answer, armored)
      const other = await Place.open()
      await other.init()
      const foreign = await other.run(['intake', 'open', answer])
      expect(foreign.exitCode).toBe(5)
      expect(foreign.stderr).toContain("is not sealed to this project's keys")
      expect(foreign.stderr.split('\n')).toHaveLength(2)
      await other.close()
      const pages = join(place.project, '.sealpost', 'intake.json')
      const text = await readFile(pages, 'utf8')
      await writeFile(pages, text.replaceAll(/"expires":"\d{4}/g, '"expires":"2001'))
      const old = await place.run(['intake', 'open', answer])
      expect(old.exitCode).toBe(4)
      expect(old.stderr).toMatch(/^sealpost: that page expired at 2001/)
      await writeFile(answer, 'not sealed')
      expect((await place.run(['intake', 'open', answer])).exitCode).not.toBe(0)
    })
  },
)
