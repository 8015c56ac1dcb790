import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { createImapConnector } from '../../connectors/imap/imap-connector.ts'
import { systemClock } from '../../src/core/clock.ts'
import { isLong } from '../long.ts'
import { startDovecot, whyNoDovecot, type Dovecot, type DovecotOptions } from '../servers/dovecot.ts'
import { conformance } from './conformance.ts'
import type { Harness } from './harness.ts'

const ACCOUNTS = 120

/** A harness over a server that `server` hands out once it runs; each case has an account of its own. */
function dovecotHarness(
  server: () => Dovecot,
  separator: '/' | '.',
  prefix: string,
  { compress, ...rest }: Partial<Harness> & { readonly compress?: boolean },
): Harness {
  let next = 0
  return {
    bodies: 'exact',
    keepsNul: true,
    skips: {
      'internal dates are kept as claimed':
        'Dovecot stores a date to come as now: test/imap/append.test.ts has dates',
    },
    ...rest,
    setup: async (wish) => {
      const running = server()
      const { host, imapsPort, ca, password, doveadm } = running
      const account = `user${next++}@example.test`
      const nameOf = (path: readonly string[]): string =>
        path[0] === 'INBOX' ? path.join(separator) : prefix + path.join(separator)
      return {
        account,
        connector: createImapConnector({
          host,
          port: imapsPort,
          tls: { mode: 'implicit', ca },
          clock: systemClock,
          loginFor: async (username) => ({ username, authorize: null, secret: { text: () => password } }),
          rangeBytes: 100_000,
          compress,
          ...(wish.largeMessageBytes === undefined ? {} : { largeMessageBytes: wish.largeMessageBytes }),
        }),
        outside: {
          deliver: async (path, mail) => {
            await doveadm.withInput(mail.body, 'save', '-u', account, '-m', nameOf(path))
          },
          expunge: async (path, key) => {
            await doveadm('expunge', '-u', account, 'mailbox', nameOf(path), 'uid', key)
          },
          setFlags: async (path, key, flags) => {
            await doveadm('flags', 'replace', '-u', account, flags.join(' '), 'mailbox', nameOf(path), 'uid', key)
          },
          resetValidity: async (path) => {
            await doveadm('mailbox', 'update', '-u', account, '--uid-validity', '4242', nameOf(path))
          },
        },
        snapshot: async () => {
          const fields = 'mailbox uid flags date.received size.physical hdr.message-id'
          const status = await doveadm('mailbox', 'status', '-u', account, 'all', '*')
          const mail = await doveadm('fetch', '-u', account, fields, 'all')
          return [status, mail, await filesIn(running.mailFolder(account))].join('\n')
        },
        cleanup: async () => undefined,
      }
    },
  }
}

/** Names and sizes of the mail files: a flag that was set shows in a name. */
async function filesIn(folder: string): Promise<string> {
  const lines: string[] = []
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    if (!/(^|\/)(cur|new)\//.test(name)) continue
    lines.push(`${name} ${(await stat(join(folder, name))).size}`)
  }
  return lines.join('\n')
}

const why = whyNoDovecot()

function suite(
  name: string,
  options: DovecotOptions,
  separator: '/' | '.',
  prefix: string,
  rest: Partial<Harness> & { readonly compress?: boolean } = {},
): void {
  if (why !== null) {
    describe(name, () => {
      it.skip(`runs against a real server (${why})`, () => undefined)
    })
    return
  }
  let running: Dovecot | null = null
  describe(name, () => {
    beforeAll(async () => {
      const users = Array.from({ length: ACCOUNTS }, (_, index) => `user${index}@example.test`)
      running = await startDovecot({ ...options, separator, prefix, users })
    })
    afterAll(async () => running?.stop())
    const server = (): Dovecot => {
      if (running === null) throw new Error('the server does not run')
      return running
    }
    conformance(name, dovecotHarness(server, separator, prefix, rest))
  })
}

// One that can do everything; `npm run test:servers` has two others beside it.
suite('imap', {}, '/', '')
if (isLong('servers')) {
  const settings = 'protocol imap {\n  mail_plugins = imap_zlib\n}'
  suite('imap, below the inbox, compressed', { settings }, '.', 'INBOX.', { compress: true })
  suite('imap, the plainest server', { capabilities: 'LITERAL- IDLE NAMESPACE' }, '/', '', { keepsNul: false })
}
