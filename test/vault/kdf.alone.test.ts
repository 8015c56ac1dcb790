import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { kdfParametersOf, readKdfParameters } from '../../vault/kdf-profile.ts'
import { toFields } from '../../vault/fields.ts'
import { derivePassphraseKeys, stretchPassphrase } from '../../vault/kdf.ts'
import { secretOf } from './workspace.ts'

const SALT = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
const QUICK = kdfParametersOf('interactive')

describe('Argon2id', () => {
  test('gives what another implementation gives', async () => {
    // OpenSSL, through Python's cryptography: Argon2id(salt=bytes(range(16)), length=32, iterations=2, lanes=1, memory_cost=65536)
    const key = await stretchPassphrase(secretOf('correct horse'), SALT, QUICK)
    expect(key.toString('hex')).toBe('9aab5a81db651bf866ff7b6169794d2ad9bb00f3d95177925a5fca692a34dbd1')
  })

  test('the default profile takes 256 MiB in a process of its own, not in ours', async () => {
    const parameters = kdfParametersOf('moderate')
    expect(parameters).toEqual({ algorithm: 'argon2id', memoryMebibytes: 256, passes: 3 })
    const before = process.memoryUsage.rss()
    let peak = 0
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss() - before)), 10)
    const key = await stretchPassphrase(secretOf('correct horse'), SALT, parameters)
    clearInterval(watch)
    expect(key.toString('hex')).toBe('eebe26b451a68d4c43a23f45a8df1386550eeacb028ed6209232f2875f938676')
    expect(peak).toBeLessThan(64 * 1024 * 1024)
  })

  test.skipIf(process.platform !== 'linux')(
    'the passphrase stands neither in an argument nor in the environment of the child',
    async () => {
      const seen: string[] = []
      const watch = setInterval(() => {
        for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
          try {
            const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
            if (line.includes('kdf-child')) seen.push(line + readFileSync(`/proc/${pid}/environ`, 'utf8'))
          } catch {
            // The process is gone.
          }
        }
      }, 5)
      await stretchPassphrase(secretOf('canary-7f3a91'), SALT, QUICK)
      clearInterval(watch)
      expect(seen.length).toBeGreaterThan(0)
      expect(seen.join('\n')).not.toContain('canary-7f3a91')
      expect(seen.join('\n')).not.toContain('NODE_OPTIONS')
    },
  )

  test('memory that cannot be had is one clear line', async () => {
    const hungry = { algorithm: 'argon2id', memoryMebibytes: 5000, passes: 2 } as const
    await expect(stretchPassphrase(secretOf('x'), SALT, hungry)).rejects.toMatchObject({ kind: 'config' })
  })
})

describe('key file', () => {
  test('changes both keys, and another file changes them again', async () => {
    const derive = (keyFile: Buffer | null): ReturnType<typeof derivePassphraseKeys> =>
      derivePassphraseKeys(secretOf('p'), keyFile, SALT, QUICK)
    const [none, empty, one, other, again] = await Promise.all(
      [null, Buffer.alloc(0), Buffer.from('a'), Buffer.from('b'), Buffer.from('a')].map(derive),
    )
    const keys = [none, empty, one, other].map((derived) => derived?.key.toString('hex'))
    const checks = [none, empty, one, other].map((derived) => derived?.check.toString('hex'))
    expect(new Set(keys).size).toBe(4)
    expect(new Set(checks).size).toBe(4)
    expect(again?.key.toString('hex')).toBe(keys[2])
  })
})

describe('parameters in a header', () => {
  const read = (value: Record<string, unknown>): unknown =>
    readKdfParameters(toFields(value, 'the header', ['algorithm', 'memoryMebibytes', 'passes']))

  test.each([
    { algorithm: 'argon2id', memoryMebibytes: 63, passes: 3 },
    { algorithm: 'argon2id', memoryMebibytes: 1025, passes: 3 },
    { algorithm: 'argon2id', memoryMebibytes: 1e12, passes: 3 },
    { algorithm: 'argon2id', memoryMebibytes: 256, passes: 1 },
    { algorithm: 'argon2id', memoryMebibytes: 256, passes: 11 },
    { algorithm: 'argon2id', memoryMebibytes: 256.5, passes: 3 },
    { algorithm: 'argon2id', memoryMebibytes: '256', passes: 3 },
    { algorithm: 'scrypt', memoryMebibytes: 256, passes: 3 },
  ])('out of bounds is corrupt: %j', (value) => {
    expect(() => read(value)).toThrow(/the header/)
  })

  test('both profiles are within bounds', () => {
    for (const profile of ['moderate', 'interactive'] as const) {
      const parameters = kdfParametersOf(profile)
      expect(read({ ...parameters })).toEqual(parameters)
    }
  })
})
