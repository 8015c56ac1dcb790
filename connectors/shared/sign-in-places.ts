/** Where Google gives out tokens to service accounts. */
export const GOOGLE_TOKEN_URL = 'https://oauth2.googleapis.com/token'
/** What IMAP asks for; the Gmail API has narrower scopes of its own. */
export const GOOGLE_IMAP_SCOPE = 'https://mail.google.com/'
/** Where Microsoft's public cloud signs in; national clouds have hosts of their own. */
export const MICROSOFT_AUTHORITY = 'https://login.microsoftonline.com'
/** The audience of Exchange Online's IMAP, whose role is IMAP.AccessAsApp. */
export const EXCHANGE_IMAP_SCOPE = 'https://outlook.office365.com/.default'
