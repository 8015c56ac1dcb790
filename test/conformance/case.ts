import type { Bench } from './bench.ts'
import type { Wish } from './harness.ts'

/** One thing that every connector must do, or must say that it cannot. */
export interface Case {
  /** Unique in the suite; what a harness skips it by. */
  readonly name: string
  readonly wish?: Wish
  /** It shows what a destination does: nothing for an end that is only read. */
  readonly writes?: true
  run(bench: Bench): Promise<void>
}
