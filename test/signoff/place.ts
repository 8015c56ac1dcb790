import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { createWorkspace } from '../../vault/keystore.ts'
import { unlockOperator, type UnlockedOperator } from '../../vault/operator.ts'
import { Secret } from '../../vault/secret.ts'
import '../cli/stretch-once.mjs'
import { makeSubject, subjectAt, type Subject } from './subject.ts'

export const PASSPHRASE = 'correct horse battery staple'

export function unlockAda(home: string): Promise<UnlockedOperator> {
  const passphrase = Secret.fromBytes(Buffer.from(PASSPHRASE, 'utf8'))
  return unlockOperator(home, { operator: 'ada', systemUser: 'nobody', passphrase })
}

/** One project for a file of tests, copied for each. */
export interface Template {
  /** The project itself: what is made in it before the first test, every copy has. */
  original(): Subject
  /** A copy to sign off; removed when the test ends. */
  copy(): Subject
  /** Opens every copy. */
  operator(): UnlockedOperator
}

export function useSubject(): Template {
  let root = ''
  let ada: UnlockedOperator | null = null
  let made: Subject | null = null
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'sealpost-signoff-'))
    const home = join(root, 'workspace')
    const passphrase = Secret.fromBytes(Buffer.from(PASSPHRASE, 'utf8'))
    await createWorkspace(home, { operator: 'ada', passphrase, kdf: 'interactive', clock: systemClock })
    ada = await unlockAda(home)
    made = await makeSubject(root, ada)
  })
  afterAll(() => rmSync(root, { recursive: true, force: true }))
  const original = (): Subject => {
    if (made === null) throw new Error('not made yet')
    return made
  }
  return {
    original,
    copy: () => {
      const { projectId } = original()
      const copy = mkdtempSync(join(tmpdir(), 'sealpost-signoff-'))
      onTestFinished(() => rmSync(copy, { recursive: true, force: true }))
      cpSync(root, copy, { recursive: true })
      return subjectAt(copy, projectId)
    },
    operator: () => {
      if (ada === null) throw new Error('not made yet')
      return ada
    },
  }
}

/** Every file below a folder, relative and sorted. */
export function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort()
}
