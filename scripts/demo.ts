import { DemoError, say, Stage } from './demo/stage.ts'
import { playDovecotAct } from './demo/dovecot-act.ts'
import { playMaildirAct } from './demo/maildir-act.ts'

const NEXT = `
== What this has shown ==
Every message arrived once, was read again over fresh connections and compared, and was compared once more by a reader that
is not part of the program. A second run sent nothing. The demo removes its servers and folders now.

== What to type next, for mail of your own ==
$ npm install --global .                          # puts sealpost on the PATH
$ sealpost init acme --client 'ACME Ltd'          # asks for a new passphrase
acme$ $EDITOR project.yaml mailboxes.csv          # the two ends, and the accounts
acme$ sealpost credentials set source/anna@old.example.com
acme$ sealpost plan                               # changes nothing
acme$ sealpost run
acme$ sealpost verify
README.md and docs/cli.md have the rest.`

const stage = await Stage.open()

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void stage.close().finally(() => process.exit(130))
  })
}

try {
  say('Sealpost moves mailboxes and proves that every message arrived. Each command below is the real program.')
  await playMaildirAct(stage)
  await playDovecotAct(stage)
  say(NEXT)
} catch (error) {
  if (!(error instanceof DemoError)) throw error
  process.stderr.write(`\nThe demo stopped: ${error.message}\n`)
  process.exitCode = 1
} finally {
  await stage.close()
}
