import { stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { startDovecot, whyNoDovecot, type Dovecot } from '../../test/servers/dovecot.ts'
import { giveTo, readMaildir, writeMaildir, type StoredMessage } from '../sample/maildir.ts'
import { sampleMessages } from '../sample/messages.ts'
import { compared } from './compared.ts'
import { QUICK, say, type Stage } from './stage.ts'

const PROJECT = 'dovecot-to-dovecot'
const ACCOUNTS = { source: 'erika@example.com', destination: 'erika.beispiel@example.com' }

/** The second act: between two servers over TLS. Says why, where there is no server to play it with. */
export async function playDovecotAct(stage: Stage): Promise<void> {
  const reason = whyNoDovecot()
  if (reason !== null) {
    say(`\n== 2. Dovecot to Dovecot: left out (${reason}) ==`)
    return
  }
  const messages = sampleMessages({ dottedNames: true, futureDates: false })
  say(`\n== 2. Dovecot to Dovecot over TLS: ${messages.length} messages, two throwaway servers on 127.0.0.1 ==`)
  const settings = 'mail_save_crlf = yes'
  const source = await startDovecot({
    users: [ACCOUNTS.source],
    separator: '/',
    settings: `${settings}\nmail_location = maildir:~/Maildir:LAYOUT=fs`,
  })
  stage.onClose(() => source.stop())
  const destination = await startDovecot({
    users: [ACCOUNTS.destination],
    separator: '.',
    prefix: 'INBOX.',
    settings,
  })
  stage.onClose(() => destination.stop())
  const from = source.mailFolder(ACCOUNTS.source)
  await writeMaildir(from, 'fs', messages)
  await giveTo(await stat(join(source.folder, 'mail')), dirname(from))

  await stage.type(null, ['init', PROJECT, '--client', 'Beispiel GmbH', ...QUICK])
  await writeFile(join(stage.folder, PROJECT, 'source-ca.pem'), source.ca)
  await writeFile(join(stage.folder, PROJECT, 'destination-ca.pem'), destination.ca)
  await stage.showFile(PROJECT, 'project.yaml', projectFile(source, destination))
  await stage.showFile(
    PROJECT,
    'mailboxes.csv',
    `source,destination\n${ACCOUNTS.source},${ACCOUNTS.destination}\n`,
  )
  say('\nThe passwords go in through a descriptor: no command line, no environment, no file of the project.')
  await stage.type(PROJECT, ['credentials', 'import', '--fd', '3'], {
    input: { name: '../credentials.csv', text: credentialsFile(source, destination) },
  })
  await stage.type(PROJECT, ['plan'])
  await stage.type(PROJECT, ['run'])
  // Line ends that a server changes by itself are listed as explained findings, and they are no exception.
  await stage.type(PROJECT, ['verify', '--level', 'full'])
  say('\nOnce more: what has landed is not sent again.')
  await stage.type(PROJECT, ['run'])

  const expected = messages.map((message): StoredMessage => ({ ...message, mailbox: movedName(message.mailbox) }))
  say(compared(expected, await readMaildir(destination.mailFolder(ACCOUNTS.destination), 'maildir++')))
}

/** At the destination all lies below the inbox, and a dot stands between levels: within one, U+2024 stands for it. */
function movedName(mailbox: readonly string[]): readonly string[] {
  const below = mailbox.length > 1 && mailbox[0] === 'INBOX' ? mailbox.slice(1) : mailbox
  return below.map((level) => level.replaceAll('.', '\u2024'))
}

function projectFile(source: Dovecot, destination: Dovecot): string {
  const end = (side: string, server: Dovecot): string => `${side}:
  kind: imap
  host: ${server.host}
  port: ${server.imapsPort}
  tls:
    mode: implicit
    ca: ${side}-ca.pem
  auth:
    mode: password
    credential: per-account
    username: "{account}"
`
  return `version: 1
client: Beispiel GmbH
${end('source', source)}${end('destination', destination)}mailboxes: mailboxes.csv
`
}

function credentialsFile(source: Dovecot, destination: Dovecot): string {
  const cell = (text: string): string => `"${text.replaceAll('"', '""')}"`
  return [
    'side,account,secret',
    `source,${ACCOUNTS.source},${cell(source.password)}`,
    `destination,${ACCOUNTS.destination},${cell(destination.password)}`,
    '',
  ].join('\n')
}
