import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readMaildir, type StoredMessage } from '../../scripts/sample/maildir.ts'
import { Place, type Ended } from '../cli/program.ts'
import type { FaultProxy } from '../fakes/fault-proxy.ts'
import type { Stripped } from '../fakes/strip.ts'
import { fill, type Stage } from '../faults/stage.ts'

/** How a project is to be. */
export interface ProgramProjectOptions {
  /** Names of its accounts, the same at both ends. */
  readonly accounts: readonly string[]
  readonly stripAtDestination?: Partial<Stripped>
  /** Further lines of project.yaml. */
  readonly yaml?: string
}

/** Between the two servers of a stage, through proxies of its own: a project on which the real program works. */
export class ProgramProject {
  readonly #stage: Stage
  readonly #place: Place
  readonly proxies: { readonly source: FaultProxy; readonly destination: FaultProxy }

  private constructor(stage: Stage, place: Place, proxies: ProgramProject['proxies']) {
    this.#stage = stage
    this.#place = place
    this.proxies = proxies
  }

  /** Sets it up as a user would: `init`, both files, `credentials import`. */
  static async open(stage: Stage, options: ProgramProjectOptions): Promise<ProgramProject> {
    const source = await stage.proxyTo('source', {})
    const destination = await stage.proxyTo('destination', options.stripAtDestination ?? {})
    const place = await Place.open()
    const project = new ProgramProject(stage, place, { source, destination })
    const succeed = async (running: Promise<Ended>): Promise<void> => {
      const { exitCode, stdout, stderr } = await running
      if (exitCode !== 0) throw new Error(`exit ${String(exitCode)}\n${stdout}\n${stderr}`)
    }
    await succeed(place.init())
    const ends = (['source', 'destination'] as const).map(
      (end) => `${end}:
  kind: imap
  host: 127.0.0.1
  port: ${project.proxies[end].port}
  tls: { mode: implicit, ca: ${end}-ca.pem }
  auth: { mode: password, credential: per-account, username: "{account}" }
`,
    )
    for (const end of ['source', 'destination'] as const)
      await writeFile(join(place.project, `${end}-ca.pem`), stage[end].ca)
    await place.configure(
      `version: 1\nclient: Beispiel GmbH\n${ends.join('')}${options.yaml ?? 'limits: { lanes: 2 }'}\n`,
      'source,destination\n',
    )
    for (const account of options.accounts)
      await appendFile(join(place.project, 'mailboxes.csv'), `${account},${account}\n`)
    const cell = (text: string): string => `"${text.replaceAll('"', '""')}"`
    const lines = options.accounts.flatMap((account) => [
      `source,${account},${cell(stage.source.password)}`,
      `destination,${account},${cell(stage.destination.password)}`,
    ])
    const third = `side,account,secret\n${lines.join('\n')}\n`
    await succeed(place.run(['credentials', 'import', '--fd', '3'], { third }))
    return project
  }

  /** Puts mail into an account at the source. */
  fill(account: string, messages: readonly StoredMessage[]): Promise<void> {
    return fill(this.#stage.source, account, messages)
  }

  /** What lies in an account at the destination, read from the server's files. */
  moved(account: string): Promise<StoredMessage[]> {
    return readMaildir(this.#stage.destination.mailFolder(account), 'fs')
  }

  /** Runs the program to its end. */
  run(...words: readonly string[]): Promise<Ended> {
    return this.#place.run(words)
  }

  /** Starts the program; `stop` ends it as Ctrl-C does. */
  begin(...words: readonly string[]): { readonly end: Promise<Ended>; readonly stop: () => void } {
    const given = [...words, '--passphrase-file', this.#place.passphraseFile]
    const child = this.#place.start(given, { cwd: this.#place.project })
    const end = child.then(({ exitCode, stdout, stderr }) => ({ exitCode, stdout, stderr }))
    return { end, stop: () => void child.kill('SIGINT') }
  }

  /** Starts `sealpost run` for one account and kills it, with no chance to do anything, as soon as `when` says so. */
  async kill(account: string, when: () => boolean, extraMs = 0): Promise<boolean> {
    const words = ['run', '--mailbox', account, '--json', '--passphrase-file', this.#place.passphraseFile]
    const child = this.#place.start(words, { cwd: this.#place.project })
    const state = { ended: false }
    const end = child.then((result) => {
      state.ended = true
      return result
    })
    while (!state.ended && !when()) await pause(2)
    if (extraMs > 0) await pause(extraMs)
    child.kill('SIGKILL')
    return (await end).signal === 'SIGKILL'
  }

  async close(): Promise<void> {
    await Promise.all([this.proxies.source.stop(), this.proxies.destination.stop()])
    await this.#place.close()
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
