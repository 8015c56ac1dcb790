/**
 * The child process of `stretchPassphrase`. Standard input: one line of JSON, then the passphrase to the end. Standard
 * output: the derived bytes. Exit code 0, 3 when the memory cannot be had, 4 for anything else. Plain JavaScript, so that no
 * loader stands between Node and the process that sees the passphrase, from sources either.
 */
import { writeSync } from 'node:fs'
import { url as debuggerUrl } from 'node:inspector'

/** @typedef {typeof import('libsodium-wrappers-sumo').default} Sodium */
/** @typedef {{ memoryMebibytes: number, passes: number, salt: string, outputBytes: number }} Request */

const LF = 0x0a
const MEBIBYTE = 1024 * 1024

async function readInput() {
  /** @type {Buffer[]} */
  const chunks = []
  for await (const chunk of process.stdin) chunks.push(/** @type {Buffer} */ (chunk))
  const input = Buffer.concat(chunks)
  for (const chunk of chunks) chunk.fill(0)
  return input
}

/**
 * @param {Sodium} sodium
 * @param {Buffer} input
 */
function derive(sodium, input) {
  const lineEnd = input.indexOf(LF)
  const request = /** @type {Request} */ (JSON.parse(input.toString('utf8', 0, lineEnd)))
  return sodium.crypto_pwhash(
    request.outputBytes,
    input.subarray(lineEnd + 1),
    Buffer.from(request.salt, 'base64'),
    request.passes,
    request.memoryMebibytes * MEBIBYTE,
    sodium.crypto_pwhash_ALG_ARGON2ID13,
  )
}

async function main() {
  // Node would open its debugger to every user of the machine on this signal; one that came earlier has done so already.
  process.on('SIGUSR1', () => undefined)
  const { default: sodium } = await import('libsodium-wrappers-sumo')
  await sodium.ready
  if (debuggerUrl() !== undefined) return 4
  const input = await readInput()
  try {
    const output = derive(sodium, input)
    writeSync(1, output)
    output.fill(0)
    return 0
  } catch {
    // libsodium says only that it failed; with the bounds checked by the parent, memory is what is left.
    return 3
  } finally {
    input.fill(0)
  }
}

process.exitCode = await main().catch(() => 4)
