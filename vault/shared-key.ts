import { SealpostError } from '../src/core/errors.ts'
import { writePrivateFile } from '../src/files/durable.ts'
import { readPrivateFile } from '../src/files/private-files.ts'
import { sealToKey } from './box.ts'
import { parseFields, readBytes, readChoice, readList, readText, requireFormat } from './fields.ts'
import type { OperatorEntry } from './operator-list.ts'
import { sharedKeyPath } from './paths.ts'
import { wipe } from './secret.ts'

/** A private key of the workspace that several operators can open: `records` all of them, `certificate` leads only. */
export type SharedKeyKind = 'records' | 'certificate'

/** One copy of a key, sealed to one operator. */
export interface SealedCopy {
  readonly operator: string
  readonly sealed: Buffer
}

const FORMAT = 'sealpost-shared-key'

/** Labels of the sealed copies. */
export function sharedKeyLabels(kind: SharedKeyKind): readonly string[] {
  return [`${kind} key`]
}

/** Seals a key to each of the operators. Pass only operators of a list that has just been verified. */
export async function sealCopies(
  operators: readonly OperatorEntry[],
  labels: readonly string[],
  key: Uint8Array,
): Promise<readonly SealedCopy[]> {
  const copies: SealedCopy[] = []
  for (const { name, boxKey } of operators)
    copies.push({ operator: name, sealed: await sealToKey(boxKey, labels, key) })
  return copies
}

/** The text of a shared key's file. Its copies need no signature: what they open to must match the signed list. */
export function formatSharedKey(kind: SharedKeyKind, copies: readonly SealedCopy[]): string {
  const sealed = copies.map((copy) => ({ operator: copy.operator, sealed: copy.sealed.toString('base64') }))
  return `${JSON.stringify({ format: FORMAT, version: 1, kind, sealed })}\n`
}

/** Seals a shared key anew to all who may open it, and forgets it. Pass operators as to `sealCopies`. */
export async function shareKey(
  keystore: string,
  kind: SharedKeyKind,
  operators: readonly OperatorEntry[],
  key: Buffer,
): Promise<void> {
  try {
    const copies = await sealCopies(operators, sharedKeyLabels(kind), key)
    await writePrivateFile(sharedKeyPath(keystore, kind), Buffer.from(formatSharedKey(kind, copies), 'utf8'))
  } finally {
    wipe(key)
  }
}

/** The copy for one operator. Throws `policy` when there is none for him, `corrupt` for a damaged file. */
export async function readSharedKeyCopy(keystore: string, kind: SharedKeyKind, operator: string): Promise<Buffer> {
  const bytes = await readPrivateFile(sharedKeyPath(keystore, kind))
  const what = `the file of the ${kind} key`
  if (bytes === null) throw new SealpostError('corrupt', `${what} is missing`)
  const fields = parseFields(bytes.toString('utf8'), what, ['format', 'version', 'kind', 'sealed'])
  requireFormat(fields, FORMAT, 1)
  readChoice(fields, 'kind', [kind])
  const copy = readList(fields, 'sealed', ['operator', 'sealed']).find(
    (item) => readText(item, 'operator') === operator,
  )
  if (copy === undefined) throw new SealpostError('policy', `operator ${operator} may not open the ${kind} key`)
  return readBytes(copy, 'sealed', null)
}
