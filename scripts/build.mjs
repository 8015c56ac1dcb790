// `npm run build`: the compiled program in dist.
import { build } from './build-program.mjs'
import { SetUpError } from './set-up.mjs'

try {
  await build()
} catch (error) {
  if (!(error instanceof SetUpError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
