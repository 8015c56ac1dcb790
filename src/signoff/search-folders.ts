import { constants, type Dirent } from 'node:fs'
import { lstat, open, readdir, type FileHandle } from 'node:fs/promises'
import { throwIfAborted } from '../core/errors.ts'
import type { SearchedPlace } from '../core/certificate.ts'
import { codeOf } from '../core/system-faults.ts'
import { joinBytes } from '../files/byte-paths.ts'
import type { Needle } from './needles.ts'
import { StreamSearch } from './search-stream.ts'
import type { SearchReport } from './state.ts'

/** A folder, or one file, to be searched. */
export interface SearchPlace {
  /** What it is, such as `project`. */
  readonly place: string
  /** Absolute, without links. */
  readonly path: string
}

/** How far a search has come. */
export interface SearchProgress {
  /** The place that is being searched. */
  readonly path: string
  /** In all places so far. */
  readonly files: number
  readonly bytes: number
}

const PIECE_BYTES = 1024 * 1024
/** More hits than this are not listed: the first ones say enough. */
const MAX_HITS = 200
const GONE: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR'])
const ZEROS = Buffer.alloc(PIECE_BYTES)
/** Says of us that we cannot look, not of a file that it cannot be read. */
const OURS: ReadonlySet<string | undefined> = new Set([undefined, 'EMFILE', 'ENFILE', 'ENOMEM'])

interface Tally {
  files: number
  bytes: number
  unreadable: number
  notFiles: number
}

/**
 * Searches every file of the places for the needles, a piece at a time. Links are not followed, pipes and devices not
 * read, a folder that two places share is searched once, and what lies below `apart` is left out. What vanishes
 * meanwhile is passed over; what cannot be read is counted. A file is read as long as it was when it was opened: one that
 * somebody goes on writing to has an end. `told` is called after each piece and each file.
 */
export async function searchPlaces(
  places: readonly SearchPlace[],
  apart: readonly string[],
  needles: readonly Needle[],
  told: (progress: SearchProgress) => void,
  signal: AbortSignal,
): Promise<SearchReport> {
  const hits: { path: string; name: string; form: string }[] = []
  const searched: SearchedPlace[] = []
  const seen = new Set<string>()
  const left = new Set(apart)
  const stream = new StreamSearch(needles)
  const piece = Buffer.allocUnsafeSlow(PIECE_BYTES)
  const sum = { path: '', files: 0, bytes: 0 }
  try {
    for (const { place, path } of places) {
      sum.path = path
      const tally: Tally = { files: 0, bytes: 0, unreadable: 0, notFiles: 0 }
      const state = await searchOne(path, tally)
      searched.push({ place, path, ...tally, state })
    }
    return { places: searched, hits }
  } finally {
    stream.wipe()
    piece.fill(0)
  }

  async function searchOne(path: string, tally: Tally): Promise<SearchedPlace['state']> {
    try {
      const stats = await lstat(path)
      if (stats.isDirectory()) return await searchFolder(path, tally)
      if (!stats.isFile()) return 'not there'
      await searchFile(path, tally)
      return tally.unreadable > 0 ? 'not readable' : 'searched'
    } catch (error) {
      if (OURS.has(codeOf(error))) throw error
      return GONE.has(codeOf(error)) ? 'not there' : 'not readable'
    }
  }

  async function searchFolder(root: string, tally: Tally): Promise<SearchedPlace['state']> {
    const waiting: Buffer[] = [Buffer.from(root)]
    let first = true
    for (;;) {
      const folder = waiting.pop()
      if (folder === undefined) return 'searched'
      throwIfAborted(signal)
      const entries = await listFolder(folder, tally)
      if (entries === null && first) return 'not readable'
      first = false
      for (const entry of entries ?? []) {
        const path = joinBytes(folder, entry.name)
        if (left.has(path.toString())) continue
        if (entry.isDirectory()) waiting.push(path)
        else if (entry.isFile()) await searchFile(path, tally)
        else tally.notFiles++
      }
    }
  }

  /** The entries of a folder; none when it was searched before or is gone, null when it may not be read. */
  async function listFolder(folder: Buffer, tally: Tally): Promise<readonly Dirent<Buffer>[] | null> {
    try {
      const { dev, ino } = await lstat(folder, { bigint: true })
      const identity = `${dev}:${ino}`
      if (seen.has(identity)) return []
      seen.add(identity)
      return await readdir(folder, { withFileTypes: true, encoding: 'buffer' })
    } catch (error) {
      if (OURS.has(codeOf(error))) throw error
      if (GONE.has(codeOf(error))) return []
      tally.unreadable++
      return null
    }
  }

  async function searchFile(path: string | Buffer, tally: Tally): Promise<void> {
    let file: FileHandle
    try {
      // A pipe that took the file's place meanwhile must not hold us up.
      file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (error) {
      if (OURS.has(codeOf(error))) throw error
      if (codeOf(error) === 'ELOOP' || codeOf(error) === 'ENXIO') tally.notFiles++
      else if (!GONE.has(codeOf(error))) tally.unreadable++
      return
    }
    try {
      stream.begin()
      tally.files++
      sum.files++
      // Some file systems say 0 of a file that has content.
      const size = (await file.stat()).size || Infinity
      for (let read = 0; read < size;) {
        throwIfAborted(signal)
        const { bytesRead } = await file.read(piece, 0, Math.min(PIECE_BYTES, size - read), null)
        if (bytesRead === 0) break
        read += bytesRead
        tally.bytes += bytesRead
        sum.bytes += bytesRead
        // Holes, of which an image of a disk has terabytes: only what begins or ends in them can be a hit.
        const isHole = piece.compare(ZEROS, 0, bytesRead, 0, bytesRead) === 0
        stream.add(piece.subarray(0, isHole ? Math.min(bytesRead, stream.overlap) : bytesRead))
        told(sum)
      }
      told(sum)
    } catch (error) {
      // A file of a broken disk or of a process that went away (EIO, ESRCH): what was not read is counted.
      if (OURS.has(codeOf(error))) throw error
      tally.unreadable++
    } finally {
      await file.close()
    }
    note(path.toString(), stream.hits())
  }

  function note(path: string, found: readonly Needle[]): void {
    const names = new Map(found.map(({ name, form }) => [name, form]))
    for (const [name, form] of names) if (hits.length < MAX_HITS) hits.push({ path, name, form })
  }
}
