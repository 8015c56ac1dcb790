import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Certificate } from '../servers/certificates.ts'
import { ApiRefusal, FakeGmailAccount } from './gmail-account.ts'
import { answerBatch } from './gmail-batch.ts'
import { answerCall, type Answer, type Call } from './gmail-calls.ts'
import { uploadOf } from './gmail-uploads.ts'
import { readBody, sendReply } from './gmail-wire.ts'
import { HttpFaults } from './http-faults.ts'

/** One request as the server saw it; a batch is one, and each within it too. */
export interface SeenCall {
  readonly method: string
  readonly account: string
  readonly inBatch: boolean
}

/** A user of the domain, for the directory. */
export interface FakeUser {
  readonly primaryEmail: string
  readonly aliases?: readonly string[]
  readonly suspended?: boolean
  readonly archived?: boolean
  readonly isMailboxSetup?: boolean
  readonly orgUnitPath?: string
  /** As the usage report has it. */
  readonly megabytes?: number
}

/** Units a call, as the published table has them. */
const UNITS: Readonly<Record<string, number>> = {
  'users.getProfile': 1,
  'labels.list': 1,
  'labels.get': 1,
  'labels.create': 5,
  'labels.patch': 5,
  'labels.delete': 5,
  'messages.list': 5,
  'messages.get': 20,
  'messages.modify': 5,
  'messages.batchModify': 50,
  'messages.insert': 25,
  'messages.import': 25,
  'history.list': 2,
}

/**
 * The Gmail API and the user list of the Admin SDK, as far as a migration uses them, over HTTPS: stateful, and kept to
 * what the documents and the evidence in the notes say. It shares no code with the connector.
 */
export class GmailServer {
  readonly accounts = new Map<string, FakeGmailAccount>()
  readonly users: FakeUser[] = []
  readonly faults = new HttpFaults()
  readonly seen: SeenCall[] = []
  readonly uploads = new Map<string, { readonly call: Call; readonly bytes: number; stored: Answer | null }>()
  /** Whom a bearer token speaks for, and its scopes; null for one that is no good. */
  subjectOf: (token: string) => { readonly subject: string; readonly scope: string } | null = () => null
  /** Units that a user may use in a minute; more is 403 userRateLimitExceeded. */
  unitsPerMinute = Infinity
  maxMessageBytes = 50 * 1024 * 1024
  /** Milliseconds of the clock by which units are counted. */
  clock: () => number = () => performance.now()
  /** The most requests that were worked on at once. */
  mostAtOnce = 0
  url = ''
  #server: Server | null = null
  #running = 0
  readonly #spent = new Map<string, { readonly at: number; readonly units: number }[]>()

