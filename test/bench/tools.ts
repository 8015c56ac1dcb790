import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/set-up.mjs'
import type { Arena, Bout } from './arena.ts'
import type { Command } from './measure.ts'

/** A program that moves mail between two accounts. */
export interface Tool {
  readonly name: string
  /** Whether what arrives is what was sent, to the byte. */
  readonly keepsBytes: boolean
  /** Why it cannot run here, or null. */
  why(): string | null
  /** Makes all that it needs for this run; running the command twice is a second pass. */
  prepare(arena: Arena, bout: Bout): Command
}

/** Where Sealpost keeps its workspace, unlocked beforehand: asking for a passphrase is no part of a run. */
export interface Home {
  readonly env: Readonly<Record<string, string>>
  close(): void
}

/** The built program. */
export const PROGRAM = join(root, 'dist', 'src', 'cli', 'main.js')
const PASSPHRASE = 'only for this benchmark'

/** Makes a workspace in the arena's folder and unlocks it. */
export function openHome(arena: Pick<Arena, 'folder'>): Home {
  const home = join(arena.folder, 'home')
  mkdirSync(join(home, 'run'), { recursive: true, mode: 0o700 })
  const env = { HOME: home, SEALPOST_HOME: join(home, 'workspace'), XDG_RUNTIME_DIR: join(home, 'run') }
  writeFileSync(join(home, 'passphrase'), `${PASSPHRASE}\n`, { mode: 0o600 })
  const locked = ['--passphrase-file', join(home, 'passphrase')]
  sealpost(['init', join(home, 'first'), '--client', 'Bench', ...locked], home, env)
  sealpost(['unlock', '--for', '8h', ...locked], home, env)
  return { env, close: () => sealpost(['lock'], home, env) }
}

/** Runs the program to its end; throws when it fails. */
export function sealpost(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
  input = '',
): void {
  const { status, stderr, stdout } = spawnSync(process.execPath, [PROGRAM, ...args], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    input,
    encoding: 'utf8',
  })
  if (status !== 0)
    throw new Error(`sealpost ${args.join(' ')}: exit code ${String(status)}\n${stdout}\n${stderr}`)
}

/** Sealpost itself: its `run`. `ends`: lines that stand in the project at either end. */
export function sealpostTool(home: Home, ends = '', name = 'sealpost'): Tool {
  return {
    name,
    keepsBytes: true,
    why: () => null,
    prepare: (arena, bout) => {
      const project = join(arena.folder, `project-${bout.destination.user}`)
      sealpost(['init', project, '--client', 'Bench'], arena.folder, home.env)
      const end = (side: 'source' | 'destination'): string =>
        `${side}:\n  kind: imap\n  host: 127.0.0.1\n  port: ${bout[side].port}\n` +
        `  tls: { mode: implicit, ca: ${side === 'source' ? arena.files.sourceCa : arena.files.destinationCa} }\n` +
        `  auth: { mode: password, credential: per-account, username: "{account}" }\n${ends}`
      writeFileSync(
        join(project, 'project.yaml'),
        `version: 1\nclient: Bench\n${end('source')}${end('destination')}mailboxes: mailboxes.csv\n`,
      )
      writeFileSync(
        join(project, 'mailboxes.csv'),
        `source,destination\n${bout.source.user},${bout.destination.user}\n`,
      )
      const rows = (['source', 'destination'] as const).map(
        (side) => `${side},${bout[side].user},"${arena[side].password.replaceAll('"', '""')}"\n`,
      )
      const csv = `side,account,secret\n${rows.join('')}`
      sealpost(['credentials', 'import', '--fd', '0'], project, home.env, csv)
      return { argv: [process.execPath, PROGRAM, 'run', '--json'], cwd: project, env: home.env }
    },
  }
}

