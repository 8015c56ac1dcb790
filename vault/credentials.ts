import { join } from 'node:path'
import { formatInstant, type Clock } from '../src/core/clock.ts'
import { SealpostError } from '../src/core/errors.ts'
import { assertPrivateFolder, ensurePrivateFolder } from '../src/files/private-files.ts'
import {
  openField,
  readIndex,
  requireCredentialKey,
  sealField,
  writeIndex,
  type CredentialIndex,
  type CredentialKind,
  type CredentialRecord,
} from './credential-file.ts'
import { withFileLock } from '../src/files/file-lock.ts'
import { Secret, wipe } from './secret.ts'

/** A credential to be kept. The secret stays the caller's, who wipes it. */
export interface NewCredential {
  readonly name: string
  readonly kind: CredentialKind
  readonly username: string | null
  readonly secret: Secret
  /** Milliseconds since 1970-01-01 UTC; null: in 90 days. */
  readonly expiresAt: number | null
}

/** A credential to be used; the caller wipes the secret. */
export interface OpenCredential {
  readonly name: string
  readonly kind: CredentialKind
  readonly username: string | null
  readonly secret: Secret
  readonly expiresAt: number
}

/** What may be shown of a credential. */
export interface CredentialSummary {
  readonly name: string
  readonly kind: CredentialKind
  readonly createdAt: number
  readonly expiresAt: number
  readonly expired: boolean
}

/** The credentials of one project. Every call reads the file, so that what another process set is seen. */
export interface CredentialStore {
  /** Keeps a credential in the place of any of that name; on the disk when it returns. Throws `config` when it is unfit. */
  set(credential: NewCredential): Promise<void>
  /** Keeps several, all or none. */
  setAll(credentials: readonly NewCredential[]): Promise<void>
  /** Throws `config` when there is none of that name, `auth` when it has expired, `corrupt` when it was changed. */
  get(name: string): Promise<OpenCredential>
  has(name: string): Promise<boolean>
  /** Sorted by name; neither secrets nor usernames. */
  list(): Promise<readonly CredentialSummary[]>
  /** Twice is safe: false when there is none of that name. */
  remove(name: string): Promise<boolean>
}

const DAY_MS = 24 * 60 * 60 * 1000
const DEFAULT_LIFE_MS = 90 * DAY_MS
const MAX_NAME_BYTES = 320
const HAS_USERNAME = 1

/** Where a project keeps its credentials. */
export function credentialFilePath(projectFolder: string): string {
  return join(projectFolder, '.sealpost', 'credentials')
}

/**
 * Opens the credentials of a project; nothing is read yet. The key is lent: once it has been wiped every call throws
 * `locked`. Every call throws `policy` when the file or its folder is open to others, `corrupt` when it was changed.
 */
export function openCredentialStore(
  projectFolder: string,
  projectId: string,
  credentialKey: Buffer,
  clock: Clock,
): CredentialStore {
  const path = credentialFilePath(projectFolder)
  const folder = join(projectFolder, '.sealpost')
  const read = async (): Promise<CredentialIndex> => {
    const index = await readIndex(path, projectId, requireCredentialKey(credentialKey))
    if (index.revision > 0) await assertPrivateFolder(folder)
    return index
  }
  const change = async (
    next: (index: CredentialIndex) => readonly CredentialRecord[] | null,
  ): Promise<boolean> => {
    await ensurePrivateFolder(folder)
    return withFileLock(`${path}.lock`, clock, async () => {
      const index = await read()
      const records = next(index)
      if (records === null) return false
      await writeIndex(path, projectId, credentialKey, { revision: index.revision + 1, records })
      return true
    })
  }
  const setAll = async (credentials: readonly NewCredential[]): Promise<void> => {
    const createdAt = clock.now()
    for (const credential of credentials) assertFit(credential, createdAt)
    await change(({ revision, records }) => {
      const kept = new Map(records.map((record) => [record.name, record]))
      for (const credential of credentials) {
        kept.set(credential.name, sealRecord(credentialKey, projectId, credential, createdAt, revision + 1))
      }
      return [...kept.values()]
    })
  }
  return {
    setAll,
    set: (credential) => setAll([credential]),
    get: async (name) => {
      const record = find(await read(), name)
      if (record === undefined) {
        throw new SealpostError('config', `there is no credential "${name}"`, {
          hint: `sealpost credentials set ${name}`,
        })
      }
      if (record.expiresAt <= clock.now()) {
        throw new SealpostError('auth', `credential "${name}" expired at ${formatInstant(record.expiresAt)}`, {
          code: 'CREDENTIAL_EXPIRED',
          hint: `set it anew: sealpost credentials set ${name}`,
        })
      }
      return openRecord(credentialKey, projectId, record)
    },
    has: async (name) => find(await read(), name) !== undefined,
    list: async () => {
      const now = clock.now()
      const { records } = await read()
      return records
        .map(({ name, kind, createdAt, expiresAt }) => ({
          name,
          kind,
          createdAt,
          expiresAt,
          expired: expiresAt <= now,
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    remove: (name) =>
      change((index) => {
        const records = index.records.filter((record) => record.name !== name)
        return records.length === index.records.length ? null : records
      }),
  }
}

function find(index: CredentialIndex, name: string): CredentialRecord | undefined {
  return index.records.find((record) => record.name === name)
}

function assertFit(credential: NewCredential, now: number): void {
  const { name } = credential
  if (name.length === 0 || Buffer.byteLength(name) > MAX_NAME_BYTES || /\p{C}/u.test(name)) {
    throw new SealpostError('config', 'a credential needs a printable name of at most 320 bytes')
  }
  if (credential.secret.length === 0)
    throw new SealpostError('config', `the secret of credential "${name}" is empty`)
  if (credential.expiresAt !== null && !(credential.expiresAt > now)) {
    throw new SealpostError('config', `credential "${name}" would have expired already`)
  }
}

function sealRecord(
  key: Buffer,
  projectId: string,
  credential: NewCredential,
  createdAt: number,
  revision: number,
): CredentialRecord {
  const expiresAt = Math.floor(credential.expiresAt ?? createdAt + DEFAULT_LIFE_MS)
  const facts = {
    name: credential.name,
    kind: credential.kind,
    createdAt: Math.floor(createdAt),
    expiresAt,
    revision,
  }
  // One byte says whether there is a username at all: none and an empty one are different things.
  const username =
    credential.username === null
      ? Buffer.of(0)
      : Buffer.concat([Buffer.of(HAS_USERNAME), Buffer.from(credential.username, 'utf8')])
  return {
    ...facts,
    username: sealField(key, projectId, facts, 'username', username),
    secret: credential.secret.use((bytes) => sealField(key, projectId, facts, 'secret', bytes)),
  }
}

function openRecord(key: Buffer, projectId: string, record: CredentialRecord): OpenCredential {
  const username = openField(key, projectId, record, 'username')
  const text = username[0] === HAS_USERNAME ? username.toString('utf8', 1) : null
  wipe(username)
  return {
    name: record.name,
    kind: record.kind,
    username: text,
    secret: Secret.fromBytes(openField(key, projectId, record, 'secret')),
    expiresAt: record.expiresAt,
  }
}
