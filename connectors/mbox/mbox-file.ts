import { lstat, type FileHandle } from 'node:fs/promises'
import { SealpostError } from '../../src/core/errors.ts'
import { openQuietly } from '../shared/open-quietly.ts'

/** A file of an account. */
export interface MboxFile {
  /** Its absolute path. */
  readonly path: Buffer
  /** What it is called in messages to the operator: its path within the account, safe to print. */
  readonly label: string
}

/** What stands still exactly while a file is not written to. */
export interface FileState {
  readonly identity: string
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly changedAt: number
}

/** How a file begins. */
export type Beginning =
  | { readonly kind: 'empty' }
  | { readonly kind: 'mbox'; readonly start: number; readonly isTakeout: boolean }
  | { readonly kind: 'other'; readonly why: string }

const PEEK_BYTES = 64 * 1024
const BYTE_ORDER_MARK = '\xef\xbb\xbf'
/** How files begin that people take for an mbox. */
const OTHERS: readonly (readonly [start: string, why: string])[] = [
  ['\x1f\x8b', 'is compressed: unpack it first'],
  ['PK\x03\x04', 'is a zip archive: unpack it first'],
  ['!BDN', 'is an Outlook data file (PST)'],
  ['*mbx*', 'is in the MBX format of UW IMAP'],
  ['\x01\x01\x01\x01\n', 'is in the MMDF format'],
]

/** Opens a file; `use` gets it with its state, and it is closed behind. Throws `rejected` for what is no plain file. */
export async function withFile<Result>(
  file: MboxFile,
  use: (handle: FileHandle, state: FileState) => Promise<Result>,
): Promise<Result> {
  const handle = await openMbox(file)
  try {
    return await use(handle, await stateOf(handle))
  } finally {
    await handle.close()
  }
}

/** Opens a file for reading. Throws `rejected` for what is no plain file. */
export async function openMbox(file: MboxFile): Promise<FileHandle> {
  const handle = await openQuietly(file.path, `the mbox file ${file.label}`)
  if ((await handle.stat()).isFile()) return handle
  await handle.close()
  throw new SealpostError('rejected', `the mbox file ${file.label} is no plain file`)
}

/** The state of the file that has this path now. Throws what `lstat` throws. */
export async function stateAt(path: Buffer): Promise<FileState> {
  return describe(await lstat(path, { bigint: true }))
}

/** The state of an open file. */
export async function stateOf(handle: FileHandle): Promise<FileState> {
  return describe(await handle.stat({ bigint: true }))
}

/** Looks at how a file begins. */
export async function beginningOf(handle: FileHandle): Promise<Beginning> {
  const room = Buffer.alloc(PEEK_BYTES)
  const { bytesRead } = await handle.read(room, 0, room.length, 0)
  const text = room.toString('latin1', 0, bytesRead)
  const start = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0
  const blank = /^[\r\n]*/.exec(text.slice(start))?.[0].length ?? 0
  const content = text.slice(start + blank)
  if (content === '') return bytesRead < PEEK_BYTES ? { kind: 'empty' } : NOT_MBOX
  if (content.startsWith('From ')) return { kind: 'mbox', start, isTakeout: hasLabels(content) }
  const known = OTHERS.find(([bytes]) => text.startsWith(bytes))
  return known === undefined ? NOT_MBOX : { kind: 'other', why: known[1] }
}

const NOT_MBOX: Beginning = {
  kind: 'other',
  why: 'is not one: it does not begin with a line "From SENDER DATE"',
}

/** Gmail puts its labels into every message that it exports; so the first one's header tells. */
function hasLabels(content: string): boolean {
  const header = content.split(/\r?\n\r?\n/, 1)[0] ?? ''
  return /^x-gmail-labels:/im.test(header)
}

function describe(stat: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint }): FileState {
  const { dev, ino, size, mtimeNs, ctimeNs } = stat
  const identity = [dev, ino, size, mtimeNs, ctimeNs].map((part) => part.toString(36)).join('.')
  const latest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs
  return { identity, bytes: Number(size), changedAt: Number(latest / 1_000_000n) }
}
