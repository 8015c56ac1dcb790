import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { root } from '../../scripts/set-up.mjs'
import { whyNoDovecot } from '../servers/dovecot.ts'

const MINUTES = 60_000

it('the demo goes to its end and leaves nothing behind', { timeout: 5 * MINUTES }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'demo-'))
  // The server's own users have to get through.
  await chmod(folder, 0o755)
  try {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', join(root, 'scripts', 'demo.ts')],
      { cwd: root, env: { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder } },
    )
    expect(stderr).toBe('')
    const acts =
      stdout.match(/The files of the destination, read without the program: (\d+) of \1 messages/g) ?? []
    expect(acts).toHaveLength(whyNoDovecot() === null ? 2 : 1)
    expect(stdout.match(/\$ sealpost run --pass/g)?.length).toBe(acts.length * 2)
    expect(stdout).toContain('== What to type next')
    expect((await readdir(folder)).filter((name) => name.startsWith('sealpost'))).toEqual([])
  } finally {
    await rm(folder, { recursive: true })
  }
})
