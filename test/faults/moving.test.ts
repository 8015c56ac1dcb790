import { describe, expect, it } from 'vitest'
import { readMaildir, type StoredMessage } from '../../scripts/sample/maildir.ts'
import { hold } from '../fakes/faults.ts'
import { RawImap } from '../fakes/raw-imap.ts'
import { whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { plainMail } from './mail.ts'
import { counts, difference, useStage, type Project } from './stage.ts'

/** What a person does in a mail program, by the server's own tool. */
class User {
  readonly #server: Dovecot
  readonly #account: string

  constructor(server: Dovecot, account: string) {
    this.#server = server
    this.#account = account
  }

  async receive(mailbox: string, text: string): Promise<void> {
    const mail = Buffer.from(`Message-ID: <${text}@example.com>\r\nSubject: ${text}\r\n\r\n${text}\r\n`)
    await this.#server.doveadm.withInput(mail, 'save', '-u', this.#account, '-m', mailbox)
  }

  async expunge(mailbox: string, id: string): Promise<void> {
    await this.#run('expunge', ...this.#query(mailbox, id))
  }

  async move(from: string, id: string, to: string): Promise<void> {
    await this.#run('mailbox', 'create', to).catch(() => undefined)
    await this.#run('move', to, ...this.#query(from, id))
  }

  async flag(mailbox: string, id: string, change: 'add' | 'remove', ...flags: readonly string[]): Promise<void> {
    await this.#run('flags', change, flags.join(' '), ...this.#query(mailbox, id))
  }

  async #run(...words: readonly string[]): Promise<void> {
    const at = words[0] === 'mailbox' || words[0] === 'flags' ? 2 : 1
    await this.#server.doveadm(...words.slice(0, at), '-u', this.#account, ...words.slice(at))
  }

  #query(mailbox: string, id: string): string[] {
    return ['mailbox', mailbox, 'header', 'message-id', `<${id}@example.com>`]
  }
}

function find(mail: readonly StoredMessage[], id: string): StoredMessage[] {
  return mail.filter(({ bytes }) => bytes.includes(`Message-ID: <${id}@example.com>\r\n`))
}

function where(mail: readonly StoredMessage[], id: string): string[] {
  return find(mail, id).map(({ mailbox }) => mailbox.join('/'))
}

