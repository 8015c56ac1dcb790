import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MAILDIR_YAML, PASSPHRASE, Place, PROGRAM } from './program.ts'

const SCRIPT = '/usr/bin/script'

let place: Place

beforeAll(async () => {
  place = await Place.open()
})
afterAll(async () => {
  await place.close()
})

/** Runs the program on a terminal of its own and types each answer when its question is there. */
async function onTerminal(
  words: readonly string[],
  answers: readonly (readonly [question: string, typed: string])[],
): Promise<{ exitCode: number | undefined; screen: string }> {
  const command = [process.execPath, ...PROGRAM, ...words]
  const line = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  const running = execa(SCRIPT, ['-qefc', line, '/dev/null'], {
    cwd: place.folder,
    env: { PATH: process.env['PATH'], HOME: place.folder, SEALPOST_HOME: place.home, TERM: 'xterm' },
    extendEnv: false,
    reject: false,
    stdin: 'pipe',
    timeout: 30_000,
  })
  let screen = ''
  const left = [...answers]
  running.stdout.on('data', (bytes: Buffer) => {
    screen += bytes.toString('utf8')
    const [next] = left
    const at = next === undefined ? -1 : screen.lastIndexOf(next[0])
    if (next === undefined || at === -1 || screen.slice(at).includes('\n')) return
    left.shift()
    running.stdin.write(next[1])
  })
  const { exitCode } = await running
  running.stdin.end()
  return { exitCode, screen }
}

describe.skipIf(!existsSync(SCRIPT))('on a terminal', () => {
  it('asks for a new passphrase twice and shows neither', async () => {
    const words = ['init', place.project, '--client', 'Beispiel GmbH', '--kdf', 'interactive']
    const differ = await onTerminal(words, [
      ['New passphrase: ', `${PASSPHRASE}\r`],
      ['The same again: ', 'something else\r'],
    ])
    expect(differ.exitCode).toBe(2)
    expect(differ.screen).toContain('the two passphrases differ. Try again.')
    const same = await onTerminal(words, [
      ['New passphrase: ', `${PASSPHRASE}\r`],
      ['The same again: ', `${PASSPHRASE}\r`],
    ])
    expect(same.exitCode).toBe(0)
    expect(differ.screen + same.screen).not.toContain(PASSPHRASE)
  })

  it('asks for passphrase and secret, mended with backspace, pasted in one go', async () => {
    const set = await onTerminal(
      ['credentials', 'set', 'boss', '--project', place.project],
      [
        ['Passphrase: ', `${PASSPHRASE}x\u007f\r`],
        ['Secret of "boss": ', 'hunter2\r'],
      ],
    )
    expect(set.exitCode).toBe(0)
    expect(set.screen).toContain('Kept credential "boss"')
    expect(set.screen).not.toMatch(/hunter2/)
    const pasted = await onTerminal(
      ['credentials', 'set', 'two', '--project', place.project],
      [['Passphrase: ', `${PASSPHRASE}\rhunter3\r`]],
    )
    expect(pasted.exitCode).toBe(0)
    expect(pasted.screen).not.toMatch(/hunter3/)
  })

  it('has a doubtful pair of accounts typed, and goes on only with exactly that', async () => {
    await place.configure(MAILDIR_YAML, 'source,destination\nanna,info\nbert,info\n')
    for (const account of ['anna', 'bert']) await place.fillMaildir(account, 1)
    const plan = (typed: string) =>
      onTerminal(
        ['plan', '--project', place.project],
        [
          ['Passphrase: ', `${PASSPHRASE}\r`],
          ['type anna+bert=info: ', typed],
        ],
      )
    expect((await plan('yes\r')).exitCode).toBe(4)
    expect((await plan('\u0004')).exitCode).toBe(130)
    expect((await plan('anna+bert=info\r')).exitCode).toBe(0)
    expect((await place.run(['plan'])).exitCode).toBe(0)
  })

  it('asks for a key file where one is needed, and shows its name', async () => {
    const file = join(place.folder, 'ada.key')
    const words = ['operator', 'add', 'ada', '--role', 'auditor', '--kdf', 'interactive', '--new-key-file', file]
    const added = await onTerminal(
      [...words, '--passphrase-file', place.passphraseFile],
      [
        ['New passphrase: ', `${PASSPHRASE}\r`],
        ['The same again: ', `${PASSPHRASE}\r`],
      ],
    )
    expect(added.exitCode, added.screen).toBe(0)
    const listed = await onTerminal(
      ['operator', 'list', '--operator', 'ada'],
      [
        ['Key file of ada: ', `${file}\r`],
        ['Passphrase: ', `${PASSPHRASE}\r`],
      ],
    )
    expect(listed.exitCode, listed.screen).toBe(0)
    expect(listed.screen).toContain(`Key file of ada: ${file}`)
    expect(listed.screen).not.toContain(PASSPHRASE)
  })

  it('ends with 130 on Ctrl-C, having made nothing', async () => {
    const { exitCode, screen } = await onTerminal(
      ['init', join(place.folder, 'never'), '--client', 'x'],
      [['Passphrase: ', 'abc\u0003']],
    )
    expect(exitCode).toBe(130)
    expect(screen).toMatch(/sealpost:\S* interrupted/)
    expect(existsSync(join(place.folder, 'never'))).toBe(false)
  })
})
