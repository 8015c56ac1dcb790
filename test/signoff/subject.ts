import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CERTIFICATE_FILE, type DeletionCertificate } from '../../src/core/certificate.ts'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import { digestWhole } from '../../src/core/digest.ts'
import type { Ledger } from '../../src/core/ledger.ts'
import { plantCanaries } from '../../src/cli/signoff/canaries.ts'
import { createIssuer } from '../../src/cli/signoff/issuer.ts'
import { openJournal } from '../../src/cli/signoff/journal.ts'
import { keyFactsOf, purgeVaultOf } from '../../src/cli/signoff/vault.ts'
import { openLedger } from '../../src/ledger/open-ledger.ts'
import { openSpool } from '../../src/spool/open-spool.ts'
import { judgeDelivery } from '../../src/signoff/gate.ts'
import { inspectWorkstation } from '../../src/signoff/inspect-workstation.ts'
import type { ActiveHold, PurgePorts } from '../../src/signoff/ports.ts'
import { purgeFilesOf } from '../../src/signoff/project-files.ts'
import { beginPurge, resumePurge, runPurge, type PurgeOutcome } from '../../src/signoff/run-purge.ts'
import { isCommitted, type ProjectFacts, type SignoffRequest } from '../../src/signoff/state.ts'
import { openCredentialStore } from '../../vault/credentials.ts'
import { openCertificateSigner, type UnlockedOperator } from '../../vault/operator.ts'
import { keystoreFolder, slotFolder } from '../../vault/paths.ts'
import { createProject, openProject } from '../../vault/projects.ts'
import { Secret } from '../../vault/secret.ts'
import { createSealer } from '../../vault/stream.ts'

/** The credential's secret: nowhere but in the vault. */
export const SECRET = 'Sommerregen-4711-über'

/** Where a project of these tests lies. */
export interface Subject {
  readonly home: string
  readonly folder: string
  readonly state: string
  readonly temporary: string
  readonly projectId: string
}

export const REQUEST: SignoffRequest = {
  by: 'Eva Muster',
  title: 'Head of IT',
  location: 'Bonn',
  contact: null,
  asset: 'WS-7',
  accept: [],
  abandon: null,
  alone: null,
  language: 'en',
}

/** The folders of a subject below `root`, whether they are there or not. */
export function subjectAt(root: string, projectId: string): Subject {
  const real = realpathSync(root)
  const folder = join(real, 'project')
  return {
    home: join(real, 'workspace'),
    folder,
    state: join(folder, '.sealpost'),
    temporary: join(real, 'temporary'),
    projectId,
  }
}

/** Makes a project that was moved and verified, in a workspace that is there. */
export async function makeSubject(root: string, operator: UnlockedOperator): Promise<Subject> {
  const subject = subjectAt(root, randomUUID())
  const { home, folder, state, projectId } = subject
  for (const path of [join(state, 'log'), join(folder, 'reports', 'html'), subject.temporary]) {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  }
  await createProject(home, operator, { projectId })
  const keys = await openProject(home, operator, projectId)
  await plantCanaries({ folder, state, projectId }, keys, systemClock)
  const credentials = openCredentialStore(folder, projectId, keys.credentialKey, systemClock)
  for (const [name, text] of [
    ['admin', SECRET],
    ['pin', '0815'],
  ] as const) {
    const secret = Secret.fromBytes(Buffer.from(text, 'utf8'))
    await credentials.set({ name, kind: 'password', username: 'root@example.org', secret, expiresAt: null })
  }
  const ledger = openLedger(join(state, 'ledger.db'), keys.ledgerKey)
  deliverAll(ledger, 'anna', 3)
  ledger.close()
  await openSpool(join(state, 'spool'), createSealer(keys.spoolKey, projectId)).write(oneOf(randomBytes(40_000)))
  keys.wipe()
  writeFileSync(join(state, 'project.json'), '{}\n', { mode: 0o600 })
  writeFileSync(join(state, 'log', 'run.log'), '{"event":"run-started"}\n', { mode: 0o600 })
  writeFileSync(join(folder, 'project.yaml'), 'version: 1\n')
  writeFileSync(join(folder, 'mailboxes.csv'), 'source,destination\nanna,anna\n')
  writeFileSync(join(folder, 'notes.txt'), 'of the client, to stay\n')
  writeFileSync(join(folder, 'reports', 'html', 'report.html'), '<p>done</p>\n')
  writeFileSync(join(subject.temporary, 'other.bin'), randomBytes(5000))
  return subject
}

/** An account with so many messages, landed and verified. */
export function deliverAll(ledger: Ledger, account: string, messages: number): void {
  const pair = ledger.openPair(account, account)
  const inbox = ledger.openMailbox(pair.id, ['INBOX'], 'inbox', ['INBOX'])
  const listing = ledger.beginListing(inbox.id)
  const rows = Array.from({ length: messages }, (_, i) => ({
    listed: { key: String(i + 1), bytes: 10, internalDate: 1_600_000_000_000, flags: [] },
    skip: null,
  }))
  ledger.addListed(inbox.id, listing, rows)
  ledger.endListing(inbox.id, listing, 'cursor', true)
  const ids = ledger.pending(inbox.id, 0, 1000, 1e9).map(({ id }) => id)
  const digests = digestWhole(Buffer.from('x'))
  ledger.intend(
    ids.map((id) => ({ id, digests, messageId: null, appliedFlags: [] })),
    { validity: '1', next: '1' },
  )
  ledger.land(ids.map((id) => ({ id, key: `${id}`, validity: '1' })))
  ledger.setVerified(ids, 1_700_000_000_000)
}

