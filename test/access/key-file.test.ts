import { existsSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Place, type Ended } from '../cli/program.ts'

const OF_BEN = 'another passphrase, of ben'

describe('a key file', () => {
  let place: Place
  let medium: string
  let bens: string
  const lead = (words: readonly string[], third?: string): Promise<Ended> =>
    place.run(
      [...words, '--operator', 'ada', '--key-file', join(medium, 'ada.key')],
      third === undefined ? {} : { third },
    )
  const asBen = (words: readonly string[], ...more: readonly string[]): Promise<Ended> =>
    place.bare([...words, '--operator', 'ben', '--passphrase-file', bens, ...more], { cwd: place.project })

  beforeAll(async () => {
    place = await Place.open()
    medium = join(place.folder, 'medium')
    bens = join(place.folder, 'passphrase-of-ben')
    await mkdir(medium)
    writeFileSync(bens, `${OF_BEN}\n`, { mode: 0o600 })
    const made = await place.init('--operator', 'ada', '--new-key-file', join(medium, 'ada.key'))
    expect(made.exitCode, made.stderr).toBe(0)
    expect(made.stderr).toContain('on the same disk as the workspace')
    const words = ['operator', 'add', 'ben', '--role', 'lead', '--kdf', 'interactive', '--new-passphrase-fd', '3']
    const added = await lead([...words, '--new-key-file', join(medium, 'ben.key')], OF_BEN)
    expect(added.exitCode, added.stderr).toBe(0)
    expect(added.stdout).toMatch(/without it the keys are lost/)
  })
  afterAll(() => place.close())

  it('is 64 random bytes that only its owner can read', () => {
    for (const name of ['ada.key', 'ben.key']) {
      const { size, mode } = statSync(join(medium, name))
      expect({ size, mode: mode & 0o777 }).toEqual({ size: 64, mode: 0o600 })
    }
  })

  it('opens the keys together with the passphrase, and neither does alone', async () => {
    const bare = await asBen(['operator', 'list'])
    expect(bare).toMatchObject({ exitCode: 5 })
    expect(bare.stderr).toMatch(/operator ben needs the key file besides the passphrase.*--key-file FILE/)
    const gone = await asBen(['operator', 'list'], '--key-file', join(medium, 'none'))
    expect(gone).toMatchObject({ exitCode: 5 })
    expect(gone.stderr).toMatch(/^sealpost: there is no key file .*none\. Insert the medium that it is on\.\n$/)
    const wrongFile = await asBen(['operator', 'list'], '--key-file', join(medium, 'ada.key'))
    writeFileSync(bens, 'wrong passphrase\n')
    const wrongPassphrase = await asBen(['operator', 'list'], '--key-file', join(medium, 'ben.key'))
    writeFileSync(bens, `${OF_BEN}\n`)
    // Which of both was wrong is not told.
    expect(wrongFile).toEqual(wrongPassphrase)
    expect(wrongFile).toMatchObject({
      exitCode: 5,
      stderr: 'sealpost: wrong passphrase or key file for operator ben.\n',
    })
    symlinkSync(join(medium, 'ben.key'), join(place.folder, 'link'))
    const right = await asBen(['operator', 'list'], '--key-file', join(place.folder, 'link'))
    expect(right.exitCode, right.stderr).toBe(0)
    expect(right.stderr).toContain('there were 2 wrong passphrases for ben')
  })

  it('is given to the agent, and the log says that it was used', async () => {
    const runtime = join(place.folder, 'run')
    await mkdir(runtime, { mode: 0o700 })
    const environment = { XDG_RUNTIME_DIR: runtime }
    const unlocked = await place.bare(
      ['unlock', '--operator', 'ben', '--passphrase-file', bens, '--key-file', join(medium, 'ben.key'), '--json'],
      { environment },
    )
    try {
      expect(unlocked.exitCode, unlocked.stderr).toBe(0)
      const shown = await place.bare(['audit', 'show', '--last', '0', '--json'], {
        environment,
        cwd: place.project,
      })
      const { entries } = JSON.parse(shown.stdout) as {
        entries: { action: string; by: string; factor: string }[]
      }
      const unlocks = entries.filter(({ action }) => action === 'unlock')
      expect(unlocks.length).toBeGreaterThan(2)
      expect(unlocks.every(({ factor }) => factor === 'key-file')).toBe(true)
      expect(unlocks.at(-1)).toMatchObject({ by: 'ben' })
    } finally {
      await place.bare(['lock', '--json'], { environment })
    }
  })

  it('is asked of the second person of a sign-off', async () => {
    const words = ['signoff', '--by', 'Eva Muster', '--second', 'ben']
    expect((await lead(['hold', 'set', '--reason', 'x'])).exitCode).toBe(0)
    const bare = await lead([...words, '--second-passphrase-fd', '3'], OF_BEN)
    expect(bare).toMatchObject({ exitCode: 5 })
    expect(bare.stderr).toMatch(/operator ben needs the key file.*--second-key-file FILE/)
    const both = [...words, '--second-passphrase-fd', '3', '--second-key-file', join(medium, 'ben.key')]
    const signed = await lead(both, OF_BEN)
    // Both are let in, and the hold keeps the project.
    expect(signed.exitCode, signed.stderr).toBe(4)
    expect(signed.stderr).toContain('cannot be signed off yet')
  })

  it.each([
    [['--new-key-file', 'medium/ada.key'], /cannot create .*is there already/],
    [['--new-key-file', 'nowhere/new.key'], /cannot open .*nowhere: there is no such file or folder/],
    [['--new-key-file', 'workspace/new.key'], /must not lie in the workspace/],
  ])('wrong place for a new one: %j', async ([option = '', path = ''], text) => {
    const words = ['operator', 'add', 'eve', '--role', 'lead', '--kdf', 'interactive', '--new-passphrase-fd', '3']
    const before = existsSync(join(medium, 'ada.key'))
    const { exitCode, stderr } = await lead([...words, option, join(place.folder, path)], OF_BEN)
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringMatching(text) as string })
    expect(existsSync(join(medium, 'ada.key'))).toBe(before)
  })

  it('of a person who could not be added is taken back', async () => {
    const path = join(medium, 'twice.key')
    const words = ['operator', 'add', 'ben', '--role', 'lead', '--kdf', 'interactive', '--new-passphrase-fd', '3']
    expect((await lead([...words, '--new-key-file', path], OF_BEN)).exitCode).toBe(2)
    expect(existsSync(path)).toBe(false)
  })

  it.each([
    ['a folder', (at: string) => mkdir(at), 2, /cannot open the key file .*: it is a folder/],
    ['too short', (at: string) => writeFile(at, 'x'), 2, /has 1 bytes/],
    ['too long', (at: string) => writeFile(at, Buffer.alloc(65_537)), 2, /has 65537 bytes/],
  ])('%s is none', async (name, make, code, text) => {
    const path = join(place.folder, name)
    await make(path)
    const { exitCode, stderr } = await asBen(['operator', 'list'], '--key-file', path)
    expect({ exitCode, stderr }).toEqual({ exitCode: code, stderr: expect.stringMatching(text) as string })
  })
})
