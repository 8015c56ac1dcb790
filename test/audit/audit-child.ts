/**
 * Appends to a log as another process. Arguments: folder, name, number of entries, and optionally the step at which the
 * process kills itself: `line` (sealed fields written, line not), `head` (line written, head not), `half-line`, `half-row`,
 * `erase` (an erasure written down, nothing removed yet), `half-erase` (half of a content overwritten).
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import fsPromises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { systemClock } from '../../src/core/clock.ts'
import { CALM, ORIGIN, event, testSeal } from './audit-fixture.ts'

const [folder = '', name = '', count = '0', step = ''] = process.argv.slice(2)

function die(): never {
  process.kill(process.pid, 'SIGKILL')
  for (;;);
}

const { open, rename } = fsPromises
let renames = 0
if (step === 'head' || step === 'erase') {
  fsPromises.rename = async (from, to) => {
    renames++
    if (step === 'head') die()
    return rename(from, to)
  }
}
fsPromises.open = async (path, flags, mode) => {
  const file = String(path)
  const writes = typeof flags === 'number' && (flags & 3) !== 0
  if (step === 'line' && file === join(folder, 'log') && writes) die()
  if (step === 'half-line' && file === join(folder, 'log') && writes) {
    appendFileSync(file, `${readFileSync(file, 'utf8').split('\n').length - 1} AAAAAAAAAAAAAA`)
    die()
  }
  if (step === 'half-row' && file === join(folder, 'personal') && writes) {
    appendFileSync(file, '0123456789abcdef0123456789abcdef AAAA')
    die()
  }
  if (step === 'erase' && file === join(folder, 'personal') && writes && renames > 0) die()
  if (step === 'half-erase' && file === join(folder, 'log') && writes && (flags & 3) === 2) {
    const bytes = readFileSync(file)
    bytes.fill(0x20, 80, 110)
    writeFileSync(file, bytes)
    die()
  }
  return open(path, flags, mode)
}
syncBuiltinESMExports()

const { openAuditLog } = await import('../../src/audit/audit-log.ts')
const log = openAuditLog({ folder, origin: ORIGIN, clock: systemClock, sealer: testSeal() })
if (step === 'erase' || step === 'half-erase') {
  await log.erase(event({ action: 'sweep' }), { leaves: [0], personal: [3] }, CALM)
} else {
  for (let i = 0; i < Number(count); i++) {
    const { index } = await log.append(event({ object: `${name}-${i}`, personal: { name } }), CALM)
    console.log(index)
  }
}
