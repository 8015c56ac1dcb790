import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../scripts/set-up.mjs'
import { isLong } from '../long.ts'
import { INIT_WORDS, PASSPHRASE } from './program.ts'

/** What is installed elsewhere runs there: no Node on the PATH, no compiler, nothing of this repository. */

let folder = ''
let bin = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sealpost-package-'))
  writeFileSync(join(folder, 'passphrase'), `${PASSPHRASE}\n`, { mode: 0o600 })
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** Runs it with an environment that has nothing in it. */
function installed(...words: readonly string[]): {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
} {
  const env = { PATH: join(folder, 'nothing'), HOME: folder, SEALPOST_HOME: join(folder, 'workspace') }
  return spawnSync(bin, words, { cwd: folder, env, encoding: 'utf8' })
}

/** Copying Node and all packages takes long: `npm run test:servers` has it. */
describe.skipIf(!isLong('servers'))('the archive with Node inside', () => {
  beforeAll(() => {
    // As `npm run package`, short of packing it: that is tar alone, and costs the most.
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(root, 'scripts', 'package.mjs'), '--folder', '--no-build', '--out', folder],
      { encoding: 'utf8' },
    )
    expect(stderr).toBe('')
    expect(status).toBe(0)
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    bin = join(folder, `sealpost-${version}-${process.platform}-${process.arch}`, 'bin', 'sealpost')
  }, 120_000)

  it('makes a project and an encrypted database, and doctor says what is missing when something is', () => {
    expect(installed('--version')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    })
    const made = installed(...INIT_WORDS)
    expect(made).toMatchObject({ status: 0, stderr: '' })
    const whole = installed('doctor', '--workstation').stdout
    expect(whole).toMatch(/all \d+ packages are there/)
    expect(whole).toContain('an encrypted database can be made')
    // The archive's own Node is told from another one that runs the same files.
    expect(whole).toContain(`Node ${process.versions.node} (packed with sealpost)`)
    const main = join(bin, '..', '..', 'lib', 'sealpost', 'dist', 'src', 'cli', 'main.js')
    const other = spawnSync(process.execPath, [main, 'doctor', '--workstation'], {
      ...{ cwd: folder, encoding: 'utf8', env: { HOME: folder, SEALPOST_HOME: join(folder, 'workspace') } },
    })
    expect(other.stdout).toContain(`Node ${process.versions.node}`)
    expect(other.stdout).not.toContain('packed with sealpost')
    const module = join(bin, '..', '..', 'lib', 'sealpost', 'node_modules')
    rmSync(join(module, 'write-excel-file'), { recursive: true })
    rmSync(join(module, 'better-sqlite3', 'build'), { recursive: true })
    const { stdout } = installed('doctor', '--workstation')
    expect(stdout).toContain('packages are missing: write-excel-file')
    expect(stdout).toContain('unpack the archive again')
    expect(stdout).toContain('no encrypted database can be made')
  })

  it('starts by a link, and carries its manual page and completions', () => {
    const link = join(folder, 'link')
    symlinkSync(bin, link)
    const said = execFileSync(link, ['--version'], {
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin', HOME: folder },
    })
    expect(said).toMatch(/^\d/)
    const share = join(bin, '..', '..', 'share')
    expect(readFileSync(join(share, 'man/man1/sealpost.1'), 'utf8')).toMatch(/^\.TH SEALPOST 1/)
    expect(existsSync(join(share, 'bash-completion/completions/sealpost'))).toBe(true)
  })
})

it('npm pack has what the program needs, and it runs from there', () => {
  const packed = spawnSync('npm', ['pack', '--ignore-scripts', '--offline', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: folder },
  })
  expect(packed.status).toBe(0)
  const file = packed.stdout.trim().split('\n').at(-1) ?? ''
  execFileSync('tar', ['-xzf', join(folder, file), '-C', folder])
  // What npm would install beside it.
  symlinkSync(join(root, 'node_modules'), join(folder, 'package', 'node_modules'))
  const main = join(folder, 'package', 'dist', 'src', 'cli', 'main.js')
  const help = execFileSync(process.execPath, [main, '--help'], { encoding: 'utf8', env: { HOME: folder } })
  expect(help).toContain('sealpost help TOPIC')
  expect(existsSync(join(folder, 'package', 'test'))).toBe(false)
  expect(existsSync(join(folder, 'package', 'docs', 'cli.md'))).toBe(true)
}, 60_000)
