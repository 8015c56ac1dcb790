import type { Actor, AuditEntry, AuditFacts, AuditOutcome, PersonalReference } from '../core/audit.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { formatRanges, parseRanges } from './index-ranges.ts'
import { HASH_BYTES, hashLeaf } from './merkle.ts'

/** An entry together with the hash of the leaf before it. */
export interface LeafContent extends AuditEntry {
  /** Null for the first one. */
  readonly previous: Uint8Array | null
}

/** A line of the log taken apart. */
export interface AuditLine {
  readonly index: number
  readonly leafHash: Buffer
  /** `erased`: nothing but blanks. `altered`: not what the hash is of, or not an entry of this index. */
  readonly state: 'intact' | 'erased' | 'altered'
  /** Null unless intact. */
  readonly content: LeafContent | null
  /** Where the content begins, in bytes from the start of the line. */
  readonly contentAt: number
}

/** Longest line that is written or read, its newline included. */
export const MAX_LINE_BYTES = 64 * 1024

const VERSION = 1
const BLANK = 0x20
const HEAD = /^(0|[1-9]\d{0,14}) ([A-Za-z0-9+/]{43}=) $/
/** What a line has before its content at most. */
const MAX_HEAD_BYTES = 15 + 1 + 44 + 1
const MAX_ERASED = 10_000_000

/** The bytes of a leaf: JSON on one line. These very bytes are hashed; nobody has to write them again. */
export function encodeLeaf(content: LeafContent): Buffer {
  const { index, at, by, action, outcome, project, object, facts, personal, erased, previous } = content
  return Buffer.from(
    JSON.stringify({
      v: VERSION,
      index,
      at,
      actor: by.name,
      role: by.role,
      factor: by.factor,
      action,
      outcome,
      project,
      object,
      facts,
      personal,
      erased: erased && { leaves: formatRanges(erased.leaves), personal: formatRanges(erased.personal) },
      previous: previous && encodeBase64(previous),
    }),
    'utf8',
  )
}

/** `<index> <leaf hash in base64> <leaf>` and a newline. */
export function encodeLine(index: number, leaf: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${index} ${encodeBase64(hashLeaf(leaf))} `), leaf, Buffer.from('\n')])
}

/** Takes a line apart, given without its newline; null when it is not one at all. */
export function parseLine(line: Buffer): AuditLine | null {
  const first = line.indexOf(BLANK)
  const contentAt = first === -1 ? 0 : line.indexOf(BLANK, first + 1) + 1
  if (contentAt === 0 || contentAt > MAX_HEAD_BYTES) return null
  const [, number = '', hash = ''] = HEAD.exec(line.toString('latin1', 0, contentAt)) ?? []
  const leafHash = decodeBase64(hash, HASH_BYTES)
  if (number === '' || leafHash === null) return null
  const index = Number(number)
  const bytes = line.subarray(contentAt)
  if (bytes.length > 0 && bytes.every((byte) => byte === BLANK)) {
    return { index, leafHash, state: 'erased', content: null, contentAt }
  }
  const content = hashLeaf(bytes).equals(leafHash) ? decodeLeaf(bytes) : null
  if (content === null) return { index, leafHash, state: 'altered', content: null, contentAt }
  // The leaf is whole and says its own number: what stands before it was changed.
  if (content.index !== index)
    return { index: content.index, leafHash, state: 'altered', content: null, contentAt }
  return { index, leafHash, state: 'intact', content, contentAt }
}

/** Reads what `encodeLeaf` wrote; null for anything else. Later versions may add members. */
export function decodeLeaf(bytes: Buffer): LeafContent | null {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    return null
  }
  if (!isObject(value) || value['v'] !== VERSION) return null
  const { index, at, actor, role, factor, action, outcome, project, object, facts } = value
  const personal = decodePersonal(value['personal'])
  const erased = decodeErased(value['erased'])
  const previous = decodePrevious(value['previous'])
  if (personal === undefined || erased === undefined || previous === undefined) return null
  const texts = [actor, role, factor, project, object]
  if (!texts.every((text) => text === null || typeof text === 'string')) return null
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0) return null
  if (typeof at !== 'string' || typeof action !== 'string' || typeof outcome !== 'string') return null
  if (!isObject(facts) || !Object.values(facts).every(isFact)) return null
  return {
    index,
    at,
    // Words of a later version pass: they were true when they were written.
    by: { name: actor, role, factor } as Actor,
    action,
    outcome: outcome as AuditOutcome,
    project: project as string | null,
    object: object as string | null,
    facts: facts as AuditFacts,
    personal,
    erased,
    previous,
  }
}

function decodePersonal(value: unknown): PersonalReference | null | undefined {
  if (value === null) return null
  if (!isObject(value)) return undefined
  const { row, commitment, sealed } = value
  if (typeof row !== 'string' || typeof commitment !== 'string' || typeof sealed !== 'string') return undefined
  return { row, commitment, sealed }
}

function decodeErased(value: unknown): LeafContent['erased'] | undefined {
  if (value === null) return null
  if (!isObject(value)) return undefined
  const { leaves, personal } = value
  if (typeof leaves !== 'string' || typeof personal !== 'string') return undefined
  const erased = { leaves: parseRanges(leaves, MAX_ERASED), personal: parseRanges(personal, MAX_ERASED) }
  return erased.leaves === null || erased.personal === null
    ? undefined
    : { leaves: erased.leaves, personal: erased.personal }
}

function decodePrevious(value: unknown): Buffer | null | undefined {
  if (value === null) return null
  return (typeof value === 'string' ? decodeBase64(value, HASH_BYTES) : null) ?? undefined
}

function isFact(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
