import { describe, expect, it } from 'vitest'
import { mailboxRows } from '../../src/cli/config/mailbox-rows.ts'
import type { ListedAccount } from '../../src/core/directory.ts'

const account = (name: string): ListedAccount => ({ account: name, kind: 'user', bytes: 12, suspended: false })

describe('rows of mailboxes.csv from a list of accounts', () => {
  it('are sorted, quoted where a name needs it, and go to the other domain', () => {
    expect(mailboxRows([account('b@old.example'), account('a,"x"@old.example')], 'new.example')).toBe(
      'source,destination,kind,bytes\n"a,""x""@old.example","a,""x""@new.example",user,12\nb@old.example,b@new.example,user,12\n',
    )
  })

  it('are not made of names that would write more than one, or to the terminal', () => {
    for (const name of ['a@b\nc@d', '\u001b[2Ja@b']) {
      expect(() => mailboxRows([account(name)], null)).toThrow(/whose name is none/)
    }
  })
})
