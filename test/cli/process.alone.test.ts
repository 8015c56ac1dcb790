import { existsSync, readFileSync } from 'node:fs'
import { readFile, readlink, realpath } from 'node:fs/promises'
import { join } from 'node:path'
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

/** A command that is busy until it is asked to stop, and says so in a file; it ends soon after that. */
function busyProgram(file: string): readonly string[] {
  const program = `
    import { appendFileSync, writeFileSync } from 'node:fs'
    import { installSignals } from ${JSON.stringify(INTERRUPT)}
    import { systemClock } from ${JSON.stringify(CLOCK)}
    const note = (word) => appendFileSync(${JSON.stringify(file)}, word + '\\n')
    const { stop } = installSignals(systemClock, () => note('asked'))
    process.on('SIGHUP', () => note('hung up'))
    setInterval(() => undefined, 1000)
    stop.addEventListener('abort', () => setTimeout(() => (note('finished'), process.kill(process.pid, 'SIGKILL')), 300))
    note('busy')`
  return ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', program]
}

describe('a terminal that is closed', () => {
  it.skipIf(!existsSync('/usr/bin/script'))('asks the program to stop, however often that is told', async () => {
    const file = join(place.folder, 'hung-up')
    const line = [process.execPath, ...busyProgram(file)]
      .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
      .join(' ')
    const running = execa('/usr/bin/script', ['-qec', `exec ${line}`, '/dev/null'], {
      reject: false,
      stdin: 'pipe',
      timeout: 50_000,
    })
    const said = (): string => (existsSync(file) ? readFileSync(file, 'utf8') : '')
    expect(await until(async () => said().includes('busy'))).toBe(true)
    // The terminal is its own: without it the kernel sends SIGHUP.
    running.kill('SIGKILL')
    expect(await until(async () => said().includes('finished'))).toBe(true)
    expect(said()).toMatch(/^busy\nasked\n(hung up\n)+finished\n$/)
  })

  it('is nothing to a program that has none, as under nohup', async () => {
    const file = join(place.folder, 'no-terminal')
    const running = execa(process.execPath, busyProgram(file), { reject: false, stdin: 'ignore', timeout: 50_000 })
    const said = (): string => (existsSync(file) ? readFileSync(file, 'utf8') : '')
    expect(await until(async () => said().includes('busy'))).toBe(true)
    running.kill('SIGHUP')
    expect(await until(async () => said().includes('hung up'))).toBe(true)
    running.kill('SIGTERM')
    expect((await running).signal).toBe('SIGKILL')
    expect(said()).toBe('busy\nhung up\nasked\nfinished\n')
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

  it('needs no reader of its warnings and errors', async () => {
    const words = `'${[process.execPath, ...PROGRAM].join("' '")}' --no-such-option`
    // Its exit code is the one of what was wrong, not that of an error nobody caught.
    const { stdout } = await execa('/bin/bash', ['-c', `${words} 2> >(true); echo "exit $?"`], { reject: false })
    expect(stdout).toBe('exit 2')
  })
})
