import type { MailboxNaming } from '../../src/core/mail.ts'

/** What names Exchange Online stores. It tells no capitals apart, and drops blanks at the ends. */
export const GRAPH_NAMING: MailboxNaming = {
  delimiter: '/',
  forbidden: '',
  maxLevelBytes: 200,
  caseSensitive: false,
  blanksAtEnds: false,
  belowInbox: false,
}
