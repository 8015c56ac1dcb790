import { closeSync, writeSync } from 'node:fs'
import { systemClock } from '../../core/clock.ts'
import { toSealpostError } from '../../core/errors.ts'
import { assertNoDebugger } from '../guards.ts'
import { serveAgent } from '../../../vault/agent-server.ts'
import { unlockOperator } from '../../../vault/operator.ts'
import { Secret } from '../../../vault/secret.ts'
import type { AgentAnswer, AgentOrder } from './agent-process.ts'
import { wrongBeforeText } from './guess-texts.ts'
import { watchPassphrases } from './watch-guesses.ts'

let answered = false

/**
 * What the process of the agent does (`sealpost unlock`). Standard input: an `AgentOrder` on one line, then passphrase and key
 * file. Standard output: one `AgentAnswer` a line, and then it is closed. It takes no signal for the inspector and leaves no
 * core behind. Once in a process.
 */
export async function runAgent(): Promise<void> {
  process.umask(0o077)
  process.on('SIGUSR1', () => undefined)
  process.on('SIGHUP', () => undefined)
  const input = await readInput()
  try {
    // Before anything is opened: a signal that came before anybody listened for it may have opened one.
    assertNoDebugger()
    const lineEnd = input.indexOf(0x0a)
    const order = JSON.parse(input.toString('utf8', 0, lineEnd)) as AgentOrder
    const { home, operator: name, systemUser, socketPath, idleMs, withKeyFile } = order
    const passphraseEnd = lineEnd + 1 + order.passphraseBytes
    const passphrase = Secret.fromBytes(input.subarray(lineEnd + 1, passphraseEnd))
    const warn = (warning: string): void => say({ warning })
    const operator = await unlockOperator(home, {
      operator: name,
      systemUser,
      passphrase,
      ...(withKeyFile ? { keyFile: input.subarray(passphraseEnd) } : {}),
      watch: watchPassphrases(home, true, {
        clock: systemClock,
        signal: new AbortController().signal,
        waiting: (waiting) => say({ waiting }),
        warn,
      }),
    }).finally(() => {
      passphrase.wipe()
      input.fill(0)
    })
    if (operator.wrongBefore > 0) warn(wrongBeforeText(operator))
    await serveAgent({ root: home, socketPath, operator, idleMs, clock: systemClock }, () =>
      end({ ready: operator.name }),
    )
  } catch (error) {
    const { kind, message, hint } = toSealpostError(error, 'the agent')
    end({ error: { kind, message, ...(hint === undefined ? {} : { hint }) } })
  } finally {
    input.fill(0)
  }
}

async function readInput(): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  const whole = Buffer.concat(chunks)
  for (const chunk of chunks) chunk.fill(0)
  return whole
}

function say(answer: AgentAnswer): void {
  if (!answered) writeSync(1, `${JSON.stringify(answer)}\n`)
}

function end(answer: AgentAnswer): void {
  if (answered) return
  say(answer)
  answered = true
  closeSync(1)
}
