import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatProblem } from '../../src/cli/config/problems.ts'
import { readProjectConfig } from '../../src/cli/config/project-config.ts'
import { projectTemplate } from '../../src/cli/config/project-template.ts'

const GOOD = `version: 1
client: Beispiel GmbH
source:
  kind: imap
  host: imap.old.example.com
  tls: { mode: implicit }
  auth: { mode: password, credential: per-account }
destination:
  kind: maildir
  path: "mail/{account}"
mapping:
  special_use: false
  rules:
    - { from: 'Old/Dr\\/Who', to: Projects }
  exclude: [Trash]
filters:
  after: 2015-01-01
  max_bytes: 50MiB
limits:
  accounts: 2
  memory: 32MiB
  dead_after: 90s
  rate: 2MiB
  window: 20:00-6:30
`

const GMAIL = `version: 1
client: x
source:
  kind: gmail
  auth: { credential: google }
  costs: { get: 5 }
destination: { kind: maildir, path: "mail/{account}" }
`

async function problemsOf(text: string): Promise<readonly string[]> {
  const { config, problems } = await readProjectConfig('project.yaml', text)
  expect(config === null).toBe(problems.length > 0)
  return problems.map((problem) => formatProblem(problem) + (problem.hint === null ? '' : ` (${problem.hint})`))
}

