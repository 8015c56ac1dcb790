import { closeSync, constants, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { SealpostError } from '../../core/errors.ts'
import { fileError } from '../../files/file-error.ts'

/** How much is kept. */
export interface Bounds {
  readonly bytes: number
  /** Full files that are kept besides the one that is written. */
  readonly kept: number
}

const NAME = 'events'
/** Absent on Windows. */
const NOFOLLOW = (constants.O_NOFOLLOW as number | undefined) ?? 0
/** Without O_NONBLOCK a pipe in the file's place would hang the process. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | NOFOLLOW | constants.O_NONBLOCK

/**
 * A file of lines that others may not read (0600, its folder 0700), and that never grows beyond its bounds: a full one is
 * renamed, and the oldest of those removed. One process at a time writes. Each line is handed to the system before `write`
 * returns, so that a kill loses none.
 */
export class RotatingFile {
  readonly #folder: string
  readonly #bounds: Bounds
  /** Null once closed: the number may be another file's by then. */
  #file: number | null = null
  #bytes = 0

  /** Throws `config` or `policy` where the file cannot be opened. */
  constructor(folder: string, bounds: Bounds) {
    this.#folder = folder
    this.#bounds = bounds
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      this.#file = this.#open()
    } catch (error) {
      throw fileError(error, 'write to', this.#path(0))
    }
  }

  /** Throws what the system throws, and `config` when it is closed. */
  write(line: string): void {
    const bytes = Buffer.from(line, 'utf8')
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#bounds.bytes) this.#rotate()
    if (this.#file === null) throw new SealpostError('config', `${this.#path(0)} is closed`)
    let written = 0
    while (written < bytes.length) written += writeSync(this.#file, bytes, written)
    this.#bytes += bytes.length
  }

  /** Twice is safe. */
  close(): void {
    const file = this.#file
    this.#file = null
    if (file !== null) closeSync(file)
  }

  #rotate(): void {
    this.close()
    rmSync(this.#path(this.#bounds.kept), { force: true })
    for (let age = this.#bounds.kept - 1; age >= 0; age--) {
      try {
        renameSync(this.#path(age), this.#path(age + 1))
      } catch {
        // There were not so many yet.
      }
    }
    this.#file = this.#open()
  }

  #open(): number {
    const file = openSync(this.#path(0), FLAGS, 0o600)
    const stats = fstatSync(file)
    this.#bytes = stats.size
    if (stats.isFile()) return file
    closeSync(file)
    throw new SealpostError('config', `${this.#path(0)} is not a plain file`)
  }

  #path(age: number): string {
    return join(this.#folder, age === 0 ? `${NAME}.log` : `${NAME}.${age}.log`)
  }
}
