import { createHash, randomBytes } from 'node:crypto'
import type { PersonalOpener, PersonalReference, PersonalSealer } from '../core/audit.ts'
import { SealpostError } from '../core/errors.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'

/** Named fields of one entry. */
export type PersonalFields = Readonly<Record<string, string>>

/** A row of the side file taken apart. */
export interface PersonalRow {
  readonly row: string
  /** Null where it was erased: nothing but blanks. */
  readonly sealed: Buffer | null
}

const DOMAIN = 'sealpost/v1/audit-personal\n'
const SALT_BYTES = 32
const ROW_DIGITS = 32
const ROW_START = /^[0-9a-f]{32} $/

/** Where the sealed bytes begin, from the start of a row. */
export const ROW_CONTENT_AT = ROW_DIGITS + 1

/**
 * Seals the fields of one entry under a new row id. What is sealed is a random salt (32 bytes), then JSON; the commitment
 * is SHA-256 over a fixed first line, both of them: without the salt it cannot be guessed at.
 */
export async function sealFields(
  fields: PersonalFields,
  sealer: PersonalSealer,
): Promise<{ readonly reference: PersonalReference; readonly line: Buffer }> {
  const row = randomBytes(ROW_DIGITS / 2).toString('hex')
  const plain = Buffer.concat([randomBytes(SALT_BYTES), Buffer.from(JSON.stringify(fields), 'utf8')])
  try {
    const sealed = await sealer.seal(row, plain)
    const reference = { row, commitment: commit(plain), sealed: digestSealed(sealed) }
    return { reference, line: Buffer.from(`${row} ${encodeBase64(sealed)}\n`, 'latin1') }
  } finally {
    plain.fill(0)
  }
}

/** Opens a row and checks it against its entry. Throws `corrupt` when either does not fit the other. */
export async function openFields(
  reference: PersonalReference,
  sealed: Uint8Array,
  opener: PersonalOpener,
): Promise<PersonalFields> {
  const plain = await opener.open(reference.row, sealed)
  try {
    const fields = commit(plain) === reference.commitment ? parseFields(plain) : null
    if (fields !== null) return fields
    throw new SealpostError('corrupt', 'audit log: sealed fields are not those that the entry was written with')
  } finally {
    plain.fill(0)
  }
}

/** Takes a row apart, given without its newline; null when it is not one. */
export function parseRow(line: Buffer): PersonalRow | null {
  if (!ROW_START.test(line.toString('latin1', 0, ROW_CONTENT_AT)) || line.length === ROW_CONTENT_AT) return null
  const row = rowIdOf(line)
  const text = line.toString('latin1', ROW_CONTENT_AT)
  if (/^ +$/.test(text)) return { row, sealed: null }
  const sealed = decodeBase64(text)
  return sealed === null ? null : { row, sealed }
}

/** The id that a row begins with. */
export function rowIdOf(line: Buffer): string {
  return line.toString('latin1', 0, ROW_DIGITS)
}

/** The digest by which an entry knows its sealed bytes. */
export function digestSealed(sealed: Uint8Array): string {
  return createHash('sha256').update(sealed).digest('base64')
}

function commit(plain: Uint8Array): string {
  return createHash('sha256').update(DOMAIN).update(plain).digest('base64')
}

function parseFields(plain: Uint8Array): PersonalFields | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(plain.subarray(SALT_BYTES)).toString('utf8'))
    const valid = typeof value === 'object' && value !== null && !Array.isArray(value)
    return valid && Object.values(value).every((field) => typeof field === 'string')
      ? (value as PersonalFields)
      : null
  } catch {
    return null
  }
}
