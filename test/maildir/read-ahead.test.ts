import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { LookUp } from '../../connectors/maildir/look-up.ts'
import { systemClock } from '../../src/core/clock.ts'
import { bodyOf, findMailbox, quiet } from '../conformance/bench.ts'
import { makeMaildir } from './fixture.ts'

const KEYS = Array.from({ length: 30 }, (_, n) => `160000000${n}.M1P1.host`)

async function lookUp(): Promise<LookUp> {
  return new LookUp(systemClock, { directory: Buffer.from((await makeMaildir()).root) })
}

/** Long enough for whatever can be begun to have begun. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('what is read ahead', () => {
  it('is a few keys, and comes in the order of the keys', async () => {
    const begun: string[] = []
    const act = async (key: string): Promise<string> => {
      begun.push(key)
      return key
    }
    const given: string[] = []
    for await (const [key, result] of (await lookUp()).each(KEYS, act, quiet)) {
      await turns()
      given.push(key)
      expect(result).toBe(key)
      expect(begun.length).toBe(Math.min(KEYS.length, given.length + 7))
    }
    expect(given).toEqual(KEYS)
  })

  it('fails when it is asked for, and not before', async () => {
    const act = async (key: string): Promise<string> => {
      if (key === KEYS[3]) throw new Error('of the fourth')
      return key
    }
    const given: string[] = []
    const all = (async () => {
      for await (const [key] of (await lookUp()).each(KEYS, act, quiet)) {
        given.push(key)
        await turns()
      }
    })()
    await expect(all).rejects.toThrow('of the fourth')
    expect(given).toEqual(KEYS.slice(0, 3))
  })

  it('waits for its turn where it asks to, and has ended when whoever asked for it leaves', async () => {
    let running = 0
    const act = async (key: string, _found: unknown, turn: Promise<void>): Promise<string> => {
      running++
      await turn
      await turns()
      running--
      return key
    }
    for await (const [key] of (await lookUp()).each(KEYS, act, quiet)) {
      await turns()
      expect(running).toBe(7)
      if (key === KEYS[0]) break
    }
    expect(running).toBe(0)
  })
})

describe('the bodies of a Maildir', () => {
  it('are whole, whatever their sizes, and leave no file open when the rest is not wanted', async () => {
    const fixture = await makeMaildir()
    const texts = KEYS.map((_, n) => `Subject: ${n}\r\n\r\n`.padEnd(n % 4 === 0 ? 1024 * 1024 + n : 100 * n, 'x'))
    for (const [n, text] of texts.entries()) await fixture.deposit(join('cur', `${KEYS[n] ?? ''}:2,S`), text)
    const session = await fixture.source()
    const inbox = await findMailbox(session, ['INBOX'])
    const seen = new Map<string, string>()
    for await (const fetched of session.fetch(inbox, KEYS, quiet)) {
      seen.set(fetched.key, Buffer.from(await bodyOf(fetched)).toString('latin1'))
    }
    expect(KEYS.map((key, n) => seen.get(key) === texts[n])).toEqual(KEYS.map(() => true))
    for await (const { key } of session.fetch(inbox, KEYS, quiet)) if (key === KEYS[1]) break
    const open = readdirSync('/proc/self/fd').flatMap((descriptor) => {
      try {
        return [readlinkSync(`/proc/self/fd/${descriptor}`)]
      } catch {
        return []
      }
    })
    expect(open.filter((path) => path.startsWith(fixture.root))).toEqual([])
    await session.close()
  })
})
