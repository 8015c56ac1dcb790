import { createServer, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { issue, makeAuthority } from '../servers/certificates.ts'
import type { HttpFault } from './http-faults.ts'
import {
  queryOf,
  READING_ROUTES,
  refusal,
  type Route,
  type RouteAnswer,
  type RouteRequest,
} from './m365/graph-routes.ts'
import { DIRECTORY_ROUTES, usageReport } from './m365/directory-routes.ts'
import { WRITING_ROUTES } from './m365/writing-routes.ts'
import { answerImport, TRANSFER_ROUTES } from './m365/transfer-routes.ts'
import { answerToken } from './m365/token-endpoint.ts'
import { FakeTenant } from './m365/tenant.ts'

/**
 * Microsoft Graph over a tenant in memory, over real HTTPS. It keeps to what Microsoft documents: paging, delta links that
 * expire, ids of two kinds, four requests at once a mailbox, batches of twenty with a status each, and the traps.
 */
export interface GraphServer {
  readonly tenant: FakeTenant
  readonly host: string
  readonly port: number
  /** PEM of the authority that signed its certificate. */
  readonly ca: string
  /** Certificate and key, for another door of the same tenant. */
  readonly credentials: { readonly cert: Buffer; readonly key: Buffer }
  stop(): Promise<void>
}

const ROUTES: readonly Route[] = [...READING_ROUTES, ...WRITING_ROUTES, ...DIRECTORY_ROUTES, ...TRANSFER_ROUTES]

/** Starts a server on a free port of this machine. */
export async function startGraphServer(tenant: FakeTenant = new FakeTenant()): Promise<GraphServer> {
  const folder = await mkdtemp(join(tmpdir(), 'graph-server-'))
  const authority = await makeAuthority(folder)
  const { certificateFile, keyFile } = await issue(authority, 'graph')
  const credentials = { cert: await readFile(certificateFile), key: await readFile(keyFile) }
  await rm(folder, { recursive: true, force: true })
  const open = new Set<Socket>()
  const server: Server = createServer(credentials, (request, response) => {
    serve(tenant, `https://localhost:${portOf(server)}`, request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)))
    })
  })
  server.on('secureConnection', (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    tenant,
    host: 'localhost',
    port: portOf(server),
    ca: authority.certificate,
    credentials,
    stop: async () => {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

async function serve(
  tenant: FakeTenant,
  origin: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const pieces: Buffer[] = []
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece)
  const url = new URL(request.url ?? '/', origin)
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  )
  const method = request.method ?? 'GET'
  const fault = tenant.faults.take(`${method} ${url.pathname}${url.search}`)
  if (fault?.kind === 'cut') {
    request.socket.destroy()
    return
  }
  const answer = await dispatch(tenant, origin, { method, url, headers, body: Buffer.concat(pieces) }, fault)
  if (fault?.kind === 'late') await new Promise((resolve) => setTimeout(resolve, fault.milliseconds))
  if (fault?.kind === 'lose-reply') {
    request.socket.destroy()
    return
  }
  write(response, answer, fault)
}

interface Arrived {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

async function dispatch(
  tenant: FakeTenant,
  origin: string,
  arrived: Arrived,
  fault: HttpFault | null,
): Promise<RouteAnswer> {
  if (fault?.kind === 'answer') {
    return {
      status: fault.status,
      body: fault.body ?? null,
      ...(fault.headers === undefined ? {} : { headers: fault.headers }),
    }
  }
  if (arrived.method === 'POST' && arrived.url.pathname.endsWith('/oauth2/v2.0/token')) {
    return answerToken(tenant, arrived.url.pathname, arrived.body)
  }
  if (arrived.url.pathname === '/report-download') {
    // It has its own leave in its address; a token that comes along has been given to a stranger.
    const isClean = arrived.headers['authorization'] === undefined
    return isClean
      ? { status: 200, bytes: Buffer.from(usageReport(tenant)) }
      : refusal(400, 'TokenSent', 'a token came along')
  }
  if (arrived.url.pathname.endsWith('/importItem')) {
    return answerImport(tenant, arrived.url, arrived.headers, arrived.body)
  }
  const denied = unauthorized(tenant, arrived.headers['authorization'] ?? '')
  if (denied !== null) return denied
  if (arrived.method === 'POST' && arrived.url.pathname === '/v1.0/$batch') return batch(tenant, origin, arrived)
  return runRoute(tenant, origin, arrived)
}

function unauthorized(tenant: FakeTenant, header: string): RouteAnswer | null {
  const token = tenant.token(header.replace(/^Bearer /, ''))
  if (token === undefined) return refusal(401, 'InvalidAuthenticationToken', 'CompactToken validation failed.')
  if (token.audience !== 'graph') {
    return refusal(401, 'InvalidAuthenticationToken', 'Access token validation failure. Invalid audience.')
  }
  if (token.expires <= Date.now()) {
    return refusal(401, 'InvalidAuthenticationToken', 'Lifetime validation failed, the token is expired.')
  }
  return null
}

async function runRoute(tenant: FakeTenant, origin: string, arrived: Arrived): Promise<RouteAnswer> {
  const path = arrived.url.pathname.replace(/^\/v1\.0/, '')
  const found = match(arrived.method, path)
  if (found === null) return refusal(404, 'UnknownError', `no route for ${arrived.method} ${path}`)
  const { route, at } = found
  tenant.noteRequest(route.template)
  const named = at['user'] ?? at['mailbox'] ?? ''
  const mailbox = tenant.find(named)?.address ?? named
  const throttled = mailbox === '' ? null : tenant.admit(mailbox.toLowerCase())
  if (throttled !== null) {
    return refusal(429, throttled.code, throttled.message, { 'Retry-After': String(tenant.retryAfterSeconds) })
  }
  try {
    if (tenant.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, tenant.latencyMs))
    if (route.roles.length > 0 && !route.roles.some((role) => tenant.roles.has(role))) {
      return path.startsWith('/users/') && at['user'] !== undefined
        ? refusal(403, 'ErrorAccessDenied', 'Access is denied. Check credentials and try again.')
        : refusal(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.')
    }
    const request: RouteRequest = {
      tenant,
      origin,
      url: arrived.url,
      query: queryOf(arrived.url),
      headers: arrived.headers,
      body: arrived.body,
      json: () => JSON.parse(arrived.body.toString('utf8')) as Record<string, unknown>,
      at,
    }
    return route.run(request)
  } finally {
    if (mailbox !== '') tenant.leave(mailbox.toLowerCase())
  }
}

function match(method: string, path: string): { route: Route; at: Record<string, string> } | null {
  const parts = path.split('/').map((part) => decodeURIComponent(part))
  for (const route of ROUTES) {
    const [wanted, template = ''] = route.template.split(' ')
    const names = template.split('/')
    if (wanted !== method || names.length !== parts.length) continue
    const at: Record<string, string> = {}
    const fits = names.every((name, index) => {
      if (!name.startsWith('{')) return name === parts[index]
      at[name.slice(1, -1)] = parts[index] ?? ''
      return true
    })
    if (fits) return { route, at }
  }
  return null
}

/** At most twenty, unique ids, answers in any order, four carried out at once. */
async function batch(tenant: FakeTenant, origin: string, arrived: Arrived): Promise<RouteAnswer> {
  tenant.noteRequest('POST /$batch')
  const { requests } = JSON.parse(arrived.body.toString('utf8')) as {
    requests: { id: string; method: string; url: string; headers?: Record<string, string>; body?: unknown }[]
  }
  if (requests.length > 20 || new Set(requests.map(({ id }) => id)).size !== requests.length) {
    return refusal(400, 'BadRequest', 'Number of batch request steps exceeds the maximum value of 20.')
  }
  const responses: { id: string; status: number; headers: Record<string, string>; body: unknown }[] = []
  for (let start = 0; start < requests.length; start += 4) {
    const group = requests.slice(start, start + 4).map(async ({ id, method, url, headers, body }) => {
      const inner: Arrived = {
        method,
        url: new URL(`/v1.0${url}`, origin),
        headers: Object.fromEntries(
          Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
        ),
        body: body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body)),
      }
      const fault = tenant.faults.take(`BATCH ${method} ${inner.url.pathname}${inner.url.search}`)
      const answer: RouteAnswer =
        fault?.kind === 'answer'
          ? { status: fault.status, body: fault.body, headers: fault.headers ?? {} }
          : await runRoute(tenant, origin, inner)
      const shownBody = answer.bytes !== undefined ? answer.bytes.toString('base64') : answer.body
      responses.push({ id, status: answer.status, headers: { ...answer.headers }, body: shownBody })
    })
    await Promise.all(group)
  }
  return { status: 200, body: { responses: responses.reverse() } }
}

function write(response: ServerResponse, answer: RouteAnswer, fault: HttpFault | null): void {
  const bytes =
    answer.bytes ?? (answer.body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(answer.body)))
  const type = answer.bytes === undefined ? { 'content-type': 'application/json' } : {}
  if (fault?.kind === 'cut-body') {
    response.writeHead(answer.status, { ...type, ...answer.headers, 'content-length': String(bytes.length) })
    response.write(bytes.subarray(0, fault.after), () => response.socket?.destroy())
    return
  }
  // Bodies come in chunks, without a length, as Graph sends them.
  response.writeHead(answer.status, { ...type, ...answer.headers })
  for (let at = 0; at < bytes.length; at += 65_536) response.write(bytes.subarray(at, at + 65_536))
  response.end()
}
