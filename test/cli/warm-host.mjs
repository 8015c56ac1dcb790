// A process in which the built program is started again and again, so that Node, its modules and Argon2id are paid for once.
// Each order comes as a message: words, folder, environment, and what stdin and descriptor 3 hold. The answer is what a
// process of its own would have left: exit code, stdout, stderr; and as that would, it ends when nothing is under way any more.
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import './stretch-once.mjs'

const LONGEST_END_MS = 60_000
const LOOK_EVERY_MS = 2
const USUAL_UMASK = 0o022
const INPUTS = join(tmpdir(), 'sealpost-input-')
/** What the program listens for in its process as long as that lives. */
const EVENTS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'exit', 'uncaughtException', 'unhandledRejection']

const [, , main = ''] = process.argv
const program = pathToFileURL(main).href
let started = 0

process.on('message', (order) => void obey(/** @type {import('./warm.ts').Order} */ (order)))
process.on('disconnect', () => process.exit())
const usual = countActive()

/** What keeps this process alive, with both of its streams open. */
function countActive() {
  for (const stream of [process.stdout, process.stderr]) stream.write('')
  return process.getActiveResourcesInfo().length
}

/** @param {import('./warm.ts').Order} order */
async function obey(order) {
  process.argv = [process.execPath, main, ...order.words]
  process.chdir(order.cwd)
  process.umask(USUAL_UMASK)
  for (const name of Object.keys(process.env)) Reflect.deleteProperty(process.env, name)
  Object.assign(process.env, order.environment)
  hold(0, order.input)
  hold(3, order.third)
  const stdout = capture(process.stdout)
  const stderr = capture(process.stderr)
  const warned = (/** @type {Error} */ warning) => stderr.add(`${warning.name}: ${warning.message}\n`)
  process.on('warning', warned)
  const forget = [
    ...EVENTS.map((name) => forgetting(process, name)),
    ...[process.stdout, process.stderr].map((stream) => forgetting(stream, 'error')),
  ]
  process.exitCode = undefined
  // Only this module is new each time: what it is made of stays loaded.
  await import(`${program}?start=${++started}`)
  await untilQuiet(order.words)
  for (const listeners of forget) listeners()
  process.off('warning', warned)
  const { exitCode } = process
  // What waits holds nothing of the test: its folder may be on a disk that is taken away.
  process.chdir('/')
  hold(0, null)
  hold(3, null)
  process.send?.({ exitCode: Number(exitCode), stdout: stdout.end(), stderr: stderr.end() })
}

/**
 * Puts a text behind a descriptor, and nothing behind it for null: the lowest that is free is what is opened next.
 * @param {number} descriptor
 * @param {string | null} text
 */
function hold(descriptor, text) {
  const folder = text === null ? null : mkdtempSync(INPUTS)
  const file = folder === null ? '/dev/null' : join(folder, 'input')
  if (text !== null) writeFileSync(file, text, { mode: 0o600 })
  closeSync(descriptor)
  if (openSync(file, 'r') !== descriptor) throw new Error(`descriptor ${descriptor} was not free`)
  if (folder !== null) rmSync(folder, { recursive: true })
}

/** @param {NodeJS.WriteStream} stream */
function capture(stream) {
  let text = ''
  const write = stream.write.bind(stream)
  stream.write = (/** @type {string | Uint8Array} */ piece, /** @type {unknown[]} */ ...rest) => {
    text += typeof piece === 'string' ? piece : Buffer.from(piece).toString('utf8')
    const done = rest.at(-1)
    if (typeof done === 'function') process.nextTick(done)
    return true
  }
  return {
    add: (/** @type {string} */ more) => void (text += more),
    end: () => {
      stream.write = write
      return text
    },
  }
}

/**
 * Who takes the listeners away that came since.
 * @param {NodeJS.EventEmitter} emitter
 * @param {string} name
 */
function forgetting(emitter, name) {
  const before = new Set(emitter.listeners(name))
  return () => {
    for (const listener of emitter.listeners(name)) {
      if (!before.has(listener)) emitter.off(name, /** @type {() => void} */ (listener))
    }
  }
}

/**
 * A process ends when nothing keeps it alive; a command that leaves something open would never end.
 * @param {readonly string[]} words
 */
async function untilQuiet(words) {
  for (let waitedMs = 0; ; waitedMs += LOOK_EVERY_MS) {
    await new Promise((resolve) => setImmediate(resolve))
    const open = process.getActiveResourcesInfo()
    if (open.length <= usual) return
    if (waitedMs > LONGEST_END_MS) throw new Error(`${words.join(' ')} left open: ${open.join(', ')}`)
    await sleep(LOOK_EVERY_MS)
  }
}
