// Loaded before the program: it kills its own process with SIGKILL at one call of the file system. KILL_AT is
// "open|write|rename END COUNT": the COUNTth such call for a file whose name ends in END.
import fsp from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import process from 'node:process'

const [wanted = '', end = '', count = '1'] = (process.env['KILL_AT'] ?? '').split(' ')
let left = Number(count)

/**
 * @param {string} call
 * @param {unknown} path
 */
function strike(call, path) {
  if (call !== wanted || !String(path).endsWith(end) || --left > 0) return
  process.kill(process.pid, 'SIGKILL')
  // The signal may take a moment; nothing may happen in it.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

const { open, rename } = fsp
fsp.rename = (from, to) => {
  strike('rename', to)
  return rename(from, to)
}
fsp.open = async (path, ...rest) => {
  strike('open', path)
  const handle = await open(path, ...rest)
  const writeFile = handle.writeFile.bind(handle)
  handle.writeFile = (...given) => {
    strike('write', path)
    return writeFile(...given)
  }
  return handle
}
syncBuiltinESMExports()