describe('project.yaml', () => {
  it('is read with its defaults', async () => {
    const { config, problems } = await readProjectConfig('project.yaml', GOOD)
    expect(problems).toEqual([])
    expect(config).toEqual({
      client: 'Beispiel GmbH',
      source: {
        kind: 'imap',
        preset: null,
        host: 'imap.old.example.com',
        port: 993,
        tls: { mode: 'implicit', ca: null, pin: null },
        auth: { mode: 'password', credential: 'per-account', username: null, authorize: null },
        connections: null,
        compress: false,
        maxMessageBytes: null,
        directory: null,
      },
      destination: { kind: 'maildir', path: 'mail/{account}' },
      mailboxes: 'mailboxes.csv',
      mapping: {
        rules: [{ from: ['Old', 'Dr/Who'], to: ['Projects'] }],
        include: [],
        exclude: ['Trash'],
        specialUse: false,
        labels: 'single',
      },
      filters: { after: Date.UTC(2015, 0, 1), before: null, maxBytes: 52_428_800, skipDeleted: false },
      limits: {
        accounts: 2,
        lanes: 8,
        lanesAtFirst: 4,
        memoryBytes: 33_554_432,
        connections: 8,
        spoolThresholdBytes: 16_777_216,
        deadAfterMs: 90_000,
        bytesPerSecond: 2_097_152,
        hours: { from: 1200, to: 390 },
      },
    })
  })

  it.each([
    ['window: 20:00', '"20:00" is no window of hours, such as 20:00-06:00'],
    ['window: 24:00-6:00', '"24:00-6:00" is no window of hours, such as 20:00-06:00'],
    ['window: 6:00-06:00', '"6:00-06:00" begins when it ends; leave it out to work at any time'],
    ['rate: 1KiB', '1KiB is too small: at least 16384 bytes'],
  ])('says what is wrong with %s', async (line, problem) => {
    const text = `version: 1\nclient: x\nsource: {kind: maildir, path: a}\ndestination: {kind: maildir, path: b}\nlimits:\n  ${line}\n`
    expect((await problemsOf(text)).join('\n')).toContain(problem)
  })

  it('is good as init writes it, whatever the client is called', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, unit: 'grapheme' }), async (client) => {
        fc.pre(client.trim() === client && !/\p{C}/u.test(client))
        const { config, problems } = await readProjectConfig('project.yaml', projectTemplate(client))
        expect(problems).toEqual([])
        expect(config?.client).toBe(client)
      }),
    )
  })

  it('has only known keys in the lines that init comments out', async () => {
    const uncommented = projectTemplate('x').replace(/^(\s*)# ((?:- )?[a-z_]+: *\S.*|rules:.*|- \{.*)$/gm, '$1$2')
    const text = uncommented.replace('<SHA-256>', 'ab'.repeat(32)).replace(/^kind: maildir.*|^#? +path: .*$/gm, '')
    expect(text).toContain('\n  spool_threshold: 16MiB')
    expect(text).toContain('\n    username: "{account}"')
    expect(await problemsOf(text)).toEqual([])
  })

  it('takes an mbox for a source only', async () => {
    const text = 'version: 1\nclient: x\nsource: {kind: mbox, path: a}\ndestination: {kind: mbox, path: b}\n'
    expect(await problemsOf(text)).toEqual([
      'project.yaml:4:21: an mbox is only read: it cannot be a destination (use maildir)',
    ])
    const { config } = await readProjectConfig(
      'p',
      text.replace('{kind: mbox, path: b}', '{kind: maildir, path: b}'),
    )
    expect(config?.source).toEqual({ kind: 'mbox', path: 'a', quoting: 'mboxrd' })
  })

  it('transfers items between tenants of Microsoft alone, and from one source into each destination', async () => {
    const graph = (more = ''): string =>
      `{ kind: graph, ${more} auth: { tenant: t, client_id: c, credential: k } }`
    const yaml = (source: string, destination: string): string =>
      `version: 1\nclient: x\nsource: ${source}\ndestination: ${destination}\n`
    const to = graph('write: transfer,')
    expect(await problemsOf(yaml(graph(), to))).toEqual([])
    for (const source of ['{ kind: maildir, path: "{account}" }', graph('read: imap,')]) {
      expect(await problemsOf(yaml(source, to))).toEqual([expect.stringContaining('that is read by Graph')])
    }
    expect(await problemsOf(yaml(graph('cloud: china,'), to))).toEqual([
      expect.stringContaining('national clouds'),
    ])
  })

  it('takes access tokens for IMAP, of both providers, and the Gmail API', async () => {
    const read = async (auth: string): Promise<unknown> => {
      const { config, problems } = await readProjectConfig(
        'p',
        GOOD.replace('{ mode: password, credential: per-account }', auth),
      )
      expect(problems).toEqual([])
      return config?.source.kind === 'imap' ? config.source.auth : null
    }
    const common = { mode: 'oauth', credential: 'c', username: null, authorize: null }
    expect(await read('{ mode: oauth, provider: google, credential: c }')).toEqual({
      ...common,
      tokens: { provider: 'google', scope: null, endpoint: null, ca: null },
    })
    expect(
      await read(
        '{ mode: oauth, provider: microsoft, credential: c, tenant: t, client_id: i, scope: s, endpoint: "https://x", ca: y }',
      ),
    ).toEqual({
      ...common,
      tokens: { provider: 'microsoft', tenant: 't', clientId: 'i', scope: 's', endpoint: 'https://x', ca: 'y' },
    })
    const gmail = GMAIL.replace(
      'costs: { get: 5 }',
      'costs: { get: 5 }\n  units_per_minute: 15000\n  write: insert',
    )
    expect((await readProjectConfig('p', gmail)).config?.source).toEqual({
      kind: 'gmail',
      auth: { credential: 'google', tokens: { provider: 'google', scope: null, endpoint: null, ca: null } },
      endpoint: null,
      ca: null,
      write: 'insert',
      unitsPerMinute: 15_000,
      directory: null,
      costs: { get: 5 },
    })
  })

  it.each([
    ['mode: password, credential: c, provider: google', [/:7:\d+: provider means nothing with mode: password/]],
    ['mode: oauth, credential: c', [/:7:3: source\.auth\.provider is missing, which mode: oauth needs/]],
    [
      'mode: oauth, provider: yahoo, credential: c',
      [/:7:\d+: source\.auth\.provider must be one of google, microsoft/],
    ],
    ['mode: oauth, provider: google, credential: c, tenant: t', [/tenant means nothing with provider: google/]],
    [
      'mode: oauth, provider: microsoft, credential: c',
      [/source\.auth\.tenant is missing/, /source\.auth\.client_id is missing/],
    ],
    [
      'mode: oauth, provider: google, credential: per-account',
      [/one service account or application opens all accounts/],
    ],
    [
      'mode: oauth, provider: google, credential: c, authorize: "{account}"',
      [/authorize means nothing with mode: oauth/],
    ],
    [
      'mode: oauth, provider: google, credential: c, endpoint: "http://x"',
      [/endpoint: must be an address that begins with https/],
    ],
  ])('refuses auth: {%s}', async (auth, messages) => {
    const problems = await problemsOf(GOOD.replace('mode: password, credential: per-account', auth))
    expect(problems).toHaveLength(messages.length)
    for (const [index, message] of messages.entries()) expect(problems[index]).toMatch(message)
  })

  it.each([
    [
      'credential: google',
      'credential: per-account',
      /:5:23: one service account or application opens all accounts/,
    ],
    [
      'credential: google',
      'mode: oauth, credential: google',
      /unknown key "mode" \(known here: credential, scope, endpoint, ca\)/,
    ],
    ['costs: { get: 5 }', 'costs: { gets: 5 }', /unknown key "gets" \(did you mean "get"\?\)/],
    ['costs: { get: 5 }', 'write: export', /source\.write must be one of import, insert/],
  ])('refuses a Gmail end with %s as %s', async (good, bad, message) => {
    expect(GMAIL).toContain(good)
    const problems = await problemsOf(GMAIL.replace(good, bad))
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(message)
  })

  it('tells all that is wrong in one pass, each with its place', async () => {
    const text = `version: 1
clint: x
source:
  kind: imapp
destination:
  kind: imap
  hots: foo
  password: hunter2
  tls: {mode: none, pin: abc}
  auth: {mode: oath, credential: per-account, username: "{acount}*{admin}"}
filters:
  after:
  before: 2023-02-31
  max_bytes: 12XB
limits:
  # accounts: 4
mapping:
  special_use: maybe
  rules:
    - {from: "A/*", to: B}
    - {from: A, to: }
    - from: A
  include: x
`
    expect(await problemsOf(text)).toEqual([
      'project.yaml:1:1: client is missing',
      'project.yaml:2:1: unknown key "clint" (did you mean "client"?)',
      'project.yaml:4:9: source.kind must be one of imap, gmail, graph, maildir, mbox (did you mean "imap"?)',
      'project.yaml:5:1: destination.host is missing',
      'project.yaml:7:3: unknown key "hots" (did you mean "host"?)',
      'project.yaml:8:3: "password": secrets do not belong into this file (use `sealpost credentials set NAME`)',
      'project.yaml:9:26: destination.tls.pin: is not a SHA-256 in hex (64 digits) or base64',
      'project.yaml:10:16: destination.auth.mode: "oath" is not a way to sign in: password or oauth',
      'project.yaml:10:57: destination.auth.username: {acount} is not known here, only {account}, {local} and {admin}',
      'project.yaml:12:3: filters.after: has no value',
      'project.yaml:13:11: filters.before: "2023-02-31" is not a date (2024-01-31) or an instant (2024-01-31T12:00:00Z)',
      'project.yaml:14:14: filters.max_bytes: "12XB" is not a size, such as 64MiB or 4096',
      'project.yaml:18:16: mapping.special_use must be true or false',
      'project.yaml:20:14: mapping.rules.1.from: a rule names one mailbox and covers what lies below it; write \\* for a star in a name',
      'project.yaml:21:17: mapping.rules.2.to: has no value',
      'project.yaml:22:7: mapping.rules.3.to is missing',
      'project.yaml:22:13: a second rule for "A"',
      'project.yaml:23:12: mapping.include must be a list',
    ])
  })

  it.each([
    ['', '1:1: the file is empty'],
    ['- 1', '1:1: the file must be a map of keys'],
    ['version: 2', '1:10: version 2 of this file is newer than this program (update sealpost)'],
    ['version: 1\nversion: 1', '2:1: this key stands here a second time'],
    ['a:\n\tb: 1', '2:1: a tab is not allowed as indentation; use blanks'],
    ['a: 1\n---\nb: 2', '2:1: a second document begins here (---); only one is read'],
  ])('says what is wrong with %j', async (text, message) => {
    expect((await problemsOf(text))[0]).toBe(`project.yaml:${message}`)
  })

  it.each([
    [
      'a:\n\tb: 1\n\tb: 2\n',
      ['2:1', '3:1'].map((place) => `${place}: a tab is not allowed as indentation; use blanks`),
    ],
    ['a: { b: “{account}” }\nc: 1\n', ['1:9: “ is no quotation mark here (write " instead)']],
    ['a: { b: c, d: ‘{account}’ }\nc: 1\n', ['1:15: ‘ is no quotation mark here (write " instead)']],
    [
      Buffer.from('\uFEFFversion: 1\n', 'utf16le').toString('utf8'),
      ['1:1: the file is not UTF-8 text (save it as UTF-8)'],
    ],
    [
      Buffer.from('a: 1\nb: M\xfcller\n', 'latin1').toString('utf8'),
      ['2:5: the file is not UTF-8 text (save it as UTF-8)'],
    ],
  ])('tells the cause in %j alone, and not what follows from it', async (text, messages) => {
    expect(await problemsOf(text)).toEqual(messages.map((message) => `project.yaml:${message}`))
  })

  it('names the line of a quote that is never closed', async () => {
    const problems = await problemsOf('version: 1\nclient: "Acme\nsource: x\n')
    expect(problems[0]).toMatch(/^project\.yaml:\d+:\d+: not valid YAML: /)
  })

  it.each([
    ['tls: { mode: implicit }', 'tls: { mode: none }', /:6:16: mode: none would send passwords/],
    [
      'imap.old.example.com',
      'imaps://imap.old.example.com',
      /:5:9: source\.host: must be a host name, not an address/,
    ],
    ['imap.old.example.com', 'imap.example.com:993', /:5:9: source\.host: must be a host name without a port/],
    ['accounts: 2', 'accounts: 0', /:20:13: limits\.accounts: must be a whole number from 1 to 64/],
    ['memory: 32MiB', 'memory: 32MiB\n  spool_threshold: 33MiB', /:22:20: spool_threshold is larger than memory/],
    ['max_bytes: 50MiB', 'before: 2014-01-01', /:18:11: before is not later than after/],
    [
      '"mail/{account}"',
      '"mail/{admin}"',
      /:10:9: destination\.path: \{admin\} is not known here, only \{account\}/,
    ],
    ['"mail/{account}"', '"mail/{account"', /:10:9: destination\.path: a brace stands alone/],
    ['version: 1', 'version: 1\n__proto__: {a: 1}', /:2:1: unknown key "__proto__"/],
  ])('refuses %s as %s', async (good, bad, message) => {
    expect(GOOD).toContain(good)
    const problems = await problemsOf(GOOD.replace(good, bad))
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(message)
  })

  it('allows no TLS on this machine only', async () => {
    const local = GOOD.replace('imap.old.example.com', '127.0.0.1').replace('mode: implicit', 'mode: none')
    expect(await problemsOf(local)).toEqual([])
    expect(await problemsOf(local.replace('mode: none', 'mode: none, ca: x.pem'))).toEqual([
      'project.yaml:6:26: ca means nothing with mode: none',
    ])
  })

  it('names the line of an unknown key wherever it stands', async () => {
    const lines = GOOD.trimEnd().split('\n')
    // Between the keys of one block: after a line that opens none, with the indentation of the line before.
    const places = lines.flatMap((line, index) => (/: \S/.test(line) && !line.includes('- {') ? [index] : []))
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...places), fc.stringMatching(/^zz[a-z]{1,8}$/), async (place, key) => {
        const indent = /^ */.exec(lines[place] ?? '')?.[0] ?? ''
        const text = [...lines.slice(0, place + 1), `${indent}${key}: 1`, ...lines.slice(place + 1)].join('\n')
        const problems = await problemsOf(text)
        expect(problems).toHaveLength(1)
        expect(problems[0]).toMatch(
          new RegExp(`^project\\.yaml:${place + 2}:${indent.length + 1}: unknown key "${key}"`),
        )
      }),
    )
  })

  it('never throws, whatever the file holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (text) => {
        const { config, problems } = await readProjectConfig('project.yaml', text)
        expect(config).toBeNull()
        expect(problems.length).toBeGreaterThan(0)
        for (const { line, column } of problems) expect(Math.min(line ?? 0, column ?? 0)).toBeGreaterThan(0)
      }),
      { numRuns: 300 },
    )
  })
})