/** mbsync of isync, with its own defaults. */
export const mbsync: Tool = {
  name: 'mbsync',
  keepsBytes: false,
  why: () => absent('mbsync'),
  prepare: (arena, bout) => {
    const folder = join(arena.folder, `mbsync-${bout.destination.user}`)
    mkdirSync(join(folder, 'state'), { recursive: true })
    const store = (side: 'source' | 'destination', ca: string): string =>
      `IMAPStore ${side}\nHost localhost\nPort ${bout[side].port}\nUser ${bout[side].user}\n` +
      `PassCmd "cat ${arena.files.password}"\nSSLType IMAPS\nSystemCertificates no\nCertificateFile ${ca}\nAuthMechs LOGIN\n\n`
    writeFileSync(
      join(folder, 'mbsyncrc'),
      `${store('source', arena.files.sourceCa)}${store('destination', arena.files.destinationCa)}` +
        `Channel all\nFar :source:\nNear :destination:\nPatterns *\nSync Pull\nCreate Near\nSyncState ${folder}/state/\n`,
      { mode: 0o600 },
    )
    return { argv: ['mbsync', '-q', '-c', join(folder, 'mbsyncrc'), 'all'], cwd: folder, env: { HOME: folder } }
  },
}

/** `doveadm backup` over imapc: reads by IMAP and writes Dovecot's own files. */
export const doveadmBackup: Tool = {
  name: 'doveadm backup',
  keepsBytes: true,
  why: () => absent('doveadm'),
  prepare: (arena, bout) => ({
    argv: [
      ...['doveadm', '-c', join(arena.destination.folder, 'dovecot.conf')],
      ...['-o', 'imapc_host=127.0.0.1', '-o', `imapc_port=${bout.source.port}`, '-o', 'imapc_ssl=imaps'],
      ...['-o', `ssl_client_ca_file=${arena.files.sourceCa}`, '-o', 'imapc_ssl_verify=yes'],
      ...['-o', `imapc_user=${bout.source.user}`, '-o', `imapc_password=${arena.source.password}`],
      ...['backup', '-R', '-u', bout.destination.user, 'imapc:'],
    ],
    cwd: arena.folder,
    env: {},
  }),
}

/** OfflineIMAP between two IMAP servers. */
export const offlineimap: Tool = {
  name: 'offlineimap',
  keepsBytes: false,
  why: () => absent('offlineimap'),
  prepare: (arena, bout) => {
    const folder = join(arena.folder, `offlineimap-${bout.destination.user}`)
    mkdirSync(folder)
    const repository = (name: string, side: 'source' | 'destination', ca: string): string =>
      `[Repository ${name}]\ntype = IMAP\nremotehost = localhost\nremoteport = ${bout[side].port}\n` +
      `remoteuser = ${bout[side].user}\nremotepassfile = ${arena.files.password}\nssl = yes\nsslcacertfile = ${ca}\n` +
      `auth_mechanisms = LOGIN\nmaxconnections = 4\n${side === 'source' ? 'readonly = True\n' : ''}\n`
    writeFileSync(
      join(folder, 'offlineimaprc'),
      `[general]\naccounts = bench\nui = quiet\nmetadata = ${folder}/meta\n\n` +
        `[Account bench]\nlocalrepository = Copy\nremoterepository = Source\n\n` +
        repository('Copy', 'destination', arena.files.destinationCa) +
        repository('Source', 'source', arena.files.sourceCa),
      { mode: 0o600 },
    )
    return {
      argv: ['offlineimap', '-o', '-c', join(folder, 'offlineimaprc')],
      cwd: folder,
      env: { HOME: folder },
    }
  },
}

/** imapsync, where somebody has put it on the PATH. */
export const imapsync: Tool = {
  name: 'imapsync',
  keepsBytes: true,
  why: () => absent('imapsync'),
  prepare: (arena, bout) => ({
    argv: [
      ...['imapsync', '--nolog', '--noreleasecheck', '--tmpdir', arena.folder],
      ...['--host1', '127.0.0.1', '--port1', String(bout.source.port), '--user1', bout.source.user, '--ssl1'],
      ...['--host2', '127.0.0.1', '--port2', String(bout.destination.port), '--user2', bout.destination.user],
      ...['--ssl2', '--passfile1', arena.files.password, '--passfile2', arena.files.password],
    ],
    cwd: arena.folder,
    env: { HOME: arena.folder },
  }),
}

/** Why a program cannot run here, or null. */
export function absent(program: string): string | null {
  const { error } = spawnSync(program, ['--version'], { stdio: 'ignore' })
  return error === undefined ? null : `${program} is not on the PATH`
}
