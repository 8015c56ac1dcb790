import { basename } from 'node:path'
import { isKind, SealpostError, throwIfAborted, toSealpostError } from '../../src/core/errors.ts'
import type { OpenedBytes, RecipientOpener } from '../../src/core/ports.ts'
import { ArchiveIndex, type ArchiveVolume } from './archive-index.ts'
import { checkVolume, readVolumeHeader } from './check-volume.ts'
import { seriesName, volumeName } from './entry-path.ts'
import type { VolumeHeader } from './manifest.ts'
import { openStoredFile, type StoredFile } from './stored-file.ts'

/** Something that is wrong with one file of an archive, or with what the files are together. */
export interface ArchiveProblem {
  /** The file's name, or null where all of them are meant. */
  readonly file: string | null
  readonly error: SealpostError
}

/** An archive that was opened and read whole. */
export interface OpenArchive {
  readonly series: string
  readonly volumes: readonly ArchiveVolume[]
  readonly index: ArchiveIndex
  readonly problems: readonly ArchiveProblem[]
  /** The plain bytes of a volume. */
  bytesOf(volume: number): OpenedBytes
  /** Forgets the keys and closes the files. Twice is safe. */
  close(): Promise<void>
}

/** How an archive is opened. */
export interface OpenArchiveOptions {
  /** Also take a set whose last volume was never written. */
  readonly incomplete?: boolean
  /** Told after each volume. */
  readonly onVolume?: (path: string, messages: number) => void
}

interface Opened {
  readonly path: string
  readonly file: StoredFile
  readonly bytes: OpenedBytes
  readonly header: VolumeHeader
}

/**
 * Opens the volumes of one archive, in any order, and reads all of them: each for itself, and whether they belong together
 * and none is missing, from the first one of the first set on. What is wrong is gathered in `problems`, so that one damaged
 * volume does not hide another. Throws only when nothing can be opened at all: `locked` for another key, `config` for a
 * file that is not there.
 */
export async function openArchive(
  paths: readonly string[],
  opener: RecipientOpener,
  options: OpenArchiveOptions,
  signal: AbortSignal,
): Promise<OpenArchive> {
  const files: StoredFile[] = []
  const opened: Opened[] = []
  const problems: ArchiveProblem[] = []
  const close = async (): Promise<void> => {
    for (const { bytes } of opened) bytes.close()
    for (const file of files) await file.close()
  }
  try {
    for (const path of new Set(paths)) {
      throwIfAborted(signal)
      const file = await openStoredFile(path)
      files.push(file)
      try {
        const bytes = await opener.openFile(file)
        opened.push({ path, file, bytes, header: await readVolumeHeader(bytes) })
      } catch (error) {
        if (!isKind(error, 'corrupt', 'locked', 'policy', 'config')) throw error
        problems.push({ file: basename(path), error })
      }
    }
    opened.sort((a, b) => compare(a.header, b.header))
    const index = new ArchiveIndex()
    const volumes = await readAll(opened, index, problems, options, signal)
    problems.push(...asOne(volumes, problems.length > 0, options.incomplete === true), ...misnamed(opened))
    return {
      series: volumes[0]?.header.series ?? '',
      volumes,
      index,
      problems,
      bytesOf: (volume) => {
        const found = opened.find(({ path }) => path === volumes[volume]?.path)
        if (found === undefined) throw new SealpostError('bug', 'there is no such volume')
        return found.bytes
      },
      close,
    }
  } catch (error) {
    await close()
    throw toSealpostError(error, 'opening a backup')
  }
}

async function readAll(
  opened: readonly Opened[],
  index: ArchiveIndex,
  problems: ArchiveProblem[],
  options: OpenArchiveOptions,
  signal: AbortSignal,
): Promise<readonly ArchiveVolume[]> {
  const volumes: ArchiveVolume[] = []
  for (const { path, bytes } of opened) {
    try {
      const file = volumes.length
      const checked = await checkVolume(bytes, (part) => index.add(file, part), signal)
      volumes.push({ ...checked, path, bytes: bytes.bytes })
      options.onVolume?.(path, checked.end.messages)
    } catch (error) {
      if (!isKind(error, 'corrupt')) throw error
      problems.push({ file: basename(path), error })
    }
  }
  return volumes
}

/** As `backup` names a volume. A name of the client's own says nothing of what is inside, and so nothing wrong. */
const OUR_NAME = /^.+\.[0-9a-f]{6}\.b\d{3,}\.v\d{3,}\.age$/s