describe.skipIf(whyNoDovecot() !== null).concurrent('people who go on with their work', () => {
  const stage = useStage({ concurrent: true })
  const users = (project: Project): { source: User; destination: User } => ({
    source: new User(stage.source, project.account),
    destination: new User(stage.destination, project.account),
  })

  it('at the source during a run: what came, went, moved and changed is right after one more pass', async () => {
    const project = await stage.project(plainMail(200))
    const { source } = users(project)
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    // The run stands still in the middle of its work, with everything listed, while the user is at it.
    const armed = stage.proxies.destination.arm(hold('APPEND', held)).forAccount(project.account).after(1)
    const running = project.run()
    const { destination } = stage.proxies
    while (destination.count('APPEND', { account: project.account }) < 2)
      await new Promise((resolve) => setTimeout(resolve, 5))
    await source.receive('INBOX', 'late-1')
    await source.receive('Archive', 'late-2')
    await source.expunge('INBOX', 'm9')
    await source.expunge('Archive', 'm50')
    await source.move('INBOX', 'm12', 'Archive')
    await source.move('Work/Projects', 'm7', 'Elsewhere')
    await source.flag('INBOX', 'm15', 'add', '\\Flagged', '$Later')
    await source.flag('Archive', 'm2', 'remove', '\\Seen', '\\Answered')
    release()
    const first = await running
    expect(armed.fired).toBe(1)
    expect(first.pairs[0]?.error).toBeNull()
    const second = await project.run()
    expect(second.pairs[0]?.error).toBeNull()
    const mail = await project.sourceMail()
    const moved = await project.destinationMail()
    // Mail that was expunged after it had landed stays; nothing is deleted at a destination.
    for (const id of ['m9', 'm50']) expect(where(moved, id).length).toBeLessThanOrEqual(1)
    for (const id of ['m12', 'm7', 'late-1', 'late-2']) expect(where(moved, id)).toEqual(where(mail, id))
    const gone = moved.filter(({ bytes }) => /<(m9|m50)@/.test(bytes.toString('latin1')))
    expect(difference([...mail, ...gone], moved)).toMatchObject({ missing: [], extra: [] })
    const totals = project.ledger.totals({})
    expect(totals.source).toBe(totals.landed + totals.expunged)
    expect((await project.verify()).filter((finding) => finding.class === 'open')).toEqual([])
  })

  it('at the destination between two passes: what the user did there stays', async () => {
    const project = await stage.project(plainMail(80))
    const { source, destination } = users(project)
    await project.run()
    await project.verify()
    await destination.flag('INBOX', 'm0', 'add', '\\Seen', '\\Flagged', 'Todo')
    await destination.flag('INBOX', 'm6', 'remove', '\\Seen', '\\Answered')
    await destination.move('INBOX', 'm9', 'Filed')
    await destination.expunge('INBOX', 'm12')
    await destination.flag('Archive', 'm2', 'add', '\\Deleted')
    await destination.receive('INBOX', 'new-here')
    // And the source changes other things of the same messages.
    await source.flag('INBOX', 'm0', 'add', '\\Answered')
    await source.flag('INBOX', 'm9', 'add', '\\Flagged')
    await source.receive('INBOX', 'new-there')
    const { pairs } = await project.run()
    expect(pairs[0]?.error).toBeNull()
    const moved = await project.destinationMail()
    expect(find(moved, 'm0').map(({ flags }) => flags)).toEqual([['Todo', '\\Answered', '\\Flagged', '\\Seen']])
    expect(find(moved, 'm6').map(({ flags }) => flags)).toEqual([[]])
    expect(where(moved, 'm9')).toEqual(['Filed'])
    expect(where(moved, 'm12')).toEqual([])
    expect(find(moved, 'm2').map(({ flags }) => flags.includes('\\Deleted'))).toEqual([true])
    expect(where(moved, 'new-here')).toEqual(['INBOX'])
    expect(where(moved, 'new-there')).toEqual(['INBOX'])
    expect(moved).toHaveLength(80 - 1 + 2)
    const findings = await project.verify()
    expect(findings.filter((finding) => finding.class === 'open')).toEqual([])
    expect(findings.find(({ rule }) => rule === 'moved-at-destination')).toBeDefined()
  })

  it('\\Deleted mail at the destination survives every run', async () => {
    const mine = plainMail(40)
    const project = await stage.project(
      mine.map((message, i) => (i % 3 === 0 ? { ...message, flags: ['\\Deleted', '\\Seen'] } : message)),
    )
    const { destination } = users(project)
    await destination.receive('INBOX', 'theirs')
    await destination.flag('INBOX', 'theirs', 'add', '\\Deleted')
    for (let pass = 0; pass < 3; pass++) expect((await project.run()).pairs[0]?.error).toBeNull()
    const moved = await readMaildir(stage.destination.mailFolder(project.account), 'fs')
    const own = moved.filter(({ bytes }) => !bytes.includes('theirs'))
    expect(difference(await project.sourceMail(), own)).toMatchObject({ missing: [], extra: [], identical: 40 })
    expect(find(moved, 'theirs').map(({ flags }) => flags)).toEqual([['\\Deleted']])
    expect(stage.proxies.destination.count('EXPUNGE') + stage.proxies.destination.count('CLOSE')).toBe(0)
  })

  it('mail moved at the source after it landed, whose copy the user has filed, is listed and not sent again', async () => {
    const project = await stage.project(plainMail(40))
    const { source, destination } = users(project)
    await project.run()
    await destination.move('INBOX', 'm0', 'Filed')
    await source.move('INBOX', 'm0', 'Archive')
    await source.move('INBOX', 'm6', 'Archive')
    const { pairs, totals } = await project.run()
    expect(pairs[0]?.error).toBeNull()
    const moved = await project.destinationMail()
    expect(where(moved, 'm0')).toEqual(['Filed'])
    expect(where(moved, 'm6')).toEqual(['Archive'])
    expect(moved).toHaveLength(40)
    expect(counts(totals)).toMatchObject({ skipped: 1 })
    expect(project.ledger.exceptions(null, 0, 9).map(({ reason }) => reason?.code)).toEqual(['moved-at-source'])
  })

  it('mailboxes renamed at the source, the inbox too, which leaves an empty one: the mail follows, none is sent twice', async () => {
    const project = await stage.project(plainMail(40))
    await project.run()
    const appends = (): number => stage.proxies.destination.count('APPEND', { account: project.account })
    const before = appends()
    const { imapsPort, ca, password } = stage.source
    const client = await RawImap.login(imapsPort, ca, project.account, password)
    await client.must('RENAME Work/Projects Renamed')
    // Not every kind of store renames the inbox (RFC 9051, 6.3.6): what comes of it is this.
    await client.must('CREATE Before')
    await client.must('SELECT INBOX')
    await client.must('MOVE 1:* Before')
    client.close()
    await users(project).source.receive('INBOX', 'after')
    const { pairs } = await project.run()
    expect(pairs[0]?.error).toBeNull()
    expect(appends() - before).toBe(1)
    await project.expectMoved()
    const again = await RawImap.login(imapsPort, ca, project.account, password)
    await again.must('RENAME Renamed Work/Projects')
    again.close()
    expect((await project.run()).pairs[0]?.error).toBeNull()
    expect(appends() - before).toBe(1)
    await project.expectMoved()
    expect(counts(project.ledger.totals({}))).toMatchObject({ landed: 41 })
  })

  it('reads nothing as seen and leaves no trace at the source', async () => {
    const project = await stage.project(plainMail(60))
    const before = await project.sourceMail()
    await project.run()
    await project.verify()
    expect(difference(before, await project.sourceMail())).toEqual({ missing: [], extra: [], identical: 60 })
    const changing =
      /^(SELECT|STORE|UID STORE|APPEND|COPY|UID COPY|MOVE|UID MOVE|EXPUNGE|CLOSE|CREATE|DELETE|RENAME|SUBSCRIBE)$/
    const sent = stage.proxies.source.commands.filter(({ name }) => changing.test(name))
    expect(sent).toEqual([])
  })
})
