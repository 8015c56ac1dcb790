import { compareStores } from '../sample/compare.ts'
import type { StoredMessage } from '../sample/maildir.ts'
import { DemoError } from './stage.ts'

/** What a reading of the destination's files has shown, in words. Throws `DemoError` when it is not what was sent. */
export function compared(sent: readonly StoredMessage[], found: readonly StoredMessage[]): string {
  const { equal, identical, missing, extra } = compareStores(sent, found)
  if (missing.length > 0 || extra.length > 0) {
    const lines = [...missing.map((one) => `missing: ${one}`), ...extra.map((one) => `not sent: ${one}`)]
    throw new DemoError(['the destination holds something else:', ...lines].join('\n  '))
  }
  return (
    `\nThe files of the destination, read without the program: ${equal} of ${sent.length} messages, each once, with its ` +
    `flags, keywords\nand date, and nothing else. ${identical} are equal to the last byte; ${equal - identical} had other ` +
    'line ends, which came out as CRLF.'
  )
}
