import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import { connectAgent, stopAgent } from '../../vault/agent-client.ts'
import { agentSocketPath } from '../../vault/agent-protocol.ts'
import { serveAgent } from '../../vault/agent-server.ts'
import { createWorkspace } from '../../vault/keystore.ts'
import { unlockOperator, type UnlockedOperator } from '../../vault/operator.ts'
import { createProject, openProject } from '../../vault/projects.ts'
import { Secret } from '../../vault/secret.ts'

const passphrase = (): Secret => Secret.fromBytes(Buffer.from('correct horse'))
let folder: string
let root: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sealpost-agent-'))
  root = join(folder, 'home')
  await createWorkspace(root, {
    operator: 'ada',
    passphrase: passphrase(),
    kdf: 'interactive',
    clock: systemClock,
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function start(
  name: string,
  idleMs = 60_000,
  clock: Clock = systemClock,
  home = root,
): Promise<{ socketPath: string; ended: Promise<void>; operator: UnlockedOperator }> {
  const socketPath = agentSocketPath(join(folder, name), home)
  const operator = await unlockOperator(home, { operator: null, systemUser: 'x', passphrase: passphrase() })
  let ended: Promise<void> = Promise.resolve()
  await new Promise<void>((resolve, reject) => {
    ended = serveAgent({ root: home, socketPath, operator, idleMs, clock }, resolve)
    ended.catch(reject)
  })
  return { socketPath, ended, operator }
}

describe('the agent', () => {
  it('opens a project for a client that knows no passphrase, and ends when told to', async () => {
    const { socketPath, ended, operator } = await start('a')
    expect(statSync(socketPath).mode & 0o777).toBe(0o600)
    const held = await connectAgent(socketPath)
    if (held === null) throw new Error('no agent')
    expect([held.name, held.role]).toEqual(['ada', 'lead'])
    await createProject(root, held, { projectId: 'p1' })
    const keys = await openProject(root, held, 'p1')
    expect(keys.ledgerKey).toHaveLength(32)
    keys.wipe()
    expect(await stopAgent(socketPath)).toBe(true)
    await ended
    await expect(held.sign(Buffer.from('x'))).rejects.toMatchObject({ kind: 'locked' })
    await expect(operator.sign(Buffer.from('x'))).rejects.toMatchObject({ kind: 'locked' })
    expect(await connectAgent(socketPath)).toBeNull()
    expect(await stopAgent(socketPath)).toBe(false)
  })

  it('ends by itself when nobody asks for long enough', async () => {
    const { socketPath, ended } = await start('b', 50)
    await ended
    expect(await connectAgent(socketPath)).toBeNull()
  })

  it('leaves the socket of another agent alone, and keeps no key, where one listens already', async () => {
    const { socketPath, ended } = await start('d')
    const second = await unlockOperator(root, { operator: null, systemUser: 'x', passphrase: passphrase() })
    const setup = { root, socketPath, operator: second, idleMs: 60_000, clock: systemClock }
    await expect(serveAgent(setup, () => undefined)).rejects.toMatchObject({ kind: 'busy' })
    await expect(second.sign(Buffer.from('x'))).rejects.toMatchObject({ kind: 'locked' })
    expect(await stopAgent(socketPath)).toBe(true)
    await ended
    expect(existsSync(socketPath)).toBe(false)
  })

  it('keeps no key where others can enter the folder of its socket', async () => {
    const open = mkdtempSync(join(folder, 'open-'))
    chmodSync(open, 0o755)
    const operator = await unlockOperator(root, { operator: null, systemUser: 'x', passphrase: passphrase() })
    const setup = { root, socketPath: join(open, 's'), operator, idleMs: 60_000, clock: systemClock }
    await expect(serveAgent(setup, () => undefined)).rejects.toMatchObject({ kind: 'policy' })
    await expect(operator.sign(Buffer.from('x'))).rejects.toMatchObject({ kind: 'locked' })
  })

  it('stays while its workspace is there, and ends when it is gone', async () => {
    const home = join(folder, 'vanishing')
    cpSync(root, home, { recursive: true })
    const looks: (() => void)[] = []
    let armed: () => void = () => undefined
    const idleMs = 3_600_000
    const clock: Clock = {
      ...systemClock,
      after: (ms, callback) => {
        if (ms === idleMs) return systemClock.after(ms, callback)
        looks.push(callback)
        armed()
        return () => undefined
      },
    }
    const { socketPath, ended, operator } = await start('v', idleMs, clock, home)
    const again = new Promise<void>((resolve) => (armed = resolve))
    looks.pop()?.()
    await again
    expect((await connectAgent(socketPath))?.name).toBe('ada')
    rmSync(home, { recursive: true })
    looks.pop()?.()
    await ended
    expect(await connectAgent(socketPath)).toBeNull()
    await expect(operator.sign(Buffer.from('x'))).rejects.toMatchObject({ kind: 'locked' })
  })

  it('gives out nothing private and does not fall over what it does not understand', async () => {
    const { socketPath, ended } = await start('c')
    const socket = connect(socketPath)
    const said = await new Promise<string>((resolve) => {
      let text = ''
      socket.on('data', (piece: Buffer) => {
        text += piece.toString()
        if (text.split('\n').length > 3) resolve(text)
      })
      socket.write('nonsense\n{"ask":"keys"}\n{"ask":"open","labels":["x"],"sealed":"AAAA"}\n{"ask":"who"}\n')
    })
    const replies = said.trim().split('\n')
    expect(replies[0]).toContain('error')
    expect(replies.at(-1)).toContain('"name":"ada"')
    socket.destroy()
    const flood = connect(socketPath)
    flood.write('x'.repeat(200_000))
    await new Promise((resolve) => flood.on('close', resolve).on('error', () => undefined))
    await stopAgent(socketPath)
    await ended
  })

  it('refuses a socket path that no system takes', () => {
    expect(() => agentSocketPath(`/${'x'.repeat(120)}`, root)).toThrow(/longer than 107 bytes/)
  })
})
