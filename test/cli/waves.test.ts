import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import { runAt, useWorkspace } from './at-time.ts'
import { MAILDIR_YAML, type Place } from './program.ts'

const ACCOUNTS = 'source,destination,wave\nanna,anna.neu,pilot\nbert,bert.neu,wave-1\ncarl,carl.neu,\n'
const QUARTER = 15 * 60_000
const workspace = useWorkspace({ agent: true })

async function prepared(): Promise<Place> {
  const place = workspace()
  for (const account of ['anna', 'bert', 'carl']) await place.fillMaildir(account, 3)
  await place.configure(MAILDIR_YAML, ACCOUNTS)
  return place
}

async function delivered(place: Place, account: string): Promise<number> {
  const root = join(place.project, 'new', account)
  const names = await Promise.all(['cur', 'new'].map((part) => readdir(join(root, part)).catch(() => [])))
  return names.flat().length
}

/** The machine's clock, but for waits of a quarter of an hour, which end when `between` has. */
function clockWith(between: (wait: number) => Promise<void>): Clock {
  let waits = 0
  return {
    ...systemClock,
    sleep: (ms, signal) => (ms === QUARTER ? between(++waits) : systemClock.sleep(ms, signal)),
  }
}

describe('waves', () => {
  it('are moved one after the other', async () => {
    const place = await prepared()
    expect(await runAt(place, ['run', '--wave', 'PILOT'])).toMatchObject({ exitCode: 0 })
    expect([await delivered(place, 'anna.neu'), await delivered(place, 'bert.neu')]).toEqual([3, 0])
    expect(await runAt(place, ['run', '--wave', 'wave-1', '--wave', 'pilot'])).toMatchObject({ exitCode: 0 })
    expect([await delivered(place, 'bert.neu'), await delivered(place, 'carl.neu')]).toEqual([3, 0])
  })

  it('that are none are named, with those that there are', async () => {
    const place = await prepared()
    expect(await runAt(place, ['status', '--wave', 'wave-2'])).toMatchObject({
      exitCode: 2,
      stderr: 'sealpost: --wave wave-2: mailboxes.csv has no such wave. There are: pilot, wave-1.\n',
    })
    expect((await runAt(place, ['plan', '--wave', 'pilot', '--mailbox', 'bert'])).stderr).toContain(
      'none of the accounts that were named is of the wave that was named',
    )
    await place.configure(MAILDIR_YAML, 'source,destination,wave\nanna,anna.neu,the first\n')
    expect(await runAt(place, ['status'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('wave is no name such as pilot or wave-1') as string,
    })
  })
})

describe('passes', () => {
  it('have names, and a later one wants a first', async () => {
    const place = await prepared()
    for (const option of ['--delta', '--final']) {
      const { exitCode, stderr } = await runAt(place, ['run', '--wave', 'pilot', option])
      expect(exitCode).toBe(2)
      expect(stderr).toContain(`anna: a ${option.slice(2)} pass comes after the first one`)
    }
    await runAt(place, ['run', '--wave', 'pilot'])
    await runAt(place, ['run', '--wave', 'pilot', '--delta'])
    await runAt(place, ['run', '--wave', 'pilot', '--final'])
    const { stdout } = await runAt(place, ['audit', 'show', '--json'])
    expect([...stdout.matchAll(/"pass": ?"(\w+)"/g)].map((match) => match[1])).toEqual([
      'initial',
      'delta',
      'final',
    ])
    expect((await runAt(place, ['run', '--delta', '--final'])).exitCode).toBe(2)
  })

  it('follow one another until they are interrupted', async () => {
    const place = await prepared()
    const clock = clockWith(async (wait) => {
      if (wait === 1) await place.fillMaildir('anna', 5)
      else throw new Error('interrupted')
    })
    const ended = await runAt(place, ['run', '--wave', 'pilot', '--watch', '15m'], { clock })
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' })
    expect(ended.stdout.match(/The next pass begins at/g)).toHaveLength(2)
    expect(await delivered(place, 'anna.neu')).toBe(5)
  })

  it('leave out what was refused for good, and say so in the end', async () => {
    const place = await prepared()
    await place.configure(MAILDIR_YAML, `${ACCOUNTS}nobody,nobody.neu,pilot\n`)
    let waits = 0
    const clock = clockWith(async () => {
      if (++waits === 3) throw new Error('interrupted')
    })
    const ended = await runAt(place, ['run', '--wave', 'pilot', '--watch', '15m'], { clock })
    expect(ended.exitCode).not.toBe(0)
    expect(ended.stderr.split('\n').filter((line) => line.includes('nobody: '))).toHaveLength(1)
    expect(waits).toBe(3)
  })

  it.each([['10s'], ['soon'], ['0m']])('are not %s apart', async (time) => {
    const { exitCode, stderr } = await runAt(await prepared(), ['run', '--watch', time])
    expect(exitCode).toBe(2)
    expect(stderr).toContain('it must be a time such as 15m, at least 1m')
  })
})
