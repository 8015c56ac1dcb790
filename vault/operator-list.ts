import { createHash, timingSafeEqual } from 'node:crypto'
import { SealpostError } from '../src/core/errors.ts'
import { readPrivateFile } from '../src/files/private-files.ts'
import { encodeLabels } from './aes.ts'
import type { Signer } from './ed25519.ts'
import { parseFields, readBytes, readChoice, readInteger, readList, readText, requireFormat } from './fields.ts'
import { operatorListPath } from './paths.ts'
import {
  readSignedText,
  SIGNED_MEMBERS,
  signText,
  verifyText,
  writeSignedText,
  type SignedText,
} from './signed-text.ts'

/** What an operator may do; docs/design.md section 8 says which rules cryptography holds. */
export type OperatorRole = 'lead' | 'engineer' | 'auditor'

/** One operator as the list names him; both keys have 32 bytes. */
export interface OperatorEntry {
  readonly name: string
  readonly role: OperatorRole
  /** X25519: keys are sealed to it. */
  readonly boxKey: Buffer
  /** Ed25519: verifies what he signed. */
  readonly signKey: Buffer
}

/** One state of the list. The public halves of the shared keys stand in it, so that nobody can swap them. */
export interface OperatorList {
  readonly sequence: number
  /** When it was signed, as the signer's clock had it (RFC 3339). */
  readonly issued: string
  readonly operators: readonly OperatorEntry[]
  readonly recordsKey: Buffer
  readonly certificateKey: Buffer
}

/** Every state since the first, verified: each signed by a lead of the one before, the first by the first lead. */
export interface OperatorChain {
  readonly lists: readonly OperatorList[]
  readonly current: OperatorList
  readonly signed: readonly SignedText[]
}

const FORMAT = 'sealpost-operators'
const PURPOSE = 'sealpost/v1/operator-list'
const WHAT = 'the list of operators'
const ROLES: readonly OperatorRole[] = ['lead', 'engineer', 'auditor']
const LIST_MEMBERS = ['sequence', 'previous', 'issued', 'recordsKey', 'certificateKey', 'operators']
const OPERATOR_MEMBERS = ['name', 'role', 'boxKey', 'signKey']

/** SHA-256 (32 bytes) of a lead's signing key: what each operator keeps inside the own sealed key file. */
export function fingerprintLead(signKey: Buffer): Buffer {
  return createHash('sha256')
    .update(encodeLabels(['sealpost/v1/first-lead']))
    .update(signKey)
    .digest()
}

/** The entry of that name, or undefined. */
export function findOperator(list: OperatorList, name: string): OperatorEntry | undefined {
  return list.operators.find((operator) => operator.name === name)
}

/** Throws `config` for a name that nobody here has or has had, with those that there are. */
export function assertKnown({ lists, current }: OperatorChain, name: string): void {
  if (lists.some((list) => findOperator(list, name) !== undefined)) return
  throw new SealpostError('config', `there is no operator named "${name}"`, {
    hint: `the operators are ${current.operators.map((operator) => operator.name).join(', ')}`,
    code: 'NO_OPERATOR',
  })
}

/**
 * Reads and verifies the list. `firstLead` is the fingerprint that an operator keeps; with null only the list's own
 * consistency is checked, which is enough to show names and for nothing else. Throws `config` when there is no workspace,
 * `corrupt` for any change.
 */
export async function readOperatorChain(keystore: string, firstLead: Buffer | null): Promise<OperatorChain> {
  const bytes = await readPrivateFile(operatorListPath(keystore))
  if (bytes === null) {
    throw new SealpostError('config', 'there is no Sealpost workspace here', { hint: 'sealpost init makes one' })
  }
  return verifyChain(bytes.toString('utf8'), firstLead)
}

/** The file's text with one more state, signed by a lead of the last one. The caller writes it. */
export async function extendOperatorList(
  signed: readonly SignedText[],
  next: Omit<OperatorList, 'sequence'>,
  signerName: string,
  signer: Signer,
): Promise<string> {
  const last = signed.at(-1)
  const text = JSON.stringify({
    sequence: signed.length + 1,
    previous: last === undefined ? '' : digestText(last.text),
    issued: next.issued,
    recordsKey: next.recordsKey.toString('base64'),
    certificateKey: next.certificateKey.toString('base64'),
    operators: next.operators.map(({ name, role, boxKey, signKey }) => ({
      name,
      role,
      boxKey: boxKey.toString('base64'),
      signKey: signKey.toString('base64'),
    })),
  })
  const lists = [...signed, await signText(signerName, signer, PURPOSE, text)]
  return `${JSON.stringify({ format: FORMAT, version: 1, lists: lists.map(writeSignedText) })}\n`
}

/** Verifies the text of the file as `readOperatorChain` says. */
export function verifyChain(file: string, firstLead: Buffer | null): OperatorChain {
  const fields = parseFields(file, WHAT, ['format', 'version', 'lists'])
  requireFormat(fields, FORMAT, 1)
  const signed = readList(fields, 'lists', SIGNED_MEMBERS).map(readSignedText)
  const lists: OperatorList[] = []
  let previous = ''
  for (const entry of signed) {
    const list = parseList(entry.text, lists.length + 1, previous)
    // The first list has none before it: its own lead signs, and the fingerprint below says whether it is the right one.
    const author = findOperator(lists.at(-1) ?? list, entry.signer)
    if (author?.role !== 'lead') throw new SealpostError('corrupt', `${WHAT} was not signed by a lead`)
    verifyText(entry, author.signKey, PURPOSE, WHAT)
    if (lists.length === 0 && firstLead !== null && !timingSafeEqual(fingerprintLead(author.signKey), firstLead)) {
      throw new SealpostError('corrupt', `${WHAT} was replaced: it does not come from the first lead`)
    }
    lists.push(list)
    previous = digestText(entry.text)
  }
  const current = lists.at(-1)
  if (current === undefined) throw new SealpostError('corrupt', `${WHAT} is empty`)
  return { lists, current, signed }
}

function parseList(text: string, sequence: number, previous: string): OperatorList {
  const fields = parseFields(text, WHAT, LIST_MEMBERS)
  readInteger(fields, 'sequence', sequence, sequence)
  if (readText(fields, 'previous') !== previous)
    throw new SealpostError('corrupt', `${WHAT} has a break in its chain`)
  const operators = readList(fields, 'operators', OPERATOR_MEMBERS).map((operator) => ({
    name: readText(operator, 'name'),
    role: readChoice(operator, 'role', ROLES),
    boxKey: readBytes(operator, 'boxKey', 32),
    signKey: readBytes(operator, 'signKey', 32),
  }))
  if (new Set(operators.map((operator) => operator.name)).size !== operators.length) {
    throw new SealpostError('corrupt', `${WHAT} names an operator twice`)
  }
  return {
    sequence,
    issued: readText(fields, 'issued'),
    operators,
    recordsKey: readBytes(fields, 'recordsKey', 32),
    certificateKey: readBytes(fields, 'certificateKey', 32),
  }
}

function digestText(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex')
}
