import type { ImapManners } from '../shared/imap-manners.ts'
import { EXCHANGE_ONLINE_MANNERS, EXCHANGE_ONLINE_SESSIONS, MICROSOFT_CLOUDS } from './exchange-online.ts'
import type { Preset, PresetName } from './preset.ts'

/** Most servers: the mailboxes beside the inbox. */
const BESIDE = { prefix: '', delimiter: '/' }
/** cPanel and Courier: all mailboxes below the inbox. */
const BELOW = { prefix: 'INBOX.', delimiter: '.' }

/** Exchange where nobody has said how large a message may be, and where no application signs in. */
const EXCHANGE_MANNERS: ImapManners = {
  ...EXCHANGE_ONLINE_MANNERS,
  maxMessageBytes: undefined,
  refusedTokenHint: undefined,
}

/** What all of them have unless they say otherwise. */
const COMMON = {
  port: 993,
  tls: 'implicit',
  namespace: BESIDE,
  auth: { mode: 'password', provider: null, admin: null },
  manners: {},
  keepsBytes: true,
  directory: null,
} as const

/** The presets, by name; docs/platforms.md has a row and its evidence for each. */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  cpanel: {
    ...COMMON,
    title: 'cPanel',
    host: null,
    namespace: BELOW,
    connections: 10,
    directory: 'cpanel',
    quirks: [
      'the login is the whole address; that of the main account is the cPanel user name',
      'nobody signs in for others: each account needs its password, or the host gives a Dovecot master user',
      'a password that is reset cannot be put back: it is never done from here',
    ],
    evidence: 'documented',
  },
  zimbra: {
    ...COMMON,
    title: 'Zimbra',
    host: null,
    auth: { mode: 'password', provider: null, admin: { username: '{admin}', authorize: '{account}' } },
    connections: 4,
    manners: { caseSensitive: false, blanksAtEnds: false, notInNames: ':"' },
    directory: 'zimbra',
    quirks: [
      'the administrator signs in by SASL PLAIN and names the account; LOGIN has no such form',
      'IMAP must be enabled for the administrator, too',
      'names of mailboxes tell no capitals apart, and hold no colon and no quotes',
    ],
    evidence: 'documented',
  },
  exchange: {
    ...COMMON,
    title: 'Exchange on the premises',
    host: null,
    auth: { mode: 'password', provider: null, admin: { username: '{admin}/{local}', authorize: null } },
    connections: 4,
    manners: EXCHANGE_MANNERS,
    keepsBytes: false,
    quirks: [
      'the username of the credential is DOMAIN/admin, so that the login becomes DOMAIN/admin/alias; the alias is taken from the part of the address before the @',
      'the IMAP service is off by default; MaxConnectionsPerUser is 16, and MaxReceiveSize stands in Imap4.exe.config',
      'the administrator needs FullAccess to each mailbox, and a mailbox',
    ],
    evidence: 'documented',
  },
  google: {
    ...COMMON,
    title: 'Google Workspace and Gmail, over IMAP',
    host: 'imap.gmail.com',
    auth: { mode: 'oauth', provider: 'google', admin: null },
    connections: 10,
    quirks: [
      '15 connections an account; 2,500 MB a day down and 500 MB a day up',
      'every message is in All Mail as well; equal messages become one',
      'an administrator may hide labels from IMAP, or cap mailboxes at 1,000 messages: then the Gmail API is the way',
      'kind: gmail has none of these limits',
    ],
    evidence: 'reported',
  },
  microsoft365: {
    ...COMMON,
    title: 'Microsoft 365',
    host: MICROSOFT_CLOUDS.global.imap,
    auth: { mode: 'oauth', provider: 'microsoft', admin: null },
    connections: EXCHANGE_ONLINE_SESSIONS,
    manners: EXCHANGE_ONLINE_MANNERS,
    keepsBytes: false,
    quirks: [
      'national clouds: outlook.office365.us, partner.outlook.cn',
      'no passwords: an application with IMAP.AccessAsApp, FullAccess to each mailbox',
      '35 MB a message by default; Set-Mailbox -MaxReceiveSize 150MB raises it',
      'IMAP shows calendars, contacts and the like as mailboxes: exclude them, or let Graph say what they are',
    ],
    evidence: 'documented',
  },
  'outlook.com': {
    ...COMMON,
    title: 'Outlook.com, Hotmail, Live',
    host: MICROSOFT_CLOUDS.global.imap,
    auth: { mode: 'oauth', provider: 'microsoft', admin: null },
    connections: 2,
    manners: EXCHANGE_MANNERS,
    keepsBytes: false,
    quirks: [
      'nothing is opened here: each owner would have to consent (IMAP.AccessAsUser.All), and there is no access for an application; export the mail, or use a local proxy that the owner has signed in to',
    ],
    evidence: 'documented',
  },
  yahoo: {
    ...COMMON,
    title: 'Yahoo',
    host: 'imap.mail.yahoo.com',
    connections: 4,
    quirks: [
      'each account needs an app password; AOL is the same at imap.aol.com',
      'MESSAGELIMIT of 1,000 messages a command; mailboxes may show only their newest 10,000 messages',
    ],
    evidence: 'documented',
  },
  icloud: {
    ...COMMON,
    title: 'iCloud',
    host: 'imap.mail.me.com',
    connections: 2,
    quirks: [
      'each account needs an app-specific password; the login may be the part of the address before the @',
      'appending is slow: one or two messages a second',
      'the mailboxes are called Sent Messages and Deleted Messages',
    ],
    evidence: 'reported',
  },
  zoho: {
    ...COMMON,
    title: 'Zoho',
    host: 'imappro.zoho.com',
    connections: 4,
    quirks: [
      'IMAP is off for each user until it is enabled',
      'imappro is for paid organisations and imap.zoho.com for free ones; the ending is that of the data centre (.eu, .in)',
      'two-factor accounts need an app password',
    ],
    evidence: 'reported',
  },
  fastmail: {
    ...COMMON,
    title: 'Fastmail',
    host: 'imap.fastmail.com',
    connections: 8,
    quirks: ['each account needs an app password with IMAP'],
    evidence: 'documented',
  },
  godaddy: {
    ...COMMON,
    title: 'GoDaddy Workspace',
    host: 'imap.secureserver.net',
    connections: 3,
    quirks: ['accounts with Microsoft 365 from GoDaddy are Microsoft 365: use that preset'],
    evidence: 'reported',
  },
  courier: {
    ...COMMON,
    title: 'Courier',
    host: null,
    namespace: BELOW,
    connections: 4,
    quirks: [
      'nobody signs in for others; each account needs its password',
      'MAXPERIP is 4 by default; a name with / is refused',
    ],
    evidence: 'tested',
  },
  cyrus: {
    ...COMMON,
    title: 'Cyrus',
    host: null,
    namespace: { prefix: 'INBOX.', delimiter: '.' },
    auth: { mode: 'password', provider: null, admin: { username: '{admin}', authorize: '{account}' } },
    connections: 10,
    directory: 'cyrus',
    quirks: [
      'the administrator stands in admins or proxyservers of imapd.conf',
      'NUL bytes are refused; names keep to a list of characters',
    ],
    evidence: 'tested',
  },
  dovecot: {
    ...COMMON,
    title: 'Dovecot',
    host: null,
    auth: { mode: 'password', provider: null, admin: { username: '{account}*{admin}', authorize: null } },
    connections: 10,
    directory: 'dovecot',
    quirks: [
      'the separator is that of auth_master_user_separator; the master is subject to ACLs',
      'mail_max_userip_connections is 10 by default',
    ],
    evidence: 'tested',
  },
}

/** The preset of a name, or null. */
export function presetOf(name: string): Preset | null {
  return Object.hasOwn(PRESETS, name) ? PRESETS[name as PresetName] : null
}
