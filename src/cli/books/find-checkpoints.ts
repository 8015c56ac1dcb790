import { isKind, SealpostError } from '../../core/errors.ts'
import { readPlainFile } from '../../files/plain-files.ts'
import { parseCheckpoint, verifyCheckpoint, type Checkpoint } from '../../audit/checkpoint.ts'
import { UNKNOWN_KEY } from '../../audit/signed-note.ts'

/** A checkpoint that was found outside of the log. */
export interface FoundCheckpoint extends Checkpoint {
  /** The file or record that it stands in. */
  readonly place: string
  readonly note: string
  /** `known`: an operator of this workspace signed it. `unknown`: somebody else. `wrong`: the signature does not fit. */
  readonly signature: 'known' | 'unknown' | 'wrong'
}

const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
/** Origin, size and root on a line each, an empty line, and signatures (c2sp.org/tlog-checkpoint); behind a tag in HTML. */
const NOTE =
  /(?:^|>)([^\s<>]{1,200}\n\d{1,16}\n[A-Za-z0-9+/]{43}=\n\n(?:— [^\s<>]{1,200} [A-Za-z0-9+/=]{1,200}(?:\n|$|(?=<)))+)/gm

/**
 * The checkpoints that stand in a document: a certificate, a record, a report, a page, a file of one alone. Throws `config`
 * when there is none.
 */
export async function readCheckpointFile(
  path: string,
  keys: readonly string[],
): Promise<readonly FoundCheckpoint[]> {
  const bytes = await readPlainFile(path, 'read', MAX_DOCUMENT_BYTES)
  const found = findCheckpoints(bytes.toString('utf8')).map((note) => judge(path, note, keys))
  if (found.length > 0) return found
  throw new SealpostError('config', `${path} holds no checkpoint of an audit log`, {
    hint: 'give a deletion certificate, an intake page, an exported record or another document of sealpost',
  })
}

/** A checkpoint with what its signature is worth. */
export function judge(place: string, note: string, keys: readonly string[]): FoundCheckpoint {
  const checkpoint = parseCheckpoint(note)
  try {
    verifyCheckpoint(note, checkpoint.origin, keys)
    return { ...checkpoint, place, note, signature: 'known' }
  } catch (error) {
    if (!isKind(error, 'corrupt')) throw error
    return { ...checkpoint, place, note, signature: error.code === UNKNOWN_KEY ? 'unknown' : 'wrong' }
  }
}

/** Every checkpoint in a text: by itself, in HTML, or in a string anywhere below a JSON value. Each once. */
export function findCheckpoints(text: string): readonly string[] {
  const texts = [text, ...stringsOf(parseJson(text))]
  const notes = texts.flatMap((part) => {
    if (!part.includes('\n\n— ')) return []
    return [...part.replace(/\r\n/g, '\n').matchAll(NOTE)].map(([, note = '']) => `${note.trimEnd()}\n`)
  })
  return [...new Set(notes)].filter(isCheckpoint)
}

function isCheckpoint(note: string): boolean {
  try {
    parseCheckpoint(note)
    return true
  } catch {
    return false
  }
}

function stringsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(stringsOf)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return null
  }
}
