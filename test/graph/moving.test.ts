import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startExchangeImap, type ExchangeImap } from '../fakes/exchange-imap.ts'
import { startGraphServer, type GraphServer } from '../fakes/graph-server.ts'
import { RawImap } from '../fakes/raw-imap.ts'
import type { FakeMailbox } from '../fakes/m365/mailbox.ts'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { bundleProgram } from '../child-program.ts'
import { isLong } from '../long.ts'
import type { Task, TaskEnd } from './run-child.ts'

/** 1,000 in the long form. */
const MESSAGES = isLong('microsoft') ? 1000 : 240
const DATE = 1_500_000_000_000
/** What throttling, the kill and lost answers make it ask again: what four lanes had in hand, a slice in each direction. */
const AGAIN = isLong('microsoft') ? 2 * 4 * 150 : 4 * 200
/** All that does not grow with the messages: folders, listings, sessions. */
const OTHERS = 800
const TEXT = 'GET /users/{user}/messages/{message}/$value'
const TRANSLATE = 'POST /users/{user}/translateExchangeIds'
const POSITION = 'GET /users/{user}/mailFolders/{folder}/messages'

let folder: string
let program: string
let server: GraphServer
/** Another tenant. */
let other: GraphServer
let door: ExchangeImap
let dovecot: Dovecot | null = null
const why = whyNoDovecot()

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'graph-moving-'))
  program = await bundleProgram(new URL('run-child.ts', import.meta.url))
  server = await startGraphServer()
  other = await startGraphServer()
  for (const { tenant } of [server, other]) tenant.retryAfterSeconds = 0.2
  // Now and then an append is throttled, and the reply to one is lost after it was stored.
  door = await startExchangeImap(server.tenant, server.credentials, (append) =>
    append % 83 === 0 ? 'throttle' : append === MESSAGES / 2 + 5 ? 'lose-reply' : null,
  )
  if (why === null) dovecot = await startDovecot({ users: ['old@example.test', 'new@example.test'] })
}, 60_000)
afterAll(async () => {
  await dovecot?.stop()
  await door.stop()
  await server.stop()
  await other.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Message `n`: every seventh has 8-bit bytes, some have a twin. */
function messageOf(n: number): Buffer {
  const id = n % 100 === 99 ? n - 1 : n
  const text = `Message-ID: <${id}@moving.example>\r\nFrom: a@moving.example\r\nSubject: ${id}\r\n\r\nBody ${id} `
  return Buffer.concat([
    Buffer.from(text),
    Buffer.from(id % 7 === 0 ? [0xfc, 0xe9, 0x80] : []),
    Buffer.from('\r\n'),
  ])
}

function flagsOf(n: number): readonly string[] {
  return n % 3 === 0 ? ['\\Seen'] : n % 5 === 0 ? ['\\Flagged', '\\Seen'] : []
}

const folderOf = (n: number): readonly string[] =>
  n % 4 === 0 ? ['INBOX'] : n % 4 === 1 ? ['Projekte', 'Ä'] : ['Alt']

function fillTenant(mailbox: FakeMailbox): void {
  const projekte = mailbox.createFolder('Projekte', mailbox.root)
  mailbox.createFolder('Ä', projekte)
  mailbox.createFolder('Alt', mailbox.root)
  for (let n = 0; n < MESSAGES; n++) {
    const at = mailbox.folderAt(folderOf(n))
    if (at === undefined) throw new Error('no folder')
    const flags = flagsOf(n)
    mailbox.add(at, {
      mime: messageOf(n),
      receivedMs: DATE + n * 1000,
      isRead: flags.includes('\\Seen'),
      isFlagged: flags.includes('\\Flagged'),
    })
  }
}

/** All that a reader may compare, as lines in order. */
function expectedLines(): string[] {
  return Array.from({ length: MESSAGES }, (_, n) =>
    [
      folderOf(n).join('/'),
      messageOf(n).toString('latin1'),
      [...flagsOf(n)].sort().join(' '),
      DATE + n * 1000,
    ].join('|'),
  ).sort()
}

function tenantLines(mailbox: FakeMailbox): string[] {
  const pathOf = (item: FakeMailbox['root'] | null): string[] =>
    item?.parent == null ? [] : [...pathOf(item.parent), item.wellKnown === 'inbox' ? 'INBOX' : item.name]
  return [...mailbox.items.values()]
    .map((item) => {
      const flags = [item.isRead ? '\\Seen' : '', item.isFlagged ? '\\Flagged' : ''].filter((flag) => flag !== '')
      return [
        pathOf(item.folder).join('/'),
        item.mime?.toString('latin1'),
        flags.sort().join(' '),
        item.receivedMs,
      ].join('|')
    })
    .sort()
}

async function dovecotLines(port: number, ca: string, user: string, password: string): Promise<string[]> {
  const client = await RawImap.login(port, ca, user, password)
  const lines: string[] = []
  for (const path of [['INBOX'], ['Projekte', '&AMQ-'], ['Alt']]) {
    const shown = path.map((level) => (level === '&AMQ-' ? 'Ä' : level)).join('/')
    for (const { bytes, flags, internalDate } of await client.messages(path.join('/'))) {
      lines.push([shown, bytes.toString('latin1'), [...flags].sort().join(' '), internalDate].join('|'))
    }
  }
  client.close()
  return lines.sort()
}

/** Runs a child; kills it once it has said that so many have landed. Returns what it said last. */
async function runChild(task: Task, killAt: number | null): Promise<string> {
  const file = join(folder, `${randomBytes(4).toString('hex')}.json`)
  writeFileSync(file, JSON.stringify(task))
  const child = spawn(process.execPath, [program, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  let last = ''
  for await (const line of createInterface({ input: child.stdout })) {
    last = line
    const landed = /^landed (\d+)$/.exec(line)?.[1]
    if (killAt !== null && landed !== undefined && Number(landed) >= killAt) child.kill('SIGKILL')
  }
  await exited
  return last
}

/** Moves with one kill in the middle, runs to the end, runs once more, and verifies. */
async function move(source: TaskEnd, destination: TaskEnd, account: Task['account']): Promise<void> {
  const ledger = join(folder, `${randomBytes(4).toString('hex')}.db`)
  const task: Task = { action: 'run', source, destination, account, ledger, key: randomBytes(32).toString('hex') }
  expect(await runChild(task, MESSAGES / 4)).toMatch(/^landed /)
  const whole = await runChild(task, null)
  expect(JSON.parse(whole.replace('ended ', ''))).toMatchObject({
    error: null,
    totals: { source: MESSAGES, landed: MESSAGES, appending: 0, quarantined: 0, skipped: 0 },
  })
  const verified = await runChild({ ...task, action: 'verify' }, null)
  expect(JSON.parse(verified.replace('ended ', ''))).toEqual({ open: 0, unverified: 0 })
}

/** How often a tenant was asked these, in batches too, since it was last cleared. */
function asked({ tenant }: Pick<GraphServer, 'tenant'>, ...templates: readonly string[]): number {
  return templates.reduce((sum, template) => sum + (tenant.requests.get(template) ?? 0), 0)
}

const graphEnd = (): TaskEnd => ({
  kind: 'graph',
  port: server.port,
  ca: server.ca,
  token: server.tenant.issueToken('graph'),
})
const exchangeEnd = (): TaskEnd => ({
  kind: 'exchange',
  port: door.port,
  graphPort: server.port,
  ca: server.ca,
  token: server.tenant.issueToken('exchange'),
  graphToken: server.tenant.issueToken('graph'),
})

describe('a thousand messages, throttled, killed and resumed', () => {
  // Both of its ends are ends of the others as well: `npm run test:microsoft` has it.
  if (isLong('microsoft')) {
    it('go from Microsoft 365 to Microsoft 365 exactly once', { timeout: 240_000 }, async () => {
      const from = server.tenant.mailbox('from@contoso.example')
      const to = server.tenant.mailbox('to@fabrikam.example')
      fillTenant(from)
      const before = from.state()
      server.tenant.throttleEvery = 200
      server.tenant.requests.clear()
      const { appends, commands } = door.facts
      await move(graphEnd(), exchangeEnd(), { source: from.address, destination: to.address })
      server.tenant.throttleEvery = 0
      expect(tenantLines(to)).toEqual(expectedLines())
      // One request to Graph a message, and what throttling and the kill made it ask again; one APPEND; few other commands.
      expect(asked(server, TEXT)).toBeLessThan(MESSAGES + AGAIN)
      expect(server.tenant.requestCount - asked(server, TEXT)).toBeLessThan(OTHERS)
      expect(door.facts.appends - appends).toBeLessThan(MESSAGES + AGAIN)
      expect(door.facts.commands - commands).toBeLessThan(MESSAGES * 1.5 + OTHERS)
      expect(from.state()).toBe(before)
      expect(server.tenant.throttled).toBeGreaterThan(0)
      expect(server.tenant.refusedForConcurrency).toBe(0)
      expect(door.facts.byes).toBe(0)
    })
  }

  it('go from one tenant to another as the items they are, exactly once', { timeout: 240_000 }, async () => {
    const from = server.tenant.mailbox('whole@contoso.example')
    const to = other.tenant.mailbox('whole@fabrikam.example')
    fillTenant(from)
    const categories = new Map(Array.from(from.items.values(), (item, n) => [item, n % 10 === 0 ? ['Rot'] : []]))
    for (const [item, names] of categories) item.categories = names
    const before = from.state()
    server.tenant.requests.clear()
    for (const { tenant } of [server, other]) tenant.throttleEvery = 110
    // An answer to an import is lost, and so is one that had not been carried out.
    other.tenant.faults.arm(/importItem/, { kind: 'lose-reply' }).after(MESSAGES / 8)
    other.tenant.faults.arm(/importItem/, { kind: 'cut' }).after(MESSAGES / 2)
    const end = (place: GraphServer) => ({
      port: place.port,
      ca: place.ca,
      token: place.tenant.issueToken('graph'),
    })
    await move(
      graphEnd(),
      { kind: 'graph', ...end(other), from: { ...end(server), account: from.address } },
      { source: from.address, destination: to.address },
    )
    for (const { tenant } of [server, other]) tenant.throttleEvery = 0
    expect(tenantLines(to)).toEqual(expectedLines())
    expect([...to.items.values()].filter(({ categories: [name] }) => name === 'Rot')).toHaveLength(MESSAGES / 10)
    expect(from.state()).toBe(before)
    expect(other.tenant.faults.complaints()).toEqual([])
    expect(server.tenant.throttled * other.tenant.throttled).toBeGreaterThan(0)
    expect(server.tenant.refusedForConcurrency + other.tenant.refusedForConcurrency).toBe(0)
    // Three requests a message at the source: its text, its id of another kind, the item.
    const source = asked(server, TEXT, TRANSLATE, 'POST /admin/exchange/mailboxes/{mailbox}/exportItems')
    expect(source).toBeGreaterThanOrEqual(3 * MESSAGES)
    expect(source).toBeLessThan(3 * MESSAGES + 2 * AGAIN)
    // Three at the destination: the mark before, the import, the id that stays; and the text, with which verify reads it.
    const destination = asked(other, TEXT, TRANSLATE, 'POST importItem', POSITION)
    expect(destination).toBeGreaterThanOrEqual(3 * MESSAGES)
    expect(destination).toBeLessThan(4 * MESSAGES + 2 * AGAIN)
    for (const { tenant } of [server, other]) {
      expect(tenant.requestCount - asked({ tenant }, TEXT, TRANSLATE, POSITION)).toBeLessThan(
        1.2 * MESSAGES + OTHERS,
      )
    }
  })

  it.skipIf(why !== null)(
    `go from Graph to IMAP exactly once${why === null ? '' : ` (${why})`}`,
    { timeout: 240_000 },
    async () => {
      if (dovecot === null) throw new Error('no server')
      const from = server.tenant.mailbox('leaving@contoso.example')
      fillTenant(from)
      const { imapsPort: port, ca, password } = dovecot
      server.tenant.throttleEvery = 200
      server.tenant.requests.clear()
      await move(
        graphEnd(),
        { kind: 'imap', port, ca, password },
        { source: from.address, destination: 'new@example.test' },
      )
      server.tenant.throttleEvery = 0
      expect(await dovecotLines(port, ca, 'new@example.test', password)).toEqual(expectedLines())
      // One request a message, and what the throttling and a kill made it ask again: at most what four lanes had in hand.
      const bodies = asked(server, TEXT)
      expect(bodies).toBeGreaterThanOrEqual(MESSAGES)
      expect(bodies).toBeLessThan(MESSAGES + AGAIN)
      expect(server.tenant.requestCount - bodies).toBeLessThan(OTHERS)
    },
  )

  it.skipIf(why !== null)(
    `go from IMAP to Microsoft 365 exactly once${why === null ? '' : ` (${why})`}`,
    { timeout: 240_000 },
    async () => {
      if (dovecot === null) throw new Error('no server')
      const { imapsPort: port, ca, password, doveadm } = dovecot
      const user = 'old@example.test'
      const client = await RawImap.login(port, ca, user, password)
      for (const name of ['Projekte', 'Projekte/&AMQ-', 'Alt']) await client.command(`CREATE "${name}"`)
      for (let n = 0; n < MESSAGES; n++) {
        const name = folderOf(n).join('/').replace('Ä', '&AMQ-')
        const at = new Date(DATE + n * 1000)
          .toUTCString()
          .replace(/^\w+, (\d+) (\w+) (\d+) (\S+) GMT$/, '$1-$2-$3 $4 +0000')
        await client.must(`APPEND "${name}" (${flagsOf(n).join(' ')}) "${at}" `, messageOf(n))
      }
      client.close()
      const to = server.tenant.mailbox('arriving@contoso.example')
      const { appends, commands } = door.facts
      server.tenant.requests.clear()
      await move({ kind: 'imap', port, ca, password }, exchangeEnd(), { source: user, destination: to.address })
      expect(tenantLines(to)).toEqual(expectedLines())
      expect(door.facts.appends - appends).toBeLessThan(MESSAGES + AGAIN)
      expect(door.facts.commands - commands).toBeLessThan(MESSAGES * 1.5 + OTHERS)
      // Graph only says what the folders are for.
      expect(server.tenant.requestCount).toBeLessThan(OTHERS)
      expect(await doveadm('mailbox', 'status', '-u', user, 'messages', 'INBOX')).toContain(
        `messages=${MESSAGES / 4}`,
      )
    },
  )
})
