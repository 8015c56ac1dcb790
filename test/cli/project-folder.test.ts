import { spawnSync } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readCertificates } from '../../src/cli/project/certificates.ts'
import { readProjectFiles } from '../../src/cli/project/files.ts'
import { findProject, readRecord, writeProjectRecord } from '../../src/cli/project/folder.ts'

const YAML =
  'version: 1\nclient: x\nsource: { kind: maildir, path: "a/{account}" }\ndestination: { kind: maildir, path: "b/{account}" }\n'

let root: string
let project: string

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'sealpost-folder-')))
  project = await make('project', 'id-1')
})
afterEach(async () => {
  await rm(root, { recursive: true, force: true })
})

async function make(name: string, id: string): Promise<string> {
  const path = join(root, name)
  await mkdir(join(path, '.sealpost'), { recursive: true, mode: 0o700 })
  await writeProjectRecord(path, { version: 1, id, client: 'x', created: '2026-01-01T00:00:00Z', place: path })
  return path
}

describe('a project folder', () => {
  it('is found where it was made, through a link too', async () => {
    expect(await findProject(project)).toMatchObject({ path: project, movedFrom: null, record: { id: 'id-1' } })
    await symlink(project, join(root, 'link'))
    expect(await findProject(join(root, 'link'))).toMatchObject({ path: project, movedFrom: null })
  })

  it('may be moved, and says so once', async () => {
    const moved = join(root, 'moved')
    await rename(project, moved)
    expect(await findProject(moved)).toMatchObject({ path: moved, movedFrom: project })
    expect(await findProject(moved)).toMatchObject({ path: moved, movedFrom: null })
  })

  it('is refused as a copy while the original stands, and the original goes on', async () => {
    const copy = join(root, 'copy')
    await cp(project, copy, { recursive: true })
    await expect(findProject(copy)).rejects.toMatchObject({ kind: 'policy', code: 'COPIED_PROJECT' })
    expect(await findProject(project)).toMatchObject({ movedFrom: null })
    await rm(project, { recursive: true })
    expect(await findProject(copy)).toMatchObject({ movedFrom: project })
  })

  it('may take the place of another project that moved away', async () => {
    const other = await make('other', 'id-2')
    await rename(project, join(root, 'away'))
    await rename(other, project)
    expect(await findProject(project)).toMatchObject({ record: { id: 'id-2' } })
    expect(await findProject(join(root, 'away'))).toMatchObject({ record: { id: 'id-1' } })
  })

  it.each(['', '..', '../../operators/ada', 'x/../../operators/ada.key', 'a\\b', 'a\0'])(
    'is refused with the id %j, which would lead elsewhere in the workspace',
    async (id) => {
      await writeProjectRecord(project, {
        version: 1,
        id,
        client: 'x',
        created: '2026-01-01T00:00:00Z',
        place: project,
      })
      await expect(findProject(project)).rejects.toMatchObject({ kind: 'corrupt' })
    },
  )

  it.each(['Acme\u001b[31m', 'Acme\u202e'])(
    'is refused with the client %j, whom no terminal can show',
    async (client) => {
      await writeProjectRecord(project, {
        version: 1,
        id: 'id-1',
        client,
        created: '2026-01-01T00:00:00Z',
        place: project,
      })
      await expect(findProject(project)).rejects.toMatchObject({ kind: 'corrupt' })
    },
  )

  it('is refused when other users can read it', async () => {
    await chmod(join(project, '.sealpost'), 0o755)
    await expect(findProject(project)).rejects.toMatchObject({ kind: 'policy' })
    await chmod(join(project, '.sealpost'), 0o700)
    await chmod(join(project, '.sealpost', 'project.json'), 0o644)
    await expect(findProject(project)).rejects.toMatchObject({ kind: 'policy' })
  })

  it('is clearly not there', async () => {
    await expect(findProject(root)).rejects.toMatchObject({ kind: 'config', code: 'NO_PROJECT' })
    await expect(findProject(join(root, 'nowhere'))).rejects.toMatchObject({ kind: 'config' })
    expect(await readRecord(root)).toBeNull()
  })
})

describe('what every user of the machine may change', () => {
  it.each(['project.yaml', 'mailboxes.csv'])('says nobody where passwords go: %s', async (name) => {
    await writeFile(join(project, 'project.yaml'), YAML, { mode: 0o600 })
    await writeFile(join(project, 'mailboxes.csv'), 'source,destination\na,b\n', { mode: 0o600 })
    await chmod(join(project, name), 0o664)
    await expect(readProjectFiles(project)).resolves.toMatchObject({ accounts: [{ source: 'a' }] })
    await chmod(join(project, name), 0o666)
    const message = `${join(project, name)} can be changed by every user of this machine`
    await expect(readProjectFiles(project)).rejects.toMatchObject({ kind: 'policy', message })
  })

  it('is no certificate to trust', async () => {
    await writeFile(join(project, 'ca.pem'), '-----BEGIN CERTIFICATE-----\n', { mode: 0o644 })
    await expect(readCertificates(project, 'ca.pem')).resolves.toBeInstanceOf(Buffer)
    await writeFile(join(project, 'key.pem'), '-----BEGIN PRIVATE KEY-----\n', { mode: 0o644 })
    await expect(readCertificates(project, 'key.pem')).rejects.toMatchObject({ code: 'NO_CERTIFICATE' })
    await chmod(join(project, 'ca.pem'), 0o666)
    await expect(readCertificates(project, 'ca.pem')).rejects.toMatchObject({ kind: 'policy' })
  })

  it('is no project folder', async () => {
    await chmod(project, 0o777)
    await expect(findProject(project)).rejects.toMatchObject({ kind: 'policy' })
    await chmod(project, 0o1777)
    await expect(findProject(project)).resolves.toMatchObject({ path: project })
  })
})

describe('a pipe that lies in the place of a file', () => {
  it.each(['project.yaml', 'mailboxes.csv'])('called %s is refused and does not hang', async (name) => {
    await writeFile(join(project, 'project.yaml'), YAML)
    await rm(join(project, name), { force: true })
    expect(spawnSync('mkfifo', [join(project, name)]).status).toBe(0)
    const message = `${join(project, name)} is not a plain file`
    await expect(readProjectFiles(project)).rejects.toMatchObject({ kind: 'config', message })
  })

  it('of certificates too', async () => {
    expect(spawnSync('mkfifo', [join(project, 'ca.pem')]).status).toBe(0)
    await expect(readCertificates(project, 'ca.pem')).rejects.toMatchObject({ kind: 'config' })
  })
})
