import { join } from 'node:path'
import { compareStores } from '../sample/compare.ts'
import { readMaildir, writeMaildir } from '../sample/maildir.ts'
import { sampleMessages } from '../sample/messages.ts'
import { DemoError, say, type Stage } from './stage.ts'

const PROJECT = 'maildir-to-maildir'
const ACCOUNTS = { source: 'erika', destination: 'erika.beispiel' }

/** The first act: no server at all, from one Maildir to another. */
export async function playMaildirAct(stage: Stage): Promise<void> {
  const messages = sampleMessages({ dottedNames: false, futureDates: true })
  say(`\n== 1. Maildir to Maildir: ${messages.length} awkward messages, no server ==`)
  await stage.type(null, ['init', PROJECT, '--client', 'Beispiel GmbH'])
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

  const found = compareStores(messages, await readMaildir(join(project, 'new', ACCOUNTS.destination), 'maildir++'))
  if (found.missing.length > 0 || found.extra.length > 0) {
    throw new DemoError(['the Maildirs differ:', ...found.missing, ...found.extra].join('\n  '))
  }
  say(
    `\nRead again from the files, without the program: ${found.equal} of ${messages.length} messages are there once, ` +
      `with flags, keywords and dates; nothing else is. ${found.identical} are equal to the last byte, and ` +
      `${found.equal - found.identical} but for the line ends that a Maildir end writes.`,
  )
}
