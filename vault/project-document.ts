import { SealpostError } from '../src/core/errors.ts'
import { parseFields, readBytes, readInteger, readList, readObject, readText, requireFormat } from './fields.ts'
import { findOperator, type OperatorChain } from './operator-list.ts'
import type { SealedCopy } from './shared-key.ts'
import { readSignedText, verifyText, writeSignedText, type SignedText } from './signed-text.ts'

/** The keys that a project's key wraps. */
export const WRAPPED_KINDS = ['ledger', 'credential', 'spool', 'intake'] as const
/** One of them. */
export type WrappedKind = (typeof WRAPPED_KINDS)[number]

/** Every key that is committed to when a project is made. */
export const COMMITTED_KINDS = ['grant', 'shred', 'project', ...WRAPPED_KINDS] as const
/** One of them. */
export type CommittedKind = (typeof COMMITTED_KINDS)[number]

/** What the keystore says of a project: who was granted it, its wrapped keys, and what each key must hash to. */
export interface ProjectDocument {
  readonly project: string
  /** Grows each time the keys are made anew. */
  readonly generation: number
  /** The state of the list of operators it was signed under. */
  readonly listSequence: number
  /** Where the slot lies; null: in the keystore. */
  readonly shredFolder: string | null
  readonly salt: Buffer
  readonly grants: readonly SealedCopy[]
  readonly wrapped: Readonly<Record<WrappedKind, Buffer>>
  readonly intakeRecipient: string
  /** SHA-256 in hex, under a label of its own for each kind. */
  readonly commitments: Readonly<Record<CommittedKind, string>>
}

const FORMAT = 'sealpost-project'
/** What a lead's signature under a project's document is for. */
export const PROJECT_PURPOSE = 'sealpost/v1/project-document'
const MEMBERS = [
  'project',
  'generation',
  'listSequence',
  'shredFolder',
  'salt',
  'grants',
  'wrapped',
  'intakeRecipient',
  'commitments',
]
const DIGEST = /^[0-9a-f]{64}$/

/** The text that a lead signs. */
export function formatDocument(document: ProjectDocument): string {
  const base64 = (bytes: Buffer): string => bytes.toString('base64')
  return JSON.stringify({
    ...document,
    salt: base64(document.salt),
    grants: document.grants.map((grant) => ({ operator: grant.operator, sealed: base64(grant.sealed) })),
    wrapped: Object.fromEntries(WRAPPED_KINDS.map((kind) => [kind, base64(document.wrapped[kind])])),
  })
}

/** The text of the file around a signed document. */
export function formatProjectFile(document: SignedText): string {
  return `${JSON.stringify({ format: FORMAT, version: 1, document: writeSignedText(document) })}\n`
}

/**
 * Reads a project's file. Throws `corrupt` unless a lead of the list that it names signed it, for this project; also when
 * the list of operators is older than the file, for then somebody has put an old list back. Throws `policy` when the signer
 * is no lead any more: what he could still sign counts for nothing, and his removal has not come to its end.
 */
export function readProjectFile(file: string, projectId: string, chain: OperatorChain): ProjectDocument {
  const { document, signer } = readSignedDocument(file, projectId, chain)
  if (findOperator(chain.current, signer)?.role === 'lead') return document
  throw new SealpostError(
    'policy',
    `the key document of project ${projectId} is signed by ${signer}, who is no lead any more`,
    {
      hint: `a lead finishes that removal: sealpost operator remove ${signer}, once more`,
      code: 'SIGNER_REMOVED',
    },
  )
}

/** As `readProjectFile`, but the signer need not be a lead any more: for signing it anew. */
export function readSignedDocument(
  file: string,
  projectId: string,
  chain: OperatorChain,
): { readonly document: ProjectDocument; readonly signer: string } {
  const what = `the key document of project ${projectId}`
  const fields = parseFields(file, what, ['format', 'version', 'document'])
  requireFormat(fields, FORMAT, 1)
  const signed = readSignedText(readObject(fields, 'document', ['text', 'signer', 'signature']))
  const document = parseDocument(signed.text, what)
  const list = chain.lists[document.listSequence - 1]
  if (list === undefined) throw new SealpostError('corrupt', `the list of operators is older than ${what}`)
  const author = findOperator(list, signed.signer)
  if (author?.role !== 'lead') throw new SealpostError('corrupt', `${what} was not signed by a lead`)
  verifyText(signed, author.signKey, PROJECT_PURPOSE, what)
  if (document.project !== projectId) throw new SealpostError('corrupt', `${what} belongs to another project`)
  return { document, signer: signed.signer }
}

function parseDocument(text: string, what: string): ProjectDocument {
  const fields = parseFields(text, what, MEMBERS)
  const wrapped = readObject(fields, 'wrapped', WRAPPED_KINDS)
  const commitments = readObject(fields, 'commitments', COMMITTED_KINDS)
  const commitment = (kind: CommittedKind): string => {
    const digest = readText(commitments, kind)
    if (!DIGEST.test(digest)) throw new SealpostError('corrupt', `${what} has no digest for the ${kind} key`)
    return digest
  }
  return {
    project: readText(fields, 'project'),
    generation: readInteger(fields, 'generation', 1, Number.MAX_SAFE_INTEGER),
    listSequence: readInteger(fields, 'listSequence', 1, Number.MAX_SAFE_INTEGER),
    shredFolder: fields.values.get('shredFolder') === null ? null : readText(fields, 'shredFolder'),
    salt: readBytes(fields, 'salt', 32),
    grants: readList(fields, 'grants', ['operator', 'sealed']).map((grant) => ({
      operator: readText(grant, 'operator'),
      sealed: readBytes(grant, 'sealed', null),
    })),
    wrapped: fromKinds(WRAPPED_KINDS, (kind) => readBytes(wrapped, kind, null)),
    intakeRecipient: readText(fields, 'intakeRecipient'),
    commitments: fromKinds(COMMITTED_KINDS, commitment),
  }
}

/** A record with one value a kind. */
export function fromKinds<K extends string, V>(kinds: readonly K[], valueOf: (kind: K) => V): Record<K, V> {
  return Object.fromEntries(kinds.map((kind) => [kind, valueOf(kind)])) as Record<K, V>
}
