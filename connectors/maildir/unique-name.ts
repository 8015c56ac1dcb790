import { createHash, randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Clock } from '../../src/core/clock.ts'

/** What is known of a message once its file is written. */
export interface NameFacts {
  /** Length of the file. */
  readonly fileBytes: number
  /** Length with every line ending in CRLF, which is what a server announces. */
  readonly wireBytes: number
  /** Reading the file must not turn its lone LFs into CRLF. */
  readonly verbatim: boolean
}

const VERBATIM = ',X=verbatim'
const OURS = /^(\d{1,10})\.M(\d{6})P\d+Q\d+R[0-9a-f]{8}\./
const MICROSECONDS = 1_000_000
const DAY = 86_400 * MICROSECONDS

/**
 * Gives names that no other message has had (the Maildir specification: time, process, counter, random bytes, host),
 * stamped with microseconds that only ever grow, whatever the clock does, and remembers the highest stamp that each
 * folder holds. So names can be compared with a position.
 */
export class UniqueNames {
  readonly #clock: Clock
  readonly #host = createHash('sha256').update(hostname()).digest('hex').slice(0, 12)
  readonly #highest = new Map<string, number>()
  #last = 0
  #count = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The next name, stamped above `floor`, without the fields that `withFacts` adds. */
  next(floor: number): string {
    this.#last = Math.max(this.#clock.now() * 1000, this.#last + 1, floor + 1)
    const seconds = Math.floor(this.#last / MICROSECONDS)
    const rest = String(this.#last % MICROSECONDS).padStart(6, '0')
    const random = randomBytes(4).toString('hex')
    return `${seconds}.M${rest}P${process.pid}Q${++this.#count}R${random}.${this.#host}`
  }

  /** A time further ahead than a day is no guide: a name may say anything, and a clock may have been wrong. */
  isPlausible(stamp: number): boolean {
    return stamp < this.#clock.now() * 1000 + DAY
  }

  /** The highest stamp that is known to be in a folder, or undefined before anybody looked. */
  highestIn(directory: Buffer): number | undefined {
    return this.#highest.get(directory.toString('latin1'))
  }

  /** Takes note of stamps that are in a folder. */
  note(directory: Buffer, stamp: number): void {
    this.#highest.set(directory.toString('latin1'), Math.max(stamp, this.highestIn(directory) ?? 0))
  }
}

/** A name with the sizes that Maildir++ readers look for, and our mark on a body that is not in wire form. */
export function withFacts(name: string, facts: NameFacts): string {
  return `${name},S=${facts.fileBytes},W=${facts.wireBytes}${facts.verbatim ? VERBATIM : ''}`
}

/** True for a message whose file is to be read as it stands. */
export function isVerbatim(base: string): boolean {
  return ownStamp(base) !== null && base.includes(VERBATIM)
}

/** The stamp of a name that one of our processes gave, in microseconds since 1970; null for others. */
export function ownStamp(base: string): number | null {
  const parts = OURS.exec(base)
  return parts === null ? null : Number(parts[1]) * MICROSECONDS + Number(parts[2])
}

/** The last microsecond of the second at which another program says it named a file; null when it does not say. */
export function foreignStamp(base: string): number | null {
  const parts = /^(\d{1,10})\./.exec(base)
  return parts === null ? null : Number(parts[1]) * MICROSECONDS + (MICROSECONDS - 1)
}

/** The fields behind the host, which a moved message keeps. */
export function fieldsOf(base: string): string {
  const comma = base.indexOf(',')
  return comma === -1 ? '' : base.slice(comma)
}
