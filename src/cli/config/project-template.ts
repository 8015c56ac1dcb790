/** The project.yaml that `init` writes: with every key of an IMAP end, mapping, filters and limits. */
export function projectTemplate(client: string): string {
  return `# One migration. Nothing in this file is secret: passwords go in with \`sealpost credentials\`.
version: 1
client: ${JSON.stringify(client)}

# Where the mail is. Nothing at the source is ever changed.
source:
  kind: imap
  host: imap.old.example.com
  port: 993
  tls:
    mode: implicit            # implicit (993) or starttls (143); the certificate is always verified
    # ca: old-ca.pem          # trust this authority instead of the public ones
    # pin: <SHA-256>          # of the server's certificate or public key, checked as well
  auth:
    mode: password
    credential: per-account   # one for each account (source/ACCOUNT), or the name of one for all
    # username: "{account}"   # with one for all: "{account}*{admin}" and the like; {admin} is the credential's username
    # authorize: "{account}"  # SASL authorization identity, where an admin signs in for others
  # connections: 8            # connections an account stands here, whatever limits says
  # compress: true            # COMPRESS=DEFLATE where the server has it: for slow lines
  # max_message: 50MiB        # larger messages are refused, whatever the server says

# Where it goes. Nothing there is ever deleted.
destination:
  kind: imap
  host: imap.new.example.com
  port: 993
  tls:
    mode: implicit
  auth:
    mode: password
    credential: per-account

# With preset: NAME (google, dovecot, zimbra, ...) an IMAP end needs little more than its credential. Its accounts can be
# listed where directory: { kind: ..., credential: NAME } says by whom.
# With access tokens: auth is { mode: oauth, provider: microsoft, tenant: ..., client_id: ..., credential: NAME },
# or { mode: oauth, provider: google, credential: NAME }; the Gmail API: kind: gmail, auth: { credential: NAME }.
# Microsoft 365: kind: graph, auth: { tenant: example.com, client_id: APP, credential: NAME }.

# A Maildir end instead:
#   kind: maildir
#   path: "mail/{account}"
# Or, as a source, an mbox file or a folder of them (Thunderbird, Google Takeout, Apple Mail):
#   kind: mbox
#   path: "mail/{account}"

# The accounts: source,destination and, where needed, source_credential,destination_credential.
mailboxes: mailboxes.csv

mapping:
  special_use: true           # Sent goes to Sent, whatever either side calls it
  # labels: single            # from Gmail: one copy of a message with several labels; copies, one for each; keywords
  # rules:                    # a mailbox and all below it; / between levels, \\/ for a slash in a name
  #   - { from: "Old/Projects", to: "Projects" }
  # include: ["INBOX", "Projects/**"]   # when there are any, only these; * within a level, ** across levels
  # exclude: ["Trash", "Junk"]

filters:
  # after: 2015-01-01         # received at or after; a date (midnight UTC) or an instant
  # before: 2030-01-01T00:00:00Z
  # max_bytes: 50MiB
  # skip_deleted: true        # leave out what is marked \\Deleted

limits:
  # accounts: 4               # accounts at once
  # lanes: 4                  # lanes an account, each with a connection at both ends; else 4 at first, up to 8
  # connections: 8            # connections an account stands at an end
  # memory: 64MiB             # bytes in flight over all lanes
  # spool_threshold: 16MiB    # larger messages go through the encrypted spool
  # dead_after: 2m            # a connection without a byte for so long is dead
  # rate: 2MiB                # bytes of mail a second, over all lanes, each way
  # window: 20:00-06:00       # hours in which to work, by this machine's clock
`
}
