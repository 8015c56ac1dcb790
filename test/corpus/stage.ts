import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { giveTo, readMaildir, writeMaildir, type StoredMessage } from '../../scripts/sample/maildir.ts'
import { startDovecot, type Dovecot } from '../servers/dovecot.ts'
import { runProgram, type Finished } from './program.ts'

/** Two servers, one with mail, and a project between them. */
export interface Stage {
  /** The project's folder. */
  readonly project: string
  /** What lies in the account at each end, read from the server's files. */
  readSource(): Promise<StoredMessage[]>
  readDestination(): Promise<StoredMessage[]>
  /** Files of messages in the mailbox `Projekte` at the destination, with flags. */
  destinationFiles(): Promise<string[]>
  /** Runs the program in the project's folder. */
  run(...words: readonly string[]): Promise<Finished>
  close(): Promise<void>
}

const SOURCE_ACCOUNT = 'erika@example.com'
const DESTINATION_ACCOUNT = 'erika.beispiel@example.com'

/** Messages are stored as they come, so that the files can be compared to the last byte. */
const SETTINGS = 'mail_save_crlf = yes'

/**
 * Starts the servers: at the source folders within folders and `/` between levels, so that names may hold dots; at the
 * destination everything below `INBOX.` and `.` between levels. Then writes the mail, and sets the project up by the program itself.
 */
export async function setStage(messages: readonly StoredMessage[]): Promise<Stage> {
  const home = await mkdtemp(join(tmpdir(), 'sealpost-corpus-'))
  const source = await startDovecot({
    users: [SOURCE_ACCOUNT],
    separator: '/',
    settings: `${SETTINGS}\nmail_location = maildir:~/Maildir:LAYOUT=fs`,
  })
  const destination = await startDovecot({
    users: [DESTINATION_ACCOUNT],
    separator: '.',
    prefix: 'INBOX.',
    settings: SETTINGS,
  })
  const from = source.mailFolder(SOURCE_ACCOUNT)
  await writeMaildir(from, 'fs', messages)
  await giveTo(await stat(join(source.folder, 'mail')), dirname(from))

  const project = join(home, 'project')
  const passphrase = join(home, 'passphrase')
  await writeFile(passphrase, 'only for this test\n', { mode: 0o600 })
  const start = (folder: string, words: readonly string[], input?: string): Promise<Finished> =>
    runProgram([...words, '--passphrase-file', passphrase], {
      folder,
      home,
      ...(input === undefined ? {} : { input }),
    })
  const stage: Stage = {
    project,
    readSource: () => readMaildir(from, 'fs'),
    readDestination: () => readMaildir(destination.mailFolder(DESTINATION_ACCOUNT), 'maildir++'),
    destinationFiles: async () => {
      const folder = join(destination.mailFolder(DESTINATION_ACCOUNT), '.Projekte', 'cur')
      const names = await readdir(folder)
      return names.filter((name) => /:2,.*[A-Z]/.test(name)).map((name) => join(folder, name))
    },
    run: (...words) => start(project, words),
    close: async () => {
      await Promise.all([source.stop(), destination.stop()])
      await rm(home, { recursive: true, force: true })
    },
  }
  try {
    await expectSuccess(start(home, ['init', project, '--client', 'Beispiel GmbH']))
    await writeFile(join(project, 'source-ca.pem'), source.ca)
    await writeFile(join(project, 'destination-ca.pem'), destination.ca)
    await writeFile(join(project, 'project.yaml'), projectFile(source, destination))
    await writeFile(
      join(project, 'mailboxes.csv'),
      `source,destination\n${SOURCE_ACCOUNT},${DESTINATION_ACCOUNT}\n`,
    )
    const credentials = [
      'side,account,secret',
      `source,${SOURCE_ACCOUNT},${cell(source.password)}`,
      `destination,${DESTINATION_ACCOUNT},${cell(destination.password)}`,
    ]
    await expectSuccess(start(project, ['credentials', 'import', '--fd', '3'], `${credentials.join('\n')}\n`))
    return stage
  } catch (error) {
    await stage.close()
    throw error
  }
}

function projectFile(source: Dovecot, destination: Dovecot): string {
  const end = (side: string, server: Dovecot): string => `${side}:
  kind: imap
  host: ${server.host}
  port: ${server.imapsPort}
  tls: { mode: implicit, ca: ${side}-ca.pem }
  auth: { mode: password, credential: per-account, username: "{account}" }
`
  return `version: 1
client: Beispiel GmbH
${end('source', source)}${end('destination', destination)}mailboxes: mailboxes.csv
`
}

function cell(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}

async function expectSuccess(running: Promise<Finished>): Promise<void> {
  const { exitCode, stdout, stderr } = await running
  if (exitCode !== 0) throw new Error(`exit code ${String(exitCode)}\n${stdout}\n${stderr}`)
}
