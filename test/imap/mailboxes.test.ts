import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Mailbox } from '../../src/core/mail.ts'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { startScriptedImap, type ScriptedOptions } from '../servers/scripted-imap.ts'
import { mapMailboxes } from '../../src/engine/mapping.ts'
import { DEFAULT_MAPPING } from '../../src/engine/settings.ts'
import { ANNA, clearConnector, collect, connectorTo, failure, message, quiet } from './bench.ts'

const why = whyNoDovecot()
const NAMES = [
  'a"b',
  'a\\b',
  '100% %',
  'a*b',
  '*',
  '%',
  'trailing ',
  ' leading',
  '📬 Post',
  'Entwürfe & Co',
  '日本語',
  'café',
  'cafe\u0301',
  '#news',
  'NIL',
]

/** Namespaces that are not the account's own. */
const SHARED = `
namespace public {
  type = public
  separator = SEPARATOR
  prefix = PublicSEPARATOR
  location = maildir:FOLDER/public
  subscriptions = no
}`

describe.skipIf(why !== null).each([
  { separator: '/' as const, prefix: '' },
  { separator: '.' as const, prefix: 'INBOX.' },
  { separator: '/' as const, prefix: 'INBOX/' },
])(`mailboxes below "$prefix" ${why ?? ''}`, ({ separator, prefix }) => {
  let server: Dovecot
  beforeAll(async () => {
    const settings = SHARED.replaceAll('SEPARATOR', separator).replace('FOLDER', '/nonexistent')
    server = await startDovecot({ separator, prefix, settings })
  })
  afterAll(async () => server.stop())

  it('keeps every name, as another program sees it', async () => {
    const session = await connectorTo(server).openDestination(ANNA, quiet)
    const made: Mailbox[] = []
    for (const name of NAMES) made.push(await session.ensureMailbox(['Names', name], null, quiet))
    const listed = await collect(session.listMailboxes(quiet))
    const names = (await server.doveadm('mailbox', 'list', '-u', ANNA)).split('\n')
    for (const [index, name] of NAMES.entries()) {
      expect(made[index]?.path).toEqual(['Names', name])
      expect(listed.filter(({ path }) => path[0] === 'Names' && path[1] === name)).toEqual([made[index]])
      expect(names).toContain(`${prefix}Names${separator}${name}`)
      const stored = await session.append(made[index] ?? fail(), [message(`Subject: ${index}\r\n\r\n`)], quiet)
      expect(stored, name).toMatchObject([{ kind: 'landed' }])
    }
    await session.close()
  })

  it('stores the longest names that the mapper makes of longer ones', async () => {
    const session = await connectorTo(server).openDestination(ANNA, quiet)
    const { naming } = session
    const arabic = 'مراسلات العملاء والعقود القديمة'
    const paths = [
      ['ы'.repeat(100)],
      ['é-'.repeat(80)],
      Array.from({ length: 6 }, () => arabic),
      ['a'.repeat(200), 'b'],
    ]
    for (const path of [...paths, ['a'.repeat(200), 'b'.repeat(200)]]) {
      const source = [{ path, name: '', specialUse: null, selectable: true, subscribed: false }]
      const facts = { source, destination: [], naming, labels: null, earlier: [] }
      const [mapped] = mapMailboxes(facts, DEFAULT_MAPPING).mapped
      const made = await session.ensureMailbox(mapped?.destinationPath ?? fail(), null, quiet)
      expect(made.path).toEqual(mapped?.destinationPath)
      expect(await session.append(made, [message('Subject: x\r\n\r\n')], quiet)).toMatchObject([
        { kind: 'landed' },
      ])
    }
    await session.close()
  })

  it('knows where the inbox ends', async () => {
    const session = await connectorTo(server).openDestination(ANNA, quiet)
    const below = await session.ensureMailbox(['INBOX', 'Below'], null, quiet)
    expect(below.name).toBe(`INBOX${separator}Below`)
    expect(below.path).toEqual(prefix === '' ? ['INBOX', 'Below'] : ['Below'])
    expect(session.naming.belowInbox).toBe(prefix !== '')
    expect((await session.ensureMailbox(['iNbOx'], null, quiet)).name).toBe('INBOX')
    await session.close()
  })

  it('shows special uses, subscriptions, and what cannot be selected; no other namespace', async () => {
    const session = await connectorTo(server).openDestination(ANNA, quiet)
    const sent = await session.ensureMailbox(['Sent'], 'sent', quiet)
    expect(sent.specialUse).toBe('sent')
    const deep = await session.ensureMailbox(['Only a level', 'Deep'], null, quiet)
    await session.subscribe(deep, quiet)
    const listed = await collect(session.listMailboxes(quiet))
    const at = (...path: string[]): Mailbox | undefined =>
      listed.find((each) => each.path.join('\0') === path.join('\0'))
    expect(at('Sent')).toMatchObject({ specialUse: 'sent', subscribed: false, selectable: true })
    expect(at('Only a level', 'Deep')).toMatchObject({ subscribed: true, selectable: true })
    expect(at('Only a level')).toMatchObject({ selectable: false })
    expect(listed.filter(({ path }) => path[0] === 'Public')).toEqual([])
    const made = await session.ensureMailbox(['Only a level'], null, quiet)
    expect(made.selectable).toBe(true)
    await session.close()
  })
})

