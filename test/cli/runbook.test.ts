import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { root } from '../../scripts/set-up.mjs'
import { generateAgeKeys } from '../../vault/age-key.ts'
import { isLong } from '../long.ts'
import { lacking } from '../packages.ts'
import { startDovecot } from '../servers/dovecot.ts'
import { fillMaildir } from '../bench/workloads.ts'
import { PASSPHRASE, PROGRAM } from './program.ts'

const ANNA = 'anna@example.test'
const reason =
  lacking('dovecot-core', 'dovecot-imapd', 'bash') ?? (isLong('servers') ? null : 'npm run test:servers')

it.skipIf(reason !== null)(
  `docs/runbook.md as it stands, between two Dovecot servers${reason === null ? '' : ` (${reason})`}`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sealpost-runbook-'))
    const [source, destination] = await Promise.all([
      startDovecot({ users: [ANNA] }),
      startDovecot({ users: [ANNA] }),
    ])
    onTestFinished(async () => {
      await Promise.all([source.stop(), destination.stop()])
      rmSync(folder, { recursive: true, force: true })
    })
    fillMaildir({ name: 'runbook', messages: 12, mailboxes: 3, size: () => 2_000 }, source.mailFolder(ANNA))
    const keys = await generateAgeKeys()
    for (const made of ['bin', 'tmp', 'run']) mkdirSync(join(folder, made), { mode: 0o700 })
    const file = (name: string, text: string, mode = 0o600): string => {
      writeFileSync(join(folder, name), text, { mode })
      return join(folder, name)
    }
    const program = [process.execPath, ...PROGRAM].map((word) => `'${word}'`).join(' ')
    file('bin/sealpost', `#!/bin/sh\nexec ${program} "$@"\n`, 0o755)
    const password = (server: typeof source): string => `"${server.password.replaceAll('"', '""')}"`
    const list = `side,account,secret\nsource,${ANNA},${password(source)}\ndestination,${ANNA},${password(destination)}\n`
    const page = readFileSync(join(root, 'docs', 'runbook.md'), 'utf8')
    const commands = [...page.matchAll(/```\n(.*?)```/gs)].map(([, block = '']) => block)
    expect(commands.length).toBeGreaterThan(7)
    // What is somebody else's part in it: the list at hand, and what the client reads out.
    const others = `set -e\nread_list() { printf '%s' "$LIST"; }\nclient_sha256() { sha256sum backups/*.age | cut -c1-64; }\n`
    const script = file('runbook.sh', others + commands.join('\n'))
    const { status, stdout, stderr } = spawnSync('bash', [script], {
      cwd: folder,
      encoding: 'utf8',
      env: {
        PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
        ...{ HOME: folder, SEALPOST_HOME: join(folder, 'workspace'), TMPDIR: join(folder, 'tmp') },
        ...{ XDG_RUNTIME_DIR: join(folder, 'run'), PASSPHRASE_FILE: file('passphrase', `${PASSPHRASE}\n`) },
        ...{ OLD_HOST: '127.0.0.1', OLD_PORT: String(source.imapsPort), OLD_CA: file('old.pem', source.ca) },
        ...{
          NEW_HOST: '127.0.0.1',
          NEW_PORT: String(destination.imapsPort),
          NEW_CA: file('new.pem', destination.ca),
        },
        ...{ LIST: list, CLIENT_KEY: keys.recipient },
      },
    })
    expect(`${stderr}${status === 0 ? '' : stdout}`).toBe('')
    expect(status).toBe(0)
    expect(stdout).toContain('Signed off: Acme Ltd')
    expect(existsSync(join(folder, 'acme', 'certificate', 'deletion-certificate.json'))).toBe(true)
    expect(existsSync(join(folder, 'acme', '.sealpost'))).toBe(false)
  },
  180_000,
)
