import { createHash } from 'node:crypto'
import {
  closeSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { METHOD_DELETION } from '../../src/core/certificate.ts'
import { checkCertificate } from '../../src/cli/signoff/certificate-check.ts'
import { openLedger } from '../../src/ledger/open-ledger.ts'
import { PURGE_STEPS } from '../../src/signoff/state.ts'
import { openEverySecret } from '../../vault/erase.ts'
import { keystoreFolder, projectPath, slotFolder } from '../../vault/paths.ts'
import { openProject } from '../../vault/projects.ts'
import { validate, type Schema } from './json-schema.ts'
import { filesBelow, unlockAda, useSubject } from './place.ts'
import {
  certificatePath,
  factsFor,
  holdOf,
  portsOf,
  readCertificate,
  REQUEST,
  SECRET,
  signOff,
  toldRecords,
  type Subject,
} from './subject.ts'

const template = useSubject()
const SCHEMA = JSON.parse(
  readFileSync(new URL('../../docs/schemas/deletion-certificate.schema.json', import.meta.url), 'utf8'),
) as Schema

async function signedOff(subject: Subject): Promise<ReturnType<typeof readCertificate>> {
  const ports = await portsOf(subject, template.operator(), toldRecords())
  const { certificate } = await signOff(ports, subject, template.operator())
  return readCertificate(certificate.bytes)
}

describe('a purge', () => {
  test('leaves the certificate, what is not of the project, and nothing else', async () => {
    const subject = template.copy()
    const told = toldRecords()
    const ports = await portsOf(subject, template.operator(), told)
    const { certificate } = await signOff(ports, subject, template.operator())
    expect(filesBelow(subject.folder)).toEqual([
      'certificate/VERIFY.txt',
      'certificate/allowed_signers',
      'certificate/deletion-certificate.html',
      'certificate/deletion-certificate.json',
      'certificate/deletion-certificate.json.minisig',
      'certificate/deletion-certificate.json.operator.sshsig',
      'certificate/deletion-certificate.json.sshsig',
      'certificate/minisign.pub',
      'notes.txt',
    ])
    expect(existsSync(subject.state)).toBe(false)
    expect(filesBelow(subject.home).filter((path) => path.includes(subject.projectId))).toEqual([])
    expect(told.attached).toEqual([certificate.sha256])
    expect(told.written).toBe(1)
    const steps = PURGE_STEPS.filter((step) => step !== 'issue-certificate')
    expect(told.notes).toEqual(['signoff-started', ...steps, 'certificate-issued', 'signoff-finished'])
    const verdict = await checkCertificate(certificatePath(subject), null)
    expect(verdict.faults).toEqual([])
    expect(verdict).toMatchObject({ good: true, trust: 'embedded' })
  })

  test('writes a certificate that fits its schema and says what was observed', async () => {
    const subject = template.copy()
    const { commitments } = (await factsFor(subject, template.operator())).keys
    const certificate = await signedOff(subject)
    expect(validate(SCHEMA, certificate)).toEqual([])
    expect(certificate.delivery).toMatchObject({ certified: true, counted: true, accounts: 1, mailboxes: 1 })
    expect(certificate.delivery.messages).toMatchObject({ source: 3, landed: 3, neverVerified: 0, pending: 0 })
    expect(certificate.verification.canaries).toEqual(
      ['credential', 'spool', 'ledger'].map((object) => ({
        object,
        before: 'opened',
        after: 'refused',
        keysTried: 2,
        proven: true,
      })),
    )
    expect(certificate.verification.secretSearch).toMatchObject({ done: true, secrets: 5, found: 0 })
    expect(certificate.verification.secretSearch.notSearchable).toEqual([
      { name: 'credential "pin"', reason: 'shorter than 8 bytes' },
    ])
    expect(certificate.residualRisks.map(({ code }) => code)).toContain('secrets-not-searchable')
    expect(certificate.keys.commitments).toEqual(commitments)
    expect(certificate.keys.commitments).toHaveLength(7)
    expect(certificate.keys.commitmentsMadeAt).toBe('2026-02-01T09:00:00Z')
    expect(certificate.keys.shredKey).toMatchObject({ existedBefore: true, readBackDiffers: 'yes', removed: true })
    expect(certificate.clientMustRotate.map(({ credential }) => credential)).toEqual(['admin', 'pin'])
    const sha256 = createHash('sha256').update('<p>done</p>\n').digest('hex')
    expect(certificate.documentsRemoved).toEqual([{ name: 'reports/html/report.html', bytes: 12, sha256 }])
    const counts = Object.fromEntries(certificate.objects.map((item) => [item.class, item.count]))
    expect(counts).toMatchObject({ credentials: 2, ledger: 1, spool: 2, logs: 1, reports: 1, 'project-files': 2 })
    expect(certificate.process.resumptions).toEqual([])
    expect(JSON.stringify(certificate)).not.toContain(SECRET)
  })

  test('a certificate that lacks or adds anything does not fit the schema', async () => {
    const certificate = await signedOff(template.copy())
    for (const name of Object.keys(certificate)) {
      const without: Record<string, unknown> = { ...certificate }
      Reflect.deleteProperty(without, name)
      expect(validate(SCHEMA, without)).not.toEqual([])
    }
    expect(validate(SCHEMA, { ...certificate, note: 'x' })).not.toEqual([])
    expect(validate(SCHEMA, { ...certificate, version: 2 })).not.toEqual([])
    expect(validate(SCHEMA, { ...certificate, legalHold: '' })).not.toEqual([])
    const method = { ...certificate.sanitization, method: 'Purge (NIST SP 800-88)' }
    expect(validate(SCHEMA, { ...certificate, sanitization: method })).not.toEqual([])
  })

  test('a copy of everything but the slot, made before, opens with nothing that is left, the passphrase known', async () => {
    const subject = template.copy()
    const copy = join(subject.home, '..', 'copy')
    cpSync(subject.folder, join(copy, 'project'), { recursive: true })
    cpSync(subject.home, join(copy, 'workspace'), { recursive: true })
    // The same copy opens while the slot is there: the test would see it if it still did afterwards.
    const ada = await unlockAda(join(copy, 'workspace'))
    const before = await openProject(join(copy, 'workspace'), ada, subject.projectId)
    expect(await openEverySecret(join(copy, 'project'), subject.projectId, before.credentialKey)).toHaveLength(3)
    before.wipe()
    await signedOff(subject)

    rmSync(join(slotFolder(keystoreFolder(join(copy, 'workspace'))), subject.projectId))
    await expect(openProject(join(copy, 'workspace'), ada, subject.projectId)).rejects.toMatchObject({
      kind: 'locked',
    })
    // The copied key document put back into the workspace that was purged opens nothing either.
    cpSync(
      projectPath(keystoreFolder(join(copy, 'workspace')), subject.projectId),
      projectPath(keystoreFolder(subject.home), subject.projectId),
    )
    await expect(openProject(subject.home, template.operator(), subject.projectId)).rejects.toMatchObject({
      kind: 'locked',
    })
    ada.wipe()
  })

  test('overwrites the slot in place before it is removed', async () => {
    const subject = template.copy()
    const slot = join(slotFolder(keystoreFolder(subject.home)), subject.projectId)
    const witness = join(subject.home, '..', 'witness')
    linkSync(slot, witness)
    const original = readFileSync(slot)
    const ports = await portsOf(subject, template.operator(), toldRecords())
    await ports.vault.destroy()
    expect(existsSync(slot)).toBe(false)
    const left = readFileSync(witness)
    expect(left).toHaveLength(original.length)
    let same = 0
    for (const [i, byte] of left.entries()) if (byte === original[i]) same++
    // One byte in 256 is equal by chance.
    expect(same).toBeLessThan(left.length / 100)
    expect(await ports.vault.destroy()).toMatchObject({ slot: 'absent', documents: 0 })
  })

  test.skipIf(process.platform === 'win32')(
    'overwrites what is in the clear before it is removed: log, report, settings, what it does not know',
    async () => {
      const subject = template.copy()
      const clear = [
        join(subject.state, 'log', 'run.log'),
        join(subject.state, 'of-a-later-version'),
        join(subject.folder, 'reports', 'html', 'report.html'),
        join(subject.folder, 'project.yaml'),
        join(subject.folder, 'mailboxes.csv'),
      ]
      writeFileSync(join(subject.state, 'of-a-later-version'), 'in the clear\n', { mode: 0o600 })
      // An open file is read also when its name is gone.
      const open = clear.map((path) => ({ path, descriptor: openSync(path, 'r'), before: readFileSync(path) }))
      await signedOff(subject)
      for (const { path, descriptor, before } of open) {
        expect(existsSync(path)).toBe(false)
        const after = readFileSync(descriptor)
        expect([path, after.length, after.equals(before)]).toEqual([path, before.length, false])
        closeSync(descriptor)
      }
    },
  )

  test('does not touch the content of a file that has a second name', async () => {
    const subject = template.copy()
    const kept = join(subject.home, '..', 'kept.html')
    linkSync(join(subject.folder, 'reports', 'html', 'report.html'), kept)
    await signedOff(subject)
    expect(readFileSync(kept, 'utf8')).toBe('<p>done</p>\n')
  })
})

test('keeps the certificate of an earlier project in the same folder', async () => {
  const subject = template.copy()
  mkdirSync(join(subject.folder, 'certificate'))
  writeFileSync(join(subject.folder, 'certificate', 'older.txt'), 'of an earlier project')
  await signedOff(subject)
  expect(filesBelow(join(subject.folder, 'certificate-1'))).toEqual(['older.txt'])
  expect((await checkCertificate(certificatePath(subject), null)).good).toBe(true)
})

describe('what stops a purge', () => {
  test('a hold, before anything is destroyed and in the middle', async () => {
    const subject = template.copy()
    const told = toldRecords()
    told.hold = holdOf('2026-01-01T00:00:00Z')
    const ports = await portsOf(subject, template.operator(), told)
    await expect(signOff(ports, subject, template.operator())).rejects.toMatchObject({
      kind: 'policy',
      code: 'HOLD',
    })
    const keys = await openProject(subject.home, template.operator(), subject.projectId)
    keys.wipe()
    told.hold = null
    const held = {
      ...ports,
      vault: {
        ...ports.vault,
        destroy: async () => {
          told.hold = holdOf('2026-01-02T00:00:00Z')
          return ports.vault.destroy()
        },
      },
    }
    await expect(signOff(held, subject, template.operator())).rejects.toMatchObject({
      kind: 'policy',
      code: 'HOLD',
    })
    expect(existsSync(join(subject.state, 'ledger.db'))).toBe(true)
    told.hold = null
    const { certificate } = await signOff(ports, subject, template.operator())
    const { process } = readCertificate(certificate.bytes)
    expect(process.obstacles.map(({ step }) => step)).toEqual(['stop-writers', 'try-canaries'])
    expect(process.resumptions.map(({ step }) => step)).toEqual(['stop-writers', 'try-canaries'])
  })

  test.each([
    ['as it is', Buffer.from(SECRET, 'utf8')],
    ['in UTF-16', Buffer.from(SECRET, 'utf16le')],
    ['in base64', Buffer.from(Buffer.from(`user\0${SECRET}`).toString('base64'))],
  ])('a secret that lies about %s', async (_, form) => {
    const subject = template.copy()
    const path = join(subject.temporary, 'leak.txt')
    writeFileSync(path, Buffer.concat([Buffer.from('noise '), form, Buffer.from(' noise')]))
    const ports = await portsOf(subject, template.operator(), toldRecords())
    const refused = signOff(ports, subject, template.operator())
    await expect(refused).rejects.toMatchObject({ kind: 'policy', code: 'SECRET_FOUND' })
    await expect(refused).rejects.toThrow(path)
    await expect(refused).rejects.not.toThrow(SECRET)
    const keys = await openProject(subject.home, template.operator(), subject.projectId)
    keys.wipe()
    rmSync(path)
    const { certificate } = await signOff(ports, subject, template.operator())
    const { process } = readCertificate(certificate.bytes)
    expect(process.obstacles).toMatchObject([{ step: 'search-secrets' }])
    expect(validate(SCHEMA, readCertificate(certificate.bytes))).toEqual([])
  })

  test('a canary in the clear', async () => {
    const subject = template.copy()
    const ports = await portsOf(subject, template.operator(), toldRecords())
    const path = join(subject.temporary, 'leak.txt')
    const leaking = {
      ...ports,
      vault: {
        ...ports.vault,
        destroy: async () => {
          const canaries = (await ports.journal.read())?.steps['open-canaries']?.evidence as {
            openings: readonly { inverted: string }[]
          }
          const inverted = canaries.openings[1]?.inverted ?? ''
          const canary = Buffer.from(Buffer.from(inverted, 'hex').map((byte) => byte ^ 0xff)).toString('hex')
          writeFileSync(path, `plain ${canary}`)
          return ports.vault.destroy()
        },
      },
    }
    await expect(signOff(leaking, subject, template.operator())).rejects.toMatchObject({ code: 'CANARY_FOUND' })
    rmSync(path)
    await signOff(ports, subject, template.operator())
  })

  test('something that still opens', async () => {
    const subject = template.copy()
    const ports = await portsOf(subject, template.operator(), toldRecords())
    const undone = {
      ...ports,
      vault: {
        ...ports.vault,
        destroy: () =>
          Promise.resolve({ slot: 'destroyed', slotBytes: 1, readBackDiffers: true, documents: 1 } as const),
      },
    }
    await expect(signOff(undone, subject, template.operator())).rejects.toMatchObject({ kind: 'corrupt' })
    expect(existsSync(join(subject.folder, 'certificate'))).toBe(false)
  })
})

describe('a project that cannot be opened any more', () => {
  const abandon = { ...REQUEST, abandon: 'the shred key was lost' }

  test('is purged when it is abandoned, and the certificate says what that means', async () => {
    const subject = template.copy()
    const facts = await factsFor(subject, template.operator())
    rmSync(join(slotFolder(keystoreFolder(subject.home)), subject.projectId))
    const ports = await portsOf(subject, template.operator(), toldRecords())
    const { beginPurge, runPurge } = await import('../../src/signoff/run-purge.ts')
    const start = {
      certificateId: 'urn:uuid:00000000-0000-4000-8000-000000000000',
      project: { id: subject.projectId, client: 'B', createdAt: '2026-01-05T10:00:00Z', folder: subject.folder },
      request: abandon,
      facts: {
        ...facts,
        delivery: null,
        unavailable: 'the shred key is gone',
        keys: { ...facts.keys, slotExisted: false },
      },
    }
    const state = await beginPurge(ports, start, null)
    const { certificate } = await runPurge(ports, state, new AbortController().signal)
    const document = readCertificate(certificate.bytes)
    expect(validate(SCHEMA, document)).toEqual([])
    expect(document.delivery).toMatchObject({
      certified: false,
      counted: false,
      abandoned: { reason: 'the shred key was lost' },
    })
    expect(document.sanitization.method).toBe(METHOD_DELETION)
    expect(document.sanitization.verificationMethod).toMatch(/^partial/)
    expect(document.verification.secretSearch.done).toBe(false)
    expect(document.verification.canaries.every(({ proven }) => !proven)).toBe(true)
    expect(document.residualRisks.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['secrets-not-searched', 'not-opened', 'no-canary']),
    )
    expect(document.statements.map(({ code }) => code)).toContain('delivery-not-certified')
    expect(existsSync(subject.state)).toBe(false)
  })
})

test('files that come back while they are removed are not passed over', async () => {
  const subject = template.copy()
  const { files } = await portsOf(subject, template.operator(), toldRecords())
  let writing = true
  const write = (): void => {
    if (!writing) return
    mkdirSync(subject.state, { recursive: true, mode: 0o700 })
    writeFileSync(join(subject.state, 'credentials'), 'again')
    setImmediate(write)
  }
  write()
  await expect(files.removeState().finally(() => (writing = false))).rejects.toMatchObject({ kind: 'config' })
  await files.removeState()
  expect(filesBelow(subject.state)).toEqual(['project.json'])
})

test('a ledger with a canary in it is a ledger like any other', async () => {
  const subject = template.copy()
  const keys = await openProject(subject.home, template.operator(), subject.projectId)
  const ledger = openLedger(join(subject.state, 'ledger.db'), keys.ledgerKey)
  expect(ledger.totals({})).toMatchObject({ source: 3, landed: 3 })
  expect(ledger.slowestAppend()).toBe(0)
  ledger.close()
  keys.wipe()
})