/** Volumes that bear the name of another one: who goes by names would keep, or miss, the wrong one. */
function misnamed(opened: readonly Opened[]): readonly ArchiveProblem[] {
  return opened.flatMap(({ path, header: { account, series, sequence, volume } }) => {
    const file = basename(path)
    const name = volumeName(seriesName(account, series), sequence, volume)
    // Some file systems write letters with marks in another way (NFD).
    if (!OUR_NAME.test(file) || file.normalize() === name.normalize()) return []
    const hint = 'give it the name back that it was written under'
    return [{ file, error: new SealpostError('corrupt', `is what was written as ${name}`, { hint }) }]
  })
}

/** What is wrong between volumes that are each good. With damaged ones among them, gaps are no news. */
function asOne(
  volumes: readonly ArchiveVolume[],
  hasDamaged: boolean,
  incomplete: boolean,
): readonly ArchiveProblem[] {
  const series = seriesOfMost(volumes)
  const strangers = volumes.filter(({ header }) => header.series !== series)
  if (strangers.length > 0) {
    const hint = 'name the files of one backup'
    const error = new SealpostError('corrupt', 'belongs to another backup than the others', { hint })
    return strangers.map(({ path }) => ({ file: basename(path), error }))
  }
  if (hasDamaged) return []
  const chains = new Set(volumes.map(({ header }) => header.account))
  return [...chains].flatMap((account) =>
    asChain(
      volumes.filter(({ header }) => header.account === account),
      incomplete,
    ),
  )
}

/** The series that most volumes are of: the others are told as strangers. */
function seriesOfMost(volumes: readonly ArchiveVolume[]): string | undefined {
  const counts = new Map<string, number>()
  for (const { header } of volumes) counts.set(header.series, (counts.get(header.series) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0]
}

/** What is wrong with the sets of one account, or of a project, in their order. */
function asChain(volumes: readonly ArchiveVolume[], incomplete: boolean): readonly ArchiveProblem[] {
  const problems: ArchiveProblem[] = []
  const tell = (path: string | null, message: string, hint?: string): void => {
    const details = hint === undefined ? {} : { hint }
    problems.push({
      file: path === null ? null : basename(path),
      error: new SealpostError('corrupt', message, details),
    })
  }
  for (const [at, { header, path }] of volumes.entries()) {
    const before = volumes[at - 1]
    const { set, sequence, volume, previous, parent } = header
    if (before === undefined) {
      if (sequence !== 1)
        tell(
          path,
          `is a later backup, and number ${sequence - 1} before it is missing`,
          'name all from the first one on',
        )
      else if (volume !== 1) tell(path, `is volume ${volume}, and those before it are missing`)
    } else if (set === before.header.set) {
      if (volume === before.header.volume) tell(path, `is volume ${volume}, as ${basename(before.path)} is`)
      else if (before.end.last)
        tell(path, `is volume ${volume}, and the backup ends with volume ${before.header.volume}`)
      else if (volume !== before.header.volume + 1)
        tell(null, `volume ${before.header.volume + 1} of backup ${sequence} is missing`)
      else if (previous !== before.plainSha256)
        tell(path, `does not go on from ${basename(before.path)}: one of the two is of another backup`)
    } else if (!before.end.last) tell(null, `the last volume of backup ${before.header.sequence} is missing`)
    else if (sequence !== before.header.sequence + 1)
      tell(null, `backup ${before.header.sequence + 1} of the chain is missing`)
    else if (volume !== 1) tell(null, `volume 1 of backup ${sequence} is missing`)
    else if (parent?.set !== before.header.set || parent.sha256 !== before.plainSha256)
      tell(path, `does not go on from ${basename(before.path)}: one of the two is of another backup`)
  }
  const last = volumes.at(-1)
  if (last !== undefined && !last.end.last && !incomplete) {
    tell(null, `the last volume of backup ${last.header.sequence} is missing`, 'or the backup was never finished')
  }
  return problems
}

function compare(a: VolumeHeader, b: VolumeHeader): number {
  const [one, other] = [a.account ?? '', b.account ?? '']
  if (one !== other) return one < other ? -1 : 1
  return a.sequence - b.sequence || (a.set < b.set ? -1 : a.set > b.set ? 1 : 0) || a.volume - b.volume
}
