import { rmSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { giveBack } from '../../src/cli/signoff/give-back.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { GrantRevoker } from '../../src/core/ports.ts'
import { openCredentialStore } from '../../vault/credentials.ts'
import { slotFolder, keystoreFolder } from '../../vault/paths.ts'
import { openProject } from '../../vault/projects.ts'
import { Secret } from '../../vault/secret.ts'
import { useSubject } from './place.ts'
import type { Subject } from './subject.ts'

const template = useSubject()
const CALM = new AbortController().signal
const TOKEN = '1//a-token-of-these-tests'

/** A provider that knows one token, and notes what it was asked. */
function provider(asked: string[]): GrantRevoker {
  return {
    revoke: ({ text }) => {
      asked.push(text())
      return Promise.resolve(text() === TOKEN ? { revoked: true, answer: 'gone' } : null)
    },
  }
}

async function keep(subject: Subject, name: string, secret: string, life: number): Promise<void> {
  const { home, folder, projectId } = subject
  const keys = await openProject(home, template.operator(), projectId)
  // What has expired when it is given back was good when it was set.
  const past = { ...systemClock, now: () => systemClock.now() - 60_000 }
  const store = openCredentialStore(folder, projectId, keys.credentialKey, past)
  const bytes = Secret.fromBytes(Buffer.from(secret, 'utf8'))
  await store.set({ name, kind: 'token', username: null, secret: bytes, expiresAt: past.now() + life })
  keys.wipe()
}

function back(subject: Subject, name: string, kind: string, asked: string[]): ReturnType<typeof giveBack> {
  return giveBack({ name, kind }, subject, template.operator(), [provider(asked)], CALM)
}

describe('at sign-off', () => {
  test('a token goes back to its provider, an expired one too', async () => {
    const subject = template.copy()
    await keep(subject, 'google', TOKEN, 3_600_000)
    await keep(subject, 'old', TOKEN, 1_000)
    for (const name of ['google', 'old']) {
      const asked: string[] = []
      expect(await back(subject, name, 'token', asked)).toEqual({ revoked: true, answer: 'gone', asked: true })
      expect(asked).toEqual([TOKEN])
    }
  })

  test('a token that no provider knows, and what is no token, is the client’s to change', async () => {
    const subject = template.copy()
    await keep(subject, 'other', 'somebody-else’s', 3_600_000)
    const asked: string[] = []
    expect(await back(subject, 'other', 'token', asked)).toMatchObject({ revoked: false, asked: false })
    expect(await back(subject, 'not-there', 'token', asked)).toMatchObject({ revoked: false, asked: false })
    expect(await back(subject, 'other', 'client-secret', asked)).toMatchObject({
      revoked: false,
      answer: expect.stringMatching(/delete this secret/) as string,
    })
    expect(asked).toEqual(['somebody-else’s'])
  })

  test('a vault that opens no more keeps nothing up', async () => {
    const subject = template.copy()
    await keep(subject, 'google', TOKEN, 3_600_000)
    rmSync(slotFolder(keystoreFolder(subject.home)), { recursive: true })
    const asked: string[] = []
    expect(await back(subject, 'google', 'token', asked)).toMatchObject({ revoked: false, asked: false })
    expect(asked).toEqual([])
  })
})
