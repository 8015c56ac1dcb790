import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compareStores } from '../../scripts/sample/compare.ts'
import type { StoredMessage } from '../../scripts/sample/maildir.ts'
import { isLong } from '../long.ts'
import { lacking } from '../packages.ts'
import { CORPUS_MAILBOXES, CORPUS_MESSAGES, corpusMessages } from './mail.ts'
import type { Finished } from './program.ts'
import { setStage, type Stage } from './stage.ts'

/** Where each mailbox lies at the destination, which has no level with a dot and everything below its inbox. */
const MOVED_NAMES: ReadonlyMap<string, readonly string[]> = new Map([
  ['INBOX/Unterordner', ['Unterordner']],
  ['Kunden/Müller GmbH/v1.2 (alt)', ['Kunden', 'Müller GmbH', 'v1\u20242 (alt)']],
])

const MINUTES = 60_000

interface RunFinished {
  readonly event: 'run-finished'
  readonly messages: Readonly<Record<string, number>>
  readonly thisRun: Readonly<Record<string, number>>
}

interface Verification {
  readonly level: string
  readonly checked: number
  readonly findings: readonly { readonly class: string; readonly check: string; readonly mailbox: string }[]
}

/** The mail as it has to lie at the destination. */
function asMoved(messages: readonly StoredMessage[]): StoredMessage[] {
  return messages.map((message) => ({
    ...message,
    mailbox: MOVED_NAMES.get(message.mailbox.join('/')) ?? message.mailbox,
  }))
}

function lastEvent({ stdout }: Finished): RunFinished {
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as RunFinished
}

const reason =
  lacking('dovecot-core', 'dovecot-imapd') ?? (process.getuid?.() === 0 ? null : 'only root starts it')

describe.skipIf(reason !== null)('real mail, from Dovecot to Dovecot over TLS', () => {
  const messages = reason === null ? corpusMessages() : []
  let stage: Stage

  beforeAll(async () => {
    stage = await setStage(messages)
  }, 5 * MINUTES)
  afterAll(async () => {
    await stage.close()
  })

  it('holds what it says: every message of the corpus, in ten mailboxes', () => {
    expect(messages).toHaveLength(CORPUS_MESSAGES)
    expect(new Set(messages.map(({ mailbox }) => mailbox.join('/'))).size).toBe(CORPUS_MAILBOXES.length)
  })

  it('moves every message', { timeout: 5 * MINUTES }, async () => {
    const finished = await stage.run('run', '--json')
    expect(finished.stderr).toBe('')
    expect(finished.exitCode).toBe(0)
    expect(lastEvent(finished)).toMatchObject({
      event: 'run-finished',
      messages: {
        source: CORPUS_MESSAGES,
        landed: CORPUS_MESSAGES,
        merged: 0,
        existing: 0,
        skipped: 0,
        quarantined: 0,
        expunged: 0,
      },
    })
    console.log(`peak memory of the run: ${String(Math.round((finished.peakBytes ?? 0) / 1_000_000))} MB`)
  })

  it('agrees with the files of both servers: bytes, flags, keywords, dates', async () => {
    const { equal, identical, missing, extra } = compareStores(asMoved(messages), await stage.readDestination())
    expect({ missing, extra, equal }).toEqual({ missing: [], extra: [], equal: CORPUS_MESSAGES })
    expect(identical).toBe(CORPUS_MESSAGES)
  })

  it('has changed nothing at the source', async () => {
    const { identical, extra } = compareStores(messages, await stage.readSource())
    expect({ identical, extra }).toEqual({ identical: CORPUS_MESSAGES, extra: [] })
  })

  // These read everything once more: `npm run test:servers` has them.
  if (isLong('servers')) {
    it('verifies in full, with no open finding', { timeout: 5 * MINUTES }, async () => {
      const finished = await stage.run('verify', '--level', 'full', '--json')
      expect(finished.stderr).toBe('')
      const { level, checked, findings } = JSON.parse(finished.stdout) as Verification
      expect({ level, checked }).toEqual({ level: 'full', checked: CORPUS_MESSAGES })
      expect(findings.filter((finding) => finding.class !== 'explained')).toEqual([])
      expect(finished.exitCode).toBe(0)
    })

    it('appends nothing when it runs again', { timeout: 5 * MINUTES }, async () => {
      const finished = await stage.run('run', '--json')
      expect(finished.exitCode).toBe(0)
      const { messages: totals, thisRun } = lastEvent(finished)
      expect(totals).toMatchObject({ source: CORPUS_MESSAGES, landed: CORPUS_MESSAGES })
      expect(thisRun).toMatchObject({ landed: 0 })
      expect(await stage.readDestination()).toHaveLength(CORPUS_MESSAGES)
    })

    it('finds its mail again when the ledger is lost', { timeout: 5 * MINUTES }, async () => {
      const data = join(stage.project, '.sealpost')
      const ledger = (await readdir(data)).filter((name) => name.startsWith('ledger.db'))
      expect(ledger).toContain('ledger.db')
      for (const name of ledger) await rm(join(data, name))

      const finished = await stage.run('run', '--json')
      expect(finished.exitCode).toBe(0)
      expect(lastEvent(finished)).toMatchObject({
        messages: { source: CORPUS_MESSAGES, existing: CORPUS_MESSAGES, landed: 0 },
      })
      const { missing, extra } = compareStores(asMoved(messages), await stage.readDestination())
      expect({ missing, extra }).toEqual({ missing: [], extra: [] })
    })

    it('finds what somebody changes at the destination afterwards', { timeout: 5 * MINUTES }, async () => {
      const [changed, removed, flagged] = await stage.destinationFiles()
      if (changed === undefined || removed === undefined || flagged === undefined) throw new Error('no files')
      const bytes = await readFile(changed)
      bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1
      await writeFile(changed, bytes)
      await rm(removed)
      await rename(flagged, flagged.replace(/:2,.*/, ':2,'))

      const finished = await stage.run('verify', '--level', 'full', '--json')
      const { findings } = JSON.parse(finished.stdout) as Verification
      // One finding for each flag that is no longer set.
      const found = new Set(findings.map((finding) => `${finding.class} ${finding.check}`))
      expect(found).toEqual(new Set(['open digest', 'open flags', 'open missing']))
      expect(findings.every(({ mailbox }) => mailbox === 'Projekte')).toBe(true)
      expect(finished.exitCode).toBe(3)
    })
  }
})
