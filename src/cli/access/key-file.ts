import { randomBytes } from 'node:crypto'
import { realpath, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { SealpostError } from '../../core/errors.ts'
import { codeOf } from '../../core/system-faults.ts'
import { writeNewFile } from '../../files/durable.ts'
import { fileError } from '../../files/file-error.ts'
import { openPlainFile } from '../../files/plain-files.ts'
import { findUnlock, type UnlockRequest } from '../../../vault/operator.ts'
import type { CommandContext } from '../context.ts'
import { isPathWithin } from '../path-within.ts'
import { canPrompt, promptLine } from '../terminal/prompt.ts'

/** What `createKeyFile` writes. */
const NEW_BYTES = 64
const LEAST_BYTES = 16
const MOST_BYTES = 64 * 1024

/**
 * The key file of the operator who is about to unlock: the one that was named, else asked for where it is needed; null
 * where none is. The caller wipes it. Throws `locked` when it is needed and not there.
 */
export async function readKeyFileOf(
  context: CommandContext,
  who: Pick<UnlockRequest, 'operator' | 'systemUser'>,
  given: string | null,
  option: string,
): Promise<Buffer | null> {
  if (given !== null) return openKeyFile(given)
  const { name, keyFile } = await findUnlock(context.home, who)
  if (!keyFile) return null
  if (canPrompt()) {
    const show = (text: string): void => context.output.prompt(text)
    return openKeyFile((await promptLine(`Key file of ${name}`, show, context.stop)).trim())
  }
  throw new SealpostError('locked', `operator ${name} needs the key file besides the passphrase`, {
    hint: `insert the medium that it is on, and name it with ${option} FILE`,
    code: 'KEY_FILE_NEEDED',
  })
}

/** Reads a key file. Removable media know no modes and no owners, so that neither is looked at. Throws `locked` where there is none. */
async function openKeyFile(path: string): Promise<Buffer> {
  const file = await openPlainFile(path, 'open the key file').catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error
    throw new SealpostError('locked', `there is no key file ${path}`, {
      hint: 'insert the medium that it is on',
      code: 'NO_KEY_FILE',
    })
  })
  try {
    const { size } = await file.stat()
    if (size < LEAST_BYTES || size > MOST_BYTES) {
      throw new SealpostError('config', `the key file ${path} has ${size} bytes`, {
        hint: `a key file has ${LEAST_BYTES} to ${MOST_BYTES}; sealpost makes them of ${NEW_BYTES}`,
      })
    }
    const bytes = Buffer.allocUnsafeSlow(size)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    if (bytesRead !== bytes.length) throw new SealpostError('config', `${path} was cut while it was read`)
    return bytes
  } finally {
    await file.close()
  }
}

/**
 * Makes a key file of 64 random bytes; it is on the medium when this returns. The caller wipes the bytes. Throws `config`
 * when there is one of that name, which is never overwritten, and inside the workspace.
 */
export async function createKeyFile(path: string, { home, output }: CommandContext): Promise<Buffer> {
  const folder = dirname(resolve(path))
  const real = await realpath(folder).catch((error: unknown) => {
    throw fileError(error, 'open', folder)
  })
  const workspace = await realpath(home).catch(() => home)
  if (isPathWithin(join(real, basename(path)), workspace)) {
    throw new SealpostError('config', 'the key file must not lie in the workspace', {
      hint: 'put it on a medium that you take with you',
    })
  }
  const bytes = randomBytes(NEW_BYTES)
  try {
    await writeNewFile(path, bytes)
  } catch (error) {
    bytes.fill(0)
    throw error
  }
  if ((await deviceOf(workspace)) === (await stat(path)).dev) {
    output.warn(
      `${path} is on the same disk as the workspace: who steals one has both, so move it to another medium`,
    )
  }
  return bytes
}

/** The device on which a folder lies, or will. */
async function deviceOf(path: string): Promise<number> {
  const stats = await stat(path).catch(() => null)
  return stats === null && dirname(path) !== path ? deviceOf(dirname(path)) : (stats?.dev ?? 0)
}

/** Takes back a key file that came to nothing. */
export async function dropKeyFile(path: string): Promise<void> {
  await unlink(path).catch(() => undefined)
}
