import { MultiSearch } from '../../signoff/multi-search.ts'
import { needlesOf, whyNotSearchable, type Needle } from '../../signoff/needles.ts'
import type { Secret } from '../../../vault/secret.ts'

/**
 * Knows the secrets that are in use and finds them in a line, in every form in which the sign-off searches for them. The last
 * line of defence: what is logged holds nothing that could be one. Values under eight bytes cannot be told from chance.
 */
export class Scrubber {
  #needles: Needle[] = []
  #search: MultiSearch | null = null

  /** Twice is safe. Holds copies until `wipe`. */
  add(secret: Secret): void {
    secret.use((bytes) => {
      if (whyNotSearchable(bytes) === null) this.#needles.push(...needlesOf('secret', bytes))
    })
    this.#search?.wipe()
    this.#search = null
  }

  /** True where the text holds a secret. */
  finds(text: string): boolean {
    if (this.#needles.length === 0) return false
    this.#search ??= new MultiSearch(this.#needles)
    let found = false
    this.#search.search(Buffer.from(text, 'utf8'), () => (found = true))
    return found
  }

  /** Forgets everything. Twice is safe. */
  wipe(): void {
    for (const { bytes } of this.#needles) bytes.fill(0)
    this.#needles = []
    this.#search?.wipe()
    this.#search = null
  }
}
