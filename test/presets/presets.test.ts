import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PRESET_NAMES } from '../../connectors/presets/preset.ts'
import { presetOf, PRESETS } from '../../connectors/presets/presets.ts'
import { loginNamesOf } from '../../src/cli/project/account-login.ts'
import { pairProblems } from '../../src/cli/config/pair-checks.ts'
import { formatProblem } from '../../src/cli/config/problems.ts'
import { configOf, factsOf, problemsOf } from './fixture.ts'

describe('an end with a preset', () => {
  it('has to say only what the preset leaves open', async () => {
    const { source } = await configOf('{preset: dovecot, host: mx.example, auth: {credential: master}}')
    expect(source).toEqual({
      kind: 'imap',
      preset: 'dovecot',
      host: 'mx.example',
      port: 993,
      tls: { mode: 'implicit', ca: null, pin: null },
      auth: { mode: 'password', credential: 'master', username: '{account}*{admin}', authorize: null },
      connections: null,
      compress: false,
      maxMessageBytes: null,
      directory: null,
    })
  })

  it('may say otherwise', async () => {
    const text =
      '{preset: dovecot, host: mx.example, tls: {mode: starttls}, connections: 7, max_message: 50MiB, auth: {credential: m, username: "{admin}%{account}"}}'
    expect(await configOf(text).then(({ source }) => source)).toMatchObject({
      port: 143,
      tls: { mode: 'starttls' },
      auth: { username: '{admin}%{account}', authorize: null },
      connections: 7,
      maxMessageBytes: 50 * 1024 * 1024,
    })
  })

  it('has no administrator where each account has a credential of its own', async () => {
    for (const name of ['dovecot', 'zimbra', 'cyrus', 'exchange']) {
      const { source } = await configOf(`{preset: ${name}, host: mx.example, auth: {credential: per-account}}`)
      expect(source).toMatchObject({ auth: { username: null, authorize: null } })
    }
  })

  it.each([
    ['dovecot', 'anna@old.example*boss', null],
    ['zimbra', 'boss', 'anna@old.example'],
    ['cyrus', 'boss', 'anna@old.example'],
    ['exchange', 'boss/anna', null],
  ])('signs in as the administrator does: %s', async (name, username, authorize) => {
    const { config, accounts } = await factsOf(
      `{preset: ${name}, host: mx.example, auth: {credential: admin}}`,
      ['anna@old.example'],
      {},
    )
    const [pair] = accounts
    if (config.source.kind !== 'imap' || pair === undefined) throw new Error('no IMAP end')
    const login = loginNamesOf('source', config.source, pair, { name: 'admin', username: 'boss' })
    expect(login).toEqual({ username, authorize })
  })

  it('two accounts with one alias are told apart', async () => {
    const { config, accounts } = await factsOf(
      '{preset: exchange, host: mx.example, auth: {credential: admin}}',
      ['anna@a.example', 'bert@a.example', 'Anna@b.example'],
      {},
    )
    expect(pairProblems('m.csv', accounts, config, '/project').map(formatProblem)).toEqual([
      'm.csv:4: Anna@b.example: line 2 has this source already',
    ])
  })

  it.each([
    ['{preset: dovecott, host: a, auth: {credential: b}}', 'did you mean "dovecot"?'],
    ['{preset: dovecot, auth: {credential: b}}', 'source.host is missing'],
    ['{preset: dovecot, host: a}', 'source.auth.credential is missing'],
    ['{preset: dovecot, host: a, auth: {credential: b}, directory: {}}', 'source.directory.credential is missing'],
    ['{preset: dovecot, kind: maildir, path: x}', 'unknown key "preset"'],
    ['{preset: yahoo, auth: {credential: b}, directory: {credential: c}}', 'source.directory.kind is missing'],
    ['{preset: dovecot, host: a, auth: hello}', 'source.auth must be'],
    ['{preset: [], kind: imap}', 'source.preset must be one of'],
  ])('%s is told', async (end, words) => {
    expect((await problemsOf(end)).join('\n')).toContain(words)
  })

  it('names who gives the tokens, where one does; the file may say otherwise', async () => {
    const { source } = await configOf('{preset: microsoft365, auth: {credential: a, tenant: t, client_id: c}}')
    expect(source).toMatchObject({ auth: { mode: 'oauth', tokens: { provider: 'microsoft', tenant: 't' } } })
    const google = await configOf('{preset: google, auth: {credential: a}}')
    expect(google.source).toMatchObject({ auth: { mode: 'oauth', tokens: { provider: 'google' } } })
    const passwords = await configOf('{preset: google, auth: {mode: password, credential: per-account}}')
    expect(passwords.source).toMatchObject({ auth: { mode: 'password' } })
    // The way of an administrator is one with a password.
    const tokens = await configOf(
      '{preset: zimbra, host: a, auth: {mode: oauth, provider: google, credential: b}}',
    )
    expect(tokens.source).toMatchObject({ auth: { mode: 'oauth', username: null, authorize: null } })
  })

  it('of outlook.com is one clear line, whatever else is missing; a proxy of the owner is let through', async () => {
    const told = await problemsOf('{preset: outlook.com, auth: {credential: per-account}}')
    expect(told).toHaveLength(1)
    expect(told[0]).toMatch(/^p:3:\d+: outlook\.com lets no application open mailboxes.*kind: mbox/)
    const proxy =
      '{preset: outlook.com, host: 127.0.0.1, port: 1993, tls: {mode: none}, auth: {mode: password, credential: per-account}}'
    expect((await configOf(proxy)).source).toMatchObject({ host: '127.0.0.1', auth: { mode: 'password' } })
  })

  describe.each(PRESET_NAMES.filter((name) => name !== 'outlook.com'))('%s', (name) => {
    const { host, auth, directory } = PRESETS[name]
    const isMicrosoft = auth.provider === 'microsoft'
    const rest = {
      ...(host === null ? { host: 'mx.example' } : {}),
      auth: { credential: 'boss', ...(isMicrosoft ? { tenant: 't.example', client_id: 'app' } : {}) },
    }
    const told = async (change: object): Promise<readonly string[]> =>
      problemsOf(JSON.stringify({ preset: name, ...rest, ...change }))

    it('is good as it is documented', async () => {
      expect(await told({})).toEqual([])
    })

    it.each<readonly [object, RegExp]>([
      [{ preset: `${name}x` }, new RegExp(`source.preset must be one of .*did you mean "${name}"`)],
      [{ preset: 5 }, /source\.preset must be one of cpanel/],
      [{ preset: null }, /source\.preset must be one of cpanel/],
      [{ auth: { ...rest.auth, credential: undefined } }, /source\.auth\.credential is missing/],
      [{ auth: 'boss' }, /source\.auth must be a map of keys/],
      [{ auth: { ...rest.auth, pin: 'x' } }, /unknown key "pin"/],
      [{ port: 0 }, /source\.port: must be a whole number from 1 to 65535/],
      [{ port: 65_536 }, /source\.port: must be a whole number from 1 to 65535/],
      [{ port: 'imaps' }, /source\.port: must be a whole number from 1 to 65535/],
      [{ host: 'imap://mx.example' }, /source\.host: must be a host name, not an address/],
      [{ host: ['a'] }, /source\.host: must be text/],
      [{ tls: 'implicit' }, /source\.tls must be a map of keys/],
      [{ connections: 'many' }, /source\.connections: must be a whole number/],
      [{ tenant: 't.example' }, /unknown key "tenant"/],
      ...(host === null ? [[{ host: undefined }, /source\.host is missing/] as const] : []),
      ...(auth.provider === 'microsoft'
        ? ([
            [{ auth: { credential: 'a', client_id: 'c' } }, /source\.auth\.tenant is missing/],
            [{ auth: { credential: 'a', tenant: 't' } }, /source\.auth\.client_id is missing/],
          ] as const)
        : [[{ auth: { ...rest.auth, tenant: 't' } }, /tenant means nothing with /] as const]),
      ...(auth.mode === 'oauth'
        ? ([[{ auth: { ...rest.auth, credential: 'per-account' } }, /name its credential/]] as const)
        : ([[{ auth: { mode: 'oauth', credential: 'a' } }, /auth\.provider is missing/]] as const)),
      ...(directory === null
        ? [[{ directory: { credential: 'a' } }, /source\.directory\.kind is missing/] as const]
        : [[{ directory: {} }, /source\.directory\.credential is missing/] as const]),
    ])('with %j is told in one line', async (change, words) => {
      const problems = await told(change)
      expect(problems).toEqual([expect.stringMatching(words)])
      expect(problems[0]).toMatch(/^\S+:\d+:\d+: /)
    })

    it('beside another kind is what is too much', async () => {
      const problems = await told({ kind: 'maildir', path: 'x', host: undefined, auth: undefined })
      expect(problems).toEqual([expect.stringMatching(/unknown key "preset".*leave out the preset, or the kind/)])
    })
  })

  it('no name of an object is a preset', () => {
    for (const name of ['constructor', 'toString', '__proto__', '']) expect(presetOf(name)).toBeNull()
  })
})

