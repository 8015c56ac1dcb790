import type { Capabilities } from '../../src/core/connector.ts'
import type { MailboxNaming } from '../../src/core/mail.ts'

/** Everything but control characters, of which the delimiter is one: no name has to be changed for an archive. */
export const ARCHIVE_NAMING: MailboxNaming = {
  delimiter: '\0',
  forbidden: '',
  maxLevelBytes: 1000,
  caseSensitive: true,
  belowInbox: false,
}

/** Bodies above this many bytes are handed over as a `Body`, where nothing else is said. */
export const LARGE_MESSAGE_BYTES = 16 * 1024 * 1024

const COMMON = {
  appendBatch: { messages: 500, bytes: 64 * 1024 * 1024 },
  maxMessageBytes: null,
  keepsBytes: true,
  keepsInternalDate: true,
  keywords: 'any',
  labels: false,
  keyOnAppend: true,
  delta: 'scan',
  merges: 'none',
  move: false,
} as const

/** An archive that is being written: what it holds is sealed to keys that are not here. */
export const DESTINATION_CAPABILITIES: Capabilities = { ...COMMON, sessions: 1, readable: false, holds: true }

/** An archive that is read with an identity. */
export const SOURCE_CAPABILITIES: Capabilities = { ...COMMON, sessions: 4, readable: true }
