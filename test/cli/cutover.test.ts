import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseResolver } from '../../src/cli/cutover/resolver.ts'
import { startDnsServer } from '../fakes/dns-server.ts'
import { jsonAt, runAt, useWorkspace } from './at-time.ts'
import { MAILDIR_YAML, type Place } from './program.ts'

type DnsServer = Awaited<ReturnType<typeof startDnsServer>>
interface Looked {
  readonly domains: readonly {
    readonly domain: string
    readonly mx: readonly object[]
    readonly spf: readonly { readonly text: string }[]
    readonly advice: readonly string[]
  }[]
}

const workspace = useWorkspace({ agent: true })
const ACCOUNTS =
  'source,destination,wave\nanna@old.example,anna@new.example,pilot\nbert@old.example,bert@old.example,\n'
const LONG_SPF = `v=spf1 ${Array.from({ length: 40 }, (_, n) => `ip4:192.0.2.${n}`).join(' ')} -all`
let server: DnsServer

beforeAll(async () => {
  server = await startDnsServer({
    'MX old.example': [
      { type: 'MX', name: 'old.example', ttl: 7200, data: { exchange: 'b.old.example', preference: 20 } },
      { type: 'MX', name: 'old.example', ttl: 7200, data: { exchange: 'A.old.example', preference: 10 } },
    ],
    'TXT old.example': [
      { type: 'TXT', name: 'old.example', ttl: 600, data: ['google-site-verification=x'] },
      { type: 'TXT', name: 'old.example', ttl: 600, data: LONG_SPF.match(/.{1,200}/g) ?? [] },
    ],
    'MX new.example': [
      { type: 'MX', name: 'new.example', ttl: 120, data: { exchange: 'mx.new.example', preference: 5 } },
    ],
  })
})
afterAll(async () => server.stop())

async function prepared(): Promise<Place> {
  const place = workspace()
  await place.configure(MAILDIR_YAML, ACCOUNTS)
  return place
}

const dns = (place: Place, ...words: readonly string[]): Promise<Looked> =>
  jsonAt<Looked>(place, ['cutover', 'dns', '--resolver', server.resolver, ...words])

describe('the records of the domains', () => {
  it('are told with their TTL and what follows from it; long ones come over TCP', async () => {
    const place = await prepared()
    const { domains } = await dns(place)
    expect(domains).toMatchObject([
      {
        domain: 'new.example',
        mx: [{ exchange: 'mx.new.example', preference: 5, ttl: 120 }],
        spf: [],
        advice: ['no SPF record'],
      },
      {
        domain: 'old.example',
        mx: [{ exchange: 'a.old.example' }, { exchange: 'b.old.example' }],
        spf: [{ text: LONG_SPF, ttl: 600 }],
        advice: ['the TTL of its MX records is 7200 s: lower it to 300 s at least 7200 s before the cutover'],
      },
    ])
    expect(server.asked.tcp).toBeGreaterThan(0)
  })

  it('are held against what they are to be', async () => {
    const place = await prepared()
    const { domains } = await dns(place, '--wave', 'pilot', '--expect-mx', 'MX.new.example.')
    const advice = Object.fromEntries(domains.map((domain) => [domain.domain, domain.advice.at(-1)]))
    expect(advice['new.example']).toMatch(/^its MX records are the expected ones/)
    expect(advice['old.example']).toBe(
      'its MX records are not the expected ones: a.old.example, b.old.example instead of mx.new.example',
    )
  })

  it('are asked for again when a datagram is lost, and a forged answer is passed over', async () => {
    const place = await prepared()
    server.faults.drop = 1
    server.faults.forge = 2
    expect((await dns(place)).domains.map(({ mx }) => mx.length)).toEqual([1, 2])
    expect(server.faults).toMatchObject({ drop: 0, forge: 0 })
  })

  it('that cannot be had are one line', async () => {
    const place = await prepared()
    server.faults.refuse = true
    const refused = await runAt(place, ['cutover', 'dns', '--resolver', server.resolver])
    server.faults.refuse = false
    expect(refused.exitCode).toBe(1)
    expect(refused.stderr).toMatch(/^sealpost: the DNS resolver refused the question about \S+: REFUSED\. .*\n$/)
    const wrong = await runAt(place, ['cutover', 'dns', '--resolver', 'dns.example'])
    expect(wrong.exitCode).toBe(2)
    expect(wrong.stderr).toContain('it must be an address such as 192.0.2.53 or [::1]:5353')
  })

  it.each([
    ['192.0.2.1', { host: '192.0.2.1', port: 53 }],
    ['192.0.2.1:5353', { host: '192.0.2.1', port: 5353 }],
    ['[2001:db8::1]:53', { host: '2001:db8::1', port: 53 }],
    ['2001:db8::1', { host: '2001:db8::1', port: 53 }],
    ['192.0.2.1:0', null],
    ['192.0.2.999', null],
    ['', null],
  ])('are asked from %s', (text, resolver) => {
    expect(parseResolver(text)).toEqual(resolver)
  })
})

