import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** What is to be started, and with what. */
export interface Order {
  readonly words: readonly string[]
  readonly cwd: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly input: string | null
  readonly third: string | null
}

/** What came of it. */
export interface Outcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

const HOST = fileURLToPath(new URL('./warm-host.mjs', import.meta.url))

/** Processes that wait for the next order. */
const idle: ChildProcess[] = []

/**
 * Starts the program, given as Node's arguments, in a process that is warm already (warm-host.mjs), and resolves with what a process of its own would
 * have left. Two at once have two processes. Rejects when the process ended under it.
 */
export async function startWarm(program: readonly string[], order: Order): Promise<Outcome> {
  const host = idle.pop() ?? startHost(program)
  const { signal, abort } = abortable()
  const ended = once(host, 'exit', { signal }).then(([code]) => {
    throw new Error(`${order.words.join(' ')}: the process ended under it with ${String(code)}`)
  })
  const answered = once(host, 'message', { signal }) as Promise<[Outcome]>
  answered.catch(() => undefined)
  hold(host, true)
  host.send(order)
  try {
    const [outcome] = await Promise.race([answered, ended])
    idle.push(host)
    return outcome
  } finally {
    hold(host, false)
    abort()
    ended.catch(() => undefined)
  }
}

function startHost(program: readonly string[]): ChildProcess {
  return spawn(process.execPath, [...program.slice(0, -1), HOST, ...program.slice(-1)], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'inherit', 'inherit', 'ignore', 'ipc'],
  })
}

/** The test process waits for an order under way, and for no idle host: that ends with the test process. */
function hold(host: ChildProcess, on: boolean): void {
  if (on) {
    host.ref()
    host.channel?.ref()
  } else {
    host.unref()
    host.channel?.unref()
  }
}

function abortable(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort() }
}
