/** One page of `sealpost help TOPIC`. */
export interface Topic {
  readonly summary: string
  readonly text: string
}

/** What concerns more than one command; docs/cli.md has it at length. */
export const TOPICS: Readonly<Record<string, Topic>> = {
  'first-steps': {
    summary: 'a project from its beginning to its end',
    text: `  sealpost init acme --client "Acme Ltd"     a folder, its keys, project.yaml and mailboxes.csv
  cd acme                                    fill in both files
  sealpost unlock                            ask for the passphrase once a day
  sealpost credentials set NAME              or: sealpost intake page, for the client to seal them
  sealpost doctor                            this workstation, and both ends
  sealpost plan                              what would be moved, and what would not fit
  sealpost run                               moves; again: goes on, then what is new
  sealpost verify --level full               reads the destination again
  sealpost backup --recipient age1…          the client's own copy, if one was agreed on
  sealpost signoff --by NAME                 destroys what is held, and issues the certificate
  sealpost certificate verify FILE           anybody can

docs/runbook.md walks through one project.`,
  },
  'exit-codes': {
    summary: 'what a script can rely on',
    text: `    0  complete
    1  failed
    2  wrong usage or configuration
    3  finished, with exceptions: quarantined, skipped, findings
    4  refused by policy: a hold, a role, not verified
    5  locked: wrong passphrase, no key
    6  another process holds the project
  130  interrupted; the same command goes on

What only tells (plan, status, exceptions, report) ends with 0 whatever it tells; its --json has the numbers.`,
  },
  secrets: {
    summary: 'how passphrases and passwords get in',
    text: `A passphrase is asked for on the terminal. Without one: --passphrase-fd N, or --passphrase-file FILE (mode 0600). A credential is
asked for by credentials set, or read from --secret-fd N or --secret-file FILE. Neither is ever an option's value or a
variable: such a call is refused. sealpost unlock keeps the keys in memory for a while, sealpost lock forgets them.`,
  },
  json: {
    summary: 'output for machines',
    text: `With --json a command prints one document; run, retry, backup and restore print one event a line, and the last one sums
up. Errors are {"error":{"kind","message","hint",…}} on stdout too. docs/schemas/cli-output.schema.json has a definition a command.`,
  },
  environment: {
    summary: 'variables that are read',
    text: `  SEALPOST_HOME     the workspace, where the keys are
  NO_COLOR, TERM    no colours where NO_COLOR is set, or TERM is dumb
  XDG_RUNTIME_DIR   where the socket of sealpost unlock lies
  XDG_DATA_HOME     where the workspace lies without SEALPOST_HOME

Every other SEALPOST_… is refused, and so are variables that would show keys or weaken TLS.`,
  },
}
