import { join } from 'node:path'
import { readMaildir, writeMaildir } from '../sample/maildir.ts'
import { sampleMessages } from '../sample/messages.ts'
import { compared } from './compared.ts'
import { QUICK, say, type Stage } from './stage.ts'

const PROJECT = 'maildir-to-maildir'
const ACCOUNTS = { source: 'erika', destination: 'erika.beispiel' }

/** The first act: no server at all, from one Maildir to another. */
export async function playMaildirAct(stage: Stage): Promise<void> {
  const messages = sampleMessages({ dottedNames: false, futureDates: true })
  say(`\n== 1. Maildir to Maildir: ${messages.length} awkward messages, no server ==`)
  await stage.type(null, ['init', PROJECT, '--client', 'Beispiel GmbH', ...QUICK])
  const project = join(stage.folder, PROJECT)
  await writeMaildir(join(project, 'old', ACCOUNTS.source), 'maildir++', messages)
  await stage.showFile(
    PROJECT,
    'project.yaml',
    `version: 1
client: Beispiel GmbH
source:
  kind: maildir
  path: "old/{account}"
destination:
  kind: maildir
  path: "new/{account}"
mailboxes: mailboxes.csv
`,
  )
  await stage.showFile(
    PROJECT,
    'mailboxes.csv',
    `source,destination\n${ACCOUNTS.source},${ACCOUNTS.destination}\n`,
  )
  await stage.type(PROJECT, ['plan'])
  await stage.type(PROJECT, ['run'])
  await stage.type(PROJECT, ['verify', '--level', 'full'])
  say('\nOnce more: what has landed is not sent again.')
  await stage.type(PROJECT, ['run'])

  say(compared(messages, await readMaildir(join(project, 'new', ACCOUNTS.destination), 'maildir++')))
}
