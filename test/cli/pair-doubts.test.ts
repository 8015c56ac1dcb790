import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readAccounts } from '../../src/cli/config/mailboxes-csv.ts'
import { pairDoubts } from '../../src/cli/config/pair-doubts.ts'
import { pairProblems } from '../../src/cli/config/pair-checks.ts'
import { readProjectConfig } from '../../src/cli/config/project-config.ts'
import { movedBefore } from '../../src/cli/project/moved-before.ts'
import type { Totals } from '../../src/core/states.ts'
import { MAILDIR_YAML, Place } from './program.ts'

const imap = (host: string): string =>
  `{ kind: imap, host: ${host}, tls: { mode: implicit }, auth: { mode: password, credential: per-account } }`

async function doubtsOf(rows: string, source = imap('a.test'), destination = imap('b.test')) {
  const yaml = `version: 1\nclient: x\nsource: ${source}\ndestination: ${destination}\n`
  const { config } = await readProjectConfig('project.yaml', yaml)
  const { pairs } = readAccounts('m.csv', Buffer.from(`source,destination\n${rows}`))
  if (config === null) throw new Error('no config')
  expect(pairProblems('m.csv', pairs, config, '/project')).toEqual([])
  return pairDoubts(pairs, config).map(({ id, line }) => [id, line])
}

describe('pairs that may be wrong', () => {
  it.each([
    ['one domain to another', 'a@old,a@new\nb@old,b@new\n'],
    ['two domains, each to its own', 'a@one,a@uno\nb@two,b@due\nc@one,c@uno\n'],
    ['two domains that become one', 'a@one,a@new\nb@two,b@new\n'],
    ['the same addresses', 'a@x,a@x\nb@x,b@x\n'],
    ['other names', 'a,x\nb,y\n'],
    ['one row', 'a@old,b@new\n'],
  ])('are none: %s', async (_, rows) => {
    expect(await doubtsOf(rows)).toEqual([])
  })

  it.each([
    ['a domain that the others do not go to', 'a@old,a@new\nb@old,b@NEW\nc@old,c@nwe\n', [['old=nwe:1', 4]]],
    ['half of them elsewhere', 'a@old,a@new\nb@old,b@other\n', [['old=other:1', 3]]],
    ['one row the wrong way round', 'a@old,a@new\nb@new,b@old\nc@old,c@new\n', [['new=old:1', 3]]],
    [
      'two persons exchanged',
      'a@old,b@new\nb@old,a@new\nc@old,c@new\n',
      [
        ['a@old=b@new', 2],
        ['b@old=a@new', 3],
      ],
    ],
    ['names without a domain', 'anna,bert\nbert,carl\n', [['anna=bert', 2]]],
    ['two sources in one destination', 'a@old,info@new\nb@old,info@new\n', [['a@old+b@old=info@new', 3]]],
    ['somebody joins another', 'a@old,a@new\nb@old,a@new\n', [['a@old+b@old=a@new', 3]]],
  ])('are found: %s', async (_, rows, expected) => {
    expect(await doubtsOf(rows)).toEqual(expected)
  })

  it('are found by what the ends say of themselves: the columns are swapped', async () => {
    const rows = 'a@new.test,a@old.test\nb@new.test,b@old.test\n'
    const graph = (tenant: string): string =>
      `{ kind: graph, auth: { tenant: ${tenant}, client_id: x, credential: y } }`
    const gmail = (admin: string): string =>
      `{ kind: gmail, auth: { credential: y }, directory: { admin: ${admin} } }`
    const expected = [['new.test=old.test:2', 2]]
    expect(await doubtsOf(rows, imap('mx.old.test'), imap('host.example'))).toEqual(expected)
    expect(await doubtsOf(rows, imap('host.example'), graph('New.test'))).toEqual(expected)
    expect(await doubtsOf(rows, gmail('boss@old.test'), imap('host.example'))).toEqual(expected)
    // The end of one side knows its own, whatever the other one is called.
    expect(await doubtsOf(rows, imap('mx.new.test'), imap('mx.old.test'))).toEqual([])
    expect(await doubtsOf(rows, imap('mx.fold.test'), imap('host.example'))).toEqual([])
  })

  it('have ids that no other list of pairs shares', () => {
    const account = fc.constantFrom('a@old', 'b@old', 'c@old', 'a@new', 'b@new', 'c@other', 'x')
    const list = fc.array(fc.tuple(account, account), { maxLength: 6 })
    fc.assert(
      fc.property(list, (rows) => {
        const pairs = rows.map(([source, destination], index) => {
          return {
            source,
            destination,
            sourceCredential: null,
            destinationCredential: null,
            wave: null,
            line: index + 2,
          }
        })
        const ends = { source: { kind: 'maildir' }, destination: { kind: 'maildir' } } as never
        const ids = pairDoubts(pairs, ends).map(({ id }) => id)
        expect(new Set(ids).size).toBe(ids.length)
        for (const id of ids) expect(id).toContain('=')
      }),
    )
  })
})

