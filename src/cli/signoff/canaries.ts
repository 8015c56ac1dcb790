import { randomBytes } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { isKind, SealpostError } from '../../core/errors.ts'
import { codeOf } from '../../core/system-faults.ts'
import { writePrivateFile } from '../../files/durable.ts'
import { fileError } from '../../files/file-error.ts'
import { ensurePrivateFolder } from '../../files/private-files.ts'
import { plantLedgerCanary, readLedgerCanary } from '../../ledger/canary.ts'
import type { CanaryAttempt, CanaryObject, CanaryOpening } from '../../signoff/state.ts'
import type { ProjectFolder } from '../project/folder.ts'
import { CANARY_CREDENTIAL } from './canary-name.ts'
import { credentialFilePath, openCredentialStore } from '../../../vault/credentials.ts'
import { openEverySecret, type RemainingKey } from '../../../vault/erase.ts'
import { Secret } from '../../../vault/secret.ts'
import { createSealer } from '../../../vault/stream.ts'

/** Where the canaries of a project lie. */
export interface CanaryPlace {
  /** The project folder. */
  readonly folder: string
  /** `.sealpost` below it. */
  readonly state: string
  readonly projectId: string
}

/** The place of those of a project. */
export function canaryPlaceOf({ path, state, record }: ProjectFolder): CanaryPlace {
  return { folder: path, state, projectId: record.id }
}

/** The keys that open the canaries. */
export interface CanaryKeys {
  readonly ledgerKey: Buffer
  readonly credentialKey: Buffer
  readonly spoolKey: Buffer
}

const CANARY_BYTES = 16
const CANARY = /^[0-9a-f]{32}$/
const SPOOL_OBJECT = 'canary'
const CENTURY_MS = 100 * 365 * 86_400_000
/** What an interrupted `init` leaves, sealed under keys that nothing names any more. */
const LEFT_OVER = ['credentials', 'ledger.db', 'ledger.db-wal', 'ledger.db-shm', 'spool']

/**
 * Plants one canary for each class of objects: random values, sealed like the real ones, that sign-off opens before the
 * keys are destroyed and fails to open afterwards. Only for a project that is being made: what an interrupted attempt left
 * there is set aside.
 */
export async function plantCanaries(place: CanaryPlace, keys: CanaryKeys, clock: Clock): Promise<void> {
  const { folder, state, projectId } = place
  await setAside(state)
  const credentials = openCredentialStore(folder, projectId, keys.credentialKey, clock)
  await credentials.set({
    name: CANARY_CREDENTIAL,
    kind: 'password',
    username: null,
    secret: Secret.fromBytes(Buffer.from(newCanary(), 'latin1')),
    expiresAt: clock.now() + CENTURY_MS,
  })
  await ensurePrivateFolder(join(state, 'spool'))
  await writeSpoolCanary(place, keys.spoolKey, newCanary())
  plantLedgerCanary(ledgerPath(state), keys.ledgerKey, newCanary())
}

/** Seals the canary of the spool under another key, as one step. Twice is safe. Throws `corrupt` when neither key opens it. */
export async function resealSpoolCanary(place: CanaryPlace, before: Buffer, after: Buffer): Promise<void> {
  try {
    const canary = await readSpoolCanary(place, before)
    if (canary !== null) await writeSpoolCanary(place, after, canary)
  } catch (error) {
    if (!isKind(error, 'corrupt')) throw error
    await readSpoolCanary(place, after).catch(() => {
      throw error
    })
  }
}

/** Opens every canary with the project's keys. Says why one does not open; never throws. */
export async function openCanaries(place: CanaryPlace, keys: CanaryKeys): Promise<readonly CanaryOpening[]> {
  return [
    await opening('credential', () => readCredentialCanary(place, keys.credentialKey)),
    await opening('spool', () => readSpoolCanary(place, keys.spoolKey)),
    await opening('ledger', async () => readLedgerCanary(ledgerPath(place.state), keys.ledgerKey)),
  ]
}

/**
 * True when something in the folder opens with the project's keys. Its record alone, in which anybody can write any id,
 * does not make a folder that project's. Never throws.
 */
