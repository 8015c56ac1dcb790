import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SealpostError } from '../src/core/errors.ts'
import { deriveKey, encodeLabels } from './aes.ts'
import type { KdfParameters } from './kdf-profile.ts'
import { wipe, type Secret } from './secret.ts'

/** Opens an operator's key file: `key` seals the private part, `check` tells a wrong passphrase from a changed file. */
export interface PassphraseKeys {
  readonly key: Buffer
  readonly check: Buffer
}

/** The length of the salt in a key file's header. */
export const KDF_SALT_BYTES = 16
const STRETCHED_BYTES = 32
const KEY_BYTES = 32
const CHECK_BYTES = 16
/** Exit code of the child when the memory cannot be had. */
const NO_MEMORY = 3

/**
 * Derives the keys of a passphrase and, where there is one, a key file as the second factor: HKDF-SHA-512 over the output
 * of Argon2id and the SHA-256 of the file. The caller wipes both keys. Throws `config` when the memory cannot be had.
 */
export async function derivePassphraseKeys(
  passphrase: Secret,
  keyFile: Buffer | null,
  salt: Buffer,
  parameters: KdfParameters,
): Promise<PassphraseKeys> {
  const stretched = await stretchPassphrase(passphrase, salt, parameters)
  const factor = keyFile === null ? Buffer.alloc(0) : digestKeyFile(keyFile)
  const secret = Buffer.concat([stretched, factor])
  try {
    const factors = keyFile === null ? 'passphrase' : 'passphrase and key file'
    const derived = deriveKey(secret, salt, ['sealpost/v1/operator-key', factors], KEY_BYTES + CHECK_BYTES)
    return { key: derived.subarray(0, KEY_BYTES), check: derived.subarray(KEY_BYTES) }
  } finally {
    wipe(stretched, factor, secret)
  }
}

/**
 * Argon2id (RFC 9106) in a child process of its own, so that its memory is given back and never counts as ours. The
 * passphrase goes in by a pipe and the key comes out by one: neither stands in an argument or an environment.
 */
export async function stretchPassphrase(
  passphrase: Secret,
  salt: Buffer,
  parameters: KdfParameters,
): Promise<Buffer> {
  const request = JSON.stringify({ ...parameters, salt: salt.toString('base64'), outputBytes: STRETCHED_BYTES })
  const input = passphrase.use((bytes) => Buffer.concat([Buffer.from(`${request}\n`), bytes]))
  const chunks: Buffer[] = []
  try {
    const end = await runChild(input, chunks)
    const output = Buffer.concat(chunks)
    if (end === 0 && output.length === STRETCHED_BYTES) return output
    wipe(output)
    if (end === 'SIGINT' || end === 'SIGTERM') throw new SealpostError('cancelled', 'unlocking was interrupted')
    // A system that runs out of memory kills without a word.
    if (end === NO_MEMORY || end === 'SIGKILL') {
      throw new SealpostError(
        'config',
        `unlocking needs ${parameters.memoryMebibytes} MiB of memory for a moment`,
        {
          hint: 'close other programs and try again',
        },
      )
    }
    throw new SealpostError('bug', `the key derivation ended early (${end ?? 'without a reason'})`)
  } finally {
    wipe(input, ...chunks)
  }
}

/** Resolves with the exit code of the child, or the signal that ended it. */
function runChild(input: Buffer, chunks: Buffer[]): Promise<number | NodeJS.Signals | null> {
  const here = fileURLToPath(import.meta.url)
  const folder = dirname(here)
  const program = here.endsWith('.ts') ? 'kdf-child.mjs' : 'kdf-child.js'
  // An empty environment: NODE_OPTIONS could otherwise load foreign code into the process that sees the passphrase.
  const child = spawn(process.execPath, [join(folder, program)], {
    cwd: folder,
    env: {},
    stdio: ['pipe', 'pipe', 'ignore'],
    windowsHide: true,
  })
  return new Promise((resolve, reject) => {
    child.on('error', (cause) =>
      reject(new SealpostError('bug', 'the key derivation could not be started', { cause })),
    )
    child.on('close', (code, signal) => resolve(code ?? signal))
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    // The child may end before it has read everything; its exit code tells the story.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}

function digestKeyFile(keyFile: Buffer): Buffer {
  return createHash('sha256')
    .update(encodeLabels(['sealpost/v1/key-file']))
    .update(keyFile)
    .digest()
}
