// `npm test`: sets up, builds, runs every suite. Arguments after `--` go to vitest. The last line is the count.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build, installModules, installPackages, root, SetUpError } from './set-up.mjs'

try {
  installModules(root)
  installPackages()
  installModules(join(root, 'test', 'corpus'))
  build()
} catch (error) {
  if (!(error instanceof SetUpError)) throw error
  process.stdout.write(`set-up failed: ${error.message}\n0 passed, 1 failed\n`)
  process.exit(1)
}

const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
const { status } = spawnSync(process.execPath, [vitest, 'run', ...process.argv.slice(2)], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
})
process.exit(status ?? 1)
