import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readAccounts } from '../../src/cli/config/mailboxes-csv.ts'
import { formatProblem } from '../../src/cli/config/problems.ts'

function read(text: string | Buffer): { pairs: readonly string[]; problems: readonly string[] } {
  const { pairs, problems } = readAccounts('mailboxes.csv', Buffer.from(text))
  return {
    pairs: pairs.map(({ source, destination, line }) => `${line}: ${source} -> ${destination}`),
    problems: problems.map(
      (problem) => formatProblem(problem) + (problem.hint === null ? '' : ` (${problem.hint})`),
    ),
  }
}

describe('mailboxes.csv', () => {
  it.each([
    ['LF', 'source,destination\na,b\nc,d\n'],
    ['CRLF', 'source,destination\r\na,b\r\nc,d\r\n'],
    ['CR', 'source,destination\ra,b\rc,d\r'],
    ['no end of the last line', 'source,destination\na,b\nc,d'],
    ['a byte order mark', '\uFEFFsource,destination\na,b\nc,d\n'],
    [
      'quotes and blanks',
      '"source" , "destination"\n"a" ,b\n c , "d"\n'.replaceAll('" ,', '",').replaceAll(', "', ',"'),
    ],
    ['another order and case', 'Destination,SOURCE\nb,a\nd,c\n'],
  ])('is read with %s', (_, text) => {
    expect(read(text)).toEqual({ pairs: ['2: a -> b', '3: c -> d'], problems: [] })
  })

  it('knows credentials of single rows', () => {
    const text = 'source,destination,source_credential,destination_credential\na,b,,boss\nc,d,x,\n'
    expect(readAccounts('m.csv', Buffer.from(text)).pairs).toEqual([
      {
        source: 'a',
        destination: 'b',
        sourceCredential: null,
        destinationCredential: 'boss',
        wave: null,
        line: 2,
      },
      { source: 'c', destination: 'd', sourceCredential: 'x', destinationCredential: null, wave: null, line: 3 },
    ])
  })

  it('passes over rows that were emptied, and counts their lines', () => {
    expect(read('source,destination\n\n,\n  \na,b\n')).toEqual({ pairs: ['5: a -> b'], problems: [] })
  })

  it('tells all bad rows in one pass and keeps the good ones', () => {
    const text = [
      'source,destination',
      'a,b',
      ',x',
      'c,',
      'd"e,f',
      '"g,h',
      '"i"j,k',
      'l,m,n',
      'o',
      'p\u0007,q',
      `${'r'.repeat(321)},s`,
      't,u',
    ].join('\n')
    expect(read(text)).toEqual({
      pairs: ['2: a -> b', '12: t -> u'],
      problems: [
        'mailboxes.csv:3: source is empty',
        'mailboxes.csv:4: destination is empty',
        'mailboxes.csv:5: a quote is out of place (a quote within a cell is written twice)',
        'mailboxes.csv:6: a quote is out of place (a quote within a cell is written twice)',
        'mailboxes.csv:7: a quote is out of place (a quote within a cell is written twice)',
        'mailboxes.csv:8: 3 cells, and the header has 2',
        'mailboxes.csv:9: 1 cell, and the header has 2',
        'mailboxes.csv:10: source holds invisible or control characters',
        'mailboxes.csv:11: source is longer than 320 characters',
      ],
    })
  })

  it.each([
    'mailto:anna@example.com',
    'Anna <anna@example.com>',
    '<anna@example.com>',
    '“anna@example.com”',
    '‘anna’',
  ])('takes %s for no account', (account) => {
    const { pairs, problems } = readAccounts(
      'mailboxes.csv',
      Buffer.from(`source,destination\n${account},b@example.com\n`),
    )
    expect(pairs).toEqual([])
    expect(problems.map(({ line, message }) => [line, message])).toEqual([
      [2, 'source is more than an account: write its name alone, as in anna@example.com'],
    ])
  })

  it.each(["o'brien@example.com", 'o’brien@example.com', 'DOMAIN/admin/anna', 'Anna Berg', 'a<b'])(
    'takes %s for one',
    (account) => {
      const { pairs } = readAccounts(
        'mailboxes.csv',
        Buffer.from(`source,destination\n${account},b@example.com\n`),
      )
      expect(pairs.map(({ source }) => source)).toEqual([account])
    },
  )

  it.each([
    ['', 'mailboxes.csv:1: the file is empty (the first line must be source,destination)'],
    [
      'a@example.com,b@example.com\n',
      'mailboxes.csv:1: the header is missing (the first line must be source,destination)',
    ],
    [
      'source;destination\na;b\n',
      'mailboxes.csv:1: the columns are separated by semicolons (separate them with commas)',
    ],
    [
      'source\tdestination\na\tb\n',
      'mailboxes.csv:1: the columns are separated by tabs (separate them with commas)',
    ],
    [
      'source\na\n',
      'mailboxes.csv:1: column "destination" is missing (the first line must be source,destination)',
    ],
    ['source,destnation\na,b\n', 'mailboxes.csv:1: unknown column "destnation" (did you mean "destination"?)'],
    ['source,destination,source\na,b,c\n', 'mailboxes.csv:1: column "source" stands here twice'],
    ['source,destination,\na,b,c\n', /column 3 has no name/],
    ['"source,destination\na,b\n', /^mailboxes\.csv:1: a quote is out of place/],
  ])('says what is wrong with the header %j', (text, message) => {
    const { problems } = read(text)
    if (typeof message === 'string') expect(problems[0]).toBe(message)
    else expect(problems[0]).toMatch(message)
  })

  it.each(['password', 'source_password', 'Passwort', 'secret', 'dest_token', 'pw'])(
    'refuses the column %s and repeats nothing of it',
    (column) => {
      const { problems } = read(`source,destination,${column}\na,b,hunter2\n`)
      expect(problems).toEqual([
        `mailboxes.csv:1: column "${column.toLowerCase()}": secrets do not belong into this file (take the column out, and use \`sealpost credentials import\`)`,
      ])
    },
  )

  it('repeats nothing of a first line that is no header', () => {
    expect(read('a@example.com,hunter2\n').problems.join()).not.toContain('hunter2')
  })

  it.each([
    ['UTF-16', Buffer.from('\uFEFFsource,destination\n', 'utf16le')],
    ['UTF-16 without a mark', Buffer.from('source,destination\n', 'utf16le')],
    ['Latin-1', Buffer.from('source,destination\nJos\u00e9,b\n', 'latin1')],
  ])('refuses %s', (_, bytes) => {
    expect(read(bytes).problems[0]).toMatch(/is not UTF-8 text/)
  })

  it('reads every account back, quoted or not, and names the line of every bad row', () => {
    const account = fc
      .string({ minLength: 1, maxLength: 30, unit: 'grapheme' })
      .filter((text) => text.trim() === text && !/[\p{C}\p{Zl}\p{Zp}]/u.test(text))
    const row = fc.record({ source: account, destination: account, bad: fc.boolean(), quoted: fc.boolean() })
    fc.assert(
      fc.property(fc.array(row, { maxLength: 20 }), fc.constantFrom('\n', '\r\n', '\r'), (rows, end) => {
        const cell = (text: string, quoted: boolean): string =>
          quoted || /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
        const lines = rows.map(({ source, destination, bad, quoted }) =>
          bad ? `${cell(source, quoted)},` : `${cell(source, quoted)},${cell(destination, quoted)}`,
        )
        const { pairs, problems } = readAccounts('m.csv', Buffer.from(['source,destination', ...lines].join(end)))
        const numbered = rows.map((entry, index) => ({ ...entry, line: index + 2 }))
        expect(pairs.map(({ source, destination, line }) => [line, source, destination])).toEqual(
          numbered.filter(({ bad }) => !bad).map(({ source, destination, line }) => [line, source, destination]),
        )
        expect(problems.map(({ line }) => line)).toEqual(numbered.filter(({ bad }) => bad).map(({ line }) => line))
      }),
    )
  })

  it('never throws, whatever the file holds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        readAccounts('m.csv', Buffer.from(bytes))
        readAccounts('m.csv', Buffer.concat([Buffer.from('source,destination\n'), bytes]))
      }),
      { numRuns: 500 },
    )
  })

  it('reads fifty thousand rows in a few seconds', () => {
    const rows = Array.from({ length: 50_000 }, (_, i) => `user${i}@old.example.com,user${i}@new.example.com`)
    const { pairs, problems } = readAccounts('m.csv', Buffer.from(['source,destination', ...rows].join('\n')))
    expect([pairs.length, problems.length]).toEqual([50_000, 0])
  }, 20_000)
})
