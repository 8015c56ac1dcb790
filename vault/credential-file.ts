import { SealpostError } from '../src/core/errors.ts'
import { writePrivateFile } from '../src/files/durable.ts'
import { readPrivateFile } from '../src/files/private-files.ts'
import { openBytes, sealBytes } from './aes.ts'
import { parseFields, readBytes, readChoice, readInteger, readList, readText, requireFormat } from './fields.ts'

/** What a credential is: a service account is Google's key file, a client certificate PEM with its private key. */
export type CredentialKind = 'password' | 'token' | 'service-account' | 'client-secret' | 'client-certificate'

/** A credential as the file holds it: its fields are sealed one by one, the facts about it bound to them. */
export interface CredentialRecord {
  readonly name: string
  readonly kind: CredentialKind
  /** Milliseconds since 1970-01-01 UTC, as is `expiresAt`. */
  readonly createdAt: number
  readonly expiresAt: number
  /** The revision of the file in which it was set. */
  readonly revision: number
  readonly username: Buffer
  readonly secret: Buffer
}

/** One state of the file. */
export interface CredentialIndex {
  readonly revision: number
  readonly records: readonly CredentialRecord[]
}

/** The fields of a record that are sealed, each by itself. */
export type SealedField = 'username' | 'secret'

const FORMAT = 'sealpost-credentials'
const WHAT = 'the credentials file'
const KINDS: readonly CredentialKind[] = [
  'password',
  'token',
  'service-account',
  'client-secret',
  'client-certificate',
]
const RECORD_MEMBERS = ['name', 'kind', 'createdAt', 'expiresAt', 'revision', 'username', 'secret']
const LATEST = 8_640_000_000_000_000

/**
 * Reads the file; none is an empty index. The list of records is sealed as a whole around the sealed fields: names of
 * accounts stay out of sight, and no record can be taken out, put back or exchanged for an older one by itself.
 */
export async function readIndex(path: string, projectId: string, key: Buffer): Promise<CredentialIndex> {
  const file = await readPrivateFile(path)
  if (file === null) return { revision: 0, records: [] }
  const outer = parseFields(file.toString('utf8'), WHAT, ['format', 'version', 'sealed'])
  requireFormat(outer, FORMAT, 1)
  const text = openBytes(key, indexLabels(projectId), readBytes(outer, 'sealed', null), WHAT)
  const fields = parseFields(text.toString('utf8'), WHAT, ['revision', 'credentials'])
  const records = readList(fields, 'credentials', RECORD_MEMBERS).map((record) => ({
    name: readText(record, 'name'),
    kind: readChoice(record, 'kind', KINDS),
    createdAt: readInteger(record, 'createdAt', -LATEST, LATEST),
    expiresAt: readInteger(record, 'expiresAt', -LATEST, LATEST),
    revision: readInteger(record, 'revision', 1, Number.MAX_SAFE_INTEGER),
    username: readBytes(record, 'username', null),
    secret: readBytes(record, 'secret', null),
  }))
  return { revision: readInteger(fields, 'revision', 1, Number.MAX_SAFE_INTEGER), records }
}

/** Replaces the file as one step. */
export async function writeIndex(
  path: string,
  projectId: string,
  key: Buffer,
  index: CredentialIndex,
): Promise<void> {
  const credentials = index.records.map((record) => ({
    ...record,
    username: record.username.toString('base64'),
    secret: record.secret.toString('base64'),
  }))
  const text = JSON.stringify({ revision: index.revision, credentials })
  const sealed = sealBytes(key, indexLabels(projectId), Buffer.from(text, 'utf8')).toString('base64')
  await writePrivateFile(path, Buffer.from(`${JSON.stringify({ format: FORMAT, version: 1, sealed })}\n`, 'utf8'))
}

/** Seals one field of a record, bound to everything else that the record says. */
export function sealField(
  key: Buffer,
  projectId: string,
  record: Omit<CredentialRecord, SealedField>,
  field: SealedField,
  bytes: Uint8Array,
): Buffer {
  return sealBytes(key, fieldLabels(projectId, record, field), bytes)
}

/** Opens one field; the caller wipes it. Throws `corrupt` when any fact of the record was changed. */
export function openField(key: Buffer, projectId: string, record: CredentialRecord, field: SealedField): Buffer {
  const what = `the ${field} of credential "${record.name}"`
  return openBytes(key, fieldLabels(projectId, record, field), record[field], what)
}

/** Throws `locked` when the key has been wiped: sealing under what is left of it would be no sealing. */
export function requireCredentialKey(key: Buffer): Buffer {
  if (key.every((byte) => byte === 0))
    throw new SealpostError('locked', 'the project is locked: its keys were wiped')
  return key
}

function indexLabels(projectId: string): readonly string[] {
  return ['sealpost/v1/credentials', projectId]
}

function fieldLabels(
  projectId: string,
  record: Omit<CredentialRecord, SealedField>,
  field: SealedField,
): readonly string[] {
  const { name, kind, createdAt, expiresAt, revision } = record
  return ['sealpost/v1/credential', projectId, name, field, `${revision}`, kind, `${createdAt}`, `${expiresAt}`]
}
