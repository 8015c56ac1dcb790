import type { MailboxNaming } from '../../src/core/mail.ts'
import { GMAIL_NAMING } from '../shared/gmail-naming.ts'
import type { ImapManners } from '../shared/imap-manners.ts'
import type { Connection } from './connection.ts'
import { isExchange } from './stand-in.ts'
import { isBelowInbox, type Namespace } from './wire-name.ts'

/**
 * A name is one folder on the disk of a server with the layout Maildir++, whatever stands between its levels: a dot and what is
 * left of 255. Dovecot and Courier refuse one more.
 */
const AS_FOLDER = { level: 254, name: 254 }

type ServersOwn = Partial<Omit<MailboxNaming, 'delimiter'>>

/**
 * What names the server stores: everything but its delimiter, controls, and levels beyond what servers take; and what is known of
 * servers that say what they are. The manners of a preset go before that.
 */
export function namingOf(
  namespace: Namespace,
  connection: Pick<Connection, 'has' | 'facts'>,
  manners: ImapManners,
): MailboxNaming {
  const { delimiter } = namespace
  const own = connection.has('X-GM-EXT-1') ? GMAIL_NAMING : namesOf(connection.facts.greeting, delimiter)
  const { caseSensitive = own.caseSensitive ?? true, blanksAtEnds = own.blanksAtEnds ?? true } = manners
  return {
    maxLevelBytes: 200,
    belowInbox: isBelowInbox(namespace),
    ...own,
    delimiter,
    // Servers with `.` between levels refuse `/` (Dovecot, Courier, Cyrus).
    forbidden: (manners.notInNames ?? own.forbidden ?? '') + (delimiter === '.' ? '/' : ''),
    caseSensitive,
    blanksAtEnds,
  }
}

/** What a greeting tells. */
function namesOf(greeting: string, delimiter: string | null): ServersOwn {
  if (isExchange(greeting)) return { caseSensitive: false, blanksAtEnds: false }
  if (/\bZimbra\b/i.test(greeting)) return { caseSensitive: false, blanksAtEnds: false, forbidden: ':"' }
  if (/ Cyrus IMAP /.test(greeting)) return { forbidden: `"%;<>\\\`{|}${delimiter === '/' ? '^' : ''}` }
  return delimiter === '.' || /dovecot|courier/i.test(greeting) ? { maxEncoded: AS_FOLDER } : {}
}
