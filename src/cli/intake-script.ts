import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { SealpostError } from '../core/errors.ts'

/** The bundled script of the intake page, which the build makes. Throws `config` when it has not been built. */
export async function readIntakeScript(): Promise<string> {
  const built = import.meta.url.endsWith('.ts')
    ? '../../dist/vault/browser/intake.js'
    : '../../vault/browser/intake.js'
  try {
    return await readFile(fileURLToPath(new URL(built, import.meta.url)), 'utf8')
  } catch (cause) {
    throw new SealpostError('config', 'the script of the intake page has not been built', {
      hint: 'npm run build makes it',
      cause,
    })
  }
}
