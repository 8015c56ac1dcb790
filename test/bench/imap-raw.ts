/* Measures one IMAP session against a Dovecot of its own: `npx tsx test/bench/imap-raw.ts`. */
import { systemClock } from '../../src/core/clock.ts'
import type { NewMessage } from '../../src/core/mail.ts'
import { createImapConnector } from '../../connectors/imap/imap-connector.ts'
import { startDovecot, type Dovecot } from '../servers/dovecot.ts'
import { startRelay } from './relay.ts'

const ACCOUNT = 'anna@example.test'
const signal = new AbortController().signal

function messageOf(bytes: number, index: number): Buffer {
  const head = `From: a@example.test\r\nMessage-ID: <${index}@example.test>\r\nSubject: ${index}\r\n\r\n`
  const line = `${'0123456789abcdef'.repeat(4)}\r\n`
  const body = line.repeat(Math.ceil(bytes / line.length))
  return Buffer.from((head + body).slice(0, bytes - 2) + '\r\n')
}

async function timed<T>(what: string, megabytes: number, count: number, work: () => Promise<T>): Promise<T> {
  const cpu = process.cpuUsage()
  const start = systemClock.monotonic()
  const result = await work()
  const seconds = (systemClock.monotonic() - start) / 1000
  const used = process.cpuUsage(cpu)
  const busy = (used.user + used.system) / 1e6
  console.log(
    `${what.padEnd(34)} ${seconds.toFixed(2)} s  ${(count / seconds).toFixed(0)} msg/s  ${(megabytes / seconds).toFixed(1)} MB/s  own CPU ${busy.toFixed(2)} s`,
  )
  return result
}

async function measure(
  server: Dovecot,
  name: string,
  count: number,
  bytes: number,
  port = server.imapsPort,
): Promise<void> {
  const connector = createImapConnector({
    host: server.host,
    port,
    tls: { mode: 'implicit', ca: server.ca },
    clock: systemClock,
    loginFor: async (username) => ({ username, authorize: null, secret: { text: () => server.password } }),
  })
  const megabytes = (count * bytes) / 1e6
  const destination = await connector.openDestination(ACCOUNT, signal)
  const mailbox = await destination.ensureMailbox([name], null, signal)
  const messages = Array.from({ length: count }, (_, index): NewMessage => ({
    body: messageOf(bytes, index),
    internalDate: 1e12,
    flags: ['\\Seen'],
    nul: false,
  }))
  const limit = destination.capabilities.appendBatch
  const perBatch = Math.max(1, Math.min(limit.messages, Math.floor(limit.bytes / bytes)))
  await timed(`${name}: append`, megabytes, count, async () => {
    for (let at = 0; at < count; at += perBatch) {
      const outcomes = await destination.append(mailbox, messages.slice(at, at + perBatch), signal)
      if (outcomes.some((outcome) => outcome.kind !== 'landed')) throw new Error('not landed')
    }
  })
  const source = await connector.openSource(ACCOUNT, signal)
  const keys: string[] = []
  await timed(`${name}: list`, 0, count, async () => {
    for await (const page of source.listMessages(mailbox, null, signal)) {
      if (page.kind === 'messages') for (const message of page.messages) keys.push(message.key)
    }
  })
  await timed(`${name}: fetch`, megabytes, count, async () => {
    let read = 0
    for (let at = 0; at < keys.length; at += 500) {
      for await (const fetched of source.fetch(mailbox, keys.slice(at, at + 500), signal)) {
        if (fetched.kind === 'whole') read += fetched.body.length
      }
    }
    if (read !== count * bytes) throw new Error(`${read} bytes read`)
  })
  await source.close()
  await destination.close()
}

const server = await startDovecot()
try {
  await measure(server, 'small', 10_000, 3000)
  await measure(server, 'medium', 2000, 150_000)
  const relay = await startRelay(server.imapsPort, { roundTrip: 40 })
  await measure(server, 'small, 40 ms', 2000, 20_000, relay.port)
  await relay.stop()
  console.log(`peak RSS ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`)
} finally {
  await server.stop()
}