describe('mailboxes of a scripted server', () => {
  const listing = async (rows: readonly string[], options: ScriptedOptions = {}): Promise<readonly Mailbox[]> => {
    const server = await startScriptedImap({
      ...options,
      answer: ({ tag, text }) => {
        if (text.startsWith('LIST "" "*"')) return [...rows, `${tag} OK done`]
        return options.answer?.({ tag, text }, undefined as never)
      },
    })
    const session = await clearConnector(server.port, 'x').openSource('a', quiet)
    const found = await collect(session.listMailboxes(quiet))
    await session.close()
    await server.stop()
    return found
  }
  const brief = (mailboxes: readonly Mailbox[]) => mailboxes.map(({ name, path }) => [name, ...path])

  it('a name that is no modified UTF-7 is its own only level, and stays selectable by it', async () => {
    const rows = [
      '* LIST () "/" "a&b"',
      '* LIST () "/" "a&-b"',
      '* LIST () "/" "&AGE-"',
      '* LIST () "/" "x/&2AA-"',
      `* LIST () "/" {5}`,
      'caf\xe9x'.slice(0, 5),
      '* LIST () "/" "gr\xc3\xbcn"',
      '* LIST () NIL inbox',
      '* LIST (\\Noselect) "/" "a//b"',
    ]
    const found = await listing(rows)
    expect(brief(found)).toEqual([
      ['a&b', 'a&b [2]'],
      ['a&-b', 'a&b'],
      ['&AGE-', '&AGE-'],
      ['x/&2AA-', 'x/&2AA-'],
      ['caf\xe9x', 'café'.normalize('NFC') + 'x'],
      ['gr\xc3\xbcn', 'grün'],
      ['INBOX', 'INBOX'],
      ['a//b', 'a//b'],
    ])
    expect(new Set(found.map(({ path }) => path.join('\0'))).size).toBe(found.length)
  })

  it('selects such a mailbox by the bytes of its name', async () => {
    const server = await startScriptedImap({
      answer: ({ tag, text }) =>
        text.startsWith('LIST') ? ['* LIST () "/" {4}', 'caf\xe9', `${tag} OK done`] : undefined,
    })
    const session = await clearConnector(server.port, 'x').openSource('a', quiet)
    const [box] = await collect(session.listMailboxes(quiet))
    await collect(session.listMessages(box ?? fail(), null, quiet))
    expect(server.commands.some((line) => line.endsWith('EXAMINE {4+}\r\ncaf\xe9'))).toBe(true)
    await session.close()
    await server.stop()
  })

  it('leaves out other namespaces, their roots too, and all outside an own one', async () => {
    const answer = (namespaces: string): ScriptedOptions => ({
      capabilities: 'NAMESPACE',
      answer: ({ tag, text }) =>
        text === 'NAMESPACE' ? [`* NAMESPACE ${namespaces}`, `${tag} OK done`] : undefined,
    })
    const cyrus = '(("INBOX." ".")) (("user." ".")) (("" "."))'
    const rows = ['INBOX', 'INBOX.Sent', 'user', 'user.bert', 'public', 'public.a'].map(
      (name) => `* LIST () "." ${name}`,
    )
    expect(brief(await listing(rows, answer(cyrus)))).toEqual([
      ['INBOX', 'INBOX'],
      ['INBOX.Sent', 'Sent'],
    ])
    const other = '(("" "/")) (("Other Users/" "/")) (("Shared/" "/"))'
    const named = ['INBOX', 'Sent', 'Other Users/x', 'Shared', 'Shared Things'].map(
      (name) => `* LIST () "/" "${name}"`,
    )
    expect(brief(await listing(named, answer(other)))).toEqual([
      ['INBOX', 'INBOX'],
      ['Sent', 'Sent'],
      ['Shared Things', 'Shared Things'],
    ])
  })

  it('gives a special use on creation where that is offered, and makes it without where not', async () => {
    for (const taken of [true, false]) {
      let made = false
      const server = await startScriptedImap({
        capabilities: 'SPECIAL-USE CREATE-SPECIAL-USE',
        answer: ({ tag, text }) => {
          if (text.startsWith('LIST')) return [...(made ? ['* LIST () "/" Ablage'] : []), `${tag} OK done`]
          if (!text.startsWith('CREATE')) return undefined
          if (text.includes('USE') && !taken) return [`${tag} NO [USEATTR] no`]
          made = true
          return [`${tag} OK done`]
        },
      })
      const session = await clearConnector(server.port, 'x').openDestination('a', quiet)
      await session.ensureMailbox(['Ablage'], 'archive', quiet)
      const creates = server.commands
        .filter((line) => line.includes('CREATE'))
        .map((line) => line.replace(/^\S+ /, ''))
      expect(creates).toEqual(['CREATE "Ablage" (USE (\\Archive))', ...(taken ? [] : ['CREATE "Ablage"'])])
      await session.close()
      await server.stop()
    }
  })

  it('does not take another mailbox for the one that was meant', async () => {
    const server = await startScriptedImap({
      answer: ({ tag, text }) => {
        if (text.startsWith('LIST')) return ['* LIST () "/" Trash', `${tag} OK done`]
        return text.startsWith('CREATE') ? [`${tag} NO [ALREADYEXISTS] Mailbox already exists`] : undefined
      },
    })
    const session = await clearConnector(server.port, 'x').openDestination('a', quiet)
    expect(await failure(session.ensureMailbox(['trash'], null, quiet))).toMatchObject({
      kind: 'rejected',
      code: 'ALREADYEXISTS',
    })
    expect((await session.ensureMailbox(['Trash'], null, quiet)).name).toBe('Trash')
    await session.close()
    await server.stop()
  })

  it('takes the composed form of a name for the name', async () => {
    let made = false
    const server = await startScriptedImap({
      answer: ({ tag, text }) => {
        if (text.startsWith('LIST "" ""')) return undefined
        const shows = made && (text.includes('"*"') || text.includes('caf&AOk-'))
        if (text.startsWith('LIST')) return [...(shows ? ['* LIST () "/" caf&AOk-'] : []), `${tag} OK done`]
        if (!text.startsWith('CREATE')) return undefined
        const reply = made ? 'NO [ALREADYEXISTS] it is there' : 'OK done'
        made = true
        return [`${tag} ${reply}`]
      },
    })
    for (let time = 0; time < 2; time++) {
      const session = await clearConnector(server.port, 'x').openDestination('a', quiet)
      expect((await session.ensureMailbox(['cafe\u0301'], null, quiet)).name).toBe('caf&AOk-')
      await session.close()
    }
    await server.stop()
  })

  it('knows what names servers store that say what they are', async () => {
    const namings = [
      { greeting: '* OK The Microsoft Exchange IMAP4 service is ready.' },
      { greeting: '* OK mail.example Zimbra IMAP4rev1 server ready' },
      { capabilities: 'X-GM-EXT-1 UIDPLUS' },
      { greeting: '* OK somebody else' },
    ].map(async ({ greeting, capabilities = 'UIDPLUS' }) => {
      const server = await startScriptedImap({
        capabilities,
        ...(greeting === undefined ? {} : { greeting: `${greeting}\r\n` }),
      })
      const session = await clearConnector(server.port, 'x').openDestination('a', quiet)
      const { naming } = session
      await session.close()
      await server.stop()
      return naming
    })
    expect(await Promise.all(namings)).toMatchObject([
      { caseSensitive: false, blanksAtEnds: false, forbidden: '', belowInbox: false },
      { caseSensitive: false, blanksAtEnds: false, forbidden: ':"' },
      { caseSensitive: false, blanksAtEnds: false, belowInbox: true, maxNameBytes: 225, delimiter: '/' },
      { caseSensitive: true, blanksAtEnds: true, forbidden: '' },
    ])
  })

  it('says where nothing can lie below a mailbox', async () => {
    const rows = ['* LIST (\\Noinferiors) "/" INBOX', '* LIST () "/" Sent']
    expect((await listing(rows)).map(({ childless }) => childless)).toEqual([true, undefined])
  })

  it('makes parents where the server does not', async () => {
    const made = new Set<string>()
    const server = await startScriptedImap({
      answer: ({ tag, text }) => {
        const name = /"([^"]+)"$/.exec(text)?.[1] ?? ''
        if (text.startsWith('LIST "" ""')) return undefined
        if (text.startsWith('LIST'))
          return [...(made.has(name) ? [`* LIST () "/" "${name}"`] : []), `${tag} OK done`]
        if (!text.startsWith('CREATE')) return undefined
        const parent = name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : null
        if (parent !== null && !made.has(parent)) return [`${tag} NO no parent`]
        made.add(name)
        return [`${tag} OK done`]
      },
    })
    const session = await clearConnector(server.port, 'x').openDestination('a', quiet)
    expect((await session.ensureMailbox(['A', 'B', 'C'], null, quiet)).path).toEqual(['A', 'B', 'C'])
    expect([...made]).toEqual(['A', 'A/B', 'A/B/C'])
    await session.close()
    await server.stop()
  })
})

function fail(): never {
  throw new Error('nothing there')
}
