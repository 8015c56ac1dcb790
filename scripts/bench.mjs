// `npm run bench`: sets up, builds, then measures (test/bench/bench.ts). Arguments after `--` go to it.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from './build-program.mjs'
import { installModules, installPackages, root, SetUpError } from './set-up.mjs'

try {
  installModules(root)
  installPackages()
  await build()
} catch (error) {
  if (!(error instanceof SetUpError)) throw error
  process.stderr.write(`set-up failed: ${error.message}\n`)
  process.exit(1)
}

const { status } = spawnSync(
  process.execPath,
  ['--import', 'tsx', join(root, 'test', 'bench', 'bench.ts'), ...process.argv.slice(2)],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
)
process.exit(status ?? 1)
