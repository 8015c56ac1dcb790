import type { Socket } from 'node:net'
import type { AppendFate } from '../exchange-imap.ts'
import type { FakeFolder, FakeItem, FakeMailbox } from './mailbox.ts'
import { renderMime } from './render.ts'
import type { FakeTenant } from './tenant.ts'
import { flagsOf, formatDate, inSet, nameOf, parseDate, pathOf, setFlag } from './imap-words.ts'

/** What the door has seen. */
export interface DoorFacts {
  appends: number
  /** Commands of all kinds. */
  commands: number
  sessions: number
  errors: number
  /** Sessions that it ended because of their errors. */
  byes: number
  /** The most errors that one session had. */
  longestRun: number
  /** Connections at once; more are turned away. */
  mostSessions: number
  readonly fate: (append: number) => AppendFate
}

const CAPABILITIES =
  'IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+'
/** At the tenth error the session ends. */
const MOST_ERRORS = 10
const MOST_LINE_BYTES = 10_500
const BACKOFF = 200

/** One session at the door. Commands come whole, literals as `{#n}` in their text. */
export class ImapSession {
  readonly #tenant: FakeTenant
  readonly #facts: DoorFacts
  readonly #socket: Socket
  #mailbox: FakeMailbox | null = null
  #selected: FakeFolder | null = null
  #errors = 0

  constructor(tenant: FakeTenant, facts: DoorFacts, socket: Socket) {
    this.#tenant = tenant
    this.#facts = facts
    this.#socket = socket
  }

  /** Carries a command out. */
  run(text: string, literals: readonly Buffer[]): void {
    const match = /^(\S+) (UID \S+|\S+) ?(.*)$/s.exec(text)
    if (match === null) return
    const [, tag = '', verb = '', rest = ''] = match
    this.#facts.commands++
    const answer = this.#answer(verb.toUpperCase(), rest, literals)
    if (answer === null) return
    if (!answer.startsWith('OK')) {
      this.#errors++
      this.#facts.errors++
      this.#facts.longestRun = Math.max(this.#facts.longestRun, this.#errors)
    }
    this.#send(`${tag} ${answer}`)
    if (this.#errors >= MOST_ERRORS) {
      this.#facts.byes++
      this.#socket.end('* BYE Connection is closed. 14\r\n')
    }
  }

