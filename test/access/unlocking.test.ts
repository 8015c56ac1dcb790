import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import { jsonAt, runAt, useWorkspace } from '../cli/at-time.ts'
import { PASSPHRASE } from '../cli/program.ts'

const workspace = useWorkspace()

interface Shown {
  readonly entries: readonly {
    readonly action: string
    readonly by: string | null
    readonly object: string | null
    readonly facts: Readonly<Record<string, unknown>>
    readonly personal?: Readonly<Record<string, string>>
  }[]
}

/** A clock that only sleeping moves: no test waits. */
function clockOfSleepers(): Clock {
  let now = Date.parse('2026-03-01T09:00:00Z')
  return {
    ...systemClock,
    now: () => now,
    sleep: async (ms, signal) => {
      // A lock that another holds is no delay of ours.
      if (ms < 1000) return systemClock.sleep(ms, signal)
      now += ms
      await setImmediate()
    },
  }
}

describe('wrong passphrases', () => {
  it('are slowed, counted and logged by processes of every kind, and told to who has the right one', async () => {
    const place = workspace()
    const wrong = join(place.folder, 'wrong')
    writeFileSync(wrong, `${PASSPHRASE} not\n`, { mode: 0o600 })
    const clock = clockOfSleepers()
    const words = ['operator', 'list']
    // Two processes at once, the agent, and then one after the other within this process.
    const guess = (...more: readonly string[]) =>
      place.bare([...more, '--passphrase-file', wrong], { cwd: place.project })
    const first = await Promise.all([guess('operator', 'list'), guess('operator', 'list'), guess('unlock')])
    for (const { exitCode, stderr } of first) {
      expect({ exitCode, stderr }).toEqual({
        exitCode: 5,
        stderr: expect.stringMatching(/^sealpost: wrong passphrase for operator \S+\.\n$/) as string,
      })
    }
    const later = []
    for (let i = 0; i < 4; i++) later.push(await runAt(place, words, { clock, passphraseFile: wrong }))
    expect(later.map(({ exitCode }) => exitCode)).toEqual([5, 5, 5, 5])
    expect(later.map(({ stderr }) => /waiting (\d+) s/.exec(stderr)?.[1])).toEqual([
      undefined,
      undefined,
      '1',
      '2',
    ])

    const opened = await runAt(place, words, { clock })
    expect(opened.exitCode).toBe(0)
    expect(opened.stderr).toMatch(/waiting 4 s/)
    expect(opened.stderr).toMatch(/there were 7 wrong passphrases for \S+ since the last right one/)
    expect((await runAt(place, words, { clock })).stderr).toBe('')

    const { entries } = await jsonAt<Shown>(place, ['audit', 'show', '--last', '0', '--personal'])
    const failed = entries.filter(({ action }) => action === 'unlock-failed')
    expect(failed.map(({ facts }) => facts['wrong']).sort()).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(failed.filter(({ facts }) => facts['agent'] === true)).toHaveLength(1)
    expect(failed.every(({ by, object }) => by === null && object === null)).toBe(true)
    const name = failed[0]?.personal?.['operator'] ?? ''
    expect(name).toMatch(/^[a-z]/)
    const lines = readFileSync(join(place.home, 'audit', 'log'), 'utf8').split('\n')
    const told = lines.filter((line) => line.includes('unlock-failed'))
    expect(told).toHaveLength(7)
    expect(told.join('')).not.toContain(`"${name}"`)
    expect(entries.filter(({ action }) => action === 'unlock').map(({ facts }) => facts['wrongBefore'])).toContain(
      7,
    )
  })

  it('a log that cannot be written is warned of, and the passphrase is still wrong', async () => {
    const place = workspace()
    const wrong = join(place.folder, 'wrong')
    writeFileSync(wrong, 'not this one\n', { mode: 0o600 })
    writeFileSync(join(place.home, 'audit', 'head'), 'spoiled')
    const { exitCode, stderr } = await runAt(place, ['operator', 'list'], { passphraseFile: wrong })
    expect(exitCode).toBe(5)
    expect(stderr).toMatch(/the audit log could not be written: .*\n.*wrong passphrase for operator/)
  })
})
