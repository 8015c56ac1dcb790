import type { ImapManners } from '../shared/imap-manners.ts'

/** Where a cloud of Microsoft has its services. */
export interface MicrosoftCloud {
  readonly graph: string
  readonly login: string
  readonly imap: string
}

/** Microsoft's public cloud and its national ones. */
export const MICROSOFT_CLOUDS = {
  global: { graph: 'graph.microsoft.com', login: 'login.microsoftonline.com', imap: 'outlook.office365.com' },
  'us-gov': { graph: 'graph.microsoft.us', login: 'login.microsoftonline.us', imap: 'outlook.office365.us' },
  china: { graph: 'microsoftgraph.chinacloudapi.cn', login: 'login.chinacloudapi.cn', imap: 'partner.outlook.cn' },
} as const satisfies Readonly<Record<string, MicrosoftCloud>>

/** Sessions at once that a mailbox stands well; the service refuses somewhere near ten. */
export const EXCHANGE_ONLINE_SESSIONS = 3

/** What Exchange Online wants of an IMAP client. Sizes are those of a mailbox nobody has changed; docs/connectors.md says how. */
export const EXCHANGE_ONLINE_MANNERS = {
  // The session ends at the tenth.
  refusals: 8,
  reconnectWhenThrottled: true,
  lateFlags: ['\\Flagged'],
  maxMessageBytes: 35 * 1024 * 1024,
  maxLineBytes: 10_239,
  caseSensitive: false,
  blanksAtEnds: false,
  keywords: 'none',
  standsIn: true,
  refusedTokenHint:
    'give the app FullAccess (Add-MailboxPermission) under the object id of the Enterprise Application, enable IMAP (Set-CASMailbox -ImapEnabled $true), and consent to IMAP.AccessAsApp',
} as const satisfies ImapManners
