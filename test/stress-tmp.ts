import { connect as tls } from 'node:tls'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startDovecot } from './servers/dovecot.ts'
const server = await startDovecot({ users: Array.from({ length: Number(process.env['USERS'] ?? 1) }, (_, i) => `u${i}@example.test`), ...(process.env['EXTRA'] ? { settings: process.env['EXTRA'] } : {}) })
const total = Number(process.argv[2] ?? 2000), width = Number(process.argv[3] ?? 16)
const counts: Record<string, number> = {}
let made = 0
const one = (): Promise<void> => new Promise((resolve) => {
  const s = tls({ port: server.imapsPort, host: '127.0.0.1', ca: server.ca })
  let secure = false, greeted = false, ended = false
  const user = `u${Math.floor(made++ / Number(process.env['EACH'] ?? 1)) % Number(process.env['USERS'] ?? 1)}@example.test`
  const begun = performance.now()
  const done = (why: string): void => { if (ended) return; ended = true; counts[why] = (counts[why] ?? 0) + 1
    if (why !== 'ok') console.log(new Date().toISOString(), why, `secure ${secure} greeted ${greeted} ${(performance.now() - begun).toFixed(0)} ms local ${s.localPort}`)
    s.destroy(); resolve() }
  s.on('secureConnect', () => (secure = true))
  let text = ''
  s.on('data', (d) => {
    text += d.toString()
    if (!greeted && text.includes('\r\n')) { greeted = true; text = ''; s.write(`a LOGIN ${user} "` + server.password.replace(/["\\]/g, '\\$&') + '"\r\n'); }
    else if (/^a (OK|NO|BAD)/m.test(text)) { text = ''; s.write('b LOGOUT\r\n'); done(Math.random() < 2 ? 'ok' : 'x') }
  })
  s.on('error', (e) => done(`error ${(e as NodeJS.ErrnoException).code ?? e.message}`))
  s.on('close', () => done(secure ? 'closed after TLS' : 'closed before TLS'))
})
let left = total
const begun = performance.now()
await Promise.all(Array.from({ length: width }, async () => { while (left-- > 0) await one() }))
console.log(JSON.stringify(counts), `${((performance.now() - begun) / 1000).toFixed(1)} s`)
const log = readFileSync(join(server.folder, 'log'), 'utf8').split('\n')
console.log(log.length, 'log lines'); console.log([...new Set(log.filter((l) => !/Login:|Logged out|Connection closed|Disconnected: Aborted|: Warning: Corrupt|starting up/.test(l)).map((l) => l.replace(/\d+/g, 'N')))].slice(0, 20).join('\n'))
await server.stop()