describe('rows that were changed after their mail was moved', () => {
  const begun = [
    { id: 1, source: 'anna@old', destination: 'anna@new', landed: 5 },
    { id: 2, source: 'bert@old', destination: 'bert@new', landed: 0 },
  ]
  const ledger = {
    pairs: () => begun,
    totals: ({ pairId }: { pairId?: number }) =>
      ({ landed: begun.find(({ id }) => id === pairId)?.landed ?? 0, existing: 0, appending: 0 }) as Totals,
  }

  it.each([
    ['the same row', 'anna@old,anna@new\n', []],
    ['one that was never begun', 'bert@old,bertha@new\n', []],
    ['another person', 'carl@old,carl@new\n', []],
    ['two that both stand in the list', 'anna@old,anna@new\ncarl@old,anna@new\n', []],
    ['another account', 'anna@old,bert@new\n', ['anna@old=bert@new']],
    ['other capitals', 'Anna@old,anna@new\n', ['Anna@old=anna@new']],
    ['another source', 'carl@old,Anna@new\n', ['carl@old=Anna@new']],
  ])('%s', (_, rows, expected) => {
    const { pairs } = readAccounts('m.csv', Buffer.from(`source,destination\n${rows}`))
    expect(movedBefore(pairs, ledger).map(({ id }) => id)).toEqual(expected)
  })
})

describe('the program, with pairs that may be wrong', { timeout: 60_000 }, () => {
  let place: Place
  beforeAll(async () => {
    place = await Place.open()
    await place.init()
    // Equal files in both: they are two messages, and stay two.
    await place.fillMaildir('anna', 3)
    await place.fillMaildir('bert', 2)
    for (const account of ['anna', 'bert']) {
      const twin = 'Message-ID: <twin@example.com>\r\nSubject: twin\r\n\r\nThe same.\r\n'
      await writeFile(join(place.project, 'old', account, 'cur', '1700000100.M1P1.example:2,S'), twin)
    }
  })
  afterAll(() => place.close())

  it('stops before anything is looked at, and takes only a confirmation that names the pairs', async () => {
    await place.configure(MAILDIR_YAML, 'source,destination\nanna,info\nbert,info\n')
    const refused = await place.run(['plan'])
    expect(refused.exitCode).toBe(4)
    expect(refused.stderr).toBe(
      "sealpost: mailboxes.csv:3: anna and bert all go to info, and cannot be taken apart again. Correct it, or confirm it: --confirm 'anna+bert=info'.\n",
    )
    expect(await place.run(['run'])).toMatchObject({ exitCode: 4 })
    await expect(readdir(join(place.project, 'new'))).rejects.toThrow(/ENOENT/)
    const other = await place.run(['run', '--confirm', 'anna+carl=info'])
    expect(other).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('nothing of that name') as string })
  })

  it('moves both into one where that is meant, exactly once, and asks no second time', async () => {
    await place.configure(MAILDIR_YAML, 'source,destination\nanna,info\nbert,info\n')
    expect(await place.run(['plan', '--confirm', 'anna+bert=info'])).toMatchObject({ exitCode: 0, stderr: '' })
    expect((await place.run(['run'])).exitCode).toBe(0)
    const there = async (): Promise<number> => (await readdir(join(place.project, 'new/info/cur'))).length
    expect(await there()).toBe(7)
    expect((await place.run(['verify', '--level', 'full'])).exitCode).toBe(0)
    expect((await place.run(['run'])).exitCode).toBe(0)
    expect(await there()).toBe(7)
    const { stdout } = await place.run(['audit', 'show', '--json'])
    expect(stdout).toContain('"pairs-confirmed"')
  })

  it('stops when a row is turned another way afterwards', async () => {
    await place.configure(MAILDIR_YAML, 'source,destination\nanna,hanna\n')
    const { exitCode, stderr } = await place.run(['run'])
    expect(exitCode).toBe(4)
    expect(stderr).toContain('anna goes to hanna, but its mail was moved to info before')
    expect(await readdir(join(place.project, 'new'))).toEqual(['info'])
  })

  it('asks anew for another list, naming every pair', async () => {
    await place.configure(MAILDIR_YAML, 'source,destination\nanna,bert\nbert,anna\ncarl,x\ndora,x\n')
    const { exitCode, stdout } = await place.run(['plan', '--json', '--confirm', 'anna=bert'])
    expect(exitCode).toBe(4)
    const { error } = JSON.parse(stdout) as { error: { code: string; problems: { hint: string }[] } }
    expect(error.code).toBe('PAIRS_IN_DOUBT')
    expect(error.problems.map(({ hint }) => hint)).toEqual([
      "correct it, or confirm it: --confirm 'bert=anna'",
      "correct it, or confirm it: --confirm 'carl+dora=x'",
    ])
  })
})
