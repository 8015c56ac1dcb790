import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { SealpostError } from '../core/errors.ts'

/** Scripts of pages for clients, by where the build puts them below `dist`. */
export type PageScript = 'vault/browser/intake.js' | 'src/report/browser/look-up.js'

/** A bundled script, which the build makes. Throws `config` when it has not been built. */
export async function readPageScript(name: PageScript): Promise<string> {
  // From sources it is found in dist; the built program lies there itself, in dist/src/cli.
  const dist = import.meta.url.endsWith('.ts') ? '../../dist/' : '../../'
  try {
    return await readFile(fileURLToPath(new URL(dist + name, import.meta.url)), 'utf8')
  } catch (cause) {
    throw new SealpostError('config', 'the script of the page has not been built', {
      hint: 'npm run build makes it',
      cause,
    })
  }
}