describe('docs/platforms.md', () => {
  const rows = readFileSync('docs/platforms.md', 'utf8')
    .split('\n')
    .filter((line) => /^\| `/.test(line))

  it.each(PRESET_NAMES)('has a row for %s that says what the preset says', (name) => {
    const preset = PRESETS[name]
    const cells =
      rows
        .find((row) => row.startsWith(`| \`${name}\``))
        ?.split('|')
        .map((cell) => cell.trim()) ?? []
    const { admin } = preset.auth
    const login =
      admin === null ? '' : [admin.username, admin.authorize].filter((part) => part !== null).join(' for ')
    expect(cells.slice(1, -1)).toEqual([
      `\`${name}\``,
      preset.title,
      preset.host === null ? "the customer's" : `${preset.host}:${preset.port}`,
      `\`${preset.namespace.prefix}\` \`${preset.namespace.delimiter}\``.replace('`` ', ''),
      login === '' ? preset.auth.mode : `${preset.auth.mode}; \`${login}\``,
      String(preset.connections),
      preset.manners.maxMessageBytes === undefined ? '' : `${preset.manners.maxMessageBytes / 1024 / 1024} MiB`,
      preset.directory === null ? '' : `\`${preset.directory}\``,
      preset.evidence,
    ])
  })

  it('has each quirk', () => {
    const text = readFileSync('docs/platforms.md', 'utf8')
    for (const { quirks } of Object.values(PRESETS)) for (const quirk of quirks) expect(text).toContain(quirk)
  })
})