/** What the records were told. */
export interface ToldRecords {
  hold: ActiveHold | null
  written: number
  attached: string[]
  readonly notes: string[]
}

export function toldRecords(): ToldRecords {
  return { hold: null, written: 0, attached: [], notes: [] }
}

/** The purge of a subject over the real vault, journal, files and issuer. */
export async function portsOf(
  subject: Subject,
  operator: UnlockedOperator,
  told: ToldRecords,
  second: UnlockedOperator | null = null,
  clock: Clock = systemClock,
): Promise<PurgePorts> {
  const { home, folder, state, temporary, projectId } = subject
  const certificate = await openCertificateSigner(home, operator)
  return {
    clock,
    journal: openJournal(home, projectId),
    vault: purgeVaultOf(home, operator, { folder, state, projectId }),
    files: purgeFilesOf({
      folder,
      state,
      accountList: join(folder, 'mailboxes.csv'),
      keystore: keystoreFolder(home),
      searched: [
        { place: 'project', path: folder },
        { place: 'workspace', path: home },
        { place: 'temporary', path: temporary },
      ],
      apart: [],
      searching: () => undefined,
      trim: () => Promise.resolve({ state: 'not permitted', text: 'not in these tests' }),
    }),
    records: {
      hold: () => Promise.resolve(told.hold),
      write: () => {
        told.written++
        return Promise.resolve([{ what: 'project record', until: '2031-12-31', where: 'workspace' }])
      },
      attach: (_, { sha256 }) => {
        told.attached.push(sha256)
        return Promise.resolve()
      },
    },
    audit: {
      note: (action, _outcome, _object, facts) => {
        told.notes.push(action === 'signoff-step' ? String(facts['step']) : action)
        return Promise.resolve()
      },
      checkpoint: () => Promise.resolve('sealpost.example/log\n7\nroot\n\n— signature\n'),
    },
    issuer: createIssuer(folder, { certificate, operator, second }),
    stopWriters: () => Promise.resolve({ text: 'the lock is held' }),
    revoke: ({ name, kind }) =>
      Promise.resolve({ name, kind, revoked: false, answer: 'the client must change it' }),
    inspectWorkstation: () =>
      inspectWorkstation({
        slotFolder: slotFolder(keystoreFolder(home)),
        projectFolder: folder,
        privateFolders: [home, state],
        user: 'tester',
        process: { node: process.versions.node, nodeIsPacked: false, umask: 0o077, options: [], variables: [] },
        now: clock.now(),
      }),
    zone: { name: 'Europe/Berlin', offset: '+01:00' },
    tool: { name: 'Sealpost', version: '0', commit: 'unknown', node: '0', openssl: '0', platform: 'test' },
    progress: () => undefined,
  }
}

/** What the gate would have gathered. */
export async function factsFor(subject: Subject, operator: UnlockedOperator): Promise<ProjectFacts> {
  const { home, folder, state, projectId } = subject
  const keys = await openProject(home, operator, projectId)
  const ledger = openLedger(join(state, 'ledger.db'), keys.ledgerKey)
  const { facts } = judgeDelivery(ledger, [{ source: 'anna', destination: 'anna' }], null, [])
  ledger.close()
  keys.wipe()
  return {
    delivery: facts,
    unavailable: null,
    accepted: [],
    credentials: [
      { name: 'admin', kind: 'password' },
      { name: 'pin', kind: 'password' },
    ],
    keys: await keyFactsOf(home, operator, projectId),
    keysRenewedAt: '2026-02-01T09:00:00Z',
    handedOver: [],
    unlistedBackups: null,
    mailStores: [],
    plaintextImports: 0,
    accountList: join(folder, 'mailboxes.csv'),
    dualControl: 'not required',
  }
}

/** One call of the command: begins, begins anew, or goes on. */
export async function signOff(
  ports: PurgePorts,
  subject: Subject,
  operator: UnlockedOperator,
  request: SignoffRequest = REQUEST,
): Promise<PurgeOutcome> {
  const earlier = await ports.journal.read()
  if (earlier !== null && isCommitted(earlier)) {
    return runPurge(ports, await resumePurge(ports, earlier), new AbortController().signal)
  }
  const start = {
    certificateId: `urn:uuid:${randomUUID()}`,
    project: {
      id: subject.projectId,
      client: 'Beispiel GmbH',
      createdAt: '2026-01-05T10:00:00Z',
      folder: subject.folder,
    },
    request,
    facts: await factsFor(subject, operator),
  }
  return runPurge(ports, await beginPurge(ports, start, earlier), new AbortController().signal)
}

export function certificatePath(subject: Subject): string {
  return join(subject.folder, 'certificate', CERTIFICATE_FILE)
}

export function readCertificate(bytes: Buffer): DeletionCertificate {
  return JSON.parse(bytes.toString('utf8')) as DeletionCertificate
}

async function* oneOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve()
  yield bytes
}

/** A legal hold by ada. */
export function holdOf(since: string): ActiveHold {
  return { code: 'hold', what: 'legal hold', by: 'ada', since, hint: 'sealpost hold release 1 --reason R' }
}
