// `npm test`: sets up, builds, runs every suite. `--long FORMS` runs all of the suites that have a long form, and nothing
// else. Arguments after `--` go to vitest. The last line is the count.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir, totalmem } from 'node:os'
import { join, relative } from 'node:path'
import { build } from './build-program.mjs'
import { installModules, installPackages, root, SetUpError } from './set-up.mjs'

/** Where the suites with a long form lie. @type {Readonly<Record<string, readonly string[]>>} */
const LONG_FORMS = {
  crash: ['test/cli/backup-kill.test.ts', 'test/cli/run.test.ts', 'test/crash', 'test/engine/doubt.test.ts'],
  damage: [
    'test/audit/audit-verify.test.ts',
    'test/signoff/certificate.test.ts',
    'test/signoff/kill.test.ts',
    'test/signoff/sigkill.test.ts',
  ],
  disk: ['test/disk'],
  faults: ['test/faults'],
  gmail: ['test/gmail'],
  leaks: ['test/leaks'],
  matrix: ['test/matrix'],
  microsoft: ['test/graph/moving.test.ts'],
  servers: [
    'test/cli/package.test.ts',
    'test/cli/runbook.test.ts',
    'test/conformance/archive.test.ts',
    'test/conformance/imap.test.ts',
    'test/corpus',
    'test/imap/delta.test.ts',
  ],
  tokens: ['test/cli/oauth.test.ts'],
}

/** A machine with less keeps its temporary files on the disk. */
const MEMORY_BYTES = 8 * 2 ** 30

const words = process.argv.slice(2)
const forms = words[0] === '--long' ? (words.splice(0, 2)[1] ?? '').split(',') : []
const suites = forms.flatMap((form) => LONG_FORMS[form] ?? [`there is no long form ${form}`])

try {
  installModules(root)
  installPackages()
  installModules(join(root, 'test', 'corpus'))
  await build()
} catch (error) {
  if (!(error instanceof SetUpError)) throw error
  process.stdout.write(`set-up failed: ${error.message}\n0 passed, 1 failed\n`)
  process.exit(1)
}

const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
const begun = Date.now()
const [program = '', ...args] = [...inMemory(), process.execPath, vitest, 'run', ...suites, ...words]
const { status } = spawnSync(program, args, {
  cwd: root,
  env: { ...process.env, LONG_TESTS: forms.join(',') },
  stdio: ['ignore', 'inherit', 'inherit'],
})
// For `npm run test:report`: a form that was run whole, together with these others.
if (words.length === 0 && forms.length > 0) {
  const folder = join(root, 'test', 'report', 'forms')
  const on = new Date(begun).toISOString().slice(0, 10)
  const minutes = Math.round((Date.now() - begun) / 60_000)
  mkdirSync(folder, { recursive: true })
  for (const form of forms) {
    const report = { form, on, minutes, together: forms, hasPassed: status === 0 }
    writeFileSync(join(folder, `${form}.json`), JSON.stringify(report))
  }
}
process.exit(status ?? 1)

/**
 * What starts a command with a /tmp of its own, in memory, which vanishes with it: thousands of small files then wait for no
 * disk. Nothing where that cannot be had (root on Linux alone may mount), where memory is short, or where this repository
 * itself lies in /tmp.
 * @returns {readonly string[]}
 */
function inMemory() {
  const isHidden = !relative('/tmp', root).startsWith('..')
  if (isHidden || tmpdir() !== '/tmp' || totalmem() < MEMORY_BYTES) return []
  const words = ['--mount', 'sh', '-c', 'mount -t tmpfs -o mode=1777 tmpfs /tmp && exec "$@"', 'sh']
  return spawnSync('unshare', [...words, 'true'], { stdio: 'ignore' }).status === 0 ? ['unshare', ...words] : []
}
