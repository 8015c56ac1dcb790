import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MAILDIR_YAML, PASSPHRASE, Place, PROGRAM } from './program.ts'

const TMUX = '/usr/bin/tmux'

let place: Place

beforeAll(async () => {
  place = await Place.open()
  await place.init()
  await place.fillMaildir('anna', 1)
  // A minute's work at that rate: the keys come first on any machine.
  const body = `${'x'.repeat(70)}\r\n`.repeat(400)
  for (let n = 0; n < 140; n++)
    writeFileSync(join(place.project, 'old/anna/cur', `${n}.large:2,S`), `Subject: ${n}\r\n\r\n${body}`)
  await place.configure(`${MAILDIR_YAML}\nlimits: { rate: 64KiB, lanes: 2 }\n`, 'source,destination\nanna,anna\n')
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

/** What stands on the terminal once it matches. */
async function screen(wanted: RegExp): Promise<string> {
  let text = ''
  for (let look = 0; look < 300 && !wanted.test(text); look++) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    text = await tmux('capture-pane', '-p', '-t', 'd')
  }
  expect(text).toMatch(wanted)
  return text
}

describe.skipIf(!existsSync(TMUX))('the dashboard on a terminal of 80 by 24', () => {
  it('pauses and resumes a run, opens an account, quits as Ctrl-C does and leaves the terminal as it was', async () => {
    const words = [process.execPath, ...PROGRAM, 'run', '--project', place.project, '--passphrase-file', 'pass']
    const command = `${words.map((word) => `'${word}'`).join(' ')}; echo "code $?"; stty -a; read -r line`
    await tmux('new-session', '-d', '-x', '80', '-y', '24', '-s', 'd', command)
    await screen(/^RUNNING[^]*> anna[^]*q quit/m)
    await tmux('send-keys', '-t', 'd', 'p')
    await screen(/^PAUSED[^]*p resume/m)
    await tmux('send-keys', '-t', 'd', 'Enter')
    await screen(/mailboxes of anna[^]*INBOX/)
    await tmux('send-keys', '-t', 'd', 'p')
    await screen(/^RUNNING/m)
    await tmux('send-keys', '-t', 'd', 'p')
    await screen(/^PAUSED/m)
    await tmux('send-keys', '-t', 'd', 'q')
    const left = await screen(/code 130[^]* icanon[^]* echo /)
    expect(left).toContain('Interrupted. Go on with: sealpost run')
    expect(left).not.toContain('PAUSED')
  }, 60_000)
})
