import { readdirSync, statSync } from 'node:fs'
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { expect } from 'vitest'
import { assertPublished } from './published.ts'
import { startWarm } from './warm.ts'

/** What one run of the program left behind. */
export interface Ended {
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
}

/** What a run gets besides its arguments. */
export interface Given {
  readonly cwd?: string
  /** Handed over on stdin. */
  readonly input?: string
  /** Handed over on descriptor 3. */
  readonly third?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly nodeOptions?: readonly string[]
  /** In a process of its own, where start and end are what the test is about. */
  readonly cold?: true
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The built program while nothing has changed since it was built, else its source: never an old one. */
export const PROGRAM: readonly string[] = isBuilt()
  ? [join(ROOT, 'dist/src/cli/main.js')]
  : ['--import', import.meta.resolve('tsx'), join(ROOT, 'src/cli/main.ts')]

function isBuilt(): boolean {
  const built = statSync(join(ROOT, 'dist/src/cli/main.js'), { throwIfNoEntry: false })?.mtimeMs ?? 0
  const sources = ['src', 'connectors', 'vault'].flatMap((area) =>
    readdirSync(join(ROOT, area), { recursive: true, encoding: 'utf8' }).map((name) => join(ROOT, area, name)),
  )
  return sources.every((file) => !file.endsWith('.ts') || statSync(file).mtimeMs <= built)
}

/** Variables that are the same to a process that runs already; any other is there from the start of one of its own. */
const WARM_VARIABLES: ReadonlySet<string> = new Set(['PATH', 'SEALPOST_HOME', 'TMPDIR', 'XDG_RUNTIME_DIR'])

/** The passphrase of every workspace that these tests make. */
export const PASSPHRASE = 'a passphrase of these tests'

/** Makes a project by a program that was built or packed, where a file `passphrase` lies. */
export const INIT_WORDS = 'init project --client Acme --kdf interactive --passphrase-file passphrase'.split(' ')

/** A folder of one test with a workspace of its own, where the real program is started from its source. */
export class Place {
  readonly folder: string
  readonly home: string
  readonly project: string
  readonly passphraseFile: string

  private constructor(folder: string) {
    this.folder = folder
    this.home = join(folder, 'workspace')
    this.project = join(folder, 'project')
    this.passphraseFile = join(folder, 'passphrase')
  }

  static async open(): Promise<Place> {
    const place = new Place(await mkdtemp(join(tmpdir(), 'sealpost-cli-')))
    await writeFile(place.passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 })
    return place
  }

  /** Starts the program without waiting for its end. */
  start(words: readonly string[], given: Given = {}) {
    return execa(process.execPath, [...(given.nodeOptions ?? []), ...PROGRAM, ...words], {
      cwd: given.cwd ?? this.folder,
      env: this.#environment(given),
      extendEnv: false,
      reject: false,
      stripFinalNewline: false,
      stdio: [
        given.input === undefined ? 'ignore' : Buffer.from(given.input),
        'pipe',
        'pipe',
        given.third === undefined ? 'ignore' : Buffer.from(given.third),
      ],
    })
  }

  /** Starts the program and waits for its end; the words alone, no passphrase. JSON must be as published. */
  async bare(words: readonly string[], given: Given = {}): Promise<Ended> {
    const ended = await this.#ended(words, given)
    assertPublished(words, ended.stdout)
    return ended
  }

  /** In a warm process where that is the same. */
  async #ended(words: readonly string[], given: Given): Promise<Ended> {
    const variables = Object.keys(given.environment ?? {})
    const isUsual = given.nodeOptions === undefined && variables.every((name) => WARM_VARIABLES.has(name))
    if (isUsual && given.cold !== true) {
      const { input = null, third = null, cwd = this.folder } = given
      return startWarm(PROGRAM, { words, cwd, environment: this.#environment(given), input, third })
    }
    const { exitCode, stdout, stderr } = await this.start(words, given)
    return { exitCode, stdout, stderr }
  }

  #environment(given: Given): Record<string, string | undefined> {
    return { PATH: process.env['PATH'], HOME: this.folder, SEALPOST_HOME: this.home, ...given.environment }
  }

  /** The same with the passphrase and, but for `init`, in the project. */
  async run(words: readonly string[], given: Given = {}): Promise<Ended> {
    const where = words[0] === 'init' ? this.folder : this.project
    return this.bare([...words, '--passphrase-file', this.passphraseFile], { cwd: where, ...given })
  }

  /** Makes workspace and project. */
  async init(...more: readonly string[]): Promise<Ended> {
    return this.run(['init', this.project, '--client', 'Beispiel GmbH', '--kdf', 'interactive', ...more])
  }

  /** Writes both files of the project. */
  async configure(yaml: string, csv: string): Promise<void> {
    await writeFile(join(this.project, 'project.yaml'), yaml)
    await writeFile(join(this.project, 'mailboxes.csv'), csv)
  }

  /** Writes a Maildir of so many messages for an account, below the project. */
  async fillMaildir(account: string, messages: number): Promise<void> {
    const root = join(this.project, 'old', account)
    for (const part of ['cur', 'new', 'tmp']) await mkdir(join(root, part), { recursive: true })
    for (let i = 1; i <= messages; i++) {
      const text = `From: a@example.com\r\nMessage-ID: <${i}.${account}@example.com>\r\nSubject: number ${i}\r\n\r\nHello ${i}\r\n`
      await writeFile(join(root, 'cur', `${1_700_000_000 + i}.M${i}P1.example:2,S`), text)
    }
  }

  /** Keeps a credential out of a file, which must be taken without a word; `run` is another way to run the program. */
  async keep(
    name: string,
    kind: string,
    content: string,
    run: (words: readonly string[]) => Promise<Ended> = (words) => this.run(words),
  ): Promise<void> {
    const file = join(this.folder, `${name}.secret`)
    await writeFile(file, content, { mode: 0o600 })
    const words = ['credentials', 'set', name, '--kind', kind, '--secret-file', file, '--json']
    expect(await run(words)).toMatchObject({ exitCode: 0, stderr: '' })
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** A project from one Maildir to another. */
export const MAILDIR_YAML = `version: 1
client: Beispiel GmbH
source: { kind: maildir, path: "old/{account}" }
destination: { kind: maildir, path: "new/{account}" }
`
