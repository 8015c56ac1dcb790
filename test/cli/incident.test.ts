import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { jsonAt, keepRecord, runAt, useWorkspace } from './at-time.ts'
import { MAILDIR_YAML, type Place } from './program.ts'
import { fillSlowPlace } from './slow-run.ts'

const workspace = useWorkspace({ agent: true })
const AWARE = '2026-11-20T18:00+04:00'
let place: Place

beforeEach(() => {
  place = workspace()
})

function projectId(): string {
  const text = readFileSync(join(place.project, '.sealpost', 'project.json'), 'utf8')
  return (JSON.parse(text) as { id: string }).id
}

interface Opened {
  readonly incident: { readonly number: string; readonly deadlines: readonly object[] }
}

function open(...more: readonly string[]): Promise<Opened> {
  const words = ['incident', 'open', '--what', 'A laptop was stolen.', '--aware', AWARE, ...more]
  return jsonAt<Opened>(place, words, '2026-11-20T15:00:00Z')
}

describe('the clock', () => {
  test('runs 24 h to the client and 72 h to the authority from the moment of awareness', async () => {
    const { incident } = await open('--role', 'both')
    expect(incident).toMatchObject({
      number: 'INC-2026-0001',
      awareAt: '2026-11-20T14:00:00Z',
      openedAt: '2026-11-20T15:00:00Z',
      deadlines: [
        { to: 'authority', due: '2026-11-23T14:00:00Z', state: 'running', remainingSeconds: 71 * 3600 },
        { to: 'client', due: '2026-11-21T14:00:00Z', state: 'running', remainingSeconds: 23 * 3600 },
      ],
    })
    const later = await runAt(place, ['incident', 'list'], { at: '2026-11-22T14:00:00Z' })
    expect(later.stdout).toMatch(/authority +due 2026-11-23T14:00:00Z \(72 h, Article 33\(1\)\): 24 h 0 min left/)
    expect(later.stdout).toMatch(/client +OVERDUE since 2026-11-21T14:00:00Z .*: by 24 h 0 min/)
  })

  test('stops at the moment that a notification was sent', async () => {
    const { incident } = await open()
    const words = [
      'incident',
      'update',
      incident.number,
      '--notified',
      'client',
      '--at',
      '2026-11-21T09:00Z',
      '--reference',
      'mail 4711',
    ]
    const told = await runAt(place, words, { at: '2026-11-21T12:00:00Z' })
    expect(told.stdout).toMatch(/client +notified 2026-11-21T09:00:00Z, in time/)
    const future = [...words.slice(0, 6), '2026-11-22T09:00Z']
    expect(await runAt(place, future, { at: '2026-11-21T12:00:00Z' })).toMatchObject({ exitCode: 2 })
  })

  test('an incident is closed once those who had to be were notified, or it is said why not', async () => {
    const { incident } = await open()
    const close = ['incident', 'close', incident.number, '--conclusion', 'The disk was encrypted.']
    const early = await runAt(place, close)
    expect(early).toMatchObject({
      exitCode: 4,
      stderr: expect.stringMatching(/no notification to the client/) as string,
    })
    const closed = await jsonAt(place, [...close, '--without-notice', 'no risk'], '2026-11-25T10:00:00Z')
    expect(closed).toMatchObject({ incident: { closed: { at: '2026-11-25T10:00:00Z', keptUntil: '2031-11-25' } } })
    expect((await runAt(place, ['incident', 'update', incident.number, '--text', 'more'])).exitCode).toBe(4)
    expect((await runAt(place, ['incident', 'list'])).stdout).toMatch(
      /closed 2026-11-25[^]*kept until +2031-11-25/,
    )
    const swept = await jsonAt(place, ['records', 'sweep'], '2031-11-26T00:00:00Z')
    expect(swept).toMatchObject({ purged: [{ kind: 'incident', id: incident.number }] })
  })
})

