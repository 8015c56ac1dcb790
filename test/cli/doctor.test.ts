import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkPrograms } from '../../src/cli/doctor/programs.ts'
import type { ProbeFinding } from '../../src/core/probe.ts'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { MAILDIR_YAML, Place } from './program.ts'

interface Shown {
  readonly workstation: readonly ProbeFinding[]
  readonly project: { readonly code: string } | null
  readonly ends: readonly {
    readonly side: string
    readonly account: string
    readonly findings: readonly ProbeFinding[]
    readonly error: { readonly kind: string } | null
  }[]
  readonly adverse: number
}

let place: Place

beforeAll(async () => {
  place = await Place.open()
  await place.init()
})
afterAll(async () => {
  await place.close()
})

function read(stdout: string): Shown {
  return JSON.parse(stdout) as Shown
}

function textsOf(findings: readonly ProbeFinding[], code: string): readonly string[] {
  return findings.filter((finding) => finding.code === code).map(({ text }) => text)
}

describe('doctor for the workstation', () => {
  it('needs no project, no workspace and no passphrase, and says what to do', async () => {
    const environment = { SEALPOST_HOME: join(place.folder, 'none', 'yet') }
    const { exitCode, stdout, stderr } = await place.bare(['doctor', '--json'], { environment })
    const { workstation, ends, adverse } = read(stdout)
    expect({ stderr, ends }).toEqual({ stderr: '', ends: [] })
    // Nothing adverse is exit 0, and anything adverse is 3: never anything else.
    expect(exitCode).toBe(adverse === 0 ? 0 : 3)
    const codes = workstation.map(({ code }) => code)
    for (const code of ['disk-encryption', 'swap', 'core-dumps', 'listeners', 'clock', 'packages', 'database']) {
      expect(codes).toContain(code)
    }
    expect(textsOf(workstation, 'database')).toEqual(['an encrypted database can be made'])
    for (const { state, hint } of workstation) expect(hint === null).toBe(state === 'good')
  })

  it('finds a folder that others may enter, and shows a table', async () => {
    await chmod(place.project, 0o755)
    const { exitCode, stdout } = await place.run(['doctor', '--workstation'])
    await chmod(place.project, 0o700)
    expect(exitCode).toBe(3)
    expect(stdout).toMatch(/^ {2}!! {2}permissions {10}others may enter, or own: .*project$/m)
    expect(stdout).toMatch(/^ {27}chmod 700 these folders/m)
  })

  it('names what of the programs is missing', async () => {
    const folder = join(place.folder, 'programs')
    await mkdir(folder)
    await writeFile(join(folder, 'minisign'), '', { mode: 0o755 })
    await writeFile(join(folder, 'age'), '', { mode: 0o644 })
    const missing = async (path: string): Promise<Record<string, string | null>> => {
      const found = (await checkPrograms(path, [])).filter(({ code }) => code === 'program-missing')
      return Object.fromEntries(found.map(({ text, hint }) => [text.split(' ')[0] ?? '', hint] as const))
    }
    const none = await missing('')
    expect(none).toMatchObject({
      minisign: 'install it (Debian: apt install minisign)',
      age: 'install it (Debian: apt install age)',
      'ssh-keygen': 'install it (Debian: apt install openssh-client)',
    })
    // One that may not be run is none.
    expect(Object.keys(await missing(folder))).toEqual(Object.keys(none).filter((name) => name !== 'minisign'))
  })
})

describe('doctor for a project', () => {
  it('tells what is wrong with its files after it has looked at the workstation', async () => {
    await place.configure(MAILDIR_YAML.replace('kind: maildir', 'kind: mailder'), 'source,destination\na,b\n')
    const { exitCode, stdout } = await place.run(['doctor', '--json'])
    const document = read(stdout)
    expect(exitCode).toBe(2)
    expect(document.project).toMatchObject({ kind: 'config' })
    expect(document.workstation.length).toBeGreaterThan(10)
  })

  it('makes the round trip through a Maildir, which changes nothing', async () => {
    await place.configure(MAILDIR_YAML, 'source,destination\nanna,anna\n')
    await place.fillMaildir('anna', 1)
    const { stdout } = await place.run(['doctor', '--write', '--json'])
    const [source, destination] = read(stdout).ends
    expect([source?.error, destination?.error]).toEqual([null, null])
    expect(textsOf(source?.findings ?? [], 'round-trip')).toEqual([])
    expect(textsOf(destination?.findings ?? [], 'round-trip')).toHaveLength(1)
    expect(textsOf(destination?.findings ?? [], 'scratch-mailbox')[0]).toContain('"Sealpost doctor"')
  })
})

