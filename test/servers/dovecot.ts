import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { userInfo, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { issue, makeAuthority, type Authority } from './certificates.ts'

const run = promisify(execFile)
const BINARY = '/usr/sbin/dovecot'

/** How the server is to be. */
export interface DovecotOptions {
  readonly users?: readonly string[]
  /** Every user's password; one that is awkward to send by default. */
  readonly password?: string
  /** Between levels; `.` is Maildir's own. */
  readonly separator?: '/' | '.'
  /** `INBOX.` puts everything below the inbox. */
  readonly prefix?: string
  /** Storage each account may use. */
  readonly quotaBytes?: number
  /** Capabilities to advertise instead of its own, after `IMAP4rev1`; what it does stays the same. */
  readonly capabilities?: string
  /** Further lines for the configuration file. */
  readonly settings?: string
  /** The name of the greeting. */
  readonly greeting?: string
}

/** A server of one test: in a folder of its own, on free ports of this machine. */
export interface Dovecot {
  readonly host: '127.0.0.1'
  readonly imapsPort: number
  /** Cleartext and STARTTLS. */
  readonly imapPort: number
  /** PEM of the authority that its certificate is from. */
  readonly ca: string
  readonly authority: Authority
  readonly folder: string
  readonly password: string
  readonly masterUser: string
  readonly masterPassword: string
  /** The Maildir of a user. */
  mailFolder(user: string): string
  readonly doveadm: Doveadm
  stop(): Promise<void>
}

/** Runs the administrator's tool and returns what it printed; rejects when it fails. */
export interface Doveadm {
  (...args: readonly string[]): Promise<string>
  withInput(input: Uint8Array, ...args: readonly string[]): Promise<string>
}

/** Why Dovecot suites cannot run here, or null when they can. */
export function whyNoDovecot(): string | null {
  if (!existsSync(BINARY)) return 'Dovecot is not installed'
  if (process.getuid?.() !== 0) return 'Dovecot needs root to be started by a test'
  return null
}

/** True when `startDovecot` can be expected to work. */
export function isDovecotInstalled(): boolean {
  return whyNoDovecot() === null
}

/** A port that was free a moment ago may be somebody else's by now. */
const ATTEMPTS = 3

/** Starts a server and resolves when it answers. */
export async function startDovecot(options: DovecotOptions = {}): Promise<Dovecot> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options)
    } catch (error) {
      if (attempt === ATTEMPTS) throw error
    }
  }
}

