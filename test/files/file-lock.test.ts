import { spawn } from 'node:child_process'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import { takeAway, withFileLock } from '../../src/files/file-lock.ts'
import { newHolder, type LockHolder } from '../../src/files/lock-holder.ts'
import { CALM, temporaryFolder } from '../audit/audit-fixture.ts'

const nothing = async (): Promise<string> => 'done'

/** A process that has ended, as the lock it left would name it. */
async function deadHolder(token: string): Promise<LockHolder> {
  const child = spawn(process.execPath, ['-e', ''])
  const pid = child.pid ?? 0
  await new Promise((resolve) => child.on('close', resolve))
  return { ...(await newHolder()), pid, started: 'boot/1', token: token.repeat(32) }
}

function place(path: string, holder: object): void {
  writeFileSync(path, `${JSON.stringify(holder)}\n`, { mode: 0o600 })
}

/** A clock on which every wait takes a minute and no time. */
function hastyClock(): Clock {
  let now = 0
  return { ...systemClock, monotonic: () => now, sleep: async () => void (now += 60_000) }
}

describe('the lock', () => {
  it('lets one in at a time, and leaves nothing behind', async () => {
    const path = join(temporaryFolder(), 'lock')
    let inside = 0
    let most = 0
    const work = async (): Promise<void> => {
      most = Math.max(most, ++inside)
      await systemClock.sleep(2, CALM)
      inside--
    }
    await Promise.all(
      Array.from({ length: 12 }, () => withFileLock(path, systemClock, work, new AbortController().signal)),
    )
    expect(most).toBe(1)
    expect(readdirSync(join(path, '..'))).toEqual([])
  })

  it('is given up when the work fails', async () => {
    const path = join(temporaryFolder(), 'lock')
    const fail = (): Promise<never> => Promise.reject(new Error('no'))
    await expect(withFileLock(path, systemClock, fail, CALM)).rejects.toThrow('no')
    expect(await withFileLock(path, systemClock, nothing, CALM)).toBe('done')
  })

  it('of a process that is gone is taken over, by one of many', async () => {
    const path = join(temporaryFolder(), 'lock')
    place(path, await deadHolder('a'))
    let inside = 0
    let most = 0
    const work = async (): Promise<void> => {
      most = Math.max(most, ++inside)
      await systemClock.sleep(1, CALM)
      inside--
    }
    await Promise.all(Array.from({ length: 8 }, () => withFileLock(path, systemClock, work, CALM)))
    expect(most).toBe(1)
    expect(readdirSync(join(path, '..'))).toEqual([])
  })

  it('is taken over also where those died who were about to', async () => {
    const path = join(temporaryFolder(), 'lock')
    place(path, await deadHolder('a'))
    place(`${path}.after-${'a'.repeat(32)}`, await deadHolder('b'))
    place(`${path}.after-${'b'.repeat(32)}`, await deadHolder('c'))
    writeFileSync(`${path}.draft-${'d'.repeat(32)}`, '', { mode: 0o600 })
    expect(await withFileLock(path, systemClock, nothing, CALM)).toBe('done')
    expect(readdirSync(join(path, '..'))).toEqual([])
  })

  it('is not taken over while somebody else is about to', async () => {
    const path = join(temporaryFolder(), 'lock')
    place(path, await deadHolder('a'))
    place(`${path}.after-${'a'.repeat(32)}`, { ...(await newHolder()), token: 'b'.repeat(32) })
    const controller = new AbortController()
    const waiting = withFileLock(path, systemClock, nothing, controller.signal)
    await systemClock.sleep(50, CALM)
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ kind: 'cancelled' })
    expect(readFileSync(path, 'utf8')).toContain('a'.repeat(32))
  })

  it('of the one who was quicker is left alone by the one who was late', async () => {
    const path = join(temporaryFolder(), 'lock')
    const quicker = { ...(await newHolder()), token: 'f'.repeat(32) }
    place(path, quicker)
    const late = await newHolder()
    expect(await takeAway(path, await deadHolder('a'), late)).toBe(true)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(quicker)
    expect(readdirSync(join(path, '..'))).toEqual(['lock'])
  })

  it('of a number that now another process has is taken over', async () => {
    const path = join(temporaryFolder(), 'lock')
    place(path, { ...(await newHolder()), started: 'an earlier boot/1' })
    expect(await withFileLock(path, systemClock, nothing, CALM)).toBe('done')
  })

  it('of a live process is waited for, but not for ever', async () => {
    const path = join(temporaryFolder(), 'lock')
    place(path, await newHolder())
    await expect(withFileLock(path, hastyClock(), nothing, CALM)).rejects.toMatchObject({
      kind: 'busy',
      code: 'LOCKED',
    })
  })

  it('of another machine is never taken over', async () => {
    const path = join(temporaryFolder(), 'lock')
    place(path, { ...(await deadHolder('a')), host: `not-${hostname()}` })
    await expect(withFileLock(path, hastyClock(), nothing, CALM)).rejects.toMatchObject({ kind: 'busy' })
  })

  it('that is none says so', async () => {
    const path = join(temporaryFolder(), 'lock')
    writeFileSync(path, 'noise', { mode: 0o600 })
    await expect(withFileLock(path, systemClock, nothing, CALM)).rejects.toMatchObject({ kind: 'corrupt' })
  })
})
