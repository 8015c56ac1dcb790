import { describe, expect, it } from 'vitest'
import { readAccounts } from '../../src/cli/config/mailboxes-csv.ts'
import { pairProblems } from '../../src/cli/config/pair-checks.ts'
import { formatProblem } from '../../src/cli/config/problems.ts'
import { readProjectConfig } from '../../src/cli/config/project-config.ts'

const imap = (host: string, auth = 'credential: per-account'): string =>
  `{ kind: imap, host: ${host}, tls: { mode: implicit }, auth: { mode: password, ${auth} } }`
const maildir = (path: string): string => `{ kind: maildir, path: "${path}" }`

async function check(source: string, destination: string, rows: string): Promise<readonly string[]> {
  const yaml = `version: 1\nclient: x\nsource: ${source}\ndestination: ${destination}\n`
  const { config, problems } = await readProjectConfig('project.yaml', yaml)
  expect(problems).toEqual([])
  const { pairs } = readAccounts(
    'm.csv',
    Buffer.from(rows.includes('source') ? rows : `source,destination\n${rows}`),
  )
  return pairProblems('m.csv', pairs, config, '/project').map(formatProblem)
}

describe('the rows against each other and the ends', () => {
  it('finds nothing wrong with good ones', async () => {
    expect(await check(imap('a.example'), imap('b.example'), 'a,a\nb,b\n')).toEqual([])
    expect(await check(maildir('old/{account}'), maildir('new/{account}'), 'a,a\nb,b\n')).toEqual([])
  })

  it('names the second row for one source or one destination', async () => {
    expect(await check(imap('a.example'), imap('b.example'), 'a,x\nb,y\nA,z\nc,Y\n')).toEqual([
      'm.csv:4: A: line 2 has this source already',
      'm.csv:5: Y: line 3 has this destination already',
    ])
    expect(await check(maildir('old/{account}'), maildir('new/{account}'), 'a,x\nA,X\n')).toEqual([])
  })

  it('compares the rows even when project.yaml cannot be read', () => {
    const { pairs } = readAccounts('m.csv', Buffer.from('source,destination\na,b\na,c\n'))
    expect(pairProblems('m.csv', pairs, null, '/project').map(formatProblem)).toEqual([
      'm.csv:3: a: line 2 has this source already',
    ])
  })

  it('lets no account leave the folder of a Maildir', async () => {
    const rows = '../etc,a\na/b,b\n..,c\n.,d\nx\\y,e\nok,f/g\n'
    expect(await check(maildir('old/{account}'), maildir('new/{account}'), rows)).toEqual([
      'm.csv:2: source holds a slash or backslash, and the path of this end is made of it',
      'm.csv:3: source holds a slash or backslash, and the path of this end is made of it',
      'm.csv:4: source would leave the folder that the path of this end names',
      'm.csv:5: source would leave the folder that the path of this end names',
      'm.csv:6: source holds a slash or backslash, and the path of this end is made of it',
      'm.csv:7: destination holds a slash or backslash, and the path of this end is made of it',
    ])
    expect(await check(imap('a.example'), imap('b.example'), 'a/b,c/d\n')).toEqual([])
  })

  it('does not move a mailbox onto itself', async () => {
    expect(await check(imap('a.example'), imap('a.example'), 'a,a\nb,c\n')).toEqual([
      'm.csv:2: a: source and destination are the same mailbox',
    ])
    expect(await check(maildir('m/{account}'), maildir('./m/{account}'), 'a,a\n')).toEqual([
      'm.csv:2: a: the destination lies in the source of line 2',
    ])
    expect(await check(maildir('/m/{account}'), maildir('/m/{account}/new'), 'a,b\nb,c\n')).toEqual([
      'm.csv:2: b: the destination lies in the source of line 3',
    ])
    expect(await check(maildir('m/{account}/old'), maildir('m/{account}'), 'a,b\nb,c\n')).toEqual([
      'm.csv:3: b: the source lies in the destination of line 2',
    ])
    expect(await check(maildir('m/{account}/old'), maildir('m/{account}/new'), 'a,b\nb,a\n')).toEqual([])
    expect(
      await check(imap('a.example'), imap('a.example', 'credential: x, username: "{account}-new"'), 'a,a\n'),
    ).toEqual([])
  })

  it('transfers the items of one source into a destination, and no more', async () => {
    const graph = (more = ''): string =>
      `{ kind: graph, ${more} auth: { tenant: t, client_id: c, credential: k } }`
    expect(await check(graph(), graph('write: transfer,'), 'a,x\nb,x\nc,y\n')).toEqual([
      'm.csv:3: write: transfer takes one source into a destination',
    ])
    expect(await check(graph(), graph(), 'a,x\nb,x\n')).toEqual([])
  })

  it('wants a login or a folder that tells the accounts apart, as soon as there are two', async () => {
    const admin = imap('a.example', 'credential: boss, username: "{admin}"')
    expect(await check(admin, imap('b.example'), 'a,a\n')).toEqual([])
    expect(await check(admin, imap('b.example'), 'a,a\nb,b\n')).toEqual([
      'm.csv:2: every account would open the same source mailbox',
    ])
    const proxied = imap('a.example', 'credential: boss, username: "{admin}", authorize: "{account}"')
    expect(await check(proxied, imap('b.example'), 'a,a\nb,b\n')).toEqual([])
    expect(await check(maildir('old'), maildir('new/{account}'), 'a,a\nb,b\n')).toEqual([
      'm.csv:2: every account would open the same source mailbox',
    ])
  })

  it('refuses a credential for an end that has none', async () => {
    const rows = 'source,destination,source_credential\na,b,c\n'
    expect(await check(maildir('old/{account}'), maildir('new/{account}'), rows)).toEqual([
      'm.csv:2: source_credential means nothing: this end is a Maildir',
    ])
  })
})