describe.skipIf(whyNoDovecot() !== null)('doctor for two servers', () => {
  let from: Dovecot
  let to: Dovecot

  beforeAll(async () => {
    ;[from, to] = await Promise.all([
      startDovecot({ users: ['anna@example.test'] }),
      startDovecot({ users: ['anna@example.test'], prefix: 'INBOX.', separator: '.' }),
    ])
    await writeFile(join(place.project, 'from.pem'), from.ca)
    await writeFile(join(place.project, 'to.pem'), to.ca)
    const end = (server: Dovecot, ca: string): string =>
      `{ kind: imap, host: 127.0.0.1, port: ${server.imapsPort}, tls: { mode: implicit, ca: ${ca} }, auth: { mode: password, credential: ${ca === 'from.pem' ? 'old' : 'new'} } }`
    await place.configure(
      `version: 1\nclient: Beispiel GmbH\nsource: ${end(from, 'from.pem')}\ndestination: ${end(to, 'to.pem')}\n`,
      'source,destination\nanna@example.test,anna@example.test\n',
    )
    for (const [name, secret] of [
      ['old', from.password],
      ['new', to.password],
    ] as const) {
      await place.run(['credentials', 'set', name, '--secret-fd', '3'], { third: secret })
    }
  })
  afterAll(async () => {
    await Promise.all([from.stop(), to.stop()])
  })

  it('logs in once at each and writes nothing', async () => {
    const { exitCode, stdout, stderr } = await place.run(['doctor', '--json'])
    expect(stderr).toBe('')
    const { ends } = read(stdout)
    expect([0, 3]).toContain(exitCode)
    expect(ends.map(({ side, error }) => [side, error])).toEqual([
      ['source', null],
      ['destination', null],
    ])
    for (const { findings } of ends) {
      expect(findings.filter(({ state }) => state === 'adverse')).toEqual([])
      expect(textsOf(findings, 'tls')[0]).toMatch(/^TLSv1\.[23], \w+/)
      expect(textsOf(findings, 'tls-certificate')[0]).toMatch(
        /valid until \d{4}-\d\d-\d\d; SHA-256 of its key [0-9a-f]{64}$/,
      )
      expect(textsOf(findings, 'server')[0]).toContain('Dovecot')
      expect(textsOf(findings, 'extensions')[0]).toContain('UIDPLUS')
    }
    expect(textsOf(ends[1]?.findings ?? [], 'namespaces')).toEqual([
      'own mailboxes below "INBOX.", levels divided by "."',
    ])
    for (const server of [from, to]) expect(await loginsAt(server)).toBe(1)
    expect(await to.doveadm('mailbox', 'list', '-u', 'anna@example.test')).not.toContain('Sealpost doctor')
  })

  it('says what Dovecot changes, compares clocks, and leaves what it wrote in one mailbox', async () => {
    const { stdout } = await place.run(['doctor', '--write', '--json'])
    const [, destination] = read(stdout).ends
    const findings = destination?.findings ?? []
    expect(destination?.error).toBeNull()
    expect(textsOf(findings, 'bytes')).toEqual([
      'bare line feeds: line ends are changed; verify explains that',
      'doubled carriage returns: line ends are changed; verify explains that',
    ])
    expect(textsOf(findings, 'internal-date').join()).toMatch(
      /a date of 1901: the date 1901-01-02T00:00:00Z became/,
    )
    expect(findings.filter(({ state }) => state === 'adverse')).toEqual([])
    expect(textsOf(findings, 'clock-skew')).toEqual(["the server's clock agrees with this workstation's"])
    const listed = await to.doveadm(
      'mailbox',
      'status',
      '-u',
      'anna@example.test',
      'messages',
      'INBOX.Sealpost doctor',
    )
    expect(Number(/messages=(\d+)/.exec(listed)?.[1])).toBeGreaterThan(10)
    expect(textsOf(findings, 'scratch-mailbox')[0]).toMatch(/^the messages of this round trip lie in the mailbox/)
    expect(await from.doveadm('mailbox', 'list', '-u', 'anna@example.test')).not.toContain('Sealpost doctor')
  })

  it('tells a refused login by its end, once, and looks at the other end all the same', async () => {
    await place.run(['credentials', 'set', 'old', '--secret-fd', '3'], { third: 'wrong' })
    const { exitCode, stdout } = await place.run(['doctor', '--json'])
    const { ends } = read(stdout)
    expect(exitCode).toBe(1)
    expect(ends[0]?.error).toMatchObject({ kind: 'auth' })
    expect(ends[1]?.error).toBeNull()
    expect(stdout).not.toContain('wrong')
  })

  it('trusts no authority of the environment', async () => {
    const path = join(place.project, 'project.yaml')
    const yaml = await readFile(path, 'utf8')
    await writeFile(path, yaml.replace(', ca: to.pem', ''))
    const environment = { NODE_EXTRA_CA_CERTS: join(place.project, 'to.pem') }
    const { stdout } = await place.run(['doctor', '--json'], { environment })
    const { ends, workstation } = read(stdout)
    expect(ends[1]?.error).toMatchObject({ kind: 'config' })
    expect(textsOf(workstation, 'runtime')[0]).toContain('NODE_EXTRA_CA_CERTS')
  })

  async function loginsAt(server: Dovecot): Promise<number> {
    const log = await readFile(join(server.folder, 'log'), 'utf8')
    return log.split('\n').filter((line) => / Login: /.test(line)).length
  }
})
