import { describe, expect, it } from 'vitest'
import { createTokenCache } from '../../connectors/shared/token-cache.ts'
import type { Clock } from '../../src/core/clock.ts'
import { SealpostError } from '../../src/core/errors.ts'
import { errorOf } from '../conformance/bench.ts'
import { quiet } from './stage.ts'

const LIFE = 100_000

function bench(shared = false) {
  let now = 1_000_000
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    sleep: async () => undefined,
    after: () => () => undefined,
  }
  const asked: string[] = []
  let answer: () => Promise<void> = async () => undefined
  const tokens = createTokenCache(
    async (account) => {
      asked.push(account)
      const number = asked.length
      await answer()
      return { token: `token-${number}`, life: LIFE }
    },
    clock,
    shared,
  )
  return {
    tokens,
    asked,
    pass: (ms: number) => void (now += ms),
    answerWith: (next: () => Promise<void>) => void (answer = next),
  }
}

describe('the token cache', () => {
  it('renews a token when four fifths of its life are over, and not before', async () => {
    const { tokens, pass } = bench()
    expect(await tokens.token('a', false, quiet)).toBe('token-1')
    pass(LIFE * 0.8 - 1)
    expect(await tokens.token('a', false, quiet)).toBe('token-1')
    pass(1)
    expect(await tokens.token('a', false, quiet)).toBe('token-2')
  })

  it('asks once however many wait, and one who goes away stops nobody', async () => {
    const { tokens, asked, answerWith } = bench()
    let open: () => void = () => undefined
    answerWith(() => new Promise((resolve) => (open = resolve)))
    const stop = new AbortController()
    const [leaving, ...staying] = [stop.signal, quiet, quiet, quiet].map((signal) =>
      tokens.token('a', false, signal),
    )
    stop.abort()
    expect(await errorOf(leaving as Promise<string>)).toMatchObject({ kind: 'cancelled' })
    open()
    expect(await Promise.all(staying)).toEqual(['token-1', 'token-1', 'token-1'])
    expect(asked).toEqual(['a'])
  })

  it('renews a refused token, once for all whose older one was refused', async () => {
    const { tokens, asked, pass } = bench()
    await tokens.token('a', false, quiet)
    expect(await tokens.token('a', true, quiet)).toBe('token-2')
    expect(await tokens.token('a', true, quiet)).toBe('token-2')
    pass(2_000)
    expect(await tokens.token('a', true, quiet)).toBe('token-3')
    expect(asked).toHaveLength(3)
  })

  it('lets the old token serve while it lives and the provider is ill, and no longer', async () => {
    const { tokens, pass, answerWith } = bench()
    await tokens.token('a', false, quiet)
    answerWith(async () => {
      throw new SealpostError('transient', 'down')
    })
    pass(LIFE * 0.9)
    expect(await tokens.token('a', false, quiet)).toBe('token-1')
    expect(await errorOf(tokens.token('a', true, quiet))).toMatchObject({ kind: 'transient' })
    pass(LIFE * 0.1)
    expect(await errorOf(tokens.token('a', false, quiet))).toMatchObject({ kind: 'transient' })
    answerWith(async () => undefined)
    expect(await tokens.token('a', false, quiet)).toBe('token-5')
  })

  it('gives a refusal out even while the old token lives', async () => {
    const { tokens, pass, answerWith } = bench()
    await tokens.token('a', false, quiet)
    answerWith(async () => {
      throw new SealpostError('auth', 'no')
    })
    pass(LIFE * 0.9)
    expect(await errorOf(tokens.token('a', false, quiet))).toMatchObject({ kind: 'auth' })
  })

  it('keeps one token an account, or one for all', async () => {
    const each = bench()
    expect(await each.tokens.token('a', false, quiet)).not.toBe(await each.tokens.token('b', false, quiet))
    const all = bench(true)
    expect(await all.tokens.token('a', false, quiet)).toBe(await all.tokens.token('b', false, quiet))
  })

  it('renews after the clock was set back', async () => {
    const { tokens, pass } = bench()
    await tokens.token('a', false, quiet)
    pass(-10_000_000)
    expect(await tokens.token('a', false, quiet)).toBe('token-2')
  })
})
