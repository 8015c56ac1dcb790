import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DeletionCertificate } from '../../src/core/certificate.ts'
import { tryCanaries } from '../../src/cli/signoff/canaries.ts'
import { openRemainingKeys } from '../../vault/erase.ts'
import { unlockOperator } from '../../vault/operator.ts'
import { openProject } from '../../vault/projects.ts'
import { Secret, wipe } from '../../vault/secret.ts'
import { isLong } from '../long.ts'
import { whyNoDovecot } from '../servers/dovecot.ts'
import { makeDisk, type Disk } from './disk.ts'
import { Marker } from './marker.ts'
import { Road, type Ran } from './road.ts'

/** Where the marker turned up at one point of the road. */
interface Look {
  readonly point: string
  readonly files: readonly string[]
  /** Null where there is no raw device to look at. */
  readonly raw: readonly string[] | null
}

const marker = new Marker()
const off = whyNoDovecot() ?? (isLong('leaks') ? null : 'npm run test:leaks')
const { disk, why }: { disk: Disk; why: string | null } =
  off === null ? makeDisk() : { disk: { folder: '', readRaw: () => null, close: () => undefined }, why: null }
const looks: Look[] = []
const copy = off === null ? mkdtempSync(join(tmpdir(), 'sealpost-copy-')) : ''
const record: { projectId: string; log: string; runs: Record<string, Ran> } = { projectId: '', log: '', runs: {} }
let road: Road

async function look(point: string): Promise<void> {
  const raw = disk.readRaw()
  looks.push({ point, files: await marker.findBelow(disk.folder), raw: raw === null ? null : marker.find(raw) })
}

async function step(
  name: string,
  running: Promise<Ran>,
  ...exitCodes: readonly (number | undefined)[]
): Promise<void> {
  const ran = await running
  record.runs[name] = ran
  if (!exitCodes.includes(ran.exitCode))
    throw new Error(`${name}: exit code ${String(ran.exitCode)}\n${ran.stdout}\n${ran.stderr}`)
}

