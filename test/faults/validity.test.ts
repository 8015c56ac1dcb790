import { describe, expect, it } from 'vitest'
import { cut } from '../fakes/faults.ts'
import { whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { plainMail } from './mail.ts'
import { counts, difference, fill, useStage } from './stage.ts'

async function resetValidity(server: Dovecot, account: string, mailbox: string): Promise<void> {
  await server.doveadm('mailbox', 'update', '-u', account, '--uid-validity', '1234567', mailbox)
}

describe.skipIf(whyNoDovecot() !== null).concurrent('UIDVALIDITY', () => {
  const stage = useStage({ concurrent: true })

  it('reset at the source between two runs: nothing is sent again, what is new is', async () => {
    const project = await stage.project(plainMail(80))
    await project.run()
    await resetValidity(stage.source, project.account, 'INBOX')
    await resetValidity(stage.source, project.account, 'Work/Projects')
    const appends = (): number => stage.proxies.destination.count('APPEND', { account: project.account })
    const before = appends()
    const { pairs } = await project.run()
    expect(pairs[0]?.error).toBeNull()
    expect(appends()).toBe(before)
    await stage.source.doveadm.withInput(
      Buffer.from('Subject: new\r\n\r\nnew\r\n'),
      'save',
      '-u',
      project.account,
      '-m',
      'INBOX',
    )
    const { totals } = await project.run()
    expect(counts(totals)).toEqual({ source: 81, landed: 81 })
    await project.expectMoved()
  })

  it('reset at the source in the middle of a run', async () => {
    const project = await stage.project(plainMail(200, { mailboxes: [['INBOX']] }), { lanes: 1 })
    const { source, destination } = stage.proxies
    // The connection that had the mailbox open is cut, and the one that follows finds another mailbox.
    const armed = source.arm(cut(/^UID FETCH .*BODY/, { responseByte: 4_000 })).forAccount(project.account)
    const running = project.run()
    while (armed.fired === 0) await new Promise((resolve) => setTimeout(resolve, 2))
    await resetValidity(stage.source, project.account, 'INBOX')
    const { pairs } = await running
    expect(pairs[0]?.error?.kind ?? 'stale').toBe('stale')
    if (pairs[0]?.error !== null) await project.run()
    expect(counts(project.ledger.totals({}))).toEqual({ source: 200, landed: 200 })
    expect(destination.count('APPEND', { account: project.account })).toBeGreaterThan(0)
    await project.expectMoved()
  })

  it('reset at the destination between two runs', async () => {
    const project = await stage.project(plainMail(80))
    await project.run()
    await resetValidity(stage.destination, project.account, 'INBOX')
    await stage.source.doveadm.withInput(
      Buffer.from('Subject: new\r\n\r\nnew\r\n'),
      'save',
      '-u',
      project.account,
      '-m',
      'INBOX',
    )
    const { pairs, totals } = await project.run()
    expect(pairs[0]?.error).toBeNull()
    expect(counts(totals)).toEqual({ source: 81, landed: 81 })
    await project.expectMoved()
  })

  it('reset at the destination while an append is in doubt', async () => {
    const project = await stage.project(plainMail(80))
    const armed = stage.proxies.destination.arm(cut('APPEND', 'before-reply')).forAccount(project.account).after(1)
    const stop = new AbortController()
    const running = project.run({}, stop.signal)
    while (armed.fired === 0) await new Promise((resolve) => setTimeout(resolve, 2))
    stop.abort()
    await running
    for (const mailbox of ['INBOX', 'Archive', 'Work/Projects']) {
      await resetValidity(stage.destination, project.account, mailbox).catch(() => undefined)
    }
    const { pairs, totals } = await project.run()
    expect(pairs[0]?.error).toBeNull()
    expect(counts(totals)).toEqual({ source: 80, landed: 80 })
    await project.expectMoved()
  })

  it('new, because a user has deleted the mailbox at the destination: what landed stays landed and is listed', async () => {
    const project = await stage.project(plainMail(60))
    await project.run()
    await project.verify()
    await stage.destination.doveadm('mailbox', 'delete', '-u', project.account, '-s', 'Archive')
    const { pairs, totals } = await project.run()
    expect(pairs[0]?.error).toBeNull()
    expect(counts(totals)).toEqual({ source: 60, landed: 60 })
    const mail = await project.sourceMail()
    const left = mail.filter(({ mailbox }) => mailbox[0] !== 'Archive')
    // What a user has deleted is not brought back, and nothing else is touched.
    expect(difference(left, await project.destinationMail())).toMatchObject({ missing: [], extra: [] })
    const findings = (await project.verify()).filter((finding) => finding.class !== 'explained')
    const classes = new Set(findings.map((finding) => finding.class))
    expect([...classes]).toEqual(['removed-after-check'])
    expect(findings).toHaveLength(mail.length - left.length)
  })

  it('the same mailbox removed and made anew with the same mail at the source: nothing is sent twice', async () => {
    const messages = plainMail(40, { mailboxes: [['Box']] })
    const project = await stage.project(messages)
    await project.run()
    await stage.source.doveadm('mailbox', 'delete', '-u', project.account, 'Box')
    await fill(stage.source, project.account, messages)
    const { pairs } = await project.run()
    expect(pairs[0]?.error).toBeNull()
    await project.expectMoved()
  })
})