async function startOnce(options: DovecotOptions): Promise<Dovecot> {
  const folder = mkdtempSync(join(tmpdir(), 'sealpost-dovecot-'))
  chmodSync(folder, 0o755)
  const mail = mailOwner()
  for (const name of ['run', 'state', 'mail', 'tls']) mkdirSync(join(folder, name), { mode: 0o755 })
  chownSync(join(folder, 'mail'), mail.uid, mail.gid)
  const authority = await makeAuthority(join(folder, 'tls'))
  const certificate = await issue(authority, 'server')
  const [imapsPort, imapPort] = await Promise.all([freePort(), freePort()])
  const password = options.password ?? 'corr€ct "horse\\ battery'
  const masterPassword = 'master-secret'
  const users = options.users ?? ['anna@example.test', 'bert@example.test']
  const homeOf = (user: string): string => `${mail.uid}:${mail.gid}::${folder}/mail/${user}`
  writePasswords(folder, users, password, 'users', homeOf)
  writePasswords(folder, ['admin'], masterPassword, 'masters', () => '')
  const file = join(folder, 'dovecot.conf')
  writeFileSync(file, configuration(folder, options, mail, { imapsPort, imapPort }, certificate))
  const server = spawn(BINARY, ['-F', '-c', file], { stdio: 'ignore' })
  // A test process that ends without stopping its servers takes them with it all the same.
  const onExit = (): void => void server.kill('SIGTERM')
  process.once('exit', onExit)
  const stop = async (): Promise<void> => {
    process.off('exit', onExit)
    tellTroubles(folder)
    await stopProcess(server)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
  try {
    await answers(imapPort, server, join(folder, 'run', 'master.pid'))
  } catch (error) {
    const log = existsSync(join(folder, 'log')) ? execFileSync('tail', ['-5', join(folder, 'log')]).toString() : ''
    await stop()
    throw new Error(`Dovecot did not start: ${log}`, { cause: error })
  }
  return {
    host: '127.0.0.1',
    imapsPort,
    imapPort,
    ca: authority.certificate,
    authority,
    folder,
    password,
    masterUser: 'admin',
    masterPassword,
    mailFolder: (user) => join(folder, 'mail', user, 'Maildir'),
    doveadm: doveadmOf(file),
    stop,
  }
}

/** What explains a connection that was closed unasked; else it would go with the folder. */
const TROUBLE = /Fatal|Panic|[Kk]illed with signal|throttling|_limit|Out of memory|fork\(\) failed/

function tellTroubles(folder: string): void {
  const log = join(folder, 'log')
  if (!existsSync(log)) return
  const lines = readFileSync(log, 'utf8').split('\n')
  for (const line of lines.filter((each) => TROUBLE.test(each)).slice(0, 5)) console.warn(`Dovecot: ${line}`)
}

function doveadmOf(file: string): Doveadm {
  const withInput = async (input: Uint8Array | null, ...args: readonly string[]): Promise<string> => {
    const running = run('/usr/bin/doveadm', ['-c', file, ...args], { maxBuffer: 1 << 30 })
    running.child.stdin?.end(input ?? undefined)
    return (await running).stdout
  }
  return Object.assign((...args: readonly string[]) => withInput(null, ...args), { withInput })
}

function mailOwner(): { readonly name: string; readonly uid: number; readonly gid: number } {
  const name = 'mail'
  const id = (flag: string): number => Number(execFileSync('id', [flag, name]).toString())
  return { name, uid: id('-u'), gid: id('-g') }
}

function writePasswords(
  folder: string,
  users: readonly string[],
  password: string,
  name: string,
  rest: (user: string) => string,
): void {
  const hash = `{SHA256}${createHash('sha256').update(password).digest('base64')}`
  writeFileSync(join(folder, name), users.map((user) => `${user}:${hash}:${rest(user)}\n`).join(''), {
    mode: 0o644,
  })
}

function configuration(
  folder: string,
  options: DovecotOptions,
  mail: { readonly name: string; readonly uid: number; readonly gid: number },
  ports: { readonly imapsPort: number; readonly imapPort: number },
  certificate: { readonly certificateFile: string; readonly keyFile: string },
): string {
  const prefix = options.prefix ?? ''
  const quota = options.quotaBytes === undefined ? '' : `${options.quotaBytes}B`
  return `
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/log
protocols = imap
listen = 127.0.0.1
default_login_user = ${userInfo().username === 'root' ? 'nobody' : userInfo().username}
default_internal_user = ${mail.name}
default_internal_group = mail
mail_uid = ${mail.uid}
mail_gid = ${mail.gid}
first_valid_uid = 1
mail_location = maildir:~/Maildir
mail_max_userip_connections = 1000
mail_fsync = never
mailbox_list_index = yes
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_master_user_separator = *
auth_username_chars =
auth_username_format = %u
auth_failure_delay = 0
ssl = yes
ssl_min_protocol = TLSv1.2
ssl_cert = <${certificate.certificateFile}
ssl_key = <${certificate.keyFile}
imap_max_line_length = 64 k
${options.greeting === undefined ? '' : `login_greeting = ${options.greeting}`}
${options.capabilities === undefined ? '' : `imap_capability = IMAP4rev1 ${options.capabilities}`}
passdb {
  driver = passwd-file
  args = ${folder}/masters
  master = yes
  result_success = continue
}
passdb {
  driver = passwd-file
  args = ${folder}/users
}
userdb {
  driver = passwd-file
  args = ${folder}/users
}
namespace inbox {
  inbox = yes
  separator = ${options.separator ?? '/'}
  prefix = ${prefix}
  mailbox Drafts {
    special_use = \\Drafts
  }
  mailbox Junk {
    special_use = \\Junk
  }
  mailbox Trash {
    special_use = \\Trash
  }
  mailbox Sent {
    special_use = \\Sent
  }
}
service imap-login {
  inet_listener imap {
    port = ${ports.imapPort}
  }
  inet_listener imaps {
    port = ${ports.imapsPort}
    ssl = yes
  }
  process_min_avail = 1
  client_limit = 1000
  service_count = 0
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service imap {
  process_limit = 1000
}
${quota === '' ? '' : `mail_plugins = quota\nprotocol imap {\n  mail_plugins = quota imap_quota\n}\nplugin {\n  quota = maildir:User quota\n  quota_rule = *:storage=${quota}\n}`}
${options.settings ?? ''}
`
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** The file of the process id is written once all ports are its own: what greets before that is another server. */
async function answers(port: number, server: ChildProcess, pidFile: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (server.exitCode !== null) throw new Error(`exit code ${server.exitCode}`)
    const greeted = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      const done = (found: boolean): void => {
        socket.destroy()
        resolve(found)
      }
      socket.once('data', () => done(true))
      socket.once('error', () => done(false))
      socket.setTimeout(500, () => done(false))
    })
    if (greeted && existsSync(pidFile)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('no greeting')
}

async function stopProcess(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const ended = new Promise((resolve) => server.once('exit', resolve))
  server.kill('SIGTERM')
  const timer = setTimeout(() => server.kill('SIGKILL'), 5000)
  await ended
  clearTimeout(timer)
}