  #send(line: string | Buffer): void {
    this.#socket.write(Buffer.concat([Buffer.from(line as string, 'latin1'), Buffer.from('\r\n')]))
  }

  #answer(verb: string, rest: string, literals: readonly Buffer[]): string | null {
    if (verb === 'CAPABILITY') {
      this.#send(`* CAPABILITY ${CAPABILITIES}`)
      return 'OK CAPABILITY completed.'
    }
    if (verb === 'LOGOUT') {
      this.#send('* BYE Microsoft Exchange Server IMAP4 server signing off.')
      return 'OK LOGOUT completed.'
    }
    if (verb === 'NOOP' || verb === 'ID') return `OK ${verb} completed.`
    if (verb === 'AUTHENTICATE') return this.#authenticate(rest)
    const mailbox = this.#mailbox
    if (mailbox === null) return 'BAD Command received in Invalid state.'
    if (!mailbox.granted) return 'BAD User is authenticated but not connected.'
    if (verb === 'NAMESPACE') {
      this.#send('* NAMESPACE (("" "/")) NIL NIL')
      return 'OK NAMESPACE completed.'
    }
    if (verb === 'LIST' || verb === 'LSUB') return this.#list(mailbox, verb, rest, literals)
    if (verb === 'CREATE') return this.#create(mailbox, rest, literals)
    if (verb === 'SUBSCRIBE') return 'OK SUBSCRIBE completed.'
    if (verb === 'SELECT' || verb === 'EXAMINE') return this.#select(mailbox, verb, rest, literals)
    if (verb === 'UNSELECT') {
      this.#selected = null
      return 'OK UNSELECT completed.'
    }
    if (verb === 'STATUS') return this.#status(mailbox, rest, literals)
    if (verb === 'APPEND') return this.#append(mailbox, rest, literals)
    const folder = this.#selected
    if (folder === null) return 'BAD Command received in Invalid state.'
    if (verb === 'UID FETCH') return this.#fetch(mailbox, folder, rest)
    if (verb === 'FETCH') {
      const [, number = '', items = ''] = /^(\d+) (.*)$/.exec(rest) ?? []
      return this.#fetch(mailbox, folder, `${mailbox.itemsIn(folder)[Number(number) - 1]?.uid ?? 0} ${items}`)
    }
    if (verb === 'UID SEARCH') return this.#search(mailbox, folder, rest)
    if (verb === 'UID STORE') return this.#store(mailbox, folder, rest)
    if (verb === 'UID MOVE') return this.#move(mailbox, folder, rest, literals)
    return 'BAD Command Error. 12'
  }

  #authenticate(rest: string): string {
    const [mechanism, response = ''] = rest.split(' ')
    const [user = '', token = ''] = Buffer.from(response, 'base64')
      .toString()
      .split('\u0001')
      .map((field) => field.replace(/^user=|^auth=Bearer /, ''))
    const known = this.#tenant.token(token)
    const mailbox = this.#tenant.find(user)
    const isGood =
      mechanism?.toUpperCase() === 'XOAUTH2' && known?.audience === 'exchange' && known.expires > Date.now()
    if (
      !isGood ||
      !this.#tenant.roles.has('IMAP.AccessAsApp') ||
      mailbox?.imapEnabled !== true ||
      !mailbox.licensed
    ) {
      return 'NO AUTHENTICATE failed.'
    }
    this.#mailbox = mailbox
    return 'OK AUTHENTICATE completed.'
  }

  #list(mailbox: FakeMailbox, verb: string, rest: string, literals: readonly Buffer[]): string {
    const pattern = nameOf(rest.replace(/^"" /, ''), literals)
    for (const folder of mailbox.folders) {
      if (folder === mailbox.root || folder.isHidden || folder.isSearch) continue
      const name = pathOf(folder)
      if (pattern !== '*' && pattern.toLowerCase() !== name.toLowerCase()) continue
      const children = mailbox.childrenOf(folder).length > 0 ? '\\HasChildren' : '\\HasNoChildren'
      this.#send(`* ${verb} (${children}) "/" "${name.replace(/["\\]/g, '\\$&')}"`)
    }
    return `OK ${verb} completed.`
  }

  #create(mailbox: FakeMailbox, rest: string, literals: readonly Buffer[]): string {
    const levels = nameOf(rest, literals).split('/')
    let at = mailbox.root
    for (const [index, level] of levels.entries()) {
      const known = mailbox.childrenOf(at).find(
        (child) =>
          pathOf(child).toLowerCase() ===
          levels
            .slice(0, index + 1)
            .join('/')
            .toLowerCase(),
      )
      if (known !== undefined && index === levels.length - 1) return 'NO Mailbox already exists.'
      at = known ?? mailbox.createWireFolder(level, at)
    }
    return 'OK CREATE completed.'
  }

  #folder(mailbox: FakeMailbox, rest: string, literals: readonly Buffer[]): FakeFolder | undefined {
    const name = nameOf(rest, literals).toLowerCase()
    return mailbox.folders.find(
      (folder) => folder !== mailbox.root && !folder.isHidden && pathOf(folder).toLowerCase() === name,
    )
  }

  #select(mailbox: FakeMailbox, verb: string, rest: string, literals: readonly Buffer[]): string {
    const folder = this.#folder(mailbox, rest, literals)
    this.#selected = folder ?? null
    if (folder === undefined) return "NO STATUS failed. The mailbox doesn't exist."
    this.#send(`* ${mailbox.itemsIn(folder).length} EXISTS`)
    this.#send('* 0 RECENT')
    this.#send('* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)')
    this.#send('* OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft \\*)] Permanent flags')
    this.#send(`* OK [UIDVALIDITY ${folder.uidValidity}] UIDVALIDITY value`)
    this.#send(`* OK [UIDNEXT ${folder.uidNext}] The next unique identifier value`)
    return `OK [${verb === 'SELECT' ? 'READ-WRITE' : 'READ-ONLY'}] ${verb} completed.`
  }

  #status(mailbox: FakeMailbox, rest: string, literals: readonly Buffer[]): string {
    const name = rest.replace(/ \([A-Z ]+\)$/, '')
    const folder = this.#folder(mailbox, name, literals)
    if (folder === undefined) return "NO STATUS failed. The mailbox doesn't exist."
    this.#send(
      `* STATUS "${pathOf(folder).replace(/["\\]/g, '\\$&')}" (UIDVALIDITY ${folder.uidValidity} UIDNEXT ${folder.uidNext})`,
    )
    return 'OK STATUS completed.'
  }

  #append(mailbox: FakeMailbox, rest: string, literals: readonly Buffer[]): string | null {
    const fate = this.#facts.fate(++this.#facts.appends)
    if (fate === 'throttle') return `BAD Request is throttled. Suggested Backoff Time: ${BACKOFF} milliseconds`
    if (fate === 'cut') {
      this.#socket.destroy()
      return null
    }
    const match = /^(.*) \(([^)]*)\)(?: "([^"]*)")? \{#(\d+)\}$/s.exec(rest)
    const body = literals[Number(match?.[4] ?? -1)]
    if (match === null || body === undefined) return 'BAD Command Argument Error. 11'
    const folder = this.#folder(mailbox, match[1] ?? '', literals)
    if (folder === undefined) return 'NO [TRYCREATE] The requested folder could not be found.'
    if (body.length > mailbox.maxReceiveBytes) return 'NO Maximum size of appendable message has been exceeded'
    if (longest(body) > MOST_LINE_BYTES) return 'BAD Command Argument Error. 11'
    const date = match[3] === undefined ? mailbox.now() : parseDate(match[3])
    const item = mailbox.add(folder, { mime: Buffer.from(body), receivedMs: date })
    for (const flag of (match[2] ?? '').split(' ').filter((word) => word !== ''))
      setFlag(item, flag, true, 'append')
    if (fate === 'lose-reply') {
      this.#socket.destroy()
      return null
    }
    return `OK [APPENDUID ${folder.uidValidity} ${item.uid}] APPEND completed.`
  }

  #items(mailbox: FakeMailbox, folder: FakeFolder, set: string): readonly (FakeItem & { number: number })[] {
    const all = mailbox.itemsIn(folder)
    return all.flatMap((item, index) =>
      inSet(item.uid, set, folder.uidNext - 1) ? [Object.assign(item, { number: index + 1 })] : [],
    )
  }

  #fetch(mailbox: FakeMailbox, folder: FakeFolder, rest: string): string {
    const [, set = '', items = ''] = /^(\S+) (.*)$/.exec(rest) ?? []
    for (const item of this.#items(mailbox, folder, set)) {
      const parts: Buffer[] = [Buffer.from(`* ${item.number} FETCH (UID ${item.uid}`)]
      const mime = renderMime(item, this.#tenant.regenerates)
      if (/\bFLAGS\b/.test(items)) parts.push(Buffer.from(` FLAGS (${flagsOf(item).join(' ')})`))
      if (/INTERNALDATE/.test(items)) parts.push(Buffer.from(` INTERNALDATE "${formatDate(item.receivedMs)}"`))
      if (/RFC822\.SIZE/.test(items)) parts.push(Buffer.from(` RFC822.SIZE ${mime.length}`))
      const body = /BODY\.PEEK\[([^\]]*)\](?:<(\d+)\.(\d+)>)?/.exec(items)
      if (body !== null) {
        const isWhole = body[1] === ''
        const from = Number(body[2] ?? 0)
        const text = isWhole
          ? mime.subarray(from, body[3] === undefined ? undefined : from + Number(body[3]))
          : messageIdLines(mime)
        parts.push(
          Buffer.from(` BODY[${body[1] ?? ''}]${body[2] === undefined ? '' : `<${from}>`} {${text.length}}\r\n`),
          text,
        )
      }
      this.#socket.write(Buffer.concat([...parts, Buffer.from(')\r\n')]))
    }
    return 'OK FETCH completed.'
  }

  #search(mailbox: FakeMailbox, folder: FakeFolder, rest: string): string {
    const set = /UID (\S+)/.exec(rest)?.[1] ?? '1:*'
    this.#send(
      `* SEARCH ${this.#items(mailbox, folder, set)
        .map(({ uid }) => uid)
        .join(' ')}`,
    )
    return 'OK SEARCH completed.'
  }

  #store(mailbox: FakeMailbox, folder: FakeFolder, rest: string): string {
    const [, set = '', sign = '', flags = ''] = /^(\S+) ([+-])FLAGS(?:\.SILENT)? \(([^)]*)\)$/.exec(rest) ?? []
    if (sign === '') return 'BAD Command Argument Error. 11'
    for (const item of this.#items(mailbox, folder, set)) {
      for (const flag of flags.split(' ')) setFlag(item, flag, sign === '+', 'store')
      mailbox.touch(item)
    }
    return 'OK STORE completed.'
  }

  #move(mailbox: FakeMailbox, folder: FakeFolder, rest: string, literals: readonly Buffer[]): string {
    const [, set = '', name = ''] = /^(\S+) (.*)$/s.exec(rest) ?? []
    const to = this.#folder(mailbox, name, literals)
    if (to === undefined) return 'NO [TRYCREATE] The requested folder could not be found.'
    const moved = this.#items(mailbox, folder, set).map((item) => {
      const before = item.uid
      mailbox.move(item, to)
      return [before, item.uid]
    })
    const [old, made] = [0, 1].map((at) => moved.map((pair) => pair[at]).join(','))
    if (moved.length > 0) this.#send(`* OK [COPYUID ${to.uidValidity} ${old} ${made}] Moved`)
    return 'OK MOVE completed.'
  }
}

function messageIdLines(mime: Buffer): Buffer {
  const head = mime.toString('latin1').split('\r\n\r\n')[0] ?? ''
  const field = /^message-id:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*/im.exec(head)?.[0]
  return Buffer.from(`${field === undefined ? '' : `${field}\r\n`}\r\n`, 'latin1')
}

function longest(body: Buffer): number {
  return Math.max(
    ...body
      .toString('latin1')
      .split(/\r?\n/)
      .map((line) => line.length),
  )
}
