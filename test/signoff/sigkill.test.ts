import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { checkCertificate } from '../../src/cli/signoff/certificate-check.ts'
import { openJournal } from '../../src/cli/signoff/journal.ts'
import { bundleProgram } from '../child-program.ts'
import { isLong } from '../long.ts'
import { filesBelow, useSubject } from './place.ts'
import { certificatePath, portsOf, readCertificate, signOff, toldRecords, type Subject } from './subject.ts'

const template = useSubject()
/** `npm run test:damage` takes more of them. */
const CALLS = isLong('damage') ? [4, 12, 22, 30, 31, 38, 45, 52, 58, 64] : [12, 45]
const MOMENTS = isLong('damage') ? [10, 40, 80, 120, 160, 220, 300] : [40, 160]
let program = ''
beforeAll(async () => {
  program = await bundleProgram(new URL('purge-child.ts', import.meta.url))
})

/** Runs the child to its end, or kills it so many milliseconds after it began. */
function run(subject: Subject, call: number, when: string, killAfter: number | null): Promise<string> {
  const words = [program, dirname(subject.home), subject.projectId]
  const child = spawn(process.execPath, [...words, String(call), when], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.stdout.on('data', (piece: Buffer) => {
      said += piece.toString()
      if (killAfter !== null && piece.toString().includes('began'))
        setTimeout(() => child.kill('SIGKILL'), killAfter)
    })
    child.on('close', () => resolve(said))
  })
}

async function finish(subject: Subject): Promise<void> {
  const journal = openJournal(subject.home, subject.projectId)
  if ((await journal.read()) !== null || !existsSync(certificatePath(subject))) {
    await signOff(await portsOf(subject, template.operator(), toldRecords()), subject, template.operator())
  }
  expect((await checkCertificate(certificatePath(subject), null)).faults).toEqual([])
  expect(existsSync(subject.state)).toBe(false)
  expect(filesBelow(subject.folder).filter((path) => !path.startsWith('certificate/'))).toEqual(['notes.txt'])
  expect(filesBelow(subject.home).filter((path) => path.includes(subject.projectId))).toEqual([])
  const { canaries } = readCertificate(readFileSync(certificatePath(subject))).verification
  expect(canaries.length).toBeGreaterThan(0)
  expect(canaries.filter(({ proven }) => !proven)).toEqual([])
}

describe('a process that is killed outright', () => {
  test.each(CALLS)('at call %i leaves what the next one ends', async (call) => {
    const subject = template.copy()
    expect(await run(subject, call, call % 2 === 0 ? 'before' : 'after', null)).not.toContain('ended')
    await finish(subject)
  })

  test('at any time leaves what the next one ends', async () => {
    let ended = 0
    for (const [i, killAfter] of MOMENTS.entries()) {
      const subject = template.copy()
      if ((await run(subject, 1_000_000, 'after', killAfter + i)).includes('ended')) ended++
      await finish(subject)
    }
    expect(ended).toBeLessThan(MOMENTS.length)
  })
})
