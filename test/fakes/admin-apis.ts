import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Certificate } from '../servers/certificates.ts'
import { HttpFaults, type HttpFault } from './http-faults.ts'

/** One account of a fake platform. */
export interface FakeAccount {
  readonly name: string
  readonly bytes: number
  readonly suspended?: boolean
  readonly type?: 'Location' | 'Equipment'
  readonly system?: boolean
}

/** A request as the server saw it: `METHOD /path?query`, or what a SOAP request asked for. */
type Answer = { readonly status: number; readonly body: unknown }

/** A stateful administration interface over HTTPS with faults. It shares no code with the connectors. */
abstract class FakeApi {
  readonly faults = new HttpFaults()
  /** What was asked, in order. */
  readonly seen: string[] = []
  accounts: FakeAccount[] = []
  port = 0
  #server: Server | null = null

  protected abstract nameOf(request: IncomingMessage, body: string): string
  protected abstract answer(request: IncomingMessage, body: string, name: string): Answer

  async start(certificate: Certificate): Promise<void> {
    const tls = { key: readFileSync(certificate.keyFile), cert: readFileSync(certificate.certificateFile) }
    const server = createServer(tls, (request, response) => {
      this.#serve(request, response).catch(() => response.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    this.port = (server.address() as AddressInfo).port
    this.#server = server
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (server === null) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const piece of request) body += String(piece)
    const name = this.nameOf(request, body)
    this.seen.push(name)
    const fault = this.faults.take(name)
    if (fault !== null) await this.#spoil(fault, response)
    else this.#send(response, this.answer(request, body, name))
  }

  async #spoil(fault: HttpFault, response: ServerResponse): Promise<void> {
    if (fault.kind === 'answer') {
      response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers })
      response.end(typeof fault.body === 'string' ? fault.body : JSON.stringify(fault.body ?? {}))
    } else if (fault.kind === 'cut-body') {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('x'.repeat(fault.after))
      await new Promise((resolve) => setTimeout(resolve, 20))
      response.destroy()
    } else response.destroy()
  }

  #send(response: ServerResponse, { status, body }: Answer): void {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
}

/** UAPI of cPanel, as far as it lists mail accounts (api.docs.cpanel.net, Email::list_pops_with_disk). */
export class FakeCpanel extends FakeApi {
  readonly user = 'acme'
  readonly token = 'ABCDEF0123456789'
  hasMail = true

  protected nameOf({ method, url }: IncomingMessage): string {
    return `${method} ${url}`
  }

  protected answer({ headers, url = '' }: IncomingMessage): Answer {
    if (headers.authorization !== `cpanel ${this.user}:${this.token}`) return { status: 401, body: {} }
    const frame = { metadata: {}, messages: null, warnings: null }
    const fail = (text: string): Answer => ({
      status: 200,
      body: { ...frame, status: 0, errors: [text], data: null },
    })
    if (!this.hasMail) return fail('You do not have the feature "popaccts".')
    if (!url.startsWith('/execute/Email/list_pops_with_disk')) return fail('The request failed.')
    const data = this.accounts.map(({ name, bytes, suspended }) => ({
      email: name,
      login: name.includes('@') ? name : 'Main Account',
      user: name.split('@')[0],
      domain: name.split('@')[1] ?? null,
      _diskused: String(bytes),
      diskused: (bytes / 1024 / 1024).toFixed(2),
      _diskquota: '262144000',
      suspended_login: suspended === true ? 1 : 0,
      suspended_incoming: 0,
    }))
    return { status: 200, body: { ...frame, status: 1, errors: null, data } }
  }
}

/** Admin SOAP of Zimbra in its JSON form, as far as it lists accounts (soap-admin.txt). */
export class FakeZimbra extends FakeApi {
  readonly admin = 'admin@zimbra.example'
  readonly password = 'zimbra "secret"'
  /** Accounts on one page of GetQuotaUsage, whatever was asked for. */
  page = 2
  tokens = 0
  #token = ''

  protected nameOf(_request: IncomingMessage, body: string): string {
    return /"(\w+)Request"/.exec(body)?.[1] ?? 'nothing'
  }

  protected answer({ url }: IncomingMessage, body: string, name: string): Answer {
    if (url !== '/service/admin/soap') return { status: 404, body: {} }
    const message = JSON.parse(body) as {
      Header: { context: { authToken?: { _content: string } } }
      Body: Record<string, { name?: string; password?: string; limit?: number; offset?: number } | undefined>
    }
    const request = message.Body[`${name}Request`] ?? {}
    const reply = (content: object): Answer => {
      return { status: 200, body: { Body: { [`${name}Response`]: { ...content, _jsns: 'urn:zimbraAdmin' } } } }
    }
    if (name === 'Auth') {
      if (request.name !== this.admin || request.password !== this.password)
        return this.fault('account.AUTH_FAILED')
      this.#token = `0_token_${++this.tokens}`
      return reply({ authToken: [{ _content: this.#token }], lifetime: 43_200_000 })
    }
    if (message.Header.context.authToken?._content !== this.#token) return this.fault('service.AUTH_REQUIRED')
    const people = this.accounts.filter(({ type }) => type === undefined)
    const resources = this.accounts.filter(({ type }) => type !== undefined)
    if (name === 'GetAllAccounts') return reply({ account: people.map((each) => this.#element(each)) })
    if (name === 'GetAllCalendarResources') {
      return reply(resources.length === 0 ? {} : { calresource: resources.map((each) => this.#element(each)) })
    }
    if (name !== 'GetQuotaUsage') return this.fault('service.UNKNOWN_DOCUMENT')
    const { offset = 0, limit = 0 } = request
    if (offset % limit !== 0) return this.fault('service.INVALID_REQUEST')
    const from = (offset / limit) * this.page
    const page = this.accounts.slice(from, from + this.page)
    return reply({
      account: page.map((each) => ({ name: each.name, id: each.name, used: each.bytes, limit: 0 })),
      searchTotal: this.accounts.length,
      more: from + this.page < this.accounts.length,
    })
  }

  /** A SOAP fault, which comes with HTTP 500. */
  fault(code: string): Answer {
    const fault = {
      Code: { Value: 'soap:Sender' },
      Reason: { Text: `words about ${code}` },
      Detail: { Error: { Code: code, _jsns: 'urn:zimbra' } },
    }
    return { status: 500, body: { Body: { Fault: fault } } }
  }

  #element({ name, suspended, system, type }: FakeAccount): object {
    const a = [
      { n: 'zimbraAccountStatus', _content: suspended === true ? 'locked' : 'active' },
      ...(system === true ? [{ n: 'zimbraIsSystemResource', _content: 'TRUE' }] : []),
      ...(type === undefined ? [] : [{ n: 'zimbraCalResType', _content: type }]),
    ]
    return { name, id: name, a }
  }
}
