import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Place } from './program.ts'
import { assertPublished } from './published.ts'
import { openSlowPlace, SLOW_MESSAGES } from './slow-run.ts'

let place: Place

beforeAll(async () => {
  place = await openSlowPlace()
})
afterAll(() => place.close())

function begin(words: readonly string[]) {
  return place.start([...words, '--passphrase-file', place.passphraseFile], { cwd: place.project })
}

/** Resolves when a process has printed `words`; rejects when it ends without. */
function said(process: ReturnType<typeof begin>, words: string): Promise<void> {
  let text = ''
  return new Promise((resolve, reject) => {
    process.stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString('utf8')
      if (text.includes(words)) resolve()
    })
    void process.then(({ stdout, stderr }) => reject(new Error(`ended without ${words}: ${stdout}${stderr}`)))
  })
}

function ledgerDigest(): string {
  return createHash('sha256')
    .update(readFileSync(join(place.project, '.sealpost', 'ledger.db')))
    .digest('hex')
}

describe('status --watch, beside the run of another process', () => {
  it('says how the project stands and ends by itself where there is no run, and writes nothing', async () => {
    const before = ledgerDigest()
    const ended = await place.run(['status', '--watch'])
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' })
    expect(ended.stdout).toMatch(/^accounts 0\/1 {2}messages 0\/0 .*\n$/)
    expect(ledgerDigest()).toBe(before)
  })

  it('gives an object a line, ends by SIGINT with 130 and disturbs nobody, and by itself once the run is over', async () => {
    const run = begin(['run', '--json'])
    await said(run, 'mailbox-listed')
    const watch = begin(['status', '--watch', '--json'])
    await said(watch, '"running":true')
    watch.kill('SIGINT')
    const interrupted = await watch
    expect(interrupted.exitCode).toBe(130)
    assertPublished(['status', '--watch', '--json'], interrupted.stdout)
    for (const line of interrupted.stdout.trim().split('\n'))
      expect(JSON.parse(line)).toMatchObject({ event: 'progress', running: true })
    const last = begin(['status', '--watch'])
    await said(last, 'messages ')
    expect(run.exitCode).toBeNull()
    run.kill('SIGKILL')
    await run
    const { exitCode, stdout, stderr } = await last
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    // Lines, and nothing that draws.
    expect(stdout).not.toContain('\u001b')
    for (const line of stdout.trim().split('\n')) expect(line).toContain(`/${SLOW_MESSAGES} `)
  }, 60_000)
})
