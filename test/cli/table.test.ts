import { describe, expect, it } from 'vitest'
import { columnsOf, table } from '../../src/cli/terminal/table.ts'

describe('a table on a terminal', () => {
  it.each([
    ['INBOX', 5],
    ['日本語', 6],
    ['보낸편지함', 10],
    ['ｶﾀｶﾅ', 4],
    ['（株）', 6],
    ['Entwürfe', 8],
    ['cafe\u0301', 4],
    ['a\u200db', 2],
    ['📥 x', 4],
    ['البريد', 6],
    ['', 0],
  ])('%s takes %i columns', (text, columns) => {
    expect(columnsOf(text)).toBe(columns)
  })

  it('has its columns one below the other, whatever the script', () => {
    expect(
      table(
        ['name', 'n'],
        [
          ['日本語', '1'],
          ['cafe\u0301', '22'],
          ['Archives', '3'],
        ],
      ),
    ).toEqual(['name      n', '日本語    1', 'cafe\u0301      22', 'Archives  3'])
  })
})