export async function isSealedUnder(place: CanaryPlace, keys: CanaryKeys): Promise<boolean> {
  return (await openCanaries(place, keys)).some(({ outcome }) => outcome === 'opened')
}

/** Tries each of the keys on each canary that still lies there. */
export async function tryCanaries(
  place: CanaryPlace,
  keys: readonly RemainingKey[],
): Promise<readonly CanaryAttempt[]> {
  const ledger = ledgerPath(place.state)
  return [
    await attempts('credential', credentialFilePath(place.folder), keys, (key) =>
      readCredentialCanary(place, key),
    ),
    await attempts('spool', spoolPath(place.state), keys, (key) => readSpoolCanary(place, key)),
    await attempts('ledger', ledger, keys, async (key) => readLedgerCanary(ledger, key)),
  ]
}

async function opening(object: CanaryObject, open: () => Promise<string | null>): Promise<CanaryOpening> {
  try {
    const canary = await open()
    if (canary === null || !CANARY.test(canary)) return { object, outcome: 'none was planted', inverted: null }
    const inverted = Buffer.from(canary, 'hex').map((byte) => byte ^ 0xff)
    return { object, outcome: 'opened', inverted: Buffer.from(inverted).toString('hex') }
  } catch (error) {
    return { object, outcome: `not opened: ${reasonOf(error)}`, inverted: null }
  }
}

async function attempts(
  object: CanaryObject,
  path: string,
  keys: readonly RemainingKey[],
  open: (key: Buffer) => Promise<unknown>,
): Promise<CanaryAttempt> {
  if (!existsSync(path)) return { object, keysTried: 0, opened: 0, outcome: 'not there' }
  let opened = 0
  for (const { key } of keys) {
    const did = await open(key).then(
      () => true,
      () => false,
    )
    if (did) opened++
  }
  return { object, keysTried: keys.length, opened, outcome: opened === 0 ? 'refused' : 'opened' }
}

async function readCredentialCanary(place: CanaryPlace, key: Buffer): Promise<string | null> {
  const secrets = await openEverySecret(place.folder, place.projectId, key)
  const canary = secrets.find(({ name }) => name === CANARY_CREDENTIAL)?.bytes.toString('latin1') ?? null
  for (const { bytes } of secrets) bytes.fill(0)
  return canary
}

async function writeSpoolCanary({ state, projectId }: CanaryPlace, key: Buffer, canary: string): Promise<void> {
  const sealed: Uint8Array[] = []
  const pieces = createSealer(key, projectId).seal(SPOOL_OBJECT, oneOf(Buffer.from(canary, 'latin1')))
  for await (const piece of pieces) sealed.push(piece)
  await writePrivateFile(spoolPath(state), Buffer.concat(sealed))
}

async function readSpoolCanary(place: CanaryPlace, key: Buffer): Promise<string | null> {
  const path = spoolPath(place.state)
  if (!existsSync(path)) return null
  const opened: Uint8Array[] = []
  for await (const piece of createSealer(key, place.projectId).open(SPOOL_OBJECT, createReadStream(path))) {
    opened.push(piece)
  }
  return Buffer.concat(opened).toString('latin1')
}

async function setAside(state: string): Promise<void> {
  const aside = join(state, `left-${randomBytes(8).toString('hex')}`)
  for (const name of LEFT_OVER.filter((candidate) => existsSync(join(state, candidate)))) {
    try {
      await mkdir(aside, { recursive: true, mode: 0o700 })
      await rename(join(state, name), join(aside, name))
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw fileError(error, 'set aside', join(state, name))
    }
  }
}

function newCanary(): string {
  return randomBytes(CANARY_BYTES).toString('hex')
}

function spoolPath(state: string): string {
  return join(state, 'spool', SPOOL_OBJECT)
}

function ledgerPath(state: string): string {
  return join(state, 'ledger.db')
}

function reasonOf(error: unknown): string {
  return error instanceof SealpostError ? error.message : 'unexpected error'
}

async function* oneOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  await Promise.resolve()
  yield bytes
}
