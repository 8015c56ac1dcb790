import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ImapSplitter } from '../fakes/imap-splitter.ts'
import { endProcess } from './processes.ts'
import { unpacked, unpackedEnvironment, whyNotStartable } from './unpack-packages.ts'

const IMAPD = 'usr/bin/imapd'
/** As the package's own configuration has it. */
const CAPABILITY = 'IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE'

/** A Courier server of one test, in a folder of its own, in the clear on a free port of this machine. */
export interface Courier {
  readonly port: number
  readonly password: string
  stop(): Promise<void>
}

/** Why Courier suites cannot run here, or null when they can. */
export function whyNoCourier(): string | null {
  if (process.getuid?.() !== 0) return 'Courier needs root to be started by a test'
  return whyNotStartable(IMAPD)
}

/**
 * Starts a server. Courier's own login needs its authentication daemon, whose paths are fixed when it is built; so the
 * login is answered here, as `imaplogin` does it, and all the rest by Courier's `imapd`, a process a session.
 * `IMAP_EMPTYTRASH` is not set: nothing is deleted from Trash by itself.
 */
export async function startCourier(options: { readonly users: readonly string[] }): Promise<Courier> {
  const folder = mkdtempSync(join(tmpdir(), 'sealpost-courier-'))
  chmodSync(folder, 0o755)
  const password = 'corr€ct "horse\\ battery'
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'mail']).toString())
  const owner = { uid: id('-u'), gid: id('-g') }
  const homes = new Map(options.users.map((user, index) => [user, makeHome(join(folder, `user${index}`), owner)]))
  const children = new Set<ChildProcess>()
  const sockets = new Set<Socket>()
  const listener = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    void answerLogin(socket, (user, given) => homes.has(user) && given === password).then((login) => {
      if (login === null) return
      const child = startSession(socket, homes.get(login.user) ?? '', login, owner)
      children.add(child)
      child.on('exit', () => children.delete(child))
    })
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  return {
    port: (listener.address() as AddressInfo).port,
    password,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await Promise.all([...children].map(endProcess))
      await new Promise((resolve) => listener.close(resolve))
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
    },
  }
}

interface LoggedIn {
  readonly user: string
  readonly tag: string
  /** What the client has sent already beyond its login. */
  readonly rest: Buffer
}

/** Speaks with a client until it has logged in; null when it leaves before. */
function answerLogin(
  socket: Socket,
  isRight: (user: string, password: string) => boolean,
): Promise<LoggedIn | null> {
  socket.write(`* OK [CAPABILITY ${CAPABILITY} AUTH=PLAIN] Courier-IMAP ready.\r\n`)
  const splitter = new ImapSplitter()
  let text = ''
  let literals: Buffer[] = []
  let saslTag: string | null = null
  return new Promise((resolve) => {
    const onData = (chunk: Buffer): void => {
      for (const piece of splitter.push(chunk)) {
        if (piece.kind === 'literal') literals.push(piece.bytes)
        else if (piece.literal === null) {
          const login = take(text + piece.text)
          text = ''
          literals = []
          if (login === null) continue
          socket.off('data', onData)
          socket.pause()
          resolve({ ...login, rest: splitter.rest() })
          return
        } else {
          text += piece.text.replace(/\{\d+\+?\}$/, '{}')
          if (!piece.text.endsWith('+}')) socket.write('+ go on\r\n')
        }
      }
    }
    const take = (line: string): { user: string; tag: string } | null => {
      const [tag = '', command = '', ...words] = line.split(' ')
      if (saslTag !== null) return check(saslTag, ...plainOf(line))
      if (command.toUpperCase() === 'CAPABILITY')
        socket.write(`* CAPABILITY ${CAPABILITY} AUTH=PLAIN\r\n${tag} OK done\r\n`)
      else if (command.toUpperCase() === 'LOGOUT') socket.end(`* BYE\r\n${tag} OK\r\n`)
      else if (command.toUpperCase() === 'AUTHENTICATE') {
        saslTag = tag
        if (words[1] !== undefined) return check(tag, ...plainOf(words[1]))
        socket.write('+ \r\n')
      } else if (command.toUpperCase() === 'LOGIN') {
        const given = words.map((word) => (word === '{}' ? (literals.shift()?.toString('utf8') ?? '') : word))
        return check(tag, given[0]?.replace(/^"|"$/g, '') ?? '', given.slice(1).join(' ').replace(/^"|"$/g, ''))
      } else socket.write(`${tag} OK done\r\n`)
      return null
    }
    const check = (tag: string, user: string, password: string): { user: string; tag: string } | null => {
      saslTag = null
      if (isRight(user, password)) return { user, tag }
      socket.write(`${tag} NO [AUTHENTICATIONFAILED] Login failed.\r\n`)
      return null
    }
    socket.on('data', onData)
    socket.on('close', () => resolve(null))
  })
}

function plainOf(base64: string): [string, string] {
  const [, user = '', password = ''] = Buffer.from(base64, 'base64').toString('utf8').split('\0')
  return [user, password]
}

/** Hands the connection to Courier, which answers the login itself. */
function startSession(
  socket: Socket,
  home: string,
  login: LoggedIn,
  owner: { readonly uid: number; readonly gid: number },
): ChildProcess {
  const child = spawn(unpacked(IMAPD), ['Maildir'], {
    cwd: home,
    ...owner,
    env: {
      ...unpackedEnvironment(),
      HOME: home,
      AUTHENTICATED: login.user,
      AUTHADDR: login.user,
      IMAPLOGINTAG: login.tag,
      IMAP_CAPABILITY: CAPABILITY,
      IMAP_KEYWORDS: '1',
      IMAP_ACL: '0',
      IMAP_CHECK_ALL_FOLDERS: '0',
      IMAP_OBSOLETE_CLIENT: '0',
      IMAP_USELOCKS: '1',
      IMAP_ENHANCEDIDLE: '0',
      IMAP_TRASHFOLDERNAME: 'Trash',
      IMAP_IDLE_TIMEOUT: '60',
      // It watches its locks through this program, which ends by itself when nobody needs it.
      GAMIN_DEBUG_SERVER: unpacked('usr/libexec/gam_server'),
      TCPREMOTEIP: '127.0.0.1',
      TCPREMOTEPORT: '1',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  child.stdin.on('error', () => undefined)
  child.on('error', () => socket.destroy())
  child.on('exit', () => socket.end())
  socket.on('close', () => child.stdin.end())
  if (login.rest.length > 0) child.stdin.write(login.rest)
  socket.pipe(child.stdin)
  child.stdout.pipe(socket)
  return child
}

function makeHome(home: string, owner: { readonly uid: number; readonly gid: number }): string {
  for (const name of ['', 'Maildir', 'Maildir/cur', 'Maildir/new', 'Maildir/tmp']) {
    mkdirSync(join(home, name), { mode: 0o700 })
    chownSync(join(home, name), owner.uid, owner.gid)
  }
  return home
}
