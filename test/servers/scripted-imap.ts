import { createServer, type AddressInfo, type Socket } from 'node:net'

/** One command as the scripted server sees it, literals within. */
export interface Command {
  readonly tag: string
  readonly text: string
}

/** Answers a command: the lines to send, each without its line end; null leaves it unanswered. */
export type Answer = (command: Command, socket: Socket) => readonly (string | Uint8Array)[] | null

/** An IMAP server that says what a test wants, for what no real server here does. Cleartext on loopback. */
export interface ScriptedServer {
  readonly port: number
  readonly commands: readonly string[]
  stop(): Promise<void>
}

/** What it answers unless the test's own answer does. */
export interface ScriptedOptions {
  readonly capabilities?: string
  readonly greeting?: string
  /** Undefined: the usual answer. */
  readonly answer?: (command: Command, socket: Socket) => ReturnType<Answer> | undefined
}

/** Starts a scripted server. It takes any login and has one empty INBOX. */
export async function startScriptedImap(options: ScriptedOptions = {}): Promise<ScriptedServer> {
  const commands: string[] = []
  const open = new Set<Socket>()
  const capabilities = `IMAP4rev1 ${options.capabilities ?? 'LITERAL+ UIDPLUS'}`
  const usual: Answer = ({ tag, text }) => {
    const word = text.split(' ')[0]?.toUpperCase() ?? ''
    if (word === 'CAPABILITY') return [`* CAPABILITY ${capabilities}`, `${tag} OK done`]
    if (word === 'LIST') return ['* LIST (\\HasNoChildren) "/" INBOX', `${tag} OK done`]
    if (word === 'SELECT' || word === 'EXAMINE') {
      const mode = word === 'SELECT' ? 'READ-WRITE' : 'READ-ONLY'
      const facts = ['* 0 EXISTS', '* OK [UIDVALIDITY 1] x', '* OK [UIDNEXT 1] x', '* OK [PERMANENTFLAGS (\\*)] x']
      return [...facts, `${tag} OK [${mode}] done`]
    }
    if (word === 'LOGOUT') return ['* BYE', `${tag} OK done`]
    return [`${tag} OK done`]
  }
  const server = createServer((socket) => {
    open.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => open.delete(socket))
    socket.write(options.greeting ?? `* OK [CAPABILITY ${capabilities}] ready\r\n`)
    let input = ''
    socket.on('data', (bytes) => {
      input += bytes.toString('latin1')
      for (;;) {
        const end = endOfCommand(input)
        if (end === -1) return
        const line = input.slice(0, end)
        input = input.slice(end + 2)
        commands.push(line)
        // A line without a blank is an answer to a challenge.
        const [tag = ''] = line.split(' ')
        const command = { tag, text: line.slice(tag.length + 1) }
        const own = options.answer?.(command, socket)
        for (const part of own === undefined ? (usual(command, socket) ?? []) : (own ?? [])) {
          socket.write(typeof part === 'string' ? Buffer.from(`${part}\r\n`, 'latin1') : part)
        }
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    commands,
    stop: async () => {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Where the first whole command ends (at its CRLF), stepping over non-synchronizing literals; -1 without one. */
function endOfCommand(input: string): number {
  let from = 0
  for (;;) {
    const end = input.indexOf('\r\n', from)
    if (end === -1) return -1
    const literal = /\{(\d+)\+\}$/.exec(input.slice(from, end))
    if (literal === null) return end
    from = end + 2 + Number(literal[1])
    if (input.length < from) return -1
  }
}
