import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findProject } from '../../src/cli/project/folder.ts'
import { MAILDIR_YAML, Place, type Ended } from '../cli/program.ts'

const OF_BEN = 'another passphrase, of ben'

describe('several operators', () => {
  let place: Place
  let bens: string
  const asBen = (words: readonly string[]): Promise<Ended> =>
    place.bare([...words, '--operator', 'ben', '--passphrase-file', bens], { cwd: place.project })
  const lead = (words: readonly string[], third?: string): Promise<Ended> =>
    place.run([...words, '--operator', 'root'], third === undefined ? {} : { third })

  beforeAll(async () => {
    place = await Place.open()
    bens = join(place.folder, 'passphrase-of-ben')
    await writeFile(bens, `${OF_BEN}\n`, { mode: 0o600 })
    expect((await place.init('--operator', 'root')).exitCode).toBe(0)
    await place.configure(MAILDIR_YAML, 'source,destination\nanna,anna\n')
    await place.fillMaildir('anna', 3)
  })
  afterAll(() => place.close())

  const add = (name: string, role: string, ...more: string[]): Promise<Ended> =>
    lead(
      ['operator', 'add', name, '--role', role, '--kdf', 'interactive', '--new-passphrase-fd', '3', ...more],
      `${OF_BEN}\n`,
    )

  it('are added by a lead, each with a passphrase of the own', async () => {
    const added = await add('ben', 'engineer')
    expect(added).toMatchObject({ exitCode: 0, stderr: '' })
    expect(added.stdout).toContain('sealpost grant ben')
    const { stdout } = await lead(['operator', 'list', '--json'])
    expect(JSON.parse(stdout)).toEqual({
      operators: [
        { name: 'root', role: 'lead', factors: [] },
        { name: 'ben', role: 'engineer', factors: [] },
      ],
    })
  })

  it('open a project when it was granted to them, and not before', async () => {
    const refused = await asBen(['run'])
    expect(refused.exitCode).toBe(4)
    expect(refused.stderr).toContain('was not granted this project')
    expect((await lead(['grant', 'ben'])).exitCode).toBe(0)
    expect((await lead(['grant', 'ben', '--json'])).exitCode).toBe(0)
    const ran = await asBen(['run', '--json'])
    expect(ran.exitCode, ran.stderr).toBe(0)
    expect(ran.stdout).toContain('"landed":3')
    expect((await lead(['status'])).exitCode).toBe(0)
  })

  it('do what their role allows and nothing else', async () => {
    for (const words of [
      ['operator', 'add', 'eve', '--role', 'lead'],
      ['grant', 'root'],
      ['records', 'list'],
    ]) {
      const { exitCode, stderr } = await asBen(words)
      expect(exitCode, words.join(' ')).toBe(4)
      expect(stderr).toMatch(/ben \(engineer\) may not /)
    }
    expect((await add('ada', 'lead', '--json')).exitCode).toBe(0)
    const signed = await place.bare(['records', 'list', '--operator', 'ada', '--passphrase-file', bens], {
      cwd: place.project,
    })
    expect(signed.exitCode, signed.stderr).toBe(0)
  })

  it.each([
    [['operator', 'add', 'ben', '--role', 'lead', '--json'], 2, /is, or was, an operator/],
    [['operator', 'add', 'Ben Smith', '--role', 'lead'], 2, /name/],
    [['operator', 'add', 'eve', '--role', 'boss'], 2, /role/],
    [['operator', 'add', 'eve'], 2, /role/],
    [['operator', 'remove', 'nobody'], 2, /no operator named "nobody"/],
    [['revoke', 'nobody'], 2, /no operator named "nobody"/],
    [['revoke', 'root'], 4, /nobody revokes what he was granted himself/],
    [['grant', 'nobody'], 2, /no operator named "nobody"/],
    [['grant', 'root'], 2, /has this project already/],
  ])('wrong input: %j', async (words, code, text) => {
    const more = words[1] === 'add' ? ['--new-passphrase-fd', '3'] : []
    const { exitCode, stderr } = await lead([...words, ...more], `${OF_BEN}\n`)
    expect(exitCode).toBe(code)
    expect(stderr).toMatch(text)
  })

  it('lose the project by a revoke, after which a run goes on where it was', async () => {
    const given = { third: 'a secret of the client\n' }
    expect(
      (await place.run(['credentials', 'set', 'admin', '--secret-fd', '3', '--operator', 'root'], given)).exitCode,
    ).toBe(0)
    const revoked = await lead(['revoke', 'ben', '--json'])
    expect(revoked.exitCode, revoked.stderr).toBe(0)
    const { record } = await findProject(place.project)
    expect(JSON.parse(revoked.stdout)).toMatchObject({
      revoked: { project: record.id, operators: ['ben'] },
      change: [{ name: 'admin', kind: 'password' }],
    })
    expect((await asBen(['status'])).stderr).toContain('was not granted this project')
    const again = await lead(['revoke', 'ben'])
    expect(again).toMatchObject({ exitCode: 0 })
    expect(again.stdout).toMatch(/ben has no grant of this project[^]*should change:[^]*admin/)
    const ran = await lead(['run', '--json'])
    expect(ran.exitCode, ran.stderr).toBe(0)
    expect(ran.stdout).toContain('"landed":0')
    expect(await readdir(join(place.project, 'new', 'anna', 'cur'))).toHaveLength(3)
    expect((await lead(['verify'])).exitCode).toBe(0)
    expect((await lead(['grant', 'ben'])).exitCode).toBe(0)
  })

  it('are shut out when they are removed, and their grants are named', async () => {
    expect((await lead(['operator', 'remove', 'root', '--json'])).stderr).toContain('nobody removes himself')
    const removed = await lead(['operator', 'remove', 'ben', '--json'])
    expect(removed.exitCode, removed.stderr).toBe(0)
    const { record } = await findProject(place.project)
    expect(JSON.parse(removed.stdout)).toEqual({ removed: { name: 'ben', granted: [record.id], damaged: [] } })
    expect((await lead(['operator', 'remove', 'ben'])).stdout).toContain(
      `${record.id}: in its folder, sealpost revoke ben`,
    )
    expect((await asBen(['status'])).stderr).toContain('there is no operator named "ben"')
    expect((await lead(['status'])).exitCode).toBe(0)
  })

  it('are in the log: who was added, granted, removed, and refused', async () => {
    const { stdout } = await lead(['audit', 'show', '--last', '0', '--json'])
    const { entries } = JSON.parse(stdout) as { entries: { action: string; object: string; outcome: string }[] }
    const told = entries.map(({ action, object, outcome }) => `${action} ${object} ${outcome}`)
    expect(told).toContain('operator-added ben done')
    expect(told).toContain('grant ben done')
    expect(told).toContain('revoke ben done')
    expect(told).toContain('operator-removed ben done')
    expect(entries.some(({ action, outcome }) => action === 'access-decided' && outcome === 'refused')).toBe(true)
  })
})
