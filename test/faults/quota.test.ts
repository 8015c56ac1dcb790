import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { whyNoDovecot } from '../servers/dovecot.ts'
import { plainMail } from './mail.ts'
import { counts, difference, useStage, type Stage } from './stage.ts'

const SETTINGS = `
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = maildir:User quota
}`

/** Gives an account so much storage; it holds for sessions that are opened from now on. */
async function setQuota(stage: Stage, account: string, bytes: number): Promise<void> {
  const file = join(stage.destination.folder, 'users')
  const lines = (await readFile(file, 'utf8')).split('\n')
  const changed = lines.map((line) =>
    line.startsWith(`${account}:`)
      ? `${line.replace(/::userdb_quota.*$/, '')}::userdb_quota_rule=*:bytes=${bytes}`
      : line,
  )
  await writeFile(file, changed.join('\n'))
  // The server looks at the file once a second; bounded, so that one that never sees it fails the test below.
  for (let attempt = 0; attempt < 50; attempt++) {
    const rule = await stage.destination.doveadm('user', '-f', 'quota_rule', account)
    if (rule.includes(`bytes=${bytes}`)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

describe.skipIf(whyNoDovecot() !== null)('a destination that is full', () => {
  const stage = useStage({ destination: { settings: SETTINGS } })

  it('stops the account and says so; another one goes on; with more storage the rest arrives', async () => {
    const messages = plainMail(120)
    const bytes = messages.reduce((sum, message) => sum + message.bytes.length, 0)
    const project = await stage.project(messages, {}, 2)
    const [full = '', roomy = ''] = project.accounts
    await setQuota(stage, full, Math.floor(bytes / 2))
    const first = await project.run()
    expect(first.pairs.map(({ error }) => error?.kind ?? null)).toEqual(['quota', null])
    expect(first.pairs[0]?.error?.serverText).toMatch(/quota/i)
    const [stuck, done] = project.pairs().map(({ id }) => project.ledger.totals({ pairId: id }))
    expect(stuck?.landed).toBeLessThan(120)
    expect(stuck?.quarantined).toBe(0)
    expect(done).toMatchObject({ source: 120, landed: 120 })
    expect(difference(await project.sourceMail(roomy), await project.destinationMail(roomy)).missing).toEqual([])

    // While nothing has changed, a run sends what fits and no more, and does not hammer the server.
    const before = stage.proxies.destination.count('APPEND', { account: full })
    const second = await project.run()
    expect(second.pairs.map(({ error }) => error?.kind ?? null)).toEqual(['quota', null])
    expect(stage.proxies.destination.count('APPEND', { account: full }) - before).toBeLessThanOrEqual(12)

    await setQuota(stage, full, bytes * 3)
    const third = await project.run()
    expect(third.pairs.map(({ error }) => error)).toEqual([null, null])
    expect(counts(third.totals)).toEqual({ source: 240, landed: 240 })
    await project.expectMoved()
  })
})
