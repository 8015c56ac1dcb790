import { describe, expect, it } from 'vitest'
import { createMemoryConnector } from '../../connectors/memory/connector.ts'
import type { MemoryFault, MemoryOptions, StepHook } from '../../connectors/memory/options.ts'
import { createMemoryStore, type MemoryStore } from '../../connectors/memory/store.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { DestinationSession } from '../../src/core/connector.ts'
import { SealpostError } from '../../src/core/errors.ts'
import type { Mailbox, NewMessage } from '../../src/core/mail.ts'

const signal = new AbortController().signal

function message(text: string): NewMessage {
  return { body: Buffer.from(`Subject: x\r\n\r\n${text}\r\n`), internalDate: 1000, flags: ['\\Seen'], nul: false }
}

async function open(options: MemoryOptions): Promise<[MemoryStore, DestinationSession, Mailbox]> {
  const store = createMemoryStore()
  const session = await createMemoryConnector(store, options).openDestination('a', signal)
  return [store, session, await session.ensureMailbox(['INBOX'], null, signal)]
}

function onAppend(phase: 'before' | 'after', act: () => MemoryFault | undefined): StepHook {
  return (step) => (step.op === 'append' && step.phase === phase ? act() : undefined)
}

describe('faults of the memory connector', () => {
  it('stores a batch and loses the reply', async () => {
    const [store, session, inbox] = await open({ onStep: onAppend('before', () => ({ fault: 'lose-reply' })) })
    const outcomes = await session.append(inbox, [message('a'), message('b')], signal)
    expect(outcomes.map(({ kind }) => kind)).toEqual(['unknown', 'unknown'])
    expect(session.alive).toBe(false)
    expect(store.account('a').messages(['INBOX'])).toHaveLength(2)
    await expect(session.position(inbox, signal)).rejects.toMatchObject({ kind: 'transient' })
  })

  it('stores only the first messages when the batch is cut', async () => {
    const fault: MemoryFault = { fault: 'lose-reply', stored: 1 }
    const [store, session, inbox] = await open({ onStep: onAppend('before', () => fault) })
    await session.append(inbox, [message('a'), message('b')], signal)
    expect(store.account('a').messages(['INBOX'])).toHaveLength(1)
  })

  it('lands late, when its time has come', async () => {
    const due: [number, () => void][] = []
    const clock: Clock = {
      now: () => 0,
      monotonic: () => 0,
      sleep: () => Promise.resolve(),
      after: (ms, callback) => {
        due.push([ms, callback])
        return () => undefined
      },
    }
    const fault: MemoryFault = { fault: 'land-late', milliseconds: 395 }
    const [store, session, inbox] = await open({ clock, onStep: onAppend('before', () => fault) })
    const outcomes = await session.append(inbox, [message('a')], signal)
    expect(outcomes[0]?.kind).toBe('unknown')
    expect(store.account('a').messages(['INBOX'])).toHaveLength(0)
    expect(due.map(([ms]) => ms)).toEqual([395])
    due[0]?.[1]()
    expect(store.account('a').messages(['INBOX'])).toHaveLength(1)
  })

  it('makes the outcome unknown when an error comes after the append', async () => {
    const throttled = new SealpostError('throttled', 'slow down', { retryAfter: 5 })
    const hook: StepHook = (step) => {
      if (step.op === 'append' && step.phase === 'after') throw throttled
    }
    const [store, session, inbox] = await open({ onStep: hook })
    expect(await session.append(inbox, [message('a')], signal)).toEqual([{ kind: 'unknown', error: throttled }])
    expect(store.account('a').messages(['INBOX'])).toHaveLength(1)
    expect(session.alive).toBe(true)
  })

  it('stores nothing when an error comes before the append', async () => {
    const throttled = new SealpostError('throttled', 'slow down', { retryAfter: 5 })
    const hook: StepHook = (step) => {
      if (step.op === 'append') throw throttled
    }
    const [store, session, inbox] = await open({ onStep: hook })
    await expect(session.append(inbox, [message('a')], signal)).rejects.toBe(throttled)
    expect(store.account('a').messages(['INBOX'])).toHaveLength(0)
  })

  it('refuses a whole batch for one message, or that one alone', async () => {
    const error = new SealpostError('rejected', 'no')
    const onStep = onAppend('before', () => ({ fault: 'refuse', error, index: 1 }))
    const [store, session, inbox] = await open({ onStep })
    const whole = await session.append(inbox, [message('a'), message('b')], signal)
    expect(whole.map(({ kind }) => kind)).toEqual(['refused', 'refused'])
    expect(store.account('a').messages(['INBOX'])).toHaveLength(0)
    const [, each, eachInbox] = await open({ onStep, atomicBatches: false })
    const outcomes = await each.append(eachInbox, [message('a'), message('b')], signal)
    expect(outcomes.map(({ kind }) => kind)).toEqual(['landed', 'refused'])
  })

  it('passes a crash through as it is, and the session is dead', async () => {
    const crash = new Error('crash')
    const hook: StepHook = (step) => {
      if (step.op === 'append' && step.phase === 'after') throw crash
    }
    const [store, session, inbox] = await open({ onStep: hook })
    await expect(session.append(inbox, [message('a')], signal)).rejects.toBe(crash)
    expect(session.alive).toBe(false)
    expect(store.account('a').messages(['INBOX'])).toHaveLength(1)
  })

  it('frees the place of a session that has died', async () => {
    const store = createMemoryStore()
    let dying = true
    const connector = createMemoryConnector(store, {
      capabilities: { sessions: 1 },
      onStep: (step) => (step.op === 'quota' && dying ? { fault: 'die' } : undefined),
    })
    const first = await connector.openSource('a', signal)
    await expect(connector.openSource('a', signal)).rejects.toMatchObject({ kind: 'throttled' })
    await expect(first.quota(signal)).rejects.toMatchObject({ kind: 'transient' })
    await first.close()
    dying = false
    const second = await connector.openSource('a', signal)
    expect(await second.quota(signal)).toBeNull()
  })

  it('folds equal Message-IDs where it is told to', async () => {
    const [store, session, inbox] = await open({ capabilities: { merges: 'message-id' } })
    const mail = (text: string): NewMessage => ({
      ...message(''),
      body: Buffer.from(`Message-ID: <1@x>\r\n\r\n${text}`),
    })
    const outcomes = await session.append(inbox, [mail('a'), mail('b')], signal)
    expect(outcomes.map((outcome) => outcome.kind === 'landed' && outcome.key)).toEqual(['1', '1'])
    expect(store.account('a').messages(['INBOX'])).toHaveLength(1)
  })
})
