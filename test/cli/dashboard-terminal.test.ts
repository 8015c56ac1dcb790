import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { PASSPHRASE, PROGRAM, type Place } from './program.ts'
import { openSlowPlace } from './slow-run.ts'

const TMUX = '/usr/bin/tmux'

let place: Place

beforeAll(async () => {
  place = await openSlowPlace()
  writeFileSync(join(place.folder, 'pass'), `${PASSPHRASE}\n`, { mode: 0o600 })
})
afterAll(async () => {
  await tmux('kill-server')
  await place.close()
})

async function tmux(...words: readonly string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: place.folder, SEALPOST_HOME: place.home, TERM: 'xterm' }
  const socket = join(place.folder, 'tmux')
  const options = { cwd: place.folder, env, extendEnv: false, reject: false }
  return (await execa(TMUX, ['-S', socket, ...words], options)).stdout
}

/** Begins a program in a window of its own; when it has ended, its code and the state of the terminal are shown. */
async function open(window: string, words: readonly string[], input = '/dev/tty'): Promise<void> {
  // The terminal sends its signal to the shell too, which shall live to tell the code.
  const command = `trap : INT; ${words.map((word) => `'${word}'`).join(' ')} < ${input}; echo "code $?"; stty -a; read -r line`
  const [first, ...where] = window === 'run' ? ['new-session', '-s', 'd'] : ['new-window', '-t', 'd']
  await tmux(first, '-d', ...(window === 'run' ? ['-x', '80', '-y', '24'] : []), ...where, '-n', window, command)
}

/** What stands in a window once it matches. */
async function screen(wanted: RegExp, window = 'run'): Promise<string> {
  let text = ''
  for (let look = 0; look < 300 && !wanted.test(text); look++) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    text = await tmux('capture-pane', '-p', '-t', `d:${window}`)
  }
  expect(text).toMatch(wanted)
  return text
}

async function press(key: string, window = 'run'): Promise<void> {
  await tmux('send-keys', '-t', `d:${window}`, key)
}

/** Expects the program to have ended with `code`, and the terminal to be as a shell wants it. */
async function expectLeft(code: number, window = 'run'): Promise<string> {
  const left = await screen(new RegExp(`code ${code}\\b[^]*[^-]isig icanon[^]* echo `), window)
  const state = await tmux('display-message', '-p', '-t', `d:${window}`, '#{cursor_flag} #{alternate_on}')
  expect(state).toBe('1 0')
  return left
}

function sealpost(...words: readonly string[]): readonly string[] {
  return [process.execPath, ...PROGRAM, ...words, '--project', place.project, '--passphrase-file', 'pass']
}

describe.skipIf(!existsSync(TMUX))('the dashboard on a terminal of 80 by 24', () => {
  afterEach(() => tmux('kill-session', '-t', 'd'))

  it('pauses and resumes a run, opens an account, quits as Ctrl-C does and leaves the terminal as it was', async () => {
    await open('run', sealpost('run'))
    await screen(/^RUNNING[^]*> anna[^]*q quit/m)
    await press('p')
    await screen(/^PAUSED[^]*p resume/m)
    await press('Enter')
    await screen(/mailboxes of anna[^]*INBOX/)
    await press('p')
    await screen(/^RUNNING/m)
    await press('p')
    await screen(/^PAUSED/m)
    await press('q')
    const left = await expectLeft(130)
    expect(left).toContain('Interrupted. Go on with: sealpost run')
    expect(left).not.toContain('PAUSED')
  }, 60_000)

  it('is watched from another terminal, which changes nothing, and after q and q again leaves at once', async () => {
    await open('run', sealpost('run'))
    await screen(/^RUNNING[^]*q quit/m)
    await open('watch', sealpost('status', '--watch'))
    await screen(/^RUNNING[^]*> anna[^]*up\/down choose {3}enter mailboxes {3}q quit/m, 'watch')
    await press('p', 'watch')
    await press('Enter', 'watch')
    await screen(/mailboxes of anna[^]*INBOX/, 'watch')
    await press('q', 'watch')
    await expectLeft(0, 'watch')
    await screen(/^RUNNING/m)
    await press('qq')
    await expectLeft(130)
  }, 60_000)

  it('leaves the terminal as it was after SIGTERM', async () => {
    await open('run', sealpost('run'))
    await screen(/^RUNNING[^]*q quit/m)
    await press('p')
    await screen(/^PAUSED/m)
    const shell = await tmux('display-message', '-p', '-t', 'd:run', '#{pane_pid}')
    const [child] = readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim().split(' ')
    process.kill(Number(child), 'SIGTERM')
    expect(await expectLeft(130)).not.toContain('PAUSED')
  }, 60_000)

  it('is drawn without keys where stdin is no terminal, as under a script, and Ctrl-C ends it', async () => {
    await open('run', sealpost('run'), '/dev/null')
    await screen(/^RUNNING[^]*anna[^]*Ctrl-C quits/m)
    await press('C-c')
    await screen(/stopping/)
    await press('C-c')
    expect(await expectLeft(130)).not.toContain('cannot be drawn')
  }, 60_000)

  it.each(['/dev/null', 'program'])(
    'gives way to lines with stdin from %s too',
    async (input) => {
      const child = fileURLToPath(new URL('./broken-dashboard.ts', import.meta.url))
      writeFileSync(join(place.folder, 'program'), '')
      await open('run', [process.execPath, '--import', import.meta.resolve('tsx'), child, 'at-once'], input)
      await screen(/the dashboard cannot be drawn[^]*accounts 0\/1/)
      await press('C-c')
      await expectLeft(130)
    },
    60_000,
  )

  it('gives way to lines when it cannot be drawn, without the words of the error, and the keys are the shell’s again', async () => {
    const child = fileURLToPath(new URL('./broken-dashboard.ts', import.meta.url))
    await open('run', [process.execPath, '--import', import.meta.resolve('tsx'), child])
    await screen(/^RUNNING[^]*> anna/m)
    await press('Enter')
    const shown = await screen(/the dashboard cannot be drawn[^]*accounts 0\/1/)
    expect(shown).not.toMatch(/RUNNING|Wednesday/)
    // The terminal itself makes a signal of it.
    await press('C-c')
    await expectLeft(130)
  }, 60_000)
})
