import { SealpostError } from '../src/core/errors.ts'

/** A JSON object whose members are read one by one, strictly; `what` names it in errors. */
export interface Fields {
  readonly what: string
  readonly values: ReadonlyMap<string, unknown>
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Parses JSON text that must be an object with exactly these members. Throws `corrupt` otherwise, as all below do. */
export function parseFields(text: string, what: string, names: readonly string[]): Fields {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new SealpostError('corrupt', `${what} is not valid JSON`)
  }
  return toFields(value, what, names)
}

/** Takes a parsed value that must be an object with exactly these members. */
export function toFields(value: unknown, what: string, names: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw damaged(what, 'is not an object')
  const values = new Map<string, unknown>(Object.entries(value))
  for (const name of names) if (!values.has(name)) throw damaged(what, `lacks "${name}"`)
  if (values.size !== names.length) throw damaged(what, 'has members that this version does not know')
  return { what, values }
}

/** Requires `format` and `version` to be these, so that a later format is not taken for a damaged one. */
export function requireFormat(fields: Fields, format: string, version: number): void {
  if (fields.values.get('format') !== format) throw damaged(fields.what, `is not of the format ${format}`)
  const found = readInteger(fields, 'version', 1, Number.MAX_SAFE_INTEGER)
  if (found === version) return
  throw new SealpostError('config', `${fields.what} is of version ${found}; this release reads version ${version}`)
}

/** A string member. */
export function readText(fields: Fields, name: string): string {
  const value = fields.values.get(name)
  if (typeof value !== 'string') throw damaged(fields.what, `has no text in "${name}"`)
  return value
}

/** A string member that is one of `choices`. */
export function readChoice<T extends string>(fields: Fields, name: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === fields.values.get(name))
  if (found === undefined) throw damaged(fields.what, `has an unknown "${name}"`)
  return found
}

/** A whole number member within bounds, both included. */
export function readInteger(fields: Fields, name: string, least: number, most: number): number {
  const value = fields.values.get(name)
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most) {
    throw damaged(fields.what, `has a "${name}" out of bounds`)
  }
  return value
}

/** A true or false member. */
export function readBoolean(fields: Fields, name: string): boolean {
  const value = fields.values.get(name)
  if (typeof value !== 'boolean') throw damaged(fields.what, `has no true or false in "${name}"`)
  return value
}

/** A member in canonical base64 (RFC 4648 section 4) of exactly `length` bytes, or of any length when it is null. */
export function readBytes(fields: Fields, name: string, length: number | null): Buffer {
  const value = readText(fields, name)
  const bytes = Buffer.from(value, 'base64')
  // Node skips what is not base64; the round trip also refuses stray bits in the last character.
  if (!BASE64.test(value) || bytes.toString('base64') !== value)
    throw damaged(fields.what, `has no base64 in "${name}"`)
  if (length !== null && bytes.length !== length)
    throw damaged(fields.what, `has a "${name}" of ${bytes.length} bytes`)
  return bytes
}

/** A list member, each item an object with exactly these members. */
export function readList(fields: Fields, name: string, members: readonly string[]): readonly Fields[] {
  const value = fields.values.get(name)
  if (!Array.isArray(value)) throw damaged(fields.what, `has no list in "${name}"`)
  return value.map((item: unknown) => toFields(item, `${fields.what} (${name})`, members))
}

/** An object member with exactly these members. */
export function readObject(fields: Fields, name: string, members: readonly string[]): Fields {
  return toFields(fields.values.get(name), `${fields.what} (${name})`, members)
}

function damaged(what: string, how: string): SealpostError {
  return new SealpostError('corrupt', `${what} ${how}`)
}
