import { inspect, format } from 'node:util'
import { serialize } from 'node:v8'
import { describe, expect, test } from 'vitest'
import { SealpostError } from '../../src/core/errors.ts'
import { Secret, wipe } from '../../vault/secret.ts'

const PLAIN = 'hunter2-hunter2'
const HEX = Buffer.from(PLAIN).toString('hex')

function make(): Secret {
  return Secret.fromBytes(Buffer.from(PLAIN))
}

const sinks: readonly (readonly [string, (secret: Secret) => string])[] = [
  ['String()', (secret) => String(secret)],
  ['toString', (secret) => secret.toString()],
  ['template', (secret) => `is ${secret as unknown as string}`],
  ['concatenation', (secret) => 'x' + (secret as unknown as string)],
  ['JSON', (secret) => JSON.stringify(secret)],
  ['JSON, nested', (secret) => JSON.stringify({ a: [{ secret }] })],
  ['inspect', (secret) => inspect(secret)],
  ['inspect, nested', (secret) => inspect({ a: { b: [secret] } }, { depth: 9 })],
  ['format %s %o %O %j', (secret) => format('%s %o %O %j', secret, secret, secret, secret)],
  ['error message', (secret) => new SealpostError('bug', `bad ${secret as unknown as string}`).message],
  ['error cause', (secret) => inspect(new Error('x', { cause: secret }))],
  ['error cause, nested', (secret) => inspect(new SealpostError('bug', 'x', { cause: { secret } }), { depth: 9 })],
]

describe('secret', () => {
  test.each(sinks)('%s prints a placeholder', (_name, sink) => {
    const shown = sink(make())
    expect(shown).toContain('[secret]')
    expect(shown).not.toContain(PLAIN)
    expect(shown).not.toContain(HEX)
  })

  test('has no property that holds the bytes, whatever looks at it', () => {
    const secret = make()
    expect(Reflect.ownKeys(secret)).toEqual([])
    expect(inspect(secret, { customInspect: false, showHidden: true, depth: 9 })).not.toMatch(/hunter|68 75 6e/)
    expect(serialize(Object.assign({}, secret)).toString('latin1')).not.toContain(PLAIN)
    expect(+(secret as unknown as string)).toBeNaN()
  })

  test('takes the input over and wipes it', () => {
    const input = Buffer.from(PLAIN)
    const secret = Secret.fromBytes(input)
    expect(input.equals(Buffer.alloc(PLAIN.length))).toBe(true)
    expect(secret.text()).toBe(PLAIN)
    expect(secret.length).toBe(PLAIN.length)
    expect(secret.use((bytes) => bytes.buffer.byteLength)).toBe(PLAIN.length)
  })

  test('wipes its bytes and is of no use afterwards; twice is safe', () => {
    const secret = make()
    const held = secret.use((bytes) => bytes)
    secret.wipe()
    secret.wipe()
    expect(held.equals(Buffer.alloc(PLAIN.length))).toBe(true)
    expect(() => secret.text()).toThrow(SealpostError)
    expect(() => secret.use(() => 0)).toThrow('after it was wiped')
    expect(String(secret)).toBe('[secret]')
  })

  test('keys that are no Secret are overwritten too, and what is not there is passed over', () => {
    const [key, piece] = [Buffer.from(PLAIN), new Uint8Array([1, 2])]
    wipe(key, null, undefined, piece)
    expect([key.equals(Buffer.alloc(PLAIN.length)), [...piece]]).toEqual([true, [0, 0]])
  })

  test('compares by value', () => {
    expect(make().equals(make())).toBe(true)
    expect(make().equals(Secret.fromBytes(Buffer.from('hunter2-hunter3')))).toBe(false)
    expect(make().equals(Secret.fromBytes(Buffer.from('hunter2')))).toBe(false)
    expect(Secret.fromBytes(Buffer.alloc(0)).equals(Secret.fromBytes(Buffer.alloc(0)))).toBe(true)
  })
})
