import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { endianness, tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a call below the folder fails with. */
export type CallFault = 'ENOSPC' | 'EIO' | 'EMFILE'

/** Which call fails. */
export interface FailingCall {
  readonly folder: string
  readonly fault: CallFault
  /** From 1; 0 for none, which only counts. */
  readonly at: number
  /** Every later one fails too. */
  readonly goesOn: boolean
}

/** `failing-calls.c`, compiled for this machine, and what it has counted. One process tree at a time. */
export class FailingCalls {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sealpost-failing-'))
  readonly #library = join(this.#folder, 'failing-calls.so')
  readonly #state = join(this.#folder, 'state')

  /** Compiles it. Throws what the compiler says. */
  constructor() {
    mkdirSync(this.#folder, { recursive: true })
    const source = join(import.meta.dirname, 'failing-calls.c')
    execFileSync('gcc', ['-Wall', '-O1', '-shared', '-fPIC', '-o', this.#library, source, '-ldl'])
  }

  /** The environment under which a process, and what it starts, is struck; counts from nothing. */
  environment({ folder, fault, at, goesOn }: FailingCall): Record<string, string> {
    writeFileSync(this.#state, Buffer.alloc(8))
    return {
      LD_PRELOAD: this.#library,
      FAIL_STATE: this.#state,
      FAIL_FOLDER: folder,
      FAIL_WITH: fault,
      FAIL_AT: String(at),
      FAIL_ON: goesOn ? '1' : '0',
    }
  }

  /** Calls that counted since, and how many of them failed. */
  read(): { readonly calls: number; readonly failed: number } {
    const bytes = readFileSync(this.#state)
    const at = (offset: number): number =>
      endianness() === 'LE' ? bytes.readUInt32LE(offset) : bytes.readUInt32BE(offset)
    return { calls: at(0), failed: at(4) }
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
