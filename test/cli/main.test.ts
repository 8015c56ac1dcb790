import { execFileSync } from 'node:child_process'
import { chmod, cp, lstat, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRecipientSealer } from '../../vault/age.ts'
import { PASSPHRASE, Place } from './program.ts'

let place: Place

beforeAll(async () => {
  place = await Place.open()
})
afterAll(async () => {
  await place.close()
})

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

describe('the command line itself', () => {
  it('shows help and version on stdout', async () => {
    const help = await place.bare(['--help'])
    expect(help).toMatchObject({ exitCode: 0, stderr: '' })
    for (const word of ['init', 'credentials', 'plan', 'run', 'status', 'exceptions', 'retry', 'verify']) {
      expect(help.stdout).toMatch(new RegExp(`^  ${word} `, 'm'))
    }
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    expect(await place.bare(['--version'])).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' })
    expect((await place.bare(['run', '--help'])).stdout).toContain('--passphrase-fd <n>')
  })

  it.each([
    [['vrify'], "sealpost: unknown command 'vrify'. Did you mean verify? (sealpost --help lists them all).\n"],
    [
      ['credentials', 'lst'],
      "sealpost: unknown command 'lst'. Did you mean list? (the commands are set, import, list, remove).\n",
    ],
    [['run', '--dryrun'], "sealpost: unknown option '--dryrun'. Did you mean --dry-run?\n"],
    [
      ['init', '--client', 'x'],
      "sealpost: missing required argument 'dir'. sealpost --help shows what there is.\n",
    ],
    [
      ['init', 'x'],
      "sealpost: required option '--client <name>' not specified. sealpost --help shows what there is.\n",
    ],
    [['verify', '--level', 'some'], /^sealpost: option '--level <level>' is invalid: .*counts, headers, full/],
    [['run', '--passphrase-fd', 'x'], /^sealpost: option '--passphrase-fd <n>' is invalid: it must be the number/],
  ])('%j is wrong usage', async (words, message) => {
    const { exitCode, stdout, stderr } = await place.bare(words)
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    if (typeof message === 'string') expect(stderr).toBe(message)
    else expect(stderr).toMatch(message)
  })

  it('does not repeat what may be a secret', async () => {
    for (const words of [
      ['credentials', 'set', 'boss', 'hunter2'],
      ['credentials', 'set', 'boss', '--password', 'hunter2'],
      ['credentials', 'set', 'boss', '--pin=hunter2'],
      ['run', '--passphrase-fd', 'hunter2'],
    ]) {
      const { exitCode, stdout, stderr } = await place.bare([...words, '--json'])
      expect(exitCode).toBe(2)
      expect(stdout + stderr).not.toContain('hunter2')
      expect(JSON.parse(stdout)).toMatchObject({ error: { kind: 'config' } })
    }
    const typed = await place.bare(['credentials', 'set', 'boss', 'hunter2'])
    expect(typed.stderr).toContain('in the shell history')
  })

  it.each([
    [{ environment: { SEALPOST_PASSWORD: 'hunter2' } }, 'SEALPOST_PASSWORD'],
    [{ environment: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } }, 'NODE_TLS_REJECT_UNAUTHORIZED'],
    [{ environment: { NODE_OPTIONS: '--report-on-signal' } }, '--report-on-signal'],
    [{ nodeOptions: ['--heapsnapshot-signal=SIGUSR2'] }, '--heapsnapshot-signal'],
    [{ nodeOptions: ['--inspect=127.0.0.1:0'] }, '--inspect'],
  ])('refuses to start with %j', async (given, name) => {
    const { exitCode, stderr } = await place.bare(['--version'], given)
    expect(exitCode).toBe(2)
    expect(stderr).toContain(name)
    expect(stderr).not.toContain('hunter2')
  })
})

