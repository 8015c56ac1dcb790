import { describe, expect, it } from 'vitest'
import { ProgramProject } from '../crash/program-project.ts'
import { whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { plainMail } from './mail.ts'
import { useStage } from './stage.ts'

const why = whyNoDovecot()

/** How many connections a server counts, by user (`doveadm who`). */
async function connectionsAt(server: Dovecot): Promise<ReadonlyMap<string, number>> {
  const lines = (await server.doveadm('who', '-1')).split('\n').slice(1)
  const counts = new Map<string, number>()
  for (const line of lines) {
    const user = line.split(/\s/)[0] ?? ''
    if (user !== '') counts.set(user, (counts.get(user) ?? 0) + 1)
  }
  return counts
}

describe.skipIf(why !== null)(`connections ${why ?? ''}`, () => {
  const stage = useStage()

  it('are never more than limits.connections a user, and limits.accounts times that a server', async () => {
    const accounts = ['user0@example.test', 'user1@example.test', 'user2@example.test']
    const yaml = 'limits: { accounts: 2, lanes: 4, connections: 2 }'
    const project = await ProgramProject.open(stage, { accounts, yaml })
    try {
      const mail = plainMail(500)
      for (const account of accounts) await project.fill(account, mail)
      const running = { is: true }
      const run = project.run('run').finally(() => (running.is = false))
      const most = { user: 0, server: 0 }
      while (running.is) {
        for (const server of [stage.source, stage.destination]) {
          const counts = [...(await connectionsAt(server)).values()]
          most.user = Math.max(most.user, ...counts)
          most.server = Math.max(
            most.server,
            counts.reduce((sum, count) => sum + count, 0),
          )
        }
        await new Promise((resolve) => setTimeout(resolve, 30))
      }
      expect(await run).toMatchObject({ exitCode: 0 })
      expect(most.user).toBe(2)
      expect(most.server).toBeGreaterThan(2)
      expect(most.server).toBeLessThanOrEqual(4)
      for (const account of accounts) expect(await project.moved(account)).toHaveLength(500)
    } finally {
      await project.close()
    }
  })
})