describe.skipIf(off !== null)(`over the whole road${off === null ? '' : ` (${off})`}`, () => {
  beforeAll(async () => {
    road = await Road.open(disk, marker)
    await step('init', road.run(['init', road.project, '--client', 'Beispiel GmbH', '--kdf', 'interactive']), 0)
    await road.configure()
    const set = (name: string, secret: string): Promise<Ran> =>
      road.run(['credentials', 'set', name, '--secret-fd', '0'], [secret])
    await step('token', set('token', marker.of('token')), 0)
    await step('source', set('source', marker.of('source-password')), 0)
    await step('wrong', set('destination', marker.of('wrong-password')), 0)
    await step('refused', road.run(['run']), 1)
    await look('after failure')
    await step('right', set('destination', marker.of('destination-password')), 0)
    await step(
      'killed',
      road.killInTheMiddle('SIGKILL', () => look('in the middle')),
      undefined,
    )
    await look('after kill -9')
    await step(
      'crashed',
      road.killInTheMiddle('SIGSEGV', () => look('in the middle, again')),
      undefined,
    )
    await look('after a crash')
    await step('plan', road.run(['plan']), 0)
    await step('run', road.run(['run']), 0)
    // Whether this machine is a good workstation is not the question here.
    await step('doctor', road.run(['doctor', '--json']), 0, 3)
    await step('verify', road.run(['verify']), 0)
    await step('unlock', road.run(['unlock']), 0)
    await step('by the agent', road.run(['status'], null), 0)
    await step('exceptions', road.run(['exceptions', '--json'], null), 0)
    await step('lock', road.run(['lock'], null), 0)
    await look('after success')
    const { id } = JSON.parse(await readFile(join(road.project, '.sealpost', 'project.json'), 'utf8')) as {
      id: string
    }
    record.projectId = id
    await cp(road.project, copy, { recursive: true })
    record.log = await readFile(join(road.project, '.sealpost', 'log', 'events.log'), 'utf8')
    await step('signoff', road.run(['signoff', '--by', 'Eva Muster']), 0)
    await look('after sign-off')
  }, 300_000)

  afterAll(async () => {
    await road.close()
    disk.close()
    rmSync(copy, { recursive: true, force: true })
  })

  it('no file and no name of a file holds a secret or anything of the mail, at any point', () => {
    expect(looks.map(({ point }) => point)).toEqual([
      'after failure',
      'in the middle',
      'after kill -9',
      'in the middle, again',
      'after a crash',
      'after success',
      'after sign-off',
    ])
    for (const { point, files } of looks) expect({ point, files }).toEqual({ point, files: [] })
  })

  it.skipIf(why !== null)(
    `neither does any block of an ext4 file system${why === null ? '' : ` (${why})`}`,
    () => {
      for (const { point, raw } of looks) expect({ point, raw }).toEqual({ point, raw: [] })
    },
  )

  it('no command line and no environment of a process that lived held one', () => {
    // Node, its children that derive keys, the agent.
    expect([...road.seen].filter((text) => text.includes('kdf-child')).length).toBeGreaterThan(0)
    for (const text of road.seen) expect(marker.find(Buffer.from(text, 'latin1'))).toEqual([])
  })

  it('nothing of it is printed but names of folders, and these never as a warning', () => {
    for (const { stdout, stderr } of road.told) {
      expect(marker.find(Buffer.from(stderr))).toEqual([])
      expect(marker.find(Buffer.from(stdout.replaceAll(marker.of('folder'), '')))).toEqual([])
    }
    expect(record.runs['plan']?.stdout).toContain(marker.of('folder'))
  })

  it('was killed and crashed while it sent, wrote no core, and delivered all the same', () => {
    expect(record.runs['killed']?.signal).toBe('SIGKILL')
    expect(record.runs['crashed']?.signal).toBe('SIGSEGV')
    const names = readdirSync(disk.folder, { recursive: true, encoding: 'utf8' })
    expect(names.filter((name) => /(?:^|\/)core(?:\.\d+)?$/.test(name))).toEqual([])
    expect(record.runs['verify']?.stdout).toContain('19 messages checked (full): 0 open')
  })

  it('there was a log, which the certificate counts among what was destroyed', async () => {
    for (const event of ['command-started', 'pair-failed', 'batch-landed', 'verified', 'end-checked']) {
      expect(record.log).toContain(`"event":"${event}"`)
    }
    const path = join(road.project, 'certificate', 'deletion-certificate.json')
    const { objects, environment, residualRisks } = JSON.parse(await readFile(path, 'utf8')) as DeletionCertificate
    const logs = objects.find((each) => each.class === 'logs')
    expect(logs?.count).toBe(1)
    expect(logs?.bytes).toBe(Buffer.byteLength(record.log))
    // What doctor found stands there, and what of it is not good is a risk that is left.
    for (const code of ['listeners', 'clock', 'umask', 'versions']) {
      const found = environment.find((finding) => finding.code === code)
      expect(residualRisks.some((risk) => risk.code === code)).toBe(found?.state !== 'good')
    }
  })

  it('nothing of the project is left after sign-off but the certificate and the records', () => {
    expect(readdirSync(road.project).sort()).toEqual(['certificate', 'destination.pem', 'source.pem'])
    const left = readdirSync(road.home, { recursive: true, encoding: 'utf8' })
    expect(left.filter((name) => name.includes(record.projectId) && !name.startsWith('signoff'))).toEqual([])
    expect(readdirSync(join(road.home, 'keystore', 'slots')).filter((name) => name !== 'CACHEDIR.TAG')).toEqual([])
  })

  it('a copy of the project that was taken before opens with nothing that is left, the passphrase known', async () => {
    const passphrase = Secret.fromBytes(Buffer.from(road.passphrase))
    const operator = await unlockOperator(road.home, { operator: null, systemUser: 'root', passphrase })
    await expect(openProject(road.home, operator, record.projectId)).rejects.toMatchObject({ kind: 'config' })
    const keys = await openRemainingKeys(road.home, operator)
    expect(keys.length).toBeGreaterThan(1)
    const place = { folder: copy, state: join(copy, '.sealpost'), projectId: record.projectId }
    for (const { object, keysTried, opened, outcome } of await tryCanaries(place, keys)) {
      expect({ object, keysTried, opened, outcome }).toEqual({
        object,
        keysTried: keys.length,
        opened: 0,
        outcome: 'refused',
      })
    }
    wipe(...keys.map(({ key }) => key))
    operator.wipe()
    // The copy is whole: it is the keys that are gone.
    for (const name of ['ledger.db', 'credentials', 'spool'])
      expect(existsSync(join(copy, '.sealpost', name))).toBe(true)
    expect(marker.find(readFileSync(join(copy, '.sealpost', 'ledger.db')))).toEqual([])
  })

  it('a copy that is put back in its place is refused by every command', async () => {
    await cp(join(copy, '.sealpost'), join(road.project, '.sealpost'), { recursive: true })
    for (const name of ['project.yaml', 'mailboxes.csv']) await cp(join(copy, name), join(road.project, name))
    for (const words of [['status'], ['run'], ['credentials', 'list'], ['exceptions']]) {
      const { exitCode, stderr } = await road.run(words)
      expect(exitCode).toBe(2)
      expect(stderr).toMatch(/^sealpost: /)
    }
  })

  it('the search finds what it should: a canary planted in any form', async () => {
    const text = marker.of('planted')
    for (const written of [
      text,
      text.toUpperCase(),
      Buffer.from(text).toString('base64'),
      Buffer.from(text).toString('hex'),
    ]) {
      const path = join(disk.folder, 'temporary', 'planted')
      await writeFile(path, `some text before ${written}`)
      expect(await marker.findBelow(disk.folder)).toHaveLength(1)
      const raw = disk.readRaw()
      if (raw !== null) expect(marker.find(raw).length).toBeGreaterThan(0)
      rmSync(path)
    }
    for (const before of ['', 'x', 'xy']) {
      expect(marker.find(Buffer.from(Buffer.from(before + text).toString('base64')))).not.toEqual([])
      expect(marker.find(Buffer.from(before + text, 'utf16le'))).not.toEqual([])
    }
  })
})
