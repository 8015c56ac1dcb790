import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { normalizeFlags } from '../../src/core/mail.ts'
import { collect, findMailbox, flagsOf, landedKeys, list, quiet, toNew } from '../conformance/bench.ts'
import { mailNumber } from '../conformance/corpus.ts'
import { startGmail, type GmailStage } from './stage.ts'

const KEPT = ['\\Draft', '\\Flagged', '\\Seen', '$Important', '$CategoryPromotions']

let stage: GmailStage
beforeAll(async () => {
  stage = await startGmail()
})
afterAll(() => stage.stop())

describe('flags as labels', () => {
  it('are given with the message, each as its label', async () => {
    const account = stage.server.account('append@example.test')
    const session = await stage.connector().openDestination(account.email, quiet)
    const inbox = await findMailbox(session, ['INBOX'])
    const cases: readonly (readonly [readonly string[], readonly string[]])[] = [
      [[], ['UNREAD']],
      [['\\Seen'], []],
      [['\\Flagged'], ['STARRED', 'UNREAD']],
      [['\\Draft', '\\Seen'], ['DRAFT']],
      [['\\Answered', '$Forwarded', 'Project-X'], ['UNREAD']],
      [
        ['$Important', '$CategorySocial', '\\seen'],
        ['CATEGORY_SOCIAL', 'IMPORTANT'],
      ],
    ]
    for (const [number, [flags, labels]] of cases.entries()) {
      const [key] = landedKeys(await session.append(inbox, [toNew(mailNumber(number, { flags }))], quiet))
      expect([...account.require(key ?? '').labels].sort()).toEqual(['INBOX', ...labels].sort())
    }
    expect(stage.server.countOf('messages.modify', account.email)).toBe(0)
    await session.close()
  })

  it('are listed, whoever set them, and told again when they change', async () => {
    const account = stage.server.account('source@example.test')
    const { id } = account.store(Buffer.from('Subject: a\r\n\r\n'), ['INBOX', 'UNREAD'], 1_500_000_000_000)
    const session = await stage.connector().openSource(account.email, quiet)
    const inbox = await findMailbox(session, ['INBOX'])
    const first = await list(session, inbox, null)
    expect(first.messages.get(id)).toMatchObject({ flags: [], internalDate: 1_500_000_000_000 })
    account.change(id, ['STARRED', 'IMPORTANT', 'DRAFT', 'CATEGORY_PROMOTIONS'], ['UNREAD'])
    const second = await list(session, inbox, first.cursor, first.messages)
    expect(second.messages.get(id)?.flags).toEqual(normalizeFlags(KEPT))
    expect(await flagsOf(session, inbox, [id])).toEqual(new Map([[id, [...normalizeFlags(KEPT)].sort()]]))
    await session.close()
  })

  it('are changed one by one or many at once, and what Gmail has not is refused by name', async () => {
    const account = stage.server.account('change@example.test')
    const ids = Array.from(
      { length: 30 },
      (_, index) =>
        account.store(Buffer.from(`Subject: ${index}\r\n\r\n`), ['INBOX', 'UNREAD'], 1_500_000_000_000).id,
    )
    const gone = ids[3] ?? ''
    account.delete(gone)
    const session = await stage.connector().openDestination(account.email, quiet)
    const inbox = await findMailbox(session, ['INBOX'])
    const odd = { key: ids[0] ?? '', add: ['\\Answered', '\\Deleted', '\\Draft', 'Own', '\\Flagged'], remove: [] }
    expect((await session.setFlags(inbox, [odd], quiet)).map(({ flag }) => flag)).toEqual([
      '\\Answered',
      '\\Deleted',
      '\\Draft',
      'Own',
    ])
    const all = ids.map((key) => ({ key, add: ['\\Seen', '$Important'], remove: ['$CategorySocial'] }))
    expect(await session.setFlags(inbox, all, quiet)).toEqual([])
    const flags = await flagsOf(session, inbox, ids)
    expect(flags.get(ids[0] ?? '')).toEqual(['$Important', '\\Flagged', '\\Seen'])
    expect(flags.get(ids[29] ?? '')).toEqual(['$Important', '\\Seen'])
    expect(flags.has(gone)).toBe(false)
    expect(stage.server.countOf('messages.batchModify', account.email)).toBe(1)
    expect(stage.server.countOf('messages.modify', account.email)).toBe(1)
    await session.close()
  })

  it('keep no message out of Sent or Drafts, and no user’s hand puts one there later', async () => {
    const account = stage.server.account('fixed@example.test')
    const session = await stage.connector().openDestination(account.email, quiet)
    const [inbox, sent, trash] = await Promise.all(
      ['INBOX', 'Sent', 'Trash'].map((name) => findMailbox(session, [name])),
    )
    if (inbox === undefined || sent === undefined || trash === undefined) throw new Error('no mailboxes')
    const [inSent] = landedKeys(await session.append(sent, [toNew(mailNumber(1))], quiet))
    expect(await collect(session.flags(sent, [inSent ?? ''], quiet))).toHaveLength(1)
    const [inInbox] = landedKeys(await session.append(inbox, [toNew(mailNumber(2))], quiet))
    await expect(session.addToMailbox(inInbox ?? '', sent, quiet)).rejects.toMatchObject({ kind: 'rejected' })
    const [moved] = await session.move(sent, [inSent ?? ''], inbox, quiet)
    expect(moved).toMatchObject({ kind: 'refused', error: { kind: 'rejected', code: 'FIXED_LABEL' } })
    expect(await session.move(inbox, [inInbox ?? ''], trash, quiet)).toMatchObject([{ kind: 'landed' }])
    expect(await collect(session.flags(inbox, [inInbox ?? ''], quiet))).toEqual([])
    expect(await collect(session.flags(trash, [inInbox ?? ''], quiet))).toHaveLength(1)
    await session.close()
  })
})
