import { spawn } from 'node:child_process'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SealpostError, throwIfAborted, type ErrorKind } from '../../core/errors.ts'
import { agentSocketPath, lineReader } from '../../../vault/agent-protocol.ts'
import type { CommandContext } from '../context.ts'
import { waitingText } from './guess-texts.ts'
import type { Factors } from './unlock.ts'

/** What the agent's process is told on its standard input, one line of JSON before passphrase and key file. */
export interface AgentOrder {
  readonly home: string
  readonly socketPath: string
  readonly operator: string | null
  readonly systemUser: string
  readonly idleMs: number
  /** How long the passphrase is; the rest is the key file, where there is one. */
  readonly passphraseBytes: number
  readonly withKeyFile: boolean
}

/** What it says on its standard output, a line each, before it goes into the background; the last two end it. */
export type AgentAnswer =
  | { readonly waiting: number }
  | { readonly warning: string }
  | { readonly ready: string }
  | { readonly error: { readonly kind: ErrorKind; readonly message: string; readonly hint?: string } }

/** The agent's socket for a workspace: under XDG_RUNTIME_DIR, else in a private folder of the user's among temporary files. */
export function agentSocketOf(home: string, environment: Readonly<Record<string, string | undefined>>): string {
  const runtime = environment['XDG_RUNTIME_DIR'] ?? ''
  const folder = runtime === '' ? join(tmpdir(), `sealpost-${userInfo().uid}`) : join(runtime, 'sealpost')
  return agentSocketPath(folder, home)
}

/**
 * Starts an agent in a process of its own that outlives this one, and resolves with the operator's name once it holds the
 * keys. Throws what unlocking throws there. What opens them goes through a pipe.
 */
export async function startAgent(
  context: CommandContext,
  { passphrase, keyFile }: Factors,
  idleMs: number,
): Promise<string> {
  const order: AgentOrder = {
    home: context.home,
    socketPath: context.agentSocket,
    operator: context.options.operator,
    systemUser: context.systemUser,
    idleMs,
    passphraseBytes: passphrase.length,
    withKeyFile: keyFile !== null,
  }
  const here = fileURLToPath(import.meta.url)
  const program = join(dirname(here), here.endsWith('.ts') ? 'agent-main.ts' : 'agent-main.js')
  const child = spawn(process.execPath, [...(here.endsWith('.ts') ? ['--import', 'tsx'] : []), program], {
    // From sources the loader is looked for beside them; else nothing of the caller's folder is held on to.
    cwd: here.endsWith('.ts') ? dirname(here) : '/',
    detached: true,
    env: {},
    stdio: ['pipe', 'pipe', 'ignore'],
    windowsHide: true,
  })
  const line = Buffer.from(`${JSON.stringify(order)}\n`)
  const input = passphrase.use((bytes) => Buffer.concat([line, bytes, keyFile ?? Buffer.alloc(0)]))
  const stop = (): unknown => child.kill()
  context.stop.addEventListener('abort', stop)
  try {
    let end: Extract<AgentAnswer, { readonly ready: string } | { readonly error: object }> | null = null
    const hear = lineReader((text) => {
      const answer = JSON.parse(text) as AgentAnswer
      if ('waiting' in answer) context.output.warn(waitingText(answer.waiting, 'passphrases'))
      else if ('warning' in answer) context.output.warn(answer.warning)
      else end = answer
    })
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject)
      child.stdin.on('error', () => undefined)
      child.stdout.on('data', hear)
      child.stdout.on('end', resolve)
      child.stdin.end(input)
    })
    throwIfAborted(context.stop)
    return readyOf(end)
  } finally {
    context.stop.removeEventListener('abort', stop)
    child.unref()
    input.fill(0)
  }
}

function readyOf(
  end: Extract<AgentAnswer, { readonly ready: string } | { readonly error: object }> | null,
): string {
  if (end === null) throw new SealpostError('bug', 'the agent could not be started')
  if ('ready' in end) return end.ready
  const { kind, message, hint } = end.error
  throw new SealpostError(kind, message, hint === undefined ? {} : { hint })
}
