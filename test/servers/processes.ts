import type { ChildProcess } from 'node:child_process'
import { connect, createServer, type AddressInfo } from 'node:net'

/** A port of this machine on which nothing listens. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Resolves when a server greets on this port; rejects when its process ends before, or after ten seconds. */
export async function greets(port: number, server: ChildProcess | null): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (server !== null && server.exitCode !== null) throw new Error(`exit code ${server.exitCode}`)
    const greeted = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      const done = (found: boolean): void => {
        socket.destroy()
        resolve(found)
      }
      socket.once('data', () => done(true))
      socket.once('error', () => done(false))
      socket.once('close', () => done(false))
      socket.setTimeout(1_000, () => done(false))
    })
    if (greeted) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('no greeting')
}

/** Ends a process that was started here: asked first, killed after five seconds. */
export async function endProcess(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const ended = new Promise((resolve) => server.once('exit', resolve))
  server.kill('SIGTERM')
  const timer = setTimeout(() => server.kill('SIGKILL'), 5_000)
  await ended
  clearTimeout(timer)
}