describe('a frozen vault', () => {
  test('opens for no project, until it is thawed', async () => {
    await place.configure(MAILDIR_YAML, 'source,destination\nanna,anna\n')
    await place.fillMaildir('anna', 1)
    const { incident } = await open('--freeze')
    // The agent has forgotten its keys: from here on passphrases are shown.
    for (const words of [['run'], ['plan'], ['credentials', 'list'], ['status'], ['intake', 'page']]) {
      const refused = await runAt(place, words)
      expect({ words, exitCode: refused.exitCode }).toEqual({ words, exitCode: 4 })
      expect(refused.stderr).toMatch(/vault is frozen by incident INC-2026-0001.*--thaw/)
    }
    const signoff = await runAt(place, ['signoff', '--by', 'Eva', '--abandon', '--reason', 'x'])
    expect(signoff.stdout).toMatch(/a freeze \(INC-2026-0001\) by/)
    // The books stay open: this is when they are needed.
    expect((await runAt(place, ['audit', 'verify'])).exitCode).toBe(0)
    const thawed = await runAt(place, ['incident', 'update', incident.number, '--thaw'])
    expect(thawed.exitCode).toBe(0)
    expect((await runAt(place, ['plan'])).exitCode).toBe(0)
    const again = await runAt(place, ['incident', 'update', incident.number, '--freeze', '--text', 'again'])
    expect(again.stdout).toMatch(/The vault is frozen by/)
    expect((await runAt(place, ['plan'])).exitCode).toBe(4)
    const close = ['incident', 'close', incident.number, '--conclusion', 'over', '--without-notice', 'no risk']
    expect((await runAt(place, close)).exitCode).toBe(0)
    expect((await runAt(place, ['plan'])).exitCode).toBe(0)
    const { entries } = await jsonAt<{ entries: { action: string }[] }>(place, ['audit', 'show', '--last', '0'])
    expect(entries.map(({ action }) => action).filter((action) => action.startsWith('vault'))).toEqual([
      'vault-frozen',
      'vault-thawed',
      'vault-frozen',
      'vault-thawed',
    ])
  })

  test('stops a run that is under way, which goes on after it has thawed', async () => {
    await fillSlowPlace(place)
    const running = place.start(['run', '--project', place.project, '--passphrase-file', place.passphraseFile])
    const log = join(place.home, 'audit', 'log')
    await expect.poll(() => readFileSync(log, 'utf8'), { timeout: 60_000 }).toMatch('"run-started"')
    await open('--freeze')
    const { exitCode, stderr } = await running
    expect({ exitCode, stderr }).toEqual({ exitCode: 4, stderr: expect.stringMatching(/frozen/) as string })
    expect((await runAt(place, ['incident', 'update', 'INC-2026-0001', '--thaw'])).exitCode).toBe(0)
    const { accounts } = await jsonAt<{ accounts: { state: string }[] }>(place, ['status'])
    expect(accounts.map(({ state }) => state)).not.toContain('moved')
  })
})

