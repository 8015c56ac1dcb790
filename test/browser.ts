import { pathToFileURL } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright-core'
import { lacking } from './packages.ts'

/** Why there is no browser here, or null. */
export const noBrowser = lacking('chromium')

/** Debian's browser has no sandbox for root; none of these flags concerns a page. */
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update']

/** Starts Debian's Chromium; the caller closes it. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS })
}

/** Opens a file as a client would, and tells what the page asked for beside itself and what it stumbled over. */
export async function showFile(
  browser: Browser,
  file: string,
  viewport = { width: 1280, height: 720 },
): Promise<{ readonly page: Page; readonly requests: string[] }> {
  const page = await browser.newPage({ viewport })
  const requests: string[] = []
  page.on('request', (request) => requests.push(request.url()))
  page.on('pageerror', (error) => requests.push(`error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') requests.push(`error: ${message.text()}`)
  })
  await page.goto(pathToFileURL(file).href)
  return { page, requests }
}
