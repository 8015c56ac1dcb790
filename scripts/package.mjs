// `npm run package [-- --out DIR] [-- --folder]`: one archive with Node inside, for a machine that has neither Node nor a
// compiler: sealpost-VERSION-PLATFORM-ARCH.tar.gz. Unpack it anywhere and call bin/sealpost. With --folder it is not packed,
// with --no-build dist is taken as it is.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { build } from './build-program.mjs'
import { root, run, say, SetUpError } from './set-up.mjs'

const LAUNCHER = `#!/bin/sh
# Starts Sealpost with the Node that lies beside it.
self=$0
while [ -h "$self" ]; do
  link=$(readlink -- "$self")
  case $link in /*) self=$link ;; *) self=\${self%/*}/$link ;; esac
done
case $self in */*) here=\${self%/*} ;; *) here=. ;; esac
exec "$here/../lib/node" "$here/../lib/sealpost/dist/src/cli/main.js" "$@"
`

/** Of the database module only what is loaded: its sources are a hundred times that. */
const LEFT_OUT = [
  /\/better-sqlite3\/(?:deps|src)\//,
  /\/better-sqlite3\/build\/(?!Release\/better_sqlite3\.node$)./,
]

/** Names of the packages that the program needs when it runs, as the lock file has them. */
function neededModules() {
  const lock = /** @type {{ packages: Record<string, { dev?: boolean, devOptional?: boolean }> }} */ (
    JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  )
  return Object.entries(lock.packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true)
    .map(([path]) => path)
}

/**
 * Puts everything into a folder that need not exist.
 * @param {string} folder
 */
function assemble(folder) {
  const program = join(folder, 'lib', 'sealpost')
  mkdirSync(program, { recursive: true })
  for (const name of ['dist', 'docs', 'README.md', 'CHANGELOG.md', 'LICENSE']) {
    cpSync(join(root, name), join(program, name), { recursive: true })
  }
  // It says which Node is the archive's own: another one is replaced by other means (src/cli/version.ts).
  const content = /** @type {object} */ (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
  writeFileSync(
    join(program, 'package.json'),
    `${JSON.stringify({ ...content, packedNode: '../node' }, null, 2)}\n`,
  )
  for (const path of neededModules()) {
    const from = join(root, path)
    // Optional ones of other platforms are not installed here.
    if (!existsSync(from)) continue
    cpSync(from, join(program, path), {
      recursive: true,
      dereference: true,
      filter: (source) => {
        const within = source.slice(root.length).replaceAll('\\', '/')
        const isNested = within.slice(path.length + 1).startsWith('/node_modules/')
        return !isNested && !LEFT_OUT.some((pattern) => pattern.test(within) && !/build\/Release$/.test(within))
      },
    })
  }
  cpSync(process.execPath, join(folder, 'lib', 'node'), { dereference: true })
  chmodSync(join(folder, 'lib', 'node'), 0o755)
  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'bin', 'sealpost'), LAUNCHER, { mode: 0o755 })
  for (const [words, path] of /** @type {const} */ ([
    [['help', 'man'], 'share/man/man1/sealpost.1'],
    [['completion', 'bash'], 'share/bash-completion/completions/sealpost'],
    [['completion', 'zsh'], 'share/zsh/site-functions/_sealpost'],
    [['completion', 'fish'], 'share/fish/vendor_completions.d/sealpost.fish'],
  ])) {
    const { status, stdout } = spawnSync(join(folder, 'bin', 'sealpost'), words, { encoding: 'utf8' })
    if (status !== 0) throw new SetUpError(`sealpost ${words.join(' ')} failed in ${folder}`)
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), stdout)
  }
}

try {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: 'dist-package' },
      folder: { type: 'boolean' },
      'no-build': { type: 'boolean' },
    },
  })
  const { version } = /** @type {{ version: string }} */ (
    JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  )
  const name = `sealpost-${version}-${process.platform}-${process.arch}`
  const out = resolve(values.out)
  if (values['no-build'] !== true) await build()
  rmSync(join(out, name), { recursive: true, force: true })
  say(`${name}: Node ${process.version} and the program`)
  assemble(join(out, name))
  if (values.folder !== true) {
    say(`${name}.tar.gz`)
    run('tar', [
      '--sort=name',
      '--owner=0',
      '--group=0',
      '--numeric-owner',
      '-czf',
      join(out, `${name}.tar.gz`),
      '-C',
      out,
      name,
    ])
    rmSync(join(out, name), { recursive: true })
  }
} catch (error) {
  if (!(error instanceof SetUpError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