describe('the notice', () => {
  test('has the fields of Article 33(3), filled in from the log, and says what is missing', async () => {
    await place.configure(MAILDIR_YAML, 'source,destination\nanna,anna\n')
    await place.fillMaildir('anna', 5)
    expect(
      (await place.run(['credentials', 'set', 'admin', '--secret-fd', '3'], { third: 'Sommer\n' })).exitCode,
    ).toBe(0)
    expect((await runAt(place, ['run'])).exitCode).toBe(0)
    const { incident } = await jsonAt<Opened>(place, [
      'incident',
      'open',
      '--what',
      'A <b>laptop</b> was stolen.',
      '--affects',
      projectId(),
    ])
    const first = await runAt(place, ['incident', 'report', incident.number, '--to', 'authority'])
    expect(first.stdout).toMatch(
      /Approximate number of personal data records[^]*at most 1 credential and 5 messages/,
    )
    expect(first.stdout).toMatch(/Likely consequences \(Article 33\(3\)\(c\)\)\n +Not known yet; it will follow/)
    expect(first.stderr).toMatch(/not stated yet: Categories of data subjects; .*Measures/)
    const words = [
      '--subject-categories',
      'staff',
      '--record-categories',
      'mail',
      '--contact',
      'dpo@beispiel.example',
    ]
    const more = [
      '--consequences',
      'none likely',
      '--measures',
      'keys destroyed',
      '--subject-count',
      '12',
      '--record-count',
      '5',
    ]
    expect((await runAt(place, ['incident', 'update', incident.number, ...words, ...more])).exitCode).toBe(0)
    const data = await jsonAt<{
      notice: { items: { article: string; value: string }[]; missing: string[] }
      exposure: object
    }>(place, ['incident', 'report', incident.number, '--to', 'client'])
    expect(data.notice.missing).toEqual([])
    expect(data.notice.items.map(({ article }) => article)).toEqual(
      expect.arrayContaining(['33(3)(a)', '33(3)(b)', '33(3)(c)', '33(3)(d)']),
    )
    expect(data.exposure).toMatchObject({
      projects: [
        { project: projectId(), client: 'Beispiel GmbH', credentials: ['admin'], accounts: 1, messages: 5 },
      ],
      totals: { clients: 1 },
    })
    const page = join(place.folder, 'notice.html')
    expect(
      (await runAt(place, ['incident', 'report', incident.number, '--format', 'html', '--out', page])).exitCode,
    ).toBe(0)
    const html = readFileSync(page, 'utf8')
    expect(html).toMatch(/A &lt;b&gt;laptop&lt;\/b&gt; was stolen\.[^]*keys destroyed/)
    // What the client was given is good for comparing the log with later on.
    expect((await runAt(place, ['audit', 'verify', '--against', page])).stdout).toMatch(
      /notice\.html: .*signed by an operator/,
    )
    for (const format of ['text', 'json']) {
      const file = join(place.folder, `notice.${format}`)
      expect(
        (await runAt(place, ['incident', 'report', incident.number, '--format', format, '--out', file])).exitCode,
      ).toBe(0)
      expect((await runAt(place, ['audit', 'verify', '--against', file])).exitCode).toBe(0)
    }
  })

  test('counts nothing of a project that was signed off before the breach began', async () => {
    const id = await keepRecord(place, '2026-03-01T10:00:00Z')
    const { incident } = await open('--affects', id)
    const { exposure } = await jsonAt<{ exposure: object }>(place, ['incident', 'report', incident.number])
    expect(exposure).toMatchObject({ totals: { accounts: 0, messages: 0, credentials: 0 } })
  })
})

test.each([
  [['incident', 'open'], 2, /--what/],
  [['incident', 'open', '--what', 'x', '--aware', '2026-11-20 18:00'], 2, /date, time and offset/],
  [['incident', 'open', '--what', 'x', '--aware', '2999-01-01T00:00Z'], 2, /in the future/],
  [['incident', 'open', '--what', 'x', '--role', 'thief'], 2, /Allowed choices/i],
  [['incident', 'open', '--what', 'x', '--affects', 'nothing'], 2, /no project "nothing"/],
  [['incident', 'update', 'INC-2026-0001', '--text', 'x'], 1, /no incident/],
  [['incident', 'update', 'INC-2026-0001'], 2, /nothing to add|no incident/],
  [['incident', 'update', 'INC-2026-0001', '--freeze', '--thaw'], 2, /cannot be used with/],
  [['incident', 'update', 'INC-2026-0001', '--at', '2026-11-20T18:00Z'], 2, /go with --notified/],
  [['incident', 'close', 'INC-2026-0001'], 2, /--conclusion/],
  [['incident', 'report', 'INC-2026-0001'], 1, /no incident/],
  [['incident', 'report', 'INC-2026-0001', '--format', 'pdf'], 2, /Allowed choices/i],
])('wrong input: %j', async (words, code, text) => {
  const { exitCode, stderr } = await runAt(place, words)
  expect({ exitCode, stderr }).toEqual({ exitCode: code, stderr: expect.stringMatching(text) as string })
})

test('no incident at all is told', async () => {
  expect((await runAt(place, ['incident', 'list'])).stdout).toBe('No incident was ever opened.\n')
})
