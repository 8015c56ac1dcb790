import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { lockProject } from '../../src/cli/project/lock.ts'
import { wanted } from '../long.ts'
import { MAILDIR_YAML, Place } from './program.ts'

let place: Place

beforeAll(async () => {
  place = await Place.open()
  await place.init()
  await place.fillMaildir('anna', 12)
  await place.fillMaildir('bert', 7)
  await place.configure(MAILDIR_YAML, 'source,destination\nanna,anna.neu\nbert,bert.neu\n')
})
afterAll(async () => {
  await place.close()
})

function events(stdout: string): readonly Record<string, unknown>[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

async function delivered(account: string): Promise<number> {
  const root = join(place.project, 'new', account)
  const names = await Promise.all(['cur', 'new'].map((part) => readdir(join(root, part)).catch(() => [])))
  return names.flat().length
}

describe('before anything has moved', () => {
  it('both files are checked in one pass, before the passphrase is asked for', async () => {
    const folder = join(place.folder, 'broken')
    await place.run(['init', folder, '--client', 'x'])
    await writeFile(join(folder, 'project.yaml'), MAILDIR_YAML.replace('client: Beispiel GmbH', 'clint: x'))
    await writeFile(join(folder, 'mailboxes.csv'), 'source,destination\na,b\n,c\na,d\n')
    const { exitCode, stdout, stderr } = await place.bare(['plan', '--json'], { cwd: folder })
    expect(exitCode).toBe(2)
    expect(stderr).toBe(
      'sealpost: project.yaml and mailboxes.csv: 4 problems. Correct them and try again.\n' +
        '  project.yaml:1:1: client is missing\n' +
        '  project.yaml:2:1: unknown key "clint" (did you mean "client"?)\n' +
        '  mailboxes.csv:3: source is empty\n' +
        '  mailboxes.csv:4: a: line 2 has this source already\n',
    )
    const { error } = JSON.parse(stdout) as { error: { kind: string; problems: readonly object[] } }
    expect([error.kind, error.problems.length]).toEqual(['config', 4])
    expect(error.problems[1]).toEqual({
      file: 'project.yaml',
      line: 2,
      column: 1,
      message: 'unknown key "clint"',
      hint: 'did you mean "client"?',
    })
  })

  it('a new project says what it lacks', async () => {
    const folder = join(place.folder, 'new')
    await place.run(['init', folder, '--client', 'x'])
    expect(await place.run(['run'], { cwd: folder })).toMatchObject({
      exitCode: 2,
      stderr: 'sealpost: mailboxes.csv names no account. Write one line an account: source,destination.\n',
    })
    await writeFile(join(folder, 'mailboxes.csv'), 'source,destination\na,b\n')
    expect(await place.run(['run'], { cwd: folder })).toMatchObject({
      exitCode: 2,
      stderr:
        'sealpost: missing credentials: "source/a", "destination/b". sealpost credentials set source/a, or credentials import for many.\n',
    })
    await rm(join(folder, 'mailboxes.csv'))
    expect((await place.run(['run'], { cwd: folder })).stderr).toBe(
      'sealpost: mailboxes.csv: the file is missing. Correct it and try again.\n',
    )
  })

  it('the settings of another client, copied into the folder, move nothing', async () => {
    const folder = join(place.folder, 'copied')
    await place.run(['init', folder, '--client', 'Zweite AG'])
    await writeFile(join(folder, 'project.yaml'), MAILDIR_YAML)
    await writeFile(join(folder, 'mailboxes.csv'), 'source,destination\na,b\n')
    expect(await place.run(['run'], { cwd: folder })).toMatchObject({
      exitCode: 2,
      stderr:
        'sealpost: project.yaml is for Beispiel GmbH, and this project for Zweite AG. ' +
        'The certificate will name Zweite AG: write that name if both ends are theirs; another client is a project of its own.\n',
    })
  })

  it('plan says what would be moved, and run --dry-run the same; nothing changes', async () => {
    const plan = await place.run(['plan', '--json'])
    expect(plan).toMatchObject({ exitCode: 0, stderr: '' })
    expect(JSON.parse(plan.stdout)).toMatchObject({
      accounts: [
        {
          source: 'anna',
          destination: 'anna.neu',
          messages: 12,
          error: null,
          mailboxes: [{ source: 'INBOX', destination: 'INBOX', messages: 12, filtered: 0, oversized: [] }],
        },
        { source: 'bert', messages: 7 },
      ],
      messages: 19,
    })
    const dry = await place.run(['run', '--dry-run'])
    expect(dry).toMatchObject({ exitCode: 0, stderr: '' })
    expect(dry.stdout).toMatch(/INBOX +INBOX +12 /)
    expect(dry.stdout).toMatch(/^2 accounts, 2 mailboxes .*, 19 messages, /m)
    expect([await delivered('anna.neu'), await delivered('bert.neu')]).toEqual([0, 0])
    expect(await readdir(join(place.project, 'old', 'anna', 'cur'))).toHaveLength(12)
  })

  it('plan names what of the mapping fits nothing', async () => {
    const yaml = await readFile(join(place.project, 'project.yaml'), 'utf8')
    const rules = 'rules: [{ from: INBOX.Work, to: Arbeit }, { from: INBOX, to: Eingang }]'
    await writeFile(
      join(place.project, 'project.yaml'),
      `${yaml}mapping: { ${rules}, include: ["I*"], exclude: [Spam/**] }\n`,
    )
    try {
      expect(await place.run(['plan'])).toMatchObject({
        exitCode: 0,
        stderr:
          'sealpost: warning: no mailbox of these accounts fits mapping.rules INBOX.Work, mapping.exclude Spam/**; between levels stands /, as above\n',
      })
    } finally {
      await writeFile(join(place.project, 'project.yaml'), yaml)
    }
  })

  it('verify is no clean bill for what has not moved', async () => {
    const { exitCode, stdout, stderr } = await place.run(['verify', '--json'])
    expect(exitCode).toBe(3)
    expect(stderr).toBe(
      'sealpost: warning: not all has been moved yet: 2 accounts not begun, 0 messages to move\n',
    )
    expect(JSON.parse(stdout)).toMatchObject({ checked: 0, findings: [], notMoved: { accounts: 2, messages: 0 } })
  })

  it('status knows nothing yet', async () => {
    const { stdout } = await place.run(['status', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({
      client: 'Beispiel GmbH',
      running: null,
      accounts: [{ source: 'anna', state: 'not begun', waiting: null }, { state: 'not begun' }],
      messages: { source: 0, landed: 0 },
    })
  })
})

describe('moving', () => {
  it('another process that holds the project is named, exit 6; credentials can be set meanwhile', async () => {
    const lock = await lockProject(join(place.project, '.sealpost'), systemClock)
    const locked = await place.run(['run', '--json'])
    expect(locked.exitCode).toBe(6)
    expect(locked.stderr).toMatch(
      new RegExp(`^sealpost: process ${process.pid} has held this project since \\d{4}-.*Z\\. Wait for it`),
    )
    expect(JSON.parse(locked.stdout)).toMatchObject({ error: { kind: 'busy', code: 'LOCKED' } })
    const status = await place.run(['status', '--json'])
    expect(status).toMatchObject({ exitCode: 0, stderr: '' })
    expect(JSON.parse(status.stdout)).toMatchObject({ running: { pid: process.pid } })
    expect((await place.run(['exceptions'])).exitCode).toBe(0)
    expect((await place.run(['credentials', 'list'])).exitCode).toBe(0)
    await lock.release()
    expect(await delivered('anna.neu')).toBe(0)
  })

  it('one account only, when it is named', async () => {
    const { exitCode, stdout, stderr } = await place.run(['run', '--mailbox', 'Bert.neu'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toContain('7 messages landed in this run')
    expect([await delivered('anna.neu'), await delivered('bert.neu')]).toEqual([0, 7])
    expect(await place.run(['run', '--mailbox', 'berta'])).toMatchObject({
      exitCode: 2,
      stderr: 'sealpost: --mailbox berta: mailboxes.csv has no such account. Did you mean "bert"?\n',
    })
  })

  it('tells events and ends with run-finished', async () => {
    const { exitCode, stdout, stderr } = await place.run(['run', '--json'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    const told = events(stdout)
    expect(told[0]).toEqual({ event: 'run-started', pairs: 2 })
    expect(told).toContainEqual(
      expect.objectContaining({ event: 'pair-started', source: 'anna', destination: 'anna.neu' }),
    )
    expect(told.at(-1)).toMatchObject({
      event: 'run-finished',
      messages: { source: 19, landed: 19, merged: 0, existing: 0, skipped: 0, quarantined: 0, expunged: 0 },
      thisRun: { source: 12, landed: 12 },
      interrupted: false,
      failures: [],
    })
    expect(told.at(-1)?.['bytes']).toBeGreaterThan(500)
    expect(await delivered('anna.neu')).toBe(12)
  })

  it('moves nothing the second time', async () => {
    const { exitCode, stdout } = await place.run(['run'])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('0 messages landed in this run')
    expect(stdout).toContain('Everything has landed. Next: sealpost verify')
    expect(await delivered('anna.neu')).toBe(12)
  })

  it('verify looks at every message, and finds the one that is gone', async () => {
    const good = await place.run(['verify', '--json'])
    expect(good).toMatchObject({ exitCode: 0, stderr: '' })
    expect(JSON.parse(good.stdout)).toEqual({
      level: 'full',
      checked: 19,
      fidelity: { identical: 19, equivalent: 0, altered: 0, missing: 0, unchecked: 0 },
      findings: [],
      notMoved: { accounts: 0, messages: 0 },
      failures: [],
    })
    expect(JSON.parse((await place.run(['status', '--json'])).stdout)).toMatchObject({
      accounts: [{ state: 'moved', unverified: 0 }, { state: 'moved' }],
    })

    await place.fillMaildir('carl', 3)
    await place.configure(MAILDIR_YAML, 'source,destination\nanna,anna.neu\nbert,bert.neu\ncarl,carl.neu\n')
    expect((await place.run(['run'])).exitCode).toBe(0)
    const cur = join(place.project, 'new', 'carl.neu', 'cur')
    const [victim] = await readdir(cur)
    await rm(join(cur, victim ?? ''))
    const bad = await place.run(['verify', '--json', '--mailbox', 'carl'])
    expect(bad.exitCode).toBe(3)
    const { findings } = JSON.parse(bad.stdout) as { findings: readonly Record<string, unknown>[] }
    expect(findings.filter((finding) => finding['class'] === 'open')).toContainEqual(
      expect.objectContaining({ source: 'carl', destination: 'carl.neu', mailbox: 'INBOX', check: 'missing' }),
    )
    const listed = await place.run(['exceptions', '--json'])
    expect(listed.exitCode).toBe(0)
    expect(JSON.parse(listed.stdout)).toMatchObject({ exceptions: [], findings: [{ class: 'open' }] })
    expect((await place.run(['run'])).exitCode).toBe(3)
  })

  it('what is missing is sent again in the mailboxes that are named, and in no other', async () => {
    await place.configure(MAILDIR_YAML, 'source,destination\nella,ella.neu\n')
    await place.fillMaildir('ella', 2)
    const sent = join(place.project, 'old', 'ella', '.Sent')
    for (const part of ['cur', 'new', 'tmp']) await mkdir(join(sent, part), { recursive: true })
    await writeFile(join(sent, 'cur', '1600000000.M1P1.host:2,S'), 'Subject: sent\n\nbody\n')
    expect((await place.run(['run'])).exitCode).toBe(0)
    for (const folder of ['', '.Sent']) {
      const cur = join(place.project, 'new', 'ella.neu', folder, 'cur')
      for (const name of await readdir(cur)) await rm(join(cur, name))
    }
    expect((await place.run(['verify'])).exitCode).toBe(3)
    expect(await place.run(['retry', '--missing', '--only', 'Snet'])).toMatchObject({
      exitCode: 2,
      stderr: 'sealpost: --only Snet: no mailbox of these accounts fits. There are: INBOX, Sent.\n',
    })
    const { exitCode, stdout } = await place.run(['retry', '--missing', '--only', 'S*'])
    expect(exitCode).toBe(3)
    expect(stdout).toContain('1 delivered message to be looked for, and sent again')
    expect(await readdir(join(place.project, 'new', 'ella.neu', '.Sent', 'cur'))).toHaveLength(1)
    expect(await delivered('ella.neu')).toBe(0)
    expect((await place.run(['retry', '--missing', '--only', 'INBOX'])).exitCode).toBe(0)
    expect(await delivered('ella.neu')).toBe(2)
  })

  it('what is too large by a filter is not source', async () => {
    const yaml = `${MAILDIR_YAML}filters: { max_bytes: 10 }\n`
    await place.configure(yaml, 'source,destination\ndora,dora.neu\n')
    await place.fillMaildir('dora', 4)
    expect(JSON.parse((await place.run(['plan', '--json'])).stdout)).toMatchObject({
      accounts: [{ messages: 0, mailboxes: [{ filtered: 4 }] }],
    })
    const { exitCode, stdout } = await place.run(['run', '--json'])
    expect(exitCode).toBe(0)
    expect(events(stdout).at(-1)).toMatchObject({ thisRun: { source: 0, landed: 0 } })
  })

  it('retry has nothing to do, and says so', async () => {
    const { exitCode, stdout } = await place.run(['retry'])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('0 messages to be tried again')
  })

  it('an account whose source is not there fails alone, and is named', async () => {
    await place.configure(MAILDIR_YAML, 'source,destination\nnobody,x\nanna,anna.neu\n')
    const { exitCode, stdout, stderr } = await place.run(['run', '--json'])
    expect([1, 2]).toContain(exitCode)
    expect(stderr).toMatch(/^sealpost: warning: nobody: /)
    expect(events(stdout).at(-1)).toMatchObject({
      event: 'run-finished',
      failures: [{ source: 'nobody', destination: 'x', error: { kind: expect.any(String) as string } }],
    })
  })
})

describe('stopping', () => {
  const MESSAGES = 1500
  /** With a rate at which what is stopped or killed cannot have come to its end, on any machine. */
  const at = (account: string, limits: string): Promise<void> =>
    place.configure(`${MAILDIR_YAML}limits: { ${limits} }\n`, `source,destination\n${account},${account}.neu\n`)

  it.each(wanted('crash', [['SIGINT'], ['SIGTERM']] as const, ['SIGINT']))(
    'ends cleanly on %s with 130, and goes on afterwards',
    async (signal) => {
      const account = signal.toLowerCase()
      await place.fillMaildir(account, MESSAGES)
      await at(account, 'lanes: 1, rate: 64KiB')
      const running = place.start(['run', '--json', '--passphrase-file', place.passphraseFile], {
        cwd: place.project,
      })
      let sent = false
      running.stdout.on('data', (bytes: Buffer) => {
        if (sent || !bytes.includes('batch-landed')) return
        sent = true
        running.kill(signal)
      })
      const { exitCode, stdout, stderr } = await running
      const ended = events(stdout).at(-1)
      expect(sent).toBe(true)
      expect(exitCode).toBe(130)
      expect(stderr).toContain('stopping; what is under way is finished first')
      expect(ended).toMatchObject({ event: 'run-finished', interrupted: true })
      expect(await readdir(join(place.project, '.sealpost'))).not.toContain('lock')
      const landed = await delivered(`${account}.neu`)
      expect(landed).toBeLessThan(MESSAGES)

      await at(account, 'lanes: 1')
      const again = await place.run(['run', '--json'])
      expect(again.exitCode).toBe(0)
      expect(events(again.stdout).at(-1)).toMatchObject({ thisRun: { landed: MESSAGES - landed } })
      expect(await delivered(`${account}.neu`)).toBe(MESSAGES)
    },
  )

  it('after kill -9 the lock does not stand in the way, and nothing is sent twice', async () => {
    await place.fillMaildir('killed', MESSAGES)
    await at('killed', 'lanes: 2, rate: 64KiB')
    const running = place.start(['run', '--json', '--passphrase-file', place.passphraseFile], {
      cwd: place.project,
    })
    running.stdout.on('data', (bytes: Buffer) => {
      if (bytes.includes('batch-landed')) running.kill('SIGKILL')
    })
    expect((await running).signal).toBe('SIGKILL')
    expect(await readFile(join(place.project, '.sealpost', 'lock'), 'utf8')).toContain('"pid"')
    await at('killed', 'lanes: 2')
    const { exitCode, stderr } = await place.run(['run', '--json'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(await delivered('killed.neu')).toBe(MESSAGES)
  })
})
