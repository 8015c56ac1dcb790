import { existsSync } from 'node:fs'
import { readFile, readlink, realpath } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PASSPHRASE, Place, PROGRAM } from './program.ts'

const PRLIMIT = '/usr/bin/prlimit'
const INTERRUPT = new URL('../../src/cli/interrupt.ts', import.meta.url).href
const CLOCK = new URL('../../src/core/clock.ts', import.meta.url).href

let place: Place

beforeAll(async () => {
  place = await Place.open()
  await place.init()
})
afterAll(async () => {
  await place.close()
})

/** Starts the program with a limit for core files, so that it waits for its passphrase on stdin. */
function startWaiting() {
  return execa(
    PRLIMIT,
    ['--core=4096:4096', process.execPath, ...PROGRAM, 'credentials', 'list', '--passphrase-fd', '0'],
    {
      cwd: place.project,
      env: { PATH: process.env['PATH'], HOME: place.folder, SEALPOST_HOME: place.home },
      extendEnv: false,
      reject: false,
      stdin: 'pipe',
      timeout: 50_000,
    },
  )
}

/** True once Node runs, which begins with a limit of 4096 for core files, and has set it to next to none. */
async function isAsking(pid: number | undefined): Promise<boolean> {
  try {
    const node = (await readlink(`/proc/${pid ?? 0}/exe`)) === (await realpath(process.execPath))
    return node && /^Max core file size\s+1\s+1\s/m.test(await readFile(`/proc/${pid ?? 0}/limits`, 'utf8'))
  } catch {
    return false
  }
}

async function until(what: () => Promise<boolean>): Promise<boolean> {
  for (let i = 0; i < 400; i++) {
    if (await what()) return true
    await sleep(50)
  }
  return false
}

describe.skipIf(!existsSync(PRLIMIT) || process.getuid?.() !== 0)('while it waits for the passphrase', () => {
  it('may write no core file', async () => {
    const running = startWaiting()
    expect(await until(() => isAsking(running.pid))).toBe(true)
    running.stdin.end(`${PASSPHRASE}\n`)
    expect((await running).exitCode).toBe(0)
  })

  it('opens no debugger on SIGUSR1 and goes on', async () => {
    const running = startWaiting()
    expect(await until(() => isAsking(running.pid))).toBe(true)
    running.kill('SIGUSR1')
    await sleep(300)
    running.stdin.end(`${PASSPHRASE}\n`)
    const { exitCode, stderr } = await running
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  })

  it('ends with 130 when it is interrupted', async () => {
    const running = startWaiting()
    expect(await until(() => isAsking(running.pid))).toBe(true)
    running.kill('SIGTERM')
    const { exitCode, stderr } = await running
    expect(exitCode).toBe(130)
    expect(stderr).toContain('sealpost: interrupted. Run the same command again')
  })
})

describe('the process', () => {
  it.each([
    ['SIGINT', 'SIGTERM'],
    ['SIGTERM', 'SIGINT'],
  ] as const)('is asked to stop by %s and ends at once on %s', async (first, second) => {
    const busy = `
      import { installSignals } from ${JSON.stringify(INTERRUPT)}
      import { systemClock } from ${JSON.stringify(CLOCK)}
      const { stop } = installSignals(systemClock, () => console.log('asked', stop.aborted))
      setInterval(() => undefined, 1000)
      console.log('busy')`
    const running = execa(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', busy],
      { reject: false, timeout: 50_000 },
    )
    let told = ''
    running.stdout.on('data', (bytes: Buffer) => (told += bytes.toString()))
    expect(await until(async () => told.includes('busy'))).toBe(true)
    running.kill(first)
    expect(await until(async () => told.includes('asked true'))).toBe(true)
    await sleep(200)
    expect(running.exitCode).toBe(null)
    running.kill(second)
    expect((await running).exitCode).toBe(130)
  })

  it('refuses to work while a debugger is open, however it was opened', async () => {
    const open = 'data:text/javascript,import{open}from"node:inspector";open(0,"127.0.0.1")'
    const { exitCode, stdout, stderr } = await place.run(['credentials', 'list'], {
      nodeOptions: ['--import', open],
    })
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toContain('sealpost: a debugger of Node is open')
  })

  it('needs no reader of what it prints', async () => {
    const [file, ...words] = [process.execPath, ...PROGRAM, '--help']
    const line = `'${[file, ...words].join("' '")}' | true; echo "exit \${PIPESTATUS[0]}"`
    const { stdout, stderr } = await execa('/bin/bash', ['-c', line], { cwd: place.folder, reject: false })
    expect({ stdout, stderr }).toEqual({ stdout: 'exit 0', stderr: '' })
  })
})
