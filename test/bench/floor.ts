/**
 * What the servers themselves need, over bare sockets with nothing kept and nothing checked: reading alone, or appending
 * from memory alone. Prints {"seconds", "cpuSeconds"} of that part. Where its parent wants both at once, it says when it
 * is ready, and waits to be told.
 *
 *   node --import tsx test/bench/floor.ts read|append PORT CA-FILE PASSWORD-FILE USER MAILDIR
 */
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'

const CONNECTIONS = 4
const BATCH_BYTES = 2_000_000
const BATCH_MESSAGES = 200
/** Longer than any tagged line: a login's names all capabilities. */
const KEPT_BYTES = 4_000

const [what = '', port = '', caFile = '', passwordFile = '', user = '', maildir = ''] = process.argv.slice(2)
const ca = readFileSync(caFile)
const password = readFileSync(passwordFile, 'utf8').replace(/([\\"])/g, '\\$1')

/** One connection: a command is done when its tagged line has come. */
class Wire {
  readonly #socket: TLSSocket
  #tail = ''
  #done: ((line: string) => void) | null = null

  constructor(socket: TLSSocket) {
    this.#socket = socket
    socket.on('data', (piece: Buffer) => {
      if (this.#done === null) return
      this.#tail = (this.#tail + piece.subarray(-KEPT_BYTES).toString('latin1')).slice(-KEPT_BYTES)
      const line = /(?:^|\r\n)(X (?:OK|NO|BAD)[^\r]*)\r\n$/.exec(this.#tail)?.[1]
      if (line !== undefined) this.#done(line)
    })
  }

  static async login(): Promise<Wire> {
    const socket = connect({ host: '127.0.0.1', port: Number(port), ca, servername: 'localhost' })
    await new Promise((resolve, reject) => socket.once('data', resolve).once('error', reject))
    const wire = new Wire(socket)
    const literal = Buffer.from(password.replace(/\\(.)/g, '$1'))
    await wire.run([`LOGIN ${user} {${literal.length}+}\r\n`, literal])
    return wire
  }

  async run(parts: readonly (string | Buffer)[]): Promise<void> {
    this.#tail = ''
    const reply = new Promise<string>((resolve) => (this.#done = resolve))
    this.#socket.cork()
    for (const part of ['X ', ...parts, '\r\n']) this.#socket.write(part)
    this.#socket.uncork()
    const line = await reply
    this.#done = null
    if (!line.startsWith('X OK')) throw new Error(line)
  }

  end(): void {
    this.#socket.destroy()
  }
}

interface Load {
  readonly mailbox: string
  readonly batches: Buffer[][]
}

function mailboxes(): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const name of readdirSync(maildir)) {
    if (name !== 'cur' && !name.startsWith('.Folder')) continue
    const folder = join(maildir, name === 'cur' ? '' : name, 'cur')
    found.set(
      name === 'cur' ? 'INBOX' : name.slice(1),
      readdirSync(folder).map((file) => join(folder, file)),
    )
  }
  return found
}

function loads(): Load[] {
  return [...mailboxes()].map(([mailbox, files]) => {
    const batches: Buffer[][] = []
    let size = Number.POSITIVE_INFINITY
    for (const file of files) {
      const bytes = readFileSync(file)
      const last = batches.at(-1)
      if (last === undefined || size + bytes.length > BATCH_BYTES || last.length >= BATCH_MESSAGES) {
        batches.push([bytes])
        size = bytes.length
      } else {
        last.push(bytes)
        size += bytes.length
      }
    }
    return { mailbox, batches }
  })
}

async function inParallel<T>(items: readonly T[], work: (wire: Wire, item: T) => Promise<void>): Promise<void> {
  const rest = [...items]
  const wires = await Promise.all(Array.from({ length: CONNECTIONS }, () => Wire.login()))
  if (process.send !== undefined) {
    process.send('ready')
    await once(process, 'message')
  }
  const cpu = process.cpuUsage()
  const begun = performance.now()
  await Promise.all(
    wires.map(async (wire) => {
      for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(wire, item)
    }),
  )
  const used = process.cpuUsage(cpu)
  const seconds = (performance.now() - begun) / 1000
  console.log(JSON.stringify({ seconds, cpuSeconds: (used.user + used.system) / 1e6 }))
  for (const wire of wires) wire.end()
  if (process.connected) process.disconnect()
}

if (what === 'read') {
  await inParallel([...mailboxes().keys()], async (wire, mailbox) => {
    await wire.run([`EXAMINE "${mailbox}"`])
    await wire.run(['UID FETCH 1:* (UID BODY.PEEK[])'])
  })
} else {
  const all = loads()
  const first = await Wire.login()
  for (const { mailbox } of all) if (mailbox !== 'INBOX') await first.run([`CREATE "${mailbox}"`])
  first.end()
  const pieces = all.flatMap(({ mailbox, batches }) => batches.map((batch) => ({ mailbox, batch })))
  await inParallel(pieces, async (wire, { mailbox, batch }) => {
    await wire.run([`APPEND "${mailbox}"`, ...batch.flatMap((bytes) => [` {${bytes.length}+}\r\n`, bytes])])
  })
}
