import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { volumeAccount } from '../../connectors/archive/entry-path.ts'

test('an account in the name of a volume is one word of every shell, whatever the account is called', () => {
  const account = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
    fc.constantFrom(
      `a';touch pwned;'@x`,
      '$(id)@x',
      '-rf@x',
      '`id`',
      'a’;calc;’',
      'x&calc&@x',
      "o'brien@x",
      '@x',
      '~root',
    ),
  )
  fc.assert(
    fc.property(account, (name) => {
      const fitted = volumeAccount(name)
      expect(fitted).toMatch(/^[\p{L}\p{M}\p{N}._+%][\p{L}\p{M}\p{N}._@+%~-]*$/u)
      expect(Buffer.byteLength(fitted)).toBeLessThanOrEqual(120)
    }),
  )
  expect(volumeAccount('anna.smith+x@old-mail.example')).toBe('anna.smith+x@old-mail.example')
  const [first, second] = [volumeAccount('a;b@x'), volumeAccount('a%3Bb@x')]
  expect(first).not.toBe(second)
})

test('what a client pastes out of the sheet runs nothing but what it says', () => {
  const name = `${volumeAccount(`a';echo pwned;'@x`)}.1a2b3c.b001.v001.age`
  for (const word of [name, `'${name}'`]) {
    const { stdout } = spawnSync('sh', ['-c', `printf '%s' ${word}`], { encoding: 'utf8' })
    expect(stdout).toBe(name)
  }
})
