// `npm run demo`: sets up, builds, then shows the main job (scripts/demo.ts).
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from './build-program.mjs'
import { installModules, root, SetUpError } from './set-up.mjs'

try {
  installModules(root)
  await build()
} catch (error) {
  if (!(error instanceof SetUpError)) throw error
  process.stderr.write(`set-up failed: ${error.message}\n`)
  process.exit(1)
}

const { status } = spawnSync(process.execPath, ['--import', 'tsx', join(root, 'scripts', 'demo.ts')], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
})
process.exit(status ?? 1)
