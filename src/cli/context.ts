import type { Clock } from '../core/clock.ts'
import type { ExitCode } from './exit-codes.ts'
import type { Output } from './terminal/output.ts'

/** Options that every command takes. */
export interface GlobalOptions {
  /** The words that the command was called by, such as `credentials set`: they are the action that is authorised. */
  readonly command: string
  readonly project: string
  readonly passphraseFd: number | null
  readonly passphraseFile: string | null
  /** The key file of an operator who has one. */
  readonly keyFile: string | null
  /** Where the code of an operator who has enrolled TOTP comes from. */
  readonly totpFd: number | null
  readonly operator: string | null
}

/** What a command works with. */
export interface CommandContext {
  readonly options: GlobalOptions
  readonly output: Output
  readonly clock: Clock
  /** The workspace folder. */
  readonly home: string
  readonly systemUser: string
  /** Where the agent of this workspace listens, when there is one. */
  readonly agentSocket: string
  /** What the process was given, before it made its own files private. */
  readonly umask: number
  /** Asks for a clean stop. */
  readonly stop: AbortSignal
  /** Aborted when a clean stop takes too long. */
  readonly hard: AbortSignal
}

/** Runs a command's work with its context; its exit code becomes the process's. */
export type Start = (work: (context: CommandContext) => Promise<ExitCode>) => Promise<void>
