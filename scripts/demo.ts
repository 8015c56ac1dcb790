import { DemoError, say, Stage } from './demo/stage.ts'
import { playDovecotAct } from './demo/dovecot-act.ts'
import { playMaildirAct } from './demo/maildir-act.ts'

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
  say('\nThe demo has removed its folders. What to type next: README.md, "A real project".')
} catch (error) {
  if (!(error instanceof DemoError)) throw error
  process.stderr.write(`\nThe demo stopped: ${error.message}\n`)
  process.exitCode = 1
} finally {
  await stage.close()
}
