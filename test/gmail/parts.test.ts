import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAnswers } from '../../connectors/gmail/batch.ts'
import { RawReader } from '../../connectors/gmail/raw-message.ts'
import { UnitMeter } from '../../connectors/gmail/unit-meter.ts'
import type { Clock } from '../../src/core/clock.ts'
import { isKind } from '../../src/core/errors.ts'
import { quiet } from '../conformance/bench.ts'

/** Cuts bytes at these places. */
function cut(bytes: Buffer, at: readonly number[]): readonly Buffer[] {
  const places = [0, ...at.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end))
}

function read(pieces: readonly Buffer[]): { readonly body: Buffer; readonly labels: readonly string[] } {
  const reader = new RawReader()
  const body = pieces.map((piece) => reader.update(piece))
  const { last, head } = reader.finish()
  return { body: Buffer.concat([...body, last]), labels: head.labels }
}

const message = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
const cuts = fc.array(fc.nat(2000), { maxLength: 6 })

describe('a message in its answer', () => {
  it('is read whole wherever the answer is cut, whatever stands around it', () => {
    fc.assert(
      fc.property(
        message,
        fc.string(),
        fc.array(fc.string()),
        cuts,
        fc.boolean(),
        (body, snippet, labels, at, first) => {
          const raw = { raw: body.toString('base64url') }
          const rest = {
            snippet,
            labelIds: labels,
            payload: { raw: 'not this', headers: [{ name: 'raw', value: '"raw":"x"' }] },
          }
          const answer = Buffer.from(JSON.stringify(first ? { ...raw, ...rest } : { ...rest, ...raw }, null, 2))
          const got = read(cut(answer, at))
          expect(got.body.equals(body)).toBe(true)
          expect(got.labels).toEqual(labels)
        },
      ),
    )
  })

  it('is read in either alphabet, with padding and with padding that is escaped', () => {
    const body = Buffer.from([0xfb, 0xff, 0xfe, 0x01])
    for (const raw of ['+//+AQ==', '-__-AQ', '-__-AQ==', '-__-AQ\\u003d\\u003d']) {
      expect(read([Buffer.from(`{"raw": "${raw}"}`)]).body.equals(body)).toBe(true)
    }
  })

  it('that is cut anywhere is an error and no short message', () => {
    fc.assert(
      fc.property(message, fc.nat(), (body, place) => {
        const answer = Buffer.from(
          JSON.stringify({ id: 'a', labelIds: ['INBOX'], raw: body.toString('base64url') }),
        )
        try {
          read([answer.subarray(0, place % answer.length)])
          throw new Error('a short answer was taken')
        } catch (error) {
          expect(isKind(error, 'transient')).toBe(true)
        }
      }),
    )
  })

  it.each(['', '[]', '{}', '{"raw": 1}', '{"raw":"a b"}', '{"raw":"YQ","raw":"YQ"}', '{"x":{"raw":"YQ"}}'])(
    'is not in %s',
    (text) => {
      expect(() => read([Buffer.from(text)])).toThrow(/whole message/)
    },
  )
})

describe('the answers of a batch', () => {
  it('are told apart by their numbers, and what cannot be read is left out', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(99)), fc.jsonValue(), (numbers, value) => {
        const parts = numbers.map(
          (number) =>
            `--b\r\nContent-Type: application/http\r\nContent-ID: <response-item-${number}>\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\n\r\n${JSON.stringify({ number, value })}\r\n`,
        )
        const text = `preamble\r\n${parts.join('')}--b\r\n\r\nnot http\r\n--b--\r\n`
        const answers = parseAnswers('multipart/mixed; boundary="b"', text)
        expect([...answers.keys()].sort()).toEqual([...numbers].sort())
        for (const number of numbers) expect(answers.get(number)?.body).toMatchObject({ number })
      }),
    )
  })

  it('never make it throw', () => {
    fc.assert(fc.property(fc.string(), fc.string(), (type, text) => void parseAnswers(type, text)))
  })
})

describe('the meter', () => {
  it('lets no minute see more than its allowance, wherever it begins', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ units: fc.integer({ min: 1, max: 50 }), pause: fc.nat(20_000) }), { maxLength: 120 }),
        async (calls) => {
          let now = 0
          const clock: Clock = {
            now: () => now,
            monotonic: () => now,
            sleep: async (ms) => void (now += ms),
            after: () => () => undefined,
          }
          const meter = new UnitMeter(600, clock)
          const spent: { readonly at: number; readonly units: number }[] = []
          for (const { units, pause } of calls) {
            now += pause
            await meter.take(units, quiet)
            spent.push({ at: now, units })
          }
          for (const { at: start } of spent) {
            const inMinute = spent.filter(({ at }) => at >= start && at < start + 60_000)
            expect(inMinute.reduce((sum, { units }) => sum + units, 0)).toBeLessThanOrEqual(601)
          }
        },
      ),
    )
  })

  it('does not wait where there is room, and serves in order', async () => {
    const waits: number[] = []
    let now = 0
    const clock: Clock = {
      now: () => now,
      monotonic: () => now,
      sleep: async (ms) => {
        waits.push(ms)
        now += ms
      },
      after: () => () => undefined,
    }
    const meter = new UnitMeter(6_000, clock)
    const order: number[] = []
    await Promise.all([300, 300, 90].map((units, index) => meter.take(units, quiet).then(() => order.push(index))))
    expect(order).toEqual([0, 1, 2])
    expect(waits).toEqual([1_000])
    expect(meter.used).toBe(690)
  })
})
