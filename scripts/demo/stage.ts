import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { root } from '../set-up.mjs'

/** The built program, as `npm install` would link it. */
export const PROGRAM = join(root, 'dist', 'src', 'cli', 'main.js')

/** Opening the vault takes a moment instead of a second or more: its passphrase is one of chance, and for this once. */
export const QUICK = ['--kdf', 'interactive'] as const

/** Something did not go as the demo says it goes. */
export class DemoError extends Error {}

/** One command that the demo types. */
export interface Typed {
  /** What is handed over on descriptor 3, and the name of the file it would come from. */
  readonly input?: { readonly text: string; readonly name: string }
  /** The exit code that the demo expects; 0 when it is left out. */
  readonly exitCode?: number
}

/**
 * A temporary folder with a workspace of its own, in which commands are typed as a user would. Nothing outside of it
 * is read or written; `close` removes it with all that it holds.
 */
export class Stage {
  readonly folder: string
  #running: ChildProcess | null = null
  readonly #endings: (() => Promise<void>)[] = []

  private constructor(folder: string) {
    this.folder = folder
  }

  /** Makes the folder, and a passphrase for this once. */
  static async open(): Promise<Stage> {
    if (!existsSync(PROGRAM)) throw new DemoError('the program is not built: npm run build')
    const stage = new Stage(await mkdtemp(join(tmpdir(), 'sealpost-demo-')))
    await writeFile(stage.#passphrase, `${randomBytes(18).toString('base64url')}\n`, { mode: 0o600 })
    return stage
  }

  get #passphrase(): string {
    return join(this.folder, 'passphrase')
  }

  /** Has something ended when the stage closes, such as a server. */
  onClose(ending: () => Promise<void>): void {
    this.#endings.push(ending)
  }

  /** Writes a file of a project and shows it. */
  async showFile(project: string, name: string, text: string): Promise<void> {
    await writeFile(join(this.folder, project, name), text, { mode: 0o600 })
    say(`\n${project}/${name}:`)
    say(text.replace(/^/gm, '    ').trimEnd())
  }

  /** Types `sealpost …` in the stage's folder, or in a project in it, and waits for its end. Throws `DemoError`. */
  async type(project: string | null, words: readonly string[], typed: Typed = {}): Promise<void> {
    const { input, exitCode = 0 } = typed
    const passphrase = project === null ? 'passphrase' : '../passphrase'
    const args = [...words, '--passphrase-file', passphrase]
    const prompt = project === null ? '$' : `${project}$`
    say(`\n${prompt} sealpost ${args.map(quoted).join(' ')}${input === undefined ? '' : ` 3<${input.name}`}`)
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      cwd: project === null ? this.folder : join(this.folder, project),
      env: this.#environment(),
      stdio: ['ignore', 'inherit', 'inherit', ...(input === undefined ? [] : (['pipe'] as const))],
    })
    this.#running = child
    if (input !== undefined) (child.stdio[3] as Writable).end(input.text)
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    this.#running = null
    if (code !== exitCode) {
      throw new DemoError(`sealpost ${words.join(' ')} ended with ${signal ?? `exit code ${String(code)}`}`)
    }
  }

  #environment(): NodeJS.ProcessEnv {
    const kept = Object.entries(process.env).filter(
      ([name]) => !name.startsWith('SEALPOST_') && name !== 'NODE_OPTIONS',
    )
    return { ...Object.fromEntries(kept), SEALPOST_HOME: join(this.folder, 'workspace') }
  }

  /** Ends a command that still runs and what `onClose` was given, and removes the folder. Twice is safe. */
  async close(): Promise<void> {
    this.#running?.kill('SIGTERM')
    if (this.#running !== null) await once(this.#running, 'exit')
    for (const ending of this.#endings.splice(0)) await ending()
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** Prints a line of the demo itself. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

function quoted(word: string): string {
  return /^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
