import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { isAlive, newHolder } from '../../src/files/lock-holder.ts'
import { lockProject } from '../../src/cli/project/lock.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealpost-lock-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

async function writeLock(change: object): Promise<void> {
  const lock = {
    pid: process.pid,
    started: null,
    host: hostname(),
    since: '2026-01-02T03:04:05Z',
    token: '0123456789abcdef'.repeat(2),
    ...change,
  }
  await writeFile(join(folder, 'lock'), JSON.stringify(lock), { mode: 0o600 })
}

/** The number of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'exit')
  return child.pid ?? 0
}

describe('the lock of a project', () => {
  it('is held by one, and by the next one after it was released', async () => {
    const first = await lockProject(folder, systemClock)
    await expect(lockProject(folder, systemClock)).rejects.toMatchObject({ kind: 'busy', code: 'LOCKED' })
    await first.release()
    await first.release()
    const second = await lockProject(folder, systemClock)
    await first.release()
    await expect(lockProject(folder, systemClock)).rejects.toMatchObject({ kind: 'busy' })
    await second.release()
    expect(await readdir(folder)).toEqual([])
  })

  it('names who holds it and since when', async () => {
    await writeLock({ ...(await newHolder()) })
    await expect(lockProject(folder, systemClock)).rejects.toMatchObject({
      message: `process ${process.pid} has held this project since 2026-01-02T03:04:05Z`,
    })
  })

  it('is taken over from a process that is gone', async () => {
    await writeLock({ pid: await deadPid() })
    const lock = await lockProject(folder, systemClock)
    expect(JSON.parse(await readFile(join(folder, 'lock'), 'utf8'))).toMatchObject({ pid: process.pid })
    await lock.release()
    expect(await readdir(folder)).toEqual([])
  })

  it.skipIf(process.platform !== 'linux')(
    'is taken over when its number belongs to a later process, as after a reboot',
    async () => {
      await writeLock({ pid: process.pid, started: 'another-boot/12345' })
      await (await lockProject(folder, systemClock)).release()
    },
  )

  it('is not taken over from another machine', async () => {
    await writeLock({ pid: await deadPid(), host: 'another.example' })
    await expect(lockProject(folder, systemClock)).rejects.toMatchObject({
      kind: 'busy',
      hint: expect.stringContaining('if that machine is gone, remove') as string,
      message: expect.stringContaining('on another.example') as string,
    })
  })

  it('goes to exactly one of many that find it abandoned', async () => {
    for (let round = 0; round < 5; round++) {
      await writeLock({ pid: await deadPid() })
      const tries = await Promise.allSettled(Array.from({ length: 12 }, () => lockProject(folder, systemClock)))
      const won = tries.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      expect(won).toHaveLength(1)
      for (const result of tries)
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ kind: 'busy' })
      await won[0]?.release()
      expect(await readdir(folder)).toEqual([])
    }
  })

  it('says so when the file is not a lock, and leaves it', async () => {
    await writeFile(join(folder, 'lock'), 'something else', { mode: 0o600 })
    await expect(lockProject(folder, systemClock)).rejects.toMatchObject({ kind: 'corrupt' })
    expect(await readFile(join(folder, 'lock'), 'utf8')).toBe('something else')
  })
})

describe('a process', () => {
  it('is known to run, and to be gone', async () => {
    const own = await newHolder()
    expect(await isAlive(own)).toBe(true)
    expect(await isAlive({ ...own, started: null })).toBe(true)
    expect(await isAlive({ ...own, pid: await deadPid(), started: null })).toBe(false)
    expect(await isAlive({ ...own, pid: await deadPid(), started: 'boot/1' })).toBe(false)
  })
})