describe('the checklist', () => {
  it('says who did what when, a wave apart, and the audit log knows it', async () => {
    const place = await prepared()
    const at = '2026-11-20T08:00:00Z'
    const words = ['cutover', 'done', 'mx-changed', '--wave', 'pilot', '--note', 'at the registrar']
    expect(await runAt(place, words, { at })).toMatchObject({ exitCode: 0, stdout: 'mx-changed is done\n' })
    const shown = await runAt(place, ['cutover', '--wave', 'pilot'])
    expect(shown.stdout).toMatch(/^mx-changed +2026-11-20T08:00:00Z by \S+ +at the registrar$/m)
    expect(shown.stdout).toMatch(/^verified +open /m)
    expect((await runAt(place, ['cutover', 'show'])).stdout).toMatch(/^mx-changed +open /m)
    await runAt(place, ['cutover', 'undo', 'mx-changed', '--wave', 'pilot'])
    expect((await runAt(place, ['cutover', 'show', '--wave', 'pilot'])).stdout).toMatch(/^mx-changed +open /m)
    const { stdout } = await runAt(place, ['audit', 'show', '--json'])
    expect(stdout.match(/"cutover-step"/g)).toHaveLength(2)
  })

  it('says of a step that was never done that it was not, and changes nothing', async () => {
    const place = await prepared()
    const file = join(place.project, '.sealpost', 'cutover.json')
    // Done in one wave is not done in another.
    await runAt(place, ['cutover', 'done', 'verified', '--wave', 'pilot'])
    const before = await readFile(file, 'utf8')
    const undone = await runAt(place, ['cutover', 'undo', 'verified'])
    expect(undone).toMatchObject({ exitCode: 0, stdout: 'verified was not noted as done: nothing is changed\n' })
    expect(await readFile(file, 'utf8')).toBe(before)
    const { stdout } = await runAt(place, ['audit', 'show', '--json'])
    expect(stdout.match(/"cutover-step"/g)).toHaveLength(1)
  })

  it('knows its steps, and says when its file cannot be read', async () => {
    const place = await prepared()
    const { exitCode, stderr } = await runAt(place, ['cutover', 'done', 'mx'])
    expect(exitCode).toBe(2)
    expect(stderr).toContain('mx: a cutover has no such step. There are: ttl-lowered, users-told')
    await runAt(place, ['cutover', 'done', 'verified'])
    const file = join(place.project, '.sealpost', 'cutover.json')
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ done: { '': { verified: {} } } })
    await writeFile(file, '{"version":1}')
    expect((await runAt(place, ['cutover', 'show'])).stderr).toMatch(/cutover\.json: cannot be read\./)
  })

  it('has a way back: the records as they were at the first look', async () => {
    const place = await prepared()
    await dns(place)
    const changed = await startDnsServer({
      'MX old.example': [
        { type: 'MX', name: 'old.example', ttl: 300, data: { exchange: 'mx.new.example', preference: 5 } },
      ],
    })
    try {
      await runAt(place, ['cutover', 'dns', '--resolver', changed.resolver])
    } finally {
      await changed.stop()
    }
    const { stdout } = await runAt(place, ['cutover', 'rollback'])
    expect(stdout).toContain('MX 10 a.old.example (TTL 7200 s)')
    expect(stdout).not.toContain('MX 5 mx.new.example (TTL 300 s)')
  })
})
