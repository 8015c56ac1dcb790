import { spawn } from 'node:child_process'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SealpostError, type ErrorKind } from '../../core/errors.ts'
import { agentSocketPath } from '../../../vault/agent-protocol.ts'
import type { Secret } from '../../../vault/secret.ts'
import type { CommandContext } from '../context.ts'

/** What the agent's process is told on its standard input, one line of JSON before the passphrase. */
export interface AgentOrder {
  readonly home: string
  readonly socketPath: string
  readonly operator: string | null
  readonly systemUser: string
  readonly idleMs: number
}

/** What it says on its standard output before it goes into the background. */
export type AgentAnswer =
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
 * keys. Throws what unlocking throws there. The passphrase goes through a pipe.
 */
export async function startAgent(context: CommandContext, passphrase: Secret, idleMs: number): Promise<string> {
  const order: AgentOrder = {
    home: context.home,
    socketPath: context.agentSocket,
    operator: context.options.operator,
    systemUser: context.systemUser,
    idleMs,
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
  const input = passphrase.use((bytes) => Buffer.concat([Buffer.from(`${JSON.stringify(order)}\n`), bytes]))
  try {
    const text = await new Promise<string>((resolve, reject) => {
      let said = ''
      child.on('error', reject)
      child.stdin.on('error', () => undefined)
      child.stdout.on('data', (piece: Buffer) => (said += piece.toString('utf8')))
      child.stdout.on('end', () => resolve(said))
      child.stdin.end(input)
    })
    const answer = text === '' ? null : (JSON.parse(text) as AgentAnswer)
    if (answer === null) throw new SealpostError('bug', 'the agent could not be started')
    if ('error' in answer) {
      const { kind, message, hint } = answer.error
      throw new SealpostError(kind, message, hint === undefined ? {} : { hint })
    }
    child.unref()
    return answer.ready
  } finally {
    input.fill(0)
  }
}
