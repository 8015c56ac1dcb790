import { mkdtempSync, cpSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { createWorkspace } from '../../vault/keystore.ts'
import { unlockOperator, type UnlockedOperator } from '../../vault/operator.ts'
import { Secret } from '../../vault/secret.ts'

export const PASSPHRASE = 'correct horse battery staple'

export function secretOf(text: string): Secret {
  return Secret.fromBytes(Buffer.from(text, 'utf8'))
}

export function unlockAda(root: string): Promise<UnlockedOperator> {
  return unlockOperator(root, { operator: 'ada', systemUser: 'nobody', passphrase: secretOf(PASSPHRASE) })
}

export interface TestWorkspace {
  /** A copy of the workspace, to spoil. */
  copy(): string
  /** The workspace itself: what is made in it before the first test, every copy has. */
  original(): string
  /** Opens every copy; must not be wiped. */
  operator(): UnlockedOperator
}

/** Makes one workspace for a file of tests. */
export function useWorkspace(): TestWorkspace {
  let original = ''
  let ada: UnlockedOperator | null = null
  beforeAll(async () => {
    original = mkdtempSync(join(tmpdir(), 'sealpost-workspace-'))
    await createWorkspace(original, {
      operator: 'ada',
      passphrase: secretOf(PASSPHRASE),
      kdf: 'interactive',
      clock: systemClock,
    })
    ada = await unlockAda(original)
  })
  afterAll(() => rmSync(original, { recursive: true, force: true }))
  return {
    copy: () => {
      const copy = mkdtempSync(join(tmpdir(), 'sealpost-workspace-'))
      onTestFinished(() => rmSync(copy, { recursive: true, force: true }))
      cpSync(original, copy, { recursive: true })
      return copy
    },
    original: () => original,
    operator: () => {
      if (ada === null) throw new Error('the workspace is not made yet')
      return ada
    },
  }
}
