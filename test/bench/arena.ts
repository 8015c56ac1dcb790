import { createHash } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDovecot, type Dovecot } from '../servers/dovecot.ts'
import { startRelay, type Relay } from './relay.ts'
import { secondsOfTree } from './measure.ts'
import { fillMaildir, type Workload } from './workloads.ts'

/** Where one run takes place: whose mail, from and to which port. */
export interface Bout {
  readonly source: { readonly port: number; readonly user: string }
  readonly destination: { readonly port: number; readonly user: string }
}

/** Two servers, and between them and the tools a network if one is asked for. */
export interface Arena {
  readonly folder: string
  readonly source: Dovecot
  readonly destination: Dovecot
  /** Files with the servers' authorities, and one with the password of every account. */
  readonly files: { readonly sourceCa: string; readonly destinationCa: string; readonly password: string }
  readonly workload: Workload
  /** Bytes of mail at the source. */
  readonly bytes: number
  /** A destination account that nobody has used. */
  newBout(): Bout
  /** What is wrong with the copy in a Maildir, or null. `byteForByte`: the contents are compared, and not only counted. */
  faultOf(bout: Bout, byteForByte: boolean): string | null
  /** Processor time that both servers have used until now, those of their processes that have ended included. */
  serverSeconds(): Promise<number>
  /** Bytes that the relays have carried since they were last asked. */
  carried(): number
  stop(): Promise<void>
}

const SOURCE = 'source@example.test'
const SPARE_ACCOUNTS = 64

/** Between the tools and the servers. */
export interface Network {
  /** Milliseconds. */
  readonly roundTrip: number
  readonly bytesPerSecond?: number
  /** The servers offer COMPRESS=DEFLATE, which mbsync then uses unasked. */
  readonly compress?: boolean
}

/**
 * Starts both servers, fills the source, and puts a relay before each when `network` is not null. `destinationSettings`: further
 * lines for the destination's configuration.
 */
export async function setArena(
  workload: Workload,
  network: Network | null,
  destinationSettings = '',
): Promise<Arena> {
  const folder = mkdtempSync(join(tmpdir(), 'sealpost-bench-'))
  // doveadm reads the certificates here as the owner of the mail.
  chmodSync(folder, 0o755)
  const users = Array.from({ length: SPARE_ACCOUNTS }, (_, n) => `copy${n}@example.test`)
  // OfflineIMAP sends ASCII alone.
  const password = 'correct-horse-battery'
  // As Dovecot is shipped, and as the other servers of the tests are not: what it says is stored is on the disk, and each
  // connection has a login process of its own, which keeps its TLS.
  const shipped =
    'mail_fsync = optimized\n' +
    'service imap-login {\n  service_count = 1\n  client_limit = 1\n  process_min_avail = 0\n  process_limit = 100\n}\n'
  const settings =
    network?.compress === true ? `${shipped}protocol imap {\n  mail_plugins = imap_zlib\n}` : shipped
  const [source, destination] = await Promise.all([
    startDovecot({ users: [SOURCE], password, settings }),
    startDovecot({ users, password, settings: `${settings}\n${destinationSettings}` }),
  ])
  const bytes = fillMaildir(workload, source.mailFolder(SOURCE))
  const relays: Relay[] = []
  const portOf = async (server: Dovecot): Promise<number> => {
    if (network === null) return server.imapsPort
    const relay = await startRelay(server.imapsPort, network)
    relays.push(relay)
    return relay.port
  }
  const [sourcePort, destinationPort] = [await portOf(source), await portOf(destination)]
  const files = {
    sourceCa: join(folder, 'source-ca.pem'),
    destinationCa: join(folder, 'destination-ca.pem'),
    password: join(folder, 'password'),
  }
  writeFileSync(files.sourceCa, source.ca)
  writeFileSync(files.destinationCa, destination.ca)
  writeFileSync(files.password, source.password, { mode: 0o600 })
  let used = 0
  let told = 0
  const wanted = new Map<string, string>()
  return {
    folder,
    source,
    destination,
    files,
    workload,
    bytes,
    newBout: () => {
      const user = users[used++]
      if (user === undefined) throw new Error('no account is left')
      return {
        source: { port: sourcePort, user: SOURCE },
        destination: { port: destinationPort, user },
      }
    },
    faultOf: (bout, byteForByte) => {
      const copy = destination.mailFolder(bout.destination.user)
      const mode = byteForByte ? 'digests' : 'counts'
      if (!wanted.has(mode)) wanted.set(mode, contentsOf(source.mailFolder(SOURCE), byteForByte))
      return contentsOf(copy, byteForByte) === wanted.get(mode) ? null : `not what was sent (${mode})`
    },
    serverSeconds: async () => {
      // What logged out is counted once its process has been waited for.
      await new Promise((resolve) => setTimeout(resolve, 200))
      return [source, destination]
        .map(({ folder: home }) => readFileSync(join(home, 'run', 'master.pid'), 'utf8').trim())
        .reduce((sum, pid) => sum + secondsOfTree(pid), 0)
    },
    carried: () => {
      const sum = relays.reduce((total, relay) => total + relay.carried(), 0)
      const since = sum - told
      told = sum
      return since
    },
    stop: async () => {
      for (const relay of relays) await relay.stop()
      await Promise.all([source.stop(), destination.stop()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** How many messages each mailbox holds, or which ones. Dovecot stores with LF or CRLF, as it came. */
function contentsOf(maildir: string, byteForByte: boolean): string {
  const lines: string[] = []
  for (const name of readdirSync(maildir).sort()) {
    if (name !== 'cur' && !name.startsWith('.Folder')) continue
    const parts = name === 'cur' ? ['cur', 'new'] : [join(name, 'cur'), join(name, 'new')]
    const files = parts.flatMap((part) =>
      readdirSync(join(maildir, part)).map((file) => join(maildir, part, file)),
    )
    const digests = byteForByte ? files.map(digestOf).sort().join(' ') : ''
    lines.push(`${name} ${files.length} ${digests}`)
  }
  return lines.join('\n')
}

function digestOf(file: string): string {
  const text = readFileSync(file, 'latin1').replaceAll('\r\n', '\n')
  return createHash('sha256').update(text, 'latin1').digest('hex')
}
