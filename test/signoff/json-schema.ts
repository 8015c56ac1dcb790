import { readFileSync } from 'node:fs'

/**
 * As much of JSON Schema 2020-12 as the published schemas use. A keyword that it does not know is an error, so that
 * nothing in the schema goes unchecked.
 */
export type Schema = Readonly<Record<string, unknown>>

const ANNOTATIONS = new Set(['$schema', '$defs', 'title', 'description'])

const read = new Map<string, Schema>()

/** A schema of docs/schemas, by the name of its file. Throws when there is none. */
export function readSchema(name: string): Schema {
  const known = read.get(name)
  if (known !== undefined) return known
  const text = readFileSync(new URL(`../../docs/schemas/${name}`, import.meta.url), 'utf8')
  const schema = JSON.parse(text) as Schema
  read.set(name, schema)
  return schema
}

/** What is wrong with `value`, one line each: path and rule. */
export function validate(schema: Schema, value: unknown, root: Schema = schema, path = '$'): readonly string[] {
  return Object.entries(schema).flatMap(([keyword, rule]) => check(keyword, rule, schema, value, root, path))
}

function check(
  keyword: string,
  rule: unknown,
  schema: Schema,
  value: unknown,
  root: Schema,
  path: string,
): readonly string[] {
  const wrong = (bad: boolean): readonly string[] => (bad ? [`${path}: ${keyword}`] : [])
  if (ANNOTATIONS.has(keyword)) return []
  switch (keyword) {
    case '$ref': {
      const [file = '', part = ''] = String(rule).split('#')
      const home = file === '' ? root : readSchema(file)
      return validate(part === '' ? home : resolve(home, `#${part}`), value, home, path)
    }
    case 'const':
      return wrong(value !== rule)
    case 'enum':
      return wrong(!(rule as readonly unknown[]).includes(value))
    case 'type':
      return wrong(!hasType(String(rule), value))
    case 'minLength':
      return wrong(typeof value === 'string' && value.length < Number(rule))
    case 'pattern':
      return wrong(typeof value === 'string' && !new RegExp(String(rule), 'u').test(value))
    case 'minimum':
      return wrong(typeof value === 'number' && value < Number(rule))
    case 'minItems':
      return wrong(Array.isArray(value) && value.length < Number(rule))
    case 'maxItems':
      return wrong(Array.isArray(value) && value.length > Number(rule))
    case 'items':
      return Array.isArray(value)
        ? value.flatMap((item, i) => validate(rule as Schema, item, root, `${path}[${i}]`))
        : []
    case 'oneOf': {
      const fitting = (rule as readonly Schema[]).filter((one) => validate(one, value, root, path).length === 0)
      return wrong(fitting.length !== 1)
    }
    case 'anyOf': {
      const found = (rule as readonly Schema[]).map((one) => validate(one, value, root, path))
      // The one that fits best says what is wrong.
      return found.reduce((best, faults) => (faults.length < best.length ? faults : best))
    }
    case 'required':
      return isObject(value)
        ? (rule as readonly string[]).filter((name) => !(name in value)).map((name) => `${path}.${name}: required`)
        : []
    case 'properties':
      return isObject(value)
        ? Object.entries(rule as Readonly<Record<string, Schema>>).flatMap(([name, property]) =>
            name in value ? validate(property, value[name], root, `${path}.${name}`) : [],
          )
        : []
    case 'additionalProperties': {
      const known = Object.keys(schema['properties'] ?? {})
      const others = isObject(value) ? Object.entries(value).filter(([name]) => !known.includes(name)) : []
      return others.flatMap(([name, other]) =>
        rule === false
          ? [`${path}.${name}: additionalProperties`]
          : validate(rule as Schema, other, root, `${path}.${name}`),
      )
    }
    default:
      throw new Error(`${path}: unknown keyword ${keyword}`)
  }
}

function resolve(root: Schema, reference: string): Schema {
  const name = /^#\/\$defs\/([\w-]+)$/.exec(reference)?.[1] ?? ''
  const found = (root['$defs'] as Readonly<Record<string, Schema>>)[name]
  if (found === undefined) throw new Error(`${reference} is not there`)
  return found
}

function hasType(type: string, value: unknown): boolean {
  switch (type) {
    case 'object':
      return isObject(value)
    case 'array':
      return Array.isArray(value)
    case 'integer':
      return Number.isSafeInteger(value)
    case 'null':
      return value === null
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === type
    default:
      throw new Error(`unknown type ${type}`)
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
