import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endProcess, freePort, greets } from './processes.ts'
import { unpacked, unpackedEnvironment, whyNotStartable } from './unpack-packages.ts'

const IMAPD = 'usr/lib/cyrus/bin/imapd'
const MASTER = 'usr/lib/cyrus/bin/master'

/** How the server is to be. */
export interface CyrusOptions {
  readonly users: readonly string[]
  /** Mailboxes lie beside the inbox, not below it. */
  readonly altNamespace: boolean
  /** `/` between levels, so that names may hold dots; else `.`. */
  readonly unixHierarchySep?: boolean
  /** Who may sign in for others and sees everybody; `root` otherwise. */
  readonly admins?: string
  /** Further lines for imapd.conf. */
  readonly settings?: string
}

/** A Cyrus server of one test, in a folder of its own, in the clear on a free port of this machine. */
export interface Cyrus {
  readonly port: number
  readonly password: string
  stop(): Promise<void>
}

/** Why Cyrus suites cannot run here, or null when they can. */
export function whyNoCyrus(): string | null {
  if (process.getuid?.() !== 0) return 'Cyrus needs root to be started by a test'
  return whyNotStartable(IMAPD) ?? whyNotStartable(MASTER)
}

/** Starts a server and resolves when it answers. */
export async function startCyrus(options: CyrusOptions): Promise<Cyrus> {
  const folder = mkdtempSync(join(tmpdir(), 'sealpost-cyrus-'))
  chmodSync(folder, 0o755)
  for (const name of ['conf', 'conf/db', 'conf/socket', 'conf/proc', 'conf/log', 'spool', 'run']) {
    mkdirSync(join(folder, name), { mode: 0o755 })
  }
  const password = 'corr€ct "horse\\ battery'
  const port = await freePort()
  writeFileSync(join(folder, 'imapd.conf'), imapdConf(folder, options))
  writeFileSync(join(folder, 'cyrus.conf'), cyrusConf(folder, port))
  const env = { ...unpackedEnvironment(), CYRUS_USER: 'mail' }
  for (const user of options.users) {
    const [name = user, realm = 'example.test'] = user.split('@')
    const words = ['-p', '-c', '-f', join(folder, 'sasldb2'), '-u', realm, name]
    execFileSync(unpacked('usr/sbin/saslpasswd2'), words, {
      env,
      input: password,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
  }
  giveToMail(folder)
  const words = [
    '-C',
    join(folder, 'imapd.conf'),
    '-M',
    join(folder, 'cyrus.conf'),
    '-p',
    join(folder, 'run/pid'),
    '-D',
  ]
  // Asked to end, it asks all of its process group to: in the tests' own that would be every server of every suite.
  const server = spawn(unpacked(MASTER), words, { env, stdio: 'ignore', detached: true })
  const onExit = (): void => void server.kill('SIGTERM')
  process.once('exit', onExit)
  const stop = async (): Promise<void> => {
    process.off('exit', onExit)
    await endProcess(server)
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  }
  try {
    await greets(port, server)
  } catch (error) {
    await stop()
    throw new Error('Cyrus did not start', { cause: error })
  }
  return { port, password, stop }
}

function imapdConf(folder: string, options: CyrusOptions): string {
  return `configdirectory: ${folder}/conf
partition-default: ${folder}/spool
defaultpartition: default
cyrus_user: mail
cyrus_group: mail
admins: ${options.admins ?? 'root'}
servername: localhost
virtdomains: userid
defaultdomain: internal.test
altnamespace: ${options.altNamespace ? 'yes' : 'no'}
unixhierarchysep: ${options.unixHierarchySep === true ? 'yes' : 'no'}
autocreate_quota: 0
autocreate_post: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: ${folder}/sasldb2
sasl_mech_list: PLAIN
allowplaintext: yes
lmtpsocket: ${folder}/run/lmtp
idlesocket: ${folder}/run/idle
notifysocket: ${folder}/run/notify
proc_path: ${folder}/conf/proc
mboxname_lockpath: ${folder}/conf/lock
duplicate_db_path: ${folder}/conf/db/deliver.db
statuscache_db_path: ${folder}/conf/db/statuscache.db
tls_sessions_db_path: ${folder}/conf/db/tls_sessions.db
sync_log: no
${options.settings ?? ''}
`
}

function cyrusConf(folder: string, port: number): string {
  return `START {
  recover cmd="${unpacked('usr/lib/cyrus/bin/ctl_cyrusdb')} -C ${folder}/imapd.conf -r"
}
SERVICES {
  imap cmd="${unpacked(IMAPD)} -C ${folder}/imapd.conf" listen="127.0.0.1:${port}" prefork=0 maxchild=200
}
EVENTS {
}
`
}

/** Everything in the folder becomes the server's own. */
function giveToMail(folder: string): void {
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'mail']).toString())
  const [uid, gid] = [id('-u'), id('-g')]
  chownSync(folder, uid, gid)
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (existsSync(path)) chownSync(path, uid, gid)
  }
}
