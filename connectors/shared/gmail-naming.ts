import type { MailboxNaming } from '../../src/core/mail.ts'

/** Names that Gmail refuses as the first level of a label, as the tools that import into it know them. */
const RESERVED: readonly string[] =
  'inbox sent draft drafts spam trash bin starred important unread chat chats migrated todo todos buzz allmail archive archived muted [gmail] [google_mail]'
    .split(' ')
    .map((name) => name.replace('_', ' '))

/**
 * What labels Gmail can store, over its API and over IMAP. Its limit is 225 characters for a whole name; all lies below the inbox,
 * since names that begin with a system label are reserved. It tells no capitals apart, and drops blanks at the ends.
 */
export const GMAIL_NAMING: MailboxNaming = {
  delimiter: '/',
  forbidden: '',
  maxLevelBytes: 225,
  maxNameBytes: 225,
  reserved: RESERVED,
  caseSensitive: false,
  blanksAtEnds: false,
  belowInbox: true,
}
