import { describe, expect, it } from 'vitest'
import { credentialNameOf, loginNamesOf } from '../../src/cli/project/account-login.ts'
import type { AccountPair } from '../../src/cli/config/mailboxes-csv.ts'
import type { ImapEnd, PasswordAuth } from '../../src/cli/config/project-types.ts'

const PAIR: AccountPair = {
  source: 'anna@old.example',
  destination: 'anna@new.example',
  sourceCredential: null,
  destinationCredential: null,
  wave: null,
  line: 2,
}

function end(auth: Partial<PasswordAuth>): ImapEnd {
  return {
    kind: 'imap',
    preset: null,
    host: 'imap.example.com',
    port: 993,
    tls: { mode: 'implicit', ca: null, pin: null },
    auth: { mode: 'password', credential: 'per-account', username: null, authorize: null, ...auth },
    connections: null,
    compress: false,
    maxMessageBytes: null,
    directory: null,
  }
}

describe('who signs in', () => {
  it('takes the credential of the row, of the account, or of the end', () => {
    expect(credentialNameOf('source', end({}), PAIR)).toBe('source/anna@old.example')
    expect(credentialNameOf('destination', end({}), PAIR)).toBe('destination/anna@new.example')
    expect(credentialNameOf('source', end({ credential: 'boss' }), PAIR)).toBe('boss')
    const own = { ...PAIR, sourceCredential: 'own' }
    expect(credentialNameOf('source', end({ credential: 'boss' }), own)).toBe('own')
    expect(credentialNameOf('destination', end({ credential: 'boss' }), own)).toBe('boss')
  })

  it('signs in under the account, or the username of its own credential', () => {
    const own = { name: 'source/anna@old.example', username: null }
    expect(loginNamesOf('source', end({}), PAIR, own)).toEqual({ username: 'anna@old.example', authorize: null })
    const named = { ...own, username: 'anna1' }
    expect(loginNamesOf('source', end({}), PAIR, named).username).toBe('anna1')
  })

  it('does not sign every account in as the admin without being told to', () => {
    const boss = { name: 'boss', username: 'admin' }
    expect(loginNamesOf('source', end({ credential: 'boss' }), PAIR, boss).username).toBe('anna@old.example')
  })

  it.each([
    ['{account}*{admin}', 'anna@old.example*admin'],
    ['DOMAIN/{admin}/{account}', 'DOMAIN/admin/anna@old.example'],
    ['{account}', 'anna@old.example'],
  ])('fills %s in', (username, expected) => {
    const boss = { name: 'boss', username: 'admin' }
    const names = loginNamesOf('source', end({ credential: 'boss', username, authorize: '{account}' }), PAIR, boss)
    expect(names).toEqual({ username: expected, authorize: 'anna@old.example' })
  })

  it('fills each placeholder in once: an account is no template', () => {
    const tricky = { ...PAIR, source: '{admin}' }
    const boss = { name: 'boss', username: '{account}' }
    expect(
      loginNamesOf('source', end({ credential: 'boss', username: '{account}*{admin}' }), tricky, boss).username,
    ).toBe('{admin}*{account}')
  })

  it('says which credential lacks the username that a template needs', () => {
    const boss = { name: 'boss', username: null }
    expect(() => loginNamesOf('source', end({ credential: 'boss', username: '{admin}' }), PAIR, boss)).toThrow(
      expect.objectContaining({ kind: 'config', message: 'credential "boss" has no username for {admin}' }),
    )
  })
})
