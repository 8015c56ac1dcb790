import { formatInstant, type Clock } from '../src/core/clock.ts'
import { SealpostError } from '../src/core/errors.ts'
import { createRecipientSealer } from './age.ts'
import { boxPublicKeyOf, type BoxKeys } from './box.ts'
import { parseFields, readBytes, readList, readText, requireFormat } from './fields.ts'
import { readOperatorChain, type OperatorEntry, type OperatorList } from './operator-list.ts'
import { openRecordsKeys, type UnlockedOperator } from './operator.ts'
import { keystoreFolder } from './paths.ts'
import { wipe } from './secret.ts'

/** Somebody who is or was an operator, as far as the log needs it. */
export type FormerOperator = Pick<OperatorEntry, 'name' | 'signKey'>

/** What a recovery file holds. The caller wipes `recordsKeys.privateKey`. */
export interface Recovery {
  /** When it was written (RFC 3339). */
  readonly issued: string
  readonly recordsKeys: BoxKeys
  /** Everybody until then: with their keys the checkpoints of the log are believed. */
  readonly operators: readonly FormerOperator[]
}

const FORMAT = 'sealpost-recovery'
const WHAT = 'the recovery file'
const MEMBERS = ['format', 'version', 'issued', 'recordsKey', 'operators']

/**
 * A recovery file: the records key of the workspace, sealed to these age recipients. Nothing of a project is in it, nor the
 * key that signs certificates. Throws `config` for what is no recipient.
 */
export async function sealRecovery(
  root: string,
  operator: UnlockedOperator,
  recipients: readonly string[],
  clock: Clock,
): Promise<Buffer> {
  const sealer = createRecipientSealer(recipients)
  const { lists } = await readOperatorChain(keystoreFolder(root), operator.firstLead)
  const { privateKey } = await openRecordsKeys(root, operator)
  const plain = Buffer.from(formatRecovery(formatInstant(clock.now()), privateKey, everybodyOn(lists)), 'utf8')
  const pieces: Uint8Array[] = []
  try {
    for await (const piece of sealer.seal(oneOf(plain))) pieces.push(piece)
    return Buffer.concat(pieces)
  } finally {
    wipe(privateKey, plain)
  }
}

/** The text that is sealed. */
export function formatRecovery(issued: string, recordsKey: Buffer, operators: readonly FormerOperator[]): string {
  return `${JSON.stringify({
    format: FORMAT,
    version: 1,
    issued,
    recordsKey: recordsKey.toString('base64'),
    operators: operators.map(({ name, signKey }) => ({ name, signKey: signKey.toString('base64') })),
  })}\n`
}

/** Reads what `sealRecovery` sealed, opened. Throws `corrupt` when it is something else. */
export async function readRecovery(text: string): Promise<Recovery> {
  const fields = parseFields(text, WHAT, MEMBERS)
  requireFormat(fields, FORMAT, 1)
  const privateKey = readBytes(fields, 'recordsKey', 32)
  const operators = readList(fields, 'operators', ['name', 'signKey']).map((operator) => ({
    name: readText(operator, 'name'),
    signKey: readBytes(operator, 'signKey', 32),
  }))
  const recordsKeys = { publicKey: await boxPublicKeyOf(privateKey), privateKey }
  return { issued: readText(fields, 'issued'), recordsKeys, operators }
}

/** Everybody on any of the lists, once each. */
export function everybodyOn(lists: readonly OperatorList[]): readonly FormerOperator[] {
  const found = new Map<string, FormerOperator>()
  for (const { operators } of lists) for (const { name, signKey } of operators) found.set(name, { name, signKey })
  return [...found.values()]
}

/** Throws `config` for a name that somebody had before. */
export function assertNewName(name: string, operators: readonly FormerOperator[]): void {
  if (!operators.some((operator) => operator.name === name)) return
  throw new SealpostError('config', `${name} is, or was, an operator of this workspace`, {
    hint: 'the log tells people apart by their names: take another with --operator',
    code: 'OPERATOR_EXISTS',
  })
}

async function* oneOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  await Promise.resolve()
  yield bytes
}