describe('init', () => {
  it('says what it needs when nobody can be asked', async () => {
    const { exitCode, stderr } = await place.bare(['init', place.project, '--client', 'x'])
    expect(exitCode).toBe(2)
    expect(stderr).toBe(
      'sealpost: the passphrase is needed and there is no terminal to ask on. Use --passphrase-fd N or --passphrase-file FILE.\n',
    )
    await expect(lstat(place.project)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('refuses a passphrase file that others can read, and an empty one', async () => {
    await chmod(place.passphraseFile, 0o644)
    const loose = await place.init()
    expect(loose).toMatchObject({ exitCode: 4, stdout: '' })
    expect(loose.stderr).toContain(`chmod 600 ${place.passphraseFile}`)
    await chmod(place.passphraseFile, 0o600)
    const empty = await place.bare(['init', place.project, '--client', 'x', '--passphrase-fd', '0'], {
      input: '\n',
    })
    expect(empty).toMatchObject({ exitCode: 2, stderr: 'sealpost: the passphrase is empty.\n' })
  })

  it('makes workspace and project, nothing of it open to others', async () => {
    const { exitCode, stdout, stderr } = await place.init()
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toMatch(/certificate key +SHA256:\S{43}/)
    expect(stdout).toMatch(/intake recipient +age1\S{58}/)
    for (const root of [place.project, place.home]) {
      for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
        const mode = (await lstat(join(entry.parentPath, entry.name))).mode & 0o777
        expect(`${entry.name} ${mode.toString(8)}`).toBe(`${entry.name} ${entry.isDirectory() ? '700' : '600'}`)
      }
    }
    expect(await readFile(join(place.project, 'mailboxes.csv'), 'utf8')).toBe('source,destination\n')
    const record = JSON.parse(await readFile(join(place.project, '.sealpost', 'project.json'), 'utf8')) as object
    expect(record).toMatchObject({ version: 1, client: 'Beispiel GmbH' })
  })

  it('refuses a second init, and leaves the project as it is', async () => {
    const before = await readFile(join(place.project, '.sealpost', 'project.json'), 'utf8')
    const { exitCode, stderr } = await place.init()
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(
      /^sealpost: there is a project in .+ already\. Go on with it, or name another folder\.\n$/,
    )
    expect(await readFile(join(place.project, '.sealpost', 'project.json'), 'utf8')).toBe(before)
  })

  it('makes another project in the same workspace, with --json and the passphrase on a descriptor', async () => {
    const folder = join(place.folder, 'second')
    const { exitCode, stdout, stderr } = await place.bare(
      ['init', folder, '--client', 'Zweite AG', '--json', '--passphrase-fd', '3'],
      { third: `${PASSPHRASE}\nwhat follows is not read` },
    )
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({
      project: { path: folder, client: 'Zweite AG' },
      workspace: { path: place.home, created: false },
      intakeRecipient: expect.stringMatching(/^age1/) as string,
    })
  })

  it('keeps files that were prepared', async () => {
    const folder = join(place.folder, 'third')
    await cp(join(place.folder, 'second'), folder, { recursive: true })
    await rm(join(folder, '.sealpost'), { recursive: true })
    await writeFile(join(folder, 'mailboxes.csv'), 'source,destination\na,b\n')
    const { exitCode, stdout } = await place.run(['init', folder, '--client', 'x'])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('mailboxes.csv was there and is kept as it is')
    expect(await readFile(join(folder, 'mailboxes.csv'), 'utf8')).toBe('source,destination\na,b\n')
  })

  it('keeps project and workspace apart', async () => {
    for (const folder of [place.home, join(place.home, 'keystore', 'p'), place.folder]) {
      const { exitCode, stderr } = await place.run(['init', folder, '--client', 'x'])
      expect(exitCode).toBe(2)
      expect(stderr).toContain('project and workspace must lie apart')
    }
    expect(await readdir(place.home)).toEqual(['audit', 'config.yaml', 'keystore'])
  })
})

describe('credentials', () => {
  it('are set from a descriptor, a file and stdin, listed without secrets, and removed', async () => {
    const fromFd = await place.run(['credentials', 'set', 'boss', '--username', 'admin', '--secret-fd', '3'], {
      third: 'hunter2\n',
    })
    expect(fromFd).toMatchObject({ exitCode: 0, stderr: '' })
    expect(fromFd.stdout).toMatch(/^Kept credential "boss", good until \d{4}-/)

    const secretFile = join(place.folder, 'secret')
    await writeFile(secretFile, 'hunter3\r\n', { mode: 0o600 })
    expect(
      await place.run(['credentials', 'set', 'boss', '--secret-file', secretFile, '--expires', '1d']),
    ).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Replaced credential "boss"') as string })

    // Passphrase and secret one after the other on the same descriptor.
    const both = await place.bare(['credentials', 'set', 'other', '--passphrase-fd', '0', '--secret-fd', '0'], {
      cwd: place.project,
      input: `${PASSPHRASE}\nhunter4\n`,
    })
    expect(both).toMatchObject({ exitCode: 0, stderr: '' })

    const listed = await place.run(['credentials', 'list', '--json'])
    const { credentials } = JSON.parse(listed.stdout) as {
      credentials: readonly { name: string; created: string; expires: string }[]
    }
    expect(credentials).toMatchObject([
      { name: 'boss', kind: 'password', expired: false },
      { name: 'other', kind: 'password', expired: false },
    ])
    const life = credentials.map(
      ({ created, expires }) => (Date.parse(expires) - Date.parse(created)) / 86_400_000,
    )
    expect(life).toEqual([1, 90])
    expect(listed.stdout).not.toMatch(/hunter|admin/)

    expect(await place.run(['credentials', 'remove', 'other'])).toMatchObject({ exitCode: 0 })
    expect(await place.run(['credentials', 'remove', 'bos'])).toMatchObject({
      exitCode: 2,
      stderr: 'sealpost: there is no credential "bos". Did you mean "boss"?\n',
    })
  })

  it('are imported all or none, from a descriptor', async () => {
    const bad = await place.run(['credentials', 'import', '--fd', '3'], {
      third: 'side,account,secret\nsource,good,hunter2\nsrc,bad,hunter2\nsource,,hunter2\n',
    })
    expect(bad).toMatchObject({ exitCode: 2, stdout: '' })
    expect(bad.stderr).toBe(
      'sealpost: descriptor 3: 2 problems. Correct them and try again.\n' +
        '  descriptor 3:3: side must be source or destination\n  descriptor 3:4: account is empty\n',
    )
    expect((await place.run(['credentials', 'list'])).stdout).not.toContain('source/good')
    const good = await place.run(['credentials', 'import', '--fd', '3', '--json'], {
      third: 'side,account,secret\nsource,good,hunter2\ndestination,good,"hunt""er"\n',
    })
    expect(JSON.parse(good.stdout)).toEqual({ imported: ['source/good', 'destination/good'] })
  })

  it('are not waited for at a pipe that is named as a file', async () => {
    const pipe = join(place.folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    for (const group of [
      ['credentials', 'import'],
      ['intake', 'open'],
    ])
      expect(await place.run([...group, pipe])).toMatchObject({
        exitCode: 2,
        stderr: `sealpost: ${pipe} is not a plain file.\n`,
      })
  })

  it('are imported from an age file sealed to the project, and from no other', async () => {
    const folder = join(place.folder, 'sealed')
    const made = await place.run(['init', folder, '--client', 'x', '--json'])
    const { intakeRecipient } = JSON.parse(made.stdout) as { intakeRecipient: string }
    const pieces: Uint8Array[] = []
    const sealer = createRecipientSealer([intakeRecipient])
    for await (const piece of sealer.seal(once('side,account,secret\nsource,a,hunter2\n'))) pieces.push(piece)
    const file = join(folder, 'credentials.age')
    await writeFile(file, Buffer.concat(pieces))
    const words = ['credentials', 'import', file, '--project', folder]
    expect(await place.run(words)).toMatchObject({ exitCode: 0, stdout: 'Kept 1 credential\n' })
    const elsewhere = await place.run(['credentials', 'import', file])
    expect(elsewhere.exitCode).toBe(5)
    const told = /^sealpost: \S+credentials\.age: the age file is not sealed to this key\. .*age -r age1\w+\.\n$/
    expect(elsewhere.stderr).toMatch(told)
    await writeFile(join(folder, 'plain.csv'), 'side,account,secret\n')
    const plain = await place.run(['credentials', 'import', join(folder, 'plain.csv'), '--project', folder])
    expect(plain.exitCode).toBe(1)
    expect(plain.stderr).toMatch(/plain\.csv: that is not an age file\. .*age -r age1/)
    expect(plain.stderr).toContain(intakeRecipient)
    const missing = await place.run(['credentials', 'import', join(folder, 'no.age')])
    expect(missing.exitCode).toBe(2)
    expect(missing.stderr).toContain('no.age: there is no such file')
  })

  it('are imported in the clear only from outside, with a warning', async () => {
    const content = 'side,account,secret\nsource,plain,hunter2\n'
    const inside = join(place.project, 'in.csv')
    await writeFile(inside, content, { mode: 0o600 })
    expect(await place.run(['credentials', 'import', '--plaintext-file', inside])).toMatchObject({ exitCode: 4 })
    await rm(inside)
    const outside = join(place.folder, 'in.csv')
    await writeFile(outside, content, { mode: 0o644 })
    expect(await place.run(['credentials', 'import', '--plaintext-file', outside])).toMatchObject({ exitCode: 4 })
    await chmod(outside, 0o600)
    const good = await place.run(['credentials', 'import', '--plaintext-file', outside])
    expect(good.exitCode).toBe(0)
    expect(good.stderr).toContain('still holds the secrets in the clear')
  })

  it('leave no secret in any file of project or workspace', async () => {
    for (const root of [place.project, place.home]) {
      for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue
        expect((await readFile(join(entry.parentPath, entry.name))).includes('hunter')).toBe(false)
      }
    }
  })
})

describe('keys that do not open', () => {
  it('a wrong passphrase is one clear line and exit 5', async () => {
    const wrong = await place.bare(['credentials', 'list', '--passphrase-fd', '0', '--json'], {
      cwd: place.project,
      input: 'not the passphrase\n',
    })
    expect(wrong.exitCode).toBe(5)
    expect(wrong.stderr).toMatch(/^sealpost: wrong passphrase for operator \S+\n$/)
    expect(JSON.parse(wrong.stdout)).toMatchObject({ error: { kind: 'locked' } })
  })

  it('a descriptor where a file was to be is told, with what takes one', async () => {
    const words = ['credentials', 'list', '--passphrase-file', '/dev/fd/63']
    const { exitCode, stderr } = await place.bare(words, { cwd: place.project })
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(
      /^sealpost: \/dev\/fd\/63 is a descriptor, .*\. Give its number to the option that ends in -fd\.\n$/,
    )
  })

  it('a workspace or project open to others is refused, naming what mends it', async () => {
    for (const [path, mode] of [
      [place.home, 0o750],
      [join(place.home, 'keystore'), 0o701],
      [join(place.project, '.sealpost'), 0o755],
    ] as const) {
      await chmod(path, mode)
      const { exitCode, stderr } = await place.run(['credentials', 'list'])
      await chmod(path, 0o700)
      expect(exitCode).toBe(4)
      expect(stderr).toMatch(new RegExp(`^sealpost: ${path} is open to other users .*chmod 700 ${path}\\.\n$`))
    }
  })

  it('no project, no workspace, another workspace, another operator', async () => {
    const nowhere = await place.run(['credentials', 'list'], { cwd: place.folder })
    expect(nowhere.exitCode).toBe(2)
    expect(nowhere.stderr).toMatch(/^sealpost: there is no project in /)

    const elsewhere = { SEALPOST_HOME: join(place.folder, 'elsewhere') }
    const noWorkspace = await place.run(['credentials', 'list'], { environment: elsewhere })
    expect(noWorkspace.exitCode).toBe(2)
    expect(noWorkspace.stderr).toMatch(
      /there is no Sealpost workspace in \S+\. SEALPOST_HOME names another place; .*\n$/,
    )

    const folder = join(place.folder, 'fourth')
    await place.run(['init', folder, '--client', 'x', '--kdf', 'interactive'], { environment: elsewhere })
    const other = await place.run(['credentials', 'list'], { environment: elsewhere })
    expect(other.exitCode).toBe(2)
    expect(other.stderr).toContain('set SEALPOST_HOME to the one in which the project was made')

    const stranger = await place.run(['credentials', 'list', '--operator', 'nobody'])
    expect(stranger.exitCode).toBe(2)
    expect(stranger.stderr).toContain('there is no operator named "nobody"')
  })

  it('a copied project is refused, a moved one goes on with a word about it', async () => {
    const copy = join(place.folder, 'copy')
    await cp(place.project, copy, { recursive: true })
    const copied = await place.run(['credentials', 'list'], { cwd: copy })
    expect(copied.exitCode).toBe(4)
    expect(copied.stderr).toContain(`is a copy of the project in ${place.project}`)
    await rm(copy, { recursive: true })
    await rename(place.project, copy)
    const moved = await place.run(['credentials', 'list'], { cwd: copy })
    expect(moved.exitCode).toBe(0)
    expect(moved.stderr).toContain(`the project was moved here from ${place.project}`)
    await rename(copy, place.project)
    expect((await place.run(['credentials', 'list'])).exitCode).toBe(0)
  })
})
