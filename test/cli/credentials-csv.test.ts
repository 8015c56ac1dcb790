import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCredentials } from '../../src/cli/config/credentials-csv.ts'
import { formatProblem } from '../../src/cli/config/problems.ts'

function read(text: string): { kept: readonly unknown[]; problems: readonly string[] } {
  const { credentials, problems } = readCredentials('c.csv', Buffer.from(text))
  return {
    kept: credentials.map(({ name, username, secret }) => [name, username, secret.text()]),
    problems: problems.map(formatProblem),
  }
}

describe('a file of credentials', () => {
  it('is read with secrets as they stand', () => {
    expect(
      read('side,account,secret,username\nsource,a@example.com," x ""y"", ", boss \r\nDestination,b,#pä$$,\n'),
    ).toEqual({
      kept: [
        ['source/a@example.com', 'boss', ' x "y", '],
        ['destination/b', null, '#pä$$'],
      ],
      problems: [],
    })
  })

  it('tells all bad rows in one pass', () => {
    const text = [
      'side,account,secret',
      'src,a,hunter2',
      'source,,hunter2',
      'source,a,',
      'source,b,hunter2',
      'source,b,hunter2',
      'source,c,hun"ter2',
      'source,d',
    ].join('\n')
    const { kept, problems } = read(text)
    expect(kept).toEqual([['source/b', null, 'hunter2']])
    expect(problems).toEqual([
      'c.csv:2: side must be source or destination',
      'c.csv:3: account is empty',
      'c.csv:4: secret is empty',
      'c.csv:6: source/b: line 5 has it already',
      'c.csv:7: a quote is out of place',
      'c.csv:8: 2 cells, and the header has 3',
    ])
    expect(problems.join()).not.toContain('hunter2')
  })

  it('repeats nothing of a file without a header', () => {
    const { kept, problems } = read('source,a,hunter2\nsource,b,hunter3\n')
    expect(kept).toEqual([])
    expect(problems).toEqual(['c.csv:1: the header is missing'])
  })

  it('keeps every secret byte by byte', () => {
    const secret = fc
      .string({ minLength: 1, maxLength: 40, unit: 'grapheme' })
      .filter((text) => !/[\r\n\0]/.test(text) && text.isWellFormed())
    fc.assert(
      fc.property(fc.array(secret, { minLength: 1, maxLength: 10 }), (secrets) => {
        const lines = secrets.map((text, i) => `source,user${i},"${text.replaceAll('"', '""')}"`)
        const { kept, problems } = read(['side,account,secret', ...lines].join('\n'))
        expect(problems).toEqual([])
        expect(kept).toEqual(secrets.map((text, i) => [`source/user${i}`, null, text]))
      }),
    )
  })

  it('names no secret in any message, whatever the file holds', () => {
    const noise = fc.stringMatching(/^[a-z",;:\r\n ]{0,40}$/)
    fc.assert(
      fc.property(noise, noise, (before, after) => {
        const { problems } = read(`side,account,secret\n${before}HUNTER2${after}\n`)
        expect(problems.join('\n')).not.toMatch(/HUNTER2/)
      }),
    )
  })
})
