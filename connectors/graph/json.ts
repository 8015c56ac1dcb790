/** A value as JSON gives it. */
export type Json = unknown

/** The value of a field, or undefined for anything that has no fields. */
export function fieldOf(value: Json, name: string): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)[name]
    : undefined
}

/** A field that is text, or null. */
export function textOf(value: Json, name: string): string | null {
  const field = fieldOf(value, name)
  return typeof field === 'string' ? field : null
}

/** A field that is a number, or null. */
export function numberOf(value: Json, name: string): number | null {
  const field = fieldOf(value, name)
  return typeof field === 'number' && Number.isFinite(field) ? field : null
}

/** The members of a field that is a list; none for anything else. */
export function listOf(value: Json, name: string): readonly Json[] {
  const field = fieldOf(value, name)
  return Array.isArray(field) ? (field as readonly unknown[]) : []
}

/** An instant in a field, as milliseconds since 1970-01-01 UTC, or null. */
export function instantOf(value: Json, name: string): number | null {
  const text = textOf(value, name)
  const instant = text === null ? NaN : Date.parse(text)
  return Number.isNaN(instant) ? null : instant
}
