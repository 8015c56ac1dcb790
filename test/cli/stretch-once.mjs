// Argon2id once for each passphrase, salt and strength, within one process: what its own process (vault/kdf-child.mjs)
// answered stands for whoever asks the same again.
import child_process from 'node:child_process'
import { createHash } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import { PassThrough } from 'node:stream'

/** @type {Map<string, Buffer>} */
const known = new Map()
const { spawn } = child_process

/**
 * @param {string} file
 * @param {readonly string[]} words
 * @param {import('node:child_process').SpawnOptions} options
 */
function spawnOnce(file, words, options) {
  const isStretching = Array.isArray(words) && /kdf-child\.m?js$/.test(String(words[0]))
  return isStretching ? standIn(() => spawn(file, words, options)) : spawn(file, words, options)
}

/** @param {() => import('node:child_process').ChildProcess} start */
function standIn(start) {
  const child = Object.assign(new EventEmitter(), { stdin: new PassThrough(), stdout: new PassThrough() })
  /** @type {(output: Buffer, code: number | null, signal: string | null) => void} */
  const answer = (output, code, signal) => {
    child.stdout.on('end', () => child.emit('close', code, signal))
    child.stdout.end(output)
  }
  void collect(child.stdin).then((input) => {
    const key = createHash('sha256').update(input).digest('hex')
    const output = known.get(key)
    if (output === undefined) ask(start(), input, key)
    // It is wiped by who gets it.
    else answer(Buffer.from(output), 0, null)
  })
  /** @type {(real: import('node:child_process').ChildProcess, input: Buffer, key: string) => void} */
  const ask = (real, input, key) => {
    const output = real.stdout === null ? Promise.resolve(Buffer.alloc(0)) : collect(real.stdout)
    real.on('error', (error) => child.emit('error', error))
    real.on('close', (code, signal) => {
      void output.then((bytes) => {
        if (code === 0) known.set(key, Buffer.from(bytes))
        answer(bytes, code, signal)
      })
    })
    real.stdin?.end(input)
  }
  return child
}

/** @param {AsyncIterable<Buffer>} stream */
async function collect(stream) {
  const pieces = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}

child_process.spawn = /** @type {typeof spawn} */ (spawnOnce)
syncBuiltinESMExports()
