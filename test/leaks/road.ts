import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { cp, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { giveTo, writeMaildir, type StoredMessage } from '../../scripts/sample/maildir.ts'
import { PROGRAM } from '../cli/program.ts'
import { assertPublished } from '../cli/published.ts'
import { startFaultProxy, type FaultProxy } from '../fakes/fault-proxy.ts'
import { issue } from '../servers/certificates.ts'
import { startDovecot, type Dovecot } from '../servers/dovecot.ts'
import type { Disk } from './disk.ts'
import type { Marker } from './marker.ts'
import { watchProcess } from './watch.ts'

export const ACCOUNT = 'anna@example.test'

const LARGE_BYTES = 400_000
const SLOW_BYTES_A_SECOND = 15_000

/** What one run of the program left. */
export interface Ran {
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  readonly stdout: string
  readonly stderr: string
}

/**
 * One project over two real servers, from `init` to sign-off, by the program as a user starts it. Everything that it can write
 * to lies below one folder: workspace, project, home, temporary and runtime files, the current folder. Each secret, and
 * everything about the mail, begins with the marker.
 */
export class Road {
  readonly project: string
  readonly home: string
  /** Command lines and environments of every process that was started, as long as it lived. */
  readonly seen = new Set<string>()
  readonly told: Ran[] = []
  readonly #root: string
  readonly #marker: Marker
  readonly #source: Dovecot
  readonly #destination: Dovecot
  readonly #proxy: FaultProxy

  private constructor(root: string, marker: Marker, source: Dovecot, destination: Dovecot, proxy: FaultProxy) {
    this.#root = root
    this.#marker = marker
    this.#source = source
    this.#destination = destination
    this.#proxy = proxy
    this.project = join(root, 'project')
    this.home = join(root, 'workspace')
  }

  static async open(disk: Disk, marker: Marker): Promise<Road> {
    const users = [ACCOUNT]
    const [source, destination] = await Promise.all([
      startDovecot({ users, password: marker.of('source-password') }),
      startDovecot({ users, password: marker.of('destination-password') }),
    ])
    const from = source.mailFolder(ACCOUNT)
    await writeMaildir(from, 'maildir++', mail(marker))
    await giveTo(await stat(join(source.folder, 'mail')), dirname(from))
    const proxy = await startFaultProxy({
      target: { port: destination.imapsPort, ca: destination.ca },
      certificate: await issue(destination.authority, 'proxy'),
    })
    for (const name of ['home', 'temporary', 'runtime']) mkdirSync(join(disk.folder, name), { mode: 0o700 })
    return new Road(disk.folder, marker, source, destination, proxy)
  }

  /** Writes both files of the project. */
  async configure(): Promise<void> {
    await writeFile(join(this.project, 'source.pem'), this.#source.ca)
    await writeFile(join(this.project, 'destination.pem'), this.#destination.ca)
    const end = (name: string, port: number): string =>
      `${name}: { kind: imap, host: 127.0.0.1, port: ${port}, tls: { mode: implicit, ca: ${name}.pem }, auth: { mode: password, credential: ${name} } }\n`
    await writeFile(
      join(this.project, 'project.yaml'),
      `version: 1\nclient: Beispiel GmbH\n${end('source', this.#source.imapsPort)}${end('destination', this.#proxy.port)}limits: { spool_threshold: 64KiB }\n`,
    )
    await writeFile(join(this.project, 'mailboxes.csv'), `source,destination\n${ACCOUNT},${ACCOUNT}\n`)
  }

  /** Lets the destination take bytes slowly, or as fast as they come. */
  slowDown(slow: boolean): void {
    this.#proxy.limitBandwidth(slow ? SLOW_BYTES_A_SECOND : null)
  }

  /** Starts the program with the passphrase, and each further secret, on a line of stdin. */
  start(words: readonly string[], secrets: readonly string[] | null = []) {
    const inProject = words[0] !== 'init'
    const running = execa(
      // A crash may write a core as large as it likes, if the program does not see to it.
      '/usr/bin/prlimit',
      [
        '--core=unlimited:unlimited',
        process.execPath,
        ...PROGRAM,
        ...words,
        ...(secrets === null ? [] : ['--passphrase-fd', '0']),
      ],
      {
        cwd: inProject ? this.project : this.#root,
        env: {
          PATH: process.env['PATH'],
          HOME: join(this.#root, 'home'),
          TMPDIR: join(this.#root, 'temporary'),
          XDG_RUNTIME_DIR: join(this.#root, 'runtime'),
          SEALPOST_HOME: this.home,
        },
        extendEnv: false,
        reject: false,
        input: [this.passphrase, ...(secrets ?? [])].map((line) => `${line}\n`).join(''),
        timeout: 100_000,
      },
    )
    const watch = watchProcess(running.pid ?? 0, this.seen)
    const ended = running.then(({ exitCode, signal, stdout, stderr }): Ran => {
      watch.stop()
      const ran = { exitCode, signal, stdout, stderr }
      this.told.push(ran)
      if (exitCode !== undefined) assertPublished(words, `${stdout}\n`)
      return ran
    })
    return { running, ended }
  }

  /** The same, to its end. */
  run(words: readonly string[], secrets: readonly string[] | null = []): Promise<Ran> {
    return this.start(words, secrets).ended
  }

  get passphrase(): string {
    return this.#marker.of('passphrase')
  }

  /** Starts a run at a slow destination and sends the signal once the large message lies in the spool and is on its way. */
  async killInTheMiddle(signal: NodeJS.Signals, look: () => Promise<void>): Promise<Ran> {
    this.slowDown(true)
    // What an earlier process left there is swept once the run begins.
    const spool = join(this.project, '.sealpost', 'spool')
    const namesIn = (): readonly string[] => (existsSync(spool) ? readdirSync(spool) : [])
    const before = new Set(namesIn())
    const isSpooled = (): boolean => namesIn().some((name) => name.endsWith('.sealed') && !before.has(name))
    const { running, ended } = this.start(['run'])
    for (let i = 0; i < 3000 && !isSpooled() && running.exitCode === null; i++) await sleep(20)
    if (!isSpooled()) throw new Error(`nothing was ever spooled: ${(await ended).stderr}`)
    await look()
    // prlimit has become Node by now.
    running.kill(signal)
    const ran = await ended
    this.slowDown(false)
    return ran
  }

  /** A copy of the project folder, beside the disk. */
  async copyProject(to: string): Promise<void> {
    await cp(this.project, to, { recursive: true, preserveTimestamps: true })
  }

  async close(): Promise<void> {
    await this.#proxy.stop()
    await Promise.all([this.#source.stop(), this.#destination.stop()])
  }
}

/** Mail with the marker in its subject, addresses, text, attachment and mailbox, and one message that goes through the spool. */
function mail(marker: Marker): readonly StoredMessage[] {
  const at = Date.UTC(2024, 1, 3)
  const message = (i: number, padding: string): Buffer => {
    const attachment = Buffer.from(`${'-'.repeat(i % 3)}${marker.of('attachment')}`).toString('base64')
    return Buffer.from(
      [
        `From: ${marker.of('sender')} <${marker.of('from')}@example.com>`,
        `To: ${marker.of('recipient')}@example.com`,
        `Subject: ${marker.of('subject')} ${i}`,
        `Message-ID: <${marker.of(`id-${i}`)}@example.com>`,
        'MIME-Version: 1.0',
        'Content-Type: multipart/mixed; boundary=b',
        '',
        `--b\r\n\r\n${marker.of('body')}\r\n${padding}`,
        `--b\r\nContent-Disposition: attachment; filename=${marker.of('file')}.txt\r\nContent-Transfer-Encoding: base64\r\n\r\n${attachment}`,
        '--b--\r\n',
      ].join('\r\n'),
    )
  }
  const rows: StoredMessage[] = [['INBOX'], [marker.of('folder')], [marker.of('folder'), 'Below']].flatMap(
    (mailbox, m) =>
      Array.from({ length: 6 }, (_, i) => ({
        mailbox,
        bytes: message(m * 6 + i, ''),
        internalDate: at + (m * 6 + i) * 60_000,
        flags: ['\\Seen', marker.of('keyword')],
      })),
  )
  const padding = `${marker.of('large')} ${'x'.repeat(60)}\r\n`.repeat(Math.ceil(LARGE_BYTES / 90))
  return [...rows, { mailbox: ['INBOX'], bytes: message(99, padding), internalDate: at + 7_000_000, flags: [] }]
}