  async start(certificate: Certificate): Promise<void> {
    const tls = { key: readFileSync(certificate.keyFile), cert: readFileSync(certificate.certificateFile) }
    const server = createServer(tls, (request, response) => {
      this.#running++
      this.mostAtOnce = Math.max(this.mostAtOnce, this.#running)
      this.#serve(request, response)
        .catch(() => response.destroy())
        .finally(() => this.#running--)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    this.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`
    this.#server = server
  }

  /** Stops, and fails when a fault that was armed has not come to pass. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (server !== null) {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    }
    const complaints = this.faults.complaints()
    if (complaints.length > 0) throw new Error(complaints.join('; '))
  }

  account(email: string): FakeGmailAccount {
    const known = this.accounts.get(email)
    if (known !== undefined) return known
    const made = new FakeGmailAccount(email)
    this.accounts.set(email, made)
    return made
  }

  /** How often a method was called for an account, within batches too. */
  countOf(method: string, account: string): number {
    return this.seen.filter((call) => call.method === method && call.account === account).length
  }

  /** Units that an account has used so far. */
  unitsOf(account: string): number {
    return this.seen.reduce((sum, call) => sum + (call.account === account ? (UNITS[call.method] ?? 0) : 0), 0)
  }

  /** HTTP requests of an account so far; a batch is one. */
  requestsOf(account: string): number {
    return this.seen.filter((call) => call.account === account && !call.inBatch).length
  }

  /** Resolves when nothing is worked on any more. */
  async idle(): Promise<void> {
    while (this.#running > 0) await new Promise((resolve) => setTimeout(resolve, 2))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url)
    const verb = request.method ?? 'GET'
    const method = methodOf(verb, url)
    const fault = this.faults.take(`${method} ${verb} ${url.pathname}${url.search}`)
    const body = await readBody(request, fault)
    if (body === null) return
    const answer =
      fault?.kind === 'answer'
        ? { status: fault.status, body: fault.body ?? null, headers: fault.headers ?? {} }
        : this.#answer(verb, url, method, request, body)
    const text =
      typeof answer.body === 'string' ? answer.body : answer.body === null ? '' : JSON.stringify(answer.body)
    const headers = { 'content-type': 'application/json; charset=UTF-8', ...answer.headers }
    await sendReply(response, fault, answer.status, headers, Buffer.from(text))
  }

  #answer(verb: string, url: URL, method: string, request: IncomingMessage, body: Buffer): Answer {
    const subject = this.subjectOf((request.headers.authorization ?? '').replace(/^Bearer /, ''))
    if (method === 'batch') {
      this.seen.push({ method, account: subject?.subject ?? '', inBatch: false })
      return answerBatch(request.headers['content-type'] ?? '', body, (innerVerb, path) => {
        const inner = new URL(path, this.url)
        const name = methodOf(innerVerb, inner)
        // As Google's own clients have it, a bad token lets the batch in and is refused by each request in it.
        if (subject === null) return refusalAnswer(unauthenticated())
        // A batch is throttled one by one, and faults find what is in it.
        const fault = this.faults.take(`BATCH ${name} ${innerVerb} ${path}`)
        if (fault?.kind === 'answer') return { status: fault.status, body: fault.body ?? null, headers: {} }
        return this.#answerOne(innerVerb, inner, name, subject, Buffer.alloc(0), {}, true)
      })
    }
    if (subject === null) return refusalAnswer(unauthenticated())
    return this.#answerOne(verb, url, method, subject, body, request.headers, false)
  }

  #answerOne(
    verb: string,
    url: URL,
    method: string,
    subject: { readonly subject: string; readonly scope: string },
    body: Buffer,
    headers: IncomingMessage['headers'],
    inBatch: boolean,
  ): Answer {
    this.seen.push({ method, account: subject.subject, inBatch })
    try {
      this.#spend(subject.subject, UNITS[method] ?? 0)
      requireScope(method, subject.scope)
      const user = decodeURIComponent(/\/users\/([^/]+)/.exec(url.pathname)?.[1] ?? 'me')
      if (!url.pathname.startsWith('/admin/') && user !== 'me' && user !== subject.subject) {
        throw new ApiRefusal(403, 'forbidden', `Delegation denied for ${subject.subject}`)
      }
      const account = this.accounts.get(subject.subject)
      const call: Call = { verb, url, method, account: account ?? null, headers, body, users: this.users }
      if (account === undefined && !url.pathname.startsWith('/admin/')) {
        throw new ApiRefusal(400, 'failedPrecondition', 'Mail service not enabled')
      }
      const upload = uploadOf(call, this.uploads, this.maxMessageBytes, () => randomBytes(12).toString('hex'))
      return upload ?? answerCall(call)
    } catch (error) {
      if (error instanceof ApiRefusal) return refusalAnswer(error)
      throw error
    }
  }

  #spend(account: string, units: number): void {
    if (this.unitsPerMinute === Infinity) return
    const now = this.clock()
    const spent = (this.#spent.get(account) ?? []).filter(({ at }) => now - at < 60_000)
    this.#spent.set(account, spent)
    if (spent.reduce((sum, each) => sum + each.units, 0) + units > this.unitsPerMinute) {
      throw new ApiRefusal(
        403,
        'userRateLimitExceeded',
        "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user'",
      )
    }
    spent.push({ at: now, units })
  }
}

/** The name of what is asked for, as Google's reference has it. */
function methodOf(verb: string, url: URL): string {
  const path = url.pathname
    .replace(/^\/gmail\/v1\/users\/[^/]+/, '')
    .replace(/^\/upload\/gmail\/v1\/users\/[^/]+/, '/upload')
  if (url.pathname === '/batch/gmail/v1') return 'batch'
  if (url.pathname === '/admin/directory/v1/users') return 'directory.users.list'
  if (/^\/admin\/reports\/v1\/usage\/users\/all\/dates\/[\d-]+$/.test(url.pathname))
    return 'reports.userUsageReport.get'
  if (url.searchParams.has('upload_id')) return 'upload.session'
  const known: readonly (readonly [string, RegExp, string])[] = [
    ['GET', /^\/profile$/, 'users.getProfile'],
    ['GET', /^\/labels$/, 'labels.list'],
    ['GET', /^\/labels\/[^/]+$/, 'labels.get'],
    ['POST', /^\/labels$/, 'labels.create'],
    ['PATCH', /^\/labels\/[^/]+$/, 'labels.patch'],
    ['DELETE', /^\/labels\/[^/]+$/, 'labels.delete'],
    ['GET', /^\/messages$/, 'messages.list'],
    ['GET', /^\/messages\/[^/]+$/, 'messages.get'],
    ['POST', /^\/messages\/batchModify$/, 'messages.batchModify'],
    ['POST', /^\/messages\/[^/]+\/modify$/, 'messages.modify'],
    ['POST', /^(?:\/upload)?\/messages\/import$/, 'messages.import'],
    ['POST', /^(?:\/upload)?\/messages$/, 'messages.insert'],
    ['GET', /^\/history$/, 'history.list'],
  ]
  return known.find(([known, pattern]) => known === verb && pattern.test(path))?.[2] ?? 'unknown'
}

const READING = ['users.getProfile', 'labels.list', 'labels.get', 'messages.list', 'messages.get', 'history.list']
const STORING = ['messages.insert', 'messages.import', 'upload.session']

function requireScope(method: string, scope: string): void {
  const has = (name: string): boolean =>
    scope.split(' ').some((each) => each === name || each === `https://www.googleapis.com/auth/${name}`)
  const isEnough =
    method === 'directory.users.list'
      ? has('admin.directory.user.readonly')
      : method === 'reports.userUsageReport.get'
        ? has('admin.reports.usage.readonly')
        : has('https://mail.google.com/') ||
          has('gmail.modify') ||
          (READING.includes(method) && has('gmail.readonly')) ||
          (STORING.includes(method) && has('gmail.insert')) ||
          (method.startsWith('labels.') && has('gmail.labels'))
  if (!isEnough) {
    throw new ApiRefusal(403, 'insufficientPermissions', 'Request had insufficient authentication scopes.')
  }
}

function unauthenticated(): ApiRefusal {
  return new ApiRefusal(401, 'authError', 'Request had invalid authentication credentials.')
}

function refusalAnswer({ status, reason, message }: ApiRefusal): Answer {
  const error = { code: status, message, errors: [{ message, domain: 'global', reason }], status: reason }
  return { status, body: { error }, headers: {} }
}
