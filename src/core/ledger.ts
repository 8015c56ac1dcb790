import type { Candidate, FlagState, Listed, SpecialUse } from './mail.ts'
import type { Cursor, Position } from './connector.ts'
import type { Digests } from './digest.ts'
import type { Fidelity, FidelityCounts, MessageState, Totals } from './states.ts'

/** A source account and the destination account that its mail goes to: one row of `mailboxes.csv`. */
export interface Pair {
  readonly id: number
  readonly source: string
  readonly destination: string
}

/** A mailbox of a pair and where its mail goes. */
export interface MailboxRecord {
  readonly id: number
  readonly pairId: number
  readonly sourcePath: readonly string[]
  readonly specialUse: SpecialUse | null
  /** Where listing resumes; null before the first whole listing. */
  readonly cursor: Cursor | null
  /** Counts the validities that the source mailbox has had; keys mean something only within one. */
  readonly epoch: number
  readonly destination: DestinationRecord
}

/** A mailbox at the destination. Several source mailboxes may be mapped to one. */
export interface DestinationRecord {
  readonly id: number
  readonly path: readonly string[]
  /** The validity under which its keys are claimed; null before the first session saw it. */
  readonly validity: string | null
  /** What it held before our first append has been written down as candidates. */
  readonly surveyed: boolean
}

/** Why a message is an exception. */
export interface Reason {
  /** A stable word, such as `too-large` or `refused`. */
  readonly code: string
  /** One line: what happened. Never mail content. */
  readonly text: string
  /** The server's words, passed through `printable`, or null. */
  readonly serverText: string | null
}

/** One message of the source, as the ledger knows it. */
export interface MessageRecord {
  readonly id: number
  readonly mailboxId: number
  readonly key: string
  readonly epoch: number
  /** As announced by the listing until `digests` is known. */
  readonly bytes: number
  readonly internalDate: number
  /** What the source calls it in whatever mailbox it shows it, or null. */
  readonly identity: string | null
  /** Flags at the source when last seen. */
  readonly flags: readonly string[]
  readonly state: MessageState
  readonly digests: Digests | null
  readonly messageId: string | null
  /** Where it lies at the destination. */
  readonly destinationKey: string | null
  readonly destinationValidity: string | null
  /** The key of a copy that it shares with another row, since the destination made one message of both; else null. */
  readonly mergedKey: string | null
  /** The source flags that have been merged into the destination's. */
  readonly appliedFlags: readonly string[]
  /** Low-water mark of the append in flight. */
  readonly position: Position | null
  /** How often an append of it was begun. */
  readonly attempts: number
  readonly reason: Reason | null
  /** An append of it was ever in doubt. */
  readonly doubted: boolean
  /** It has vanished from the source. */
  readonly gone: boolean
  /** Milliseconds since 1970 of its last good verification after it landed, else null. */
  readonly verifiedAt: number | null
  /** What the last full verification found, or null. */
  readonly fidelity: Fidelity | null
}

/** A message about to be sent. */
export interface Intent {
  readonly id: number
  readonly digests: Digests
  readonly messageId: string | null
  /** Flags that the append itself will set. */
  readonly appliedFlags: readonly string[]
}

/** A message found at the destination to be one of ours. */
export interface Claim {
  readonly id: number
  readonly key: string | null
  readonly validity: string | null
  /** The key of the copy that it was folded into; absent where it has its own. Once known it stays. */
  readonly mergedKey?: string
}

/** A claim on mail that was there before the first run. */
export interface Adoption {
  readonly id: number
  readonly key: string
  readonly digests: Digests
  readonly messageId: string | null
  /** The source's flags that the found message has already; the others are added later, none are removed. */
  readonly appliedFlags: readonly string[]
}

/** What a survey wrote down of one message that was at the destination before our first append. */
export interface SurveyedCandidate extends Candidate {
  /** What it is found by (`evidenceOf`): a matchDigest, or a fingerprint; null until its body has been read. */
  readonly matchDigest: Uint8Array | null
}

/** What a pair waits for: a server's own time, or the pause after a trouble. */
export interface Wait {
  readonly pairId: number
  /** The kind of error that made it wait. */
  readonly reason: string
  /** Milliseconds since 1970. */
  readonly until: number
}

/** How often a pair had to wait for one reason, over all runs. */
export interface LimitMet {
  readonly pairId: number
  /** The kind of error that made it wait. */
  readonly reason: string
  readonly waits: number
  /** When the last wait was to end, in milliseconds since 1970. */
  readonly last: number
}

/** What a finding means for sign-off; docs/design.md section 6. */
export type FindingClass = 'explained' | 'removed-after-check' | 'open'

/** Something that verification or the end of a run found. */
export interface Finding {
  readonly class: FindingClass
  /** What was looked at: `count`, `missing`, `digest`, `flags`, `internal-date`, `late-landing`, `possible-copy`, `balance`, … */
  readonly check: string
  readonly pairId: number
  readonly mailboxId: number
  /** The message's row, or null for a finding about a mailbox. */
  readonly messageId: number | null
  /** Key of the message at the source and at the destination, where there is one. */
  readonly sourceKey: string | null
  readonly destinationKey: string | null
  readonly expected: string
  readonly actual: string
  /** For `explained`: the rule that explains it. */
  readonly rule: string | null
}

/** How a listed message enters the ledger. */
export interface NewRow {
  readonly listed: Listed
  /** Null: to be moved. Otherwise it is `skipped` from the start. */
  readonly skip: Reason | null
}

/**
 * What was seen, what is in flight, what landed. Every method is one transaction and durable when it returns;
 * each is safe to call twice with the same facts. Methods throw `SealpostError`: `corrupt` for a damaged file,
 * `bug` for a transition that docs/design.md section 5 does not know.
 */
export interface Ledger {
  /** Finds or adds the pair. */
  openPair(source: string, destination: string): Pair
  pairs(): readonly Pair[]

  /** Finds or adds the mailbox; the destination path of a known one is kept as it was decided first. */
  openMailbox(
    pairId: number,
    sourcePath: readonly string[],
    specialUse: SpecialUse | null,
    destinationPath: readonly string[],
  ): MailboxRecord
  /** Decides anew where a mailbox goes of which nothing `hasBegun`; a `bug` where something has. */
  redirect(mailboxId: number, destinationPath: readonly string[]): void
  /** True once a message of the mailbox has been sent, or was found at the destination. */
  hasBegun(mailboxId: number): boolean
  mailbox(mailboxId: number): MailboxRecord
  mailboxes(pairId: number): readonly MailboxRecord[]

  /**
   * The mapping leaves the mailbox out: rows of which no copy can be at the destination are dropped, as by `leaveOut`, and the
   * mailbox with them when none is left. Otherwise it keeps the others, and this cursor.
   */
  exclude(mailboxId: number, cursor: Cursor): void
  /** Begins a listing and returns its number, by which `endListing` knows what it named. */
  beginListing(mailboxId: number): number
  /** Adds new messages as `discovered` or `skipped`; for known ones brings flags up to date. Returns how many were new. */
  addListed(mailboxId: number, listing: number, rows: readonly NewRow[]): number
  /**
   * Messages that are there and that the project's filters leave out. Rows of which no copy can be at the destination are dropped,
   * since what a filter leaves out is no source; of the others flags are brought up to date.
   */
  leaveOut(mailboxId: number, listing: number, messages: readonly Listed[]): void
  /** Returns how many keys no row has. */
  setSourceFlags(mailboxId: number, states: readonly FlagState[]): number
  markPresent(mailboxId: number, listing: number, keys: readonly string[]): void
  /** Rows that had not landed become `expunged`; the others are marked gone. */
  markGone(mailboxId: number, keys: readonly string[]): void
  /** Stores the cursor; when `complete`, what the listing did not name is marked gone as in `markGone`. */
  endListing(mailboxId: number, listing: number, cursor: Cursor, complete: boolean): void
  /**
   * The source's keys mean nothing any more: later listings make new rows, the old ones wait to be matched by content.
   * Those that were never read are dropped: they are listed again. Of many rows only the first are seen to at once:
   * `continueEpoch` is to be called until nothing is left, and before each listing, since a run may have ended between.
   */
  beginEpoch(mailboxId: number): void
  /** Sees to some more rows of an epoch that has begun. Returns whether none is left. */
  continueEpoch(mailboxId: number): boolean
  /**
   * A new row turned out to be one of an earlier epoch: it takes over state, claim and history, and the old row goes.
   * Returns false when no old row with this matchDigest is left.
   */
  inherit(id: number, digests: Digests): boolean
  /** Marks some rows of earlier epochs that no new row took over as gone. Returns whether none is left. */
  endEpochs(mailboxId: number): boolean

  /** `discovered` rows after `afterId`, in order, at most so many messages and (but for the first) bytes. */
  pending(mailboxId: number, afterId: number, messages: number, bytes: number): readonly MessageRecord[]
  /** As `pending`, without rows of a message that another row has still to bring: theirs is only to be shown afterwards. */
  pendingSights(mailboxId: number, afterId: number, messages: number, bytes: number): readonly MessageRecord[]
  /** How many `discovered` rows there are after `afterId`, counted up to `limit`. */
  pendingAhead(mailboxId: number, afterId: number, limit: number): number
  message(id: number): MessageRecord
  /** Rows `appending`, of a mailbox, but for those that are held. */
  inDoubt(mailboxId: number): readonly MessageRecord[]

  /** `discovered` -> `appending`, with digests and low-water mark. Durable before the first byte is sent (invariant 4). */
  intend(items: readonly Intent[], position: Position): void
  /** Rows `appending` whose append may or may not have been carried out; marks them for the count at the end. */
  doubt(ids: readonly number[]): void
  /** `appending` -> `landed`. A key that another row holds is a `bug`; ask `claimant` first. */
  land(claims: readonly Claim[]): void
  /**
   * Rows `appending` that lie in a volume which is not whole yet; they keep their state, with the key that they will have,
   * and are not in doubt. Whoever keeps the book of volumes lands or reverts them all.
   */
  hold(claims: readonly Claim[]): void
  /** `appending` -> `discovered`: the destination is known not to have it. */
  revert(ids: readonly number[]): void
  /** `discovered` or `appending` -> `quarantined`. */
  quarantine(id: number, reason: Reason): void
  /** `discovered` or `appending` -> `skipped`. */
  skip(id: number, reason: Reason): void
  /** `discovered` or `appending` -> `expunged`: it vanished from the source before it landed. */
  expunge(ids: readonly number[]): void
  /**
   * `quarantined`, and `skipped` as `too-large`, -> `discovered`; all of a pair when `ids` is null. Returns how many. What
   * was begun and then quarantined as `mailbox-refused` may lie in that mailbox, and is `appending` again: reconcile decides.
   */
  requeue(pairId: number, ids: readonly number[] | null): number
  /**
   * Delivered rows of a mailbox whose message is still at the source and of which the last full verification found no copy, a finding
   * `missing` of this class, -> `appending`, in doubt and without a mark: reconcile looks for a copy in the whole account, and
   * what it does not find is sent again. They are no longer verified, and the finding goes. Returns how many.
   */
  putBack(mailboxId: number, found: Exclude<FindingClass, 'explained'>): number
  /** Of these keys at the destination, the ones that no row has claimed. */
  unclaimed(destinationId: number, validity: string, keys: readonly string[]): readonly string[]
  /** The row that has claimed this key, or null. */
  claimant(destinationId: number, validity: string, key: string): MessageRecord | null
  /** Where a key means one message in the whole account: a delivered row of any of its mailboxes that has it, or null. */
  copyHolder(destinationId: number, key: string): MessageRecord | null
  /** True when a survey wrote down a message with this key: of the destination, or where a key means one message there, of the account. */
  wasThere(destinationId: number, key: string, inAccount: boolean): boolean

  /** The destination's keys are good under this validity. Claims under another one are kept until reclaimed. */
  setValidity(destinationId: number, validity: string): void
  /** Rows that landed under another validity than the destination's present one, in order after `afterId`. */
  staleClaims(destinationId: number, afterId: number, limit: number): readonly MessageRecord[]
  /** A landed row's copy was found again under the present validity. */
  reclaim(claims: readonly Claim[]): void

  /** Writes down what was at the destination before the first append. */
  addCandidates(destinationId: number, candidates: readonly Candidate[]): void
  /** The survey is whole. */
  endSurvey(destinationId: number): void
  /** Throws away candidates, so that a survey can begin anew. */
  clearCandidates(destinationId: number): void
  /** Unclaimed candidates with one of these Message-IDs whose bodies have not been read; null asks for those without one. */
  unreadCandidates(destinationId: number, messageIds: readonly (string | null)[]): readonly SurveyedCandidate[]
  /** Unclaimed candidates whose bodies have been read and have one of these matchDigests. */
  candidates(destinationId: number, matchDigests: readonly Uint8Array[]): readonly SurveyedCandidate[]
  /** An empty digest is equal to none: the candidate is gone and need not be read again. */
  setCandidateDigest(destinationId: number, key: string, matchDigest: Uint8Array): void
  /** `discovered` -> `existing`, claiming the candidate's key. */
  adopt(destinationId: number, validity: string, adoptions: readonly Adoption[]): void

  /** The mailboxes of the pair that have these messages, by identity; rows that are gone or of an earlier epoch do not count. */
  ownersOf(pairId: number, identities: readonly string[]): ReadonlyMap<string, number>
  /** A row of another mailbox of the pair that has landed with a key and has this identity, or null. */
  landedTwin(row: MessageRecord): MessageRecord | null

  /** Landed rows of the pair, gone from the source, in another mailbox, with this matchDigest: mail that was moved. */
  moved(pairId: number, matchDigest: Uint8Array): readonly MessageRecord[]
  /** The row takes over state and claim of `fromId`, whose copy now lies at `claim` in the row's own destination. */
  inheritMove(id: number, fromId: number, digests: Digests, claim: Claim): void

  /** Landed and existing rows whose source flags differ from what was merged, in order after `afterId`. */
  flagWork(mailboxId: number, afterId: number, limit: number): readonly MessageRecord[]
  setAppliedFlags(items: readonly { readonly id: number; readonly flags: readonly string[] }[]): void
  /** As `setAppliedFlags`, once the volume that the changes went into is whole. */
  holdFlags(items: readonly { readonly id: number; readonly flags: readonly string[] }[]): void

  /** Landed and existing rows in order after `afterId`. */
  delivered(mailboxId: number, afterId: number, limit: number): readonly MessageRecord[]
  /** Marks rows as verified at `at` (milliseconds since 1970); on the disk at the latest with the mailbox's findings. */
  setVerified(ids: readonly number[], at: number): void
  /** What a full verification found of rows. */
  setFidelity(ids: readonly number[], fidelity: Fidelity): void
  fidelity(pairId: number | null): FidelityCounts
  /** How many landed and existing rows have never been verified. */
  unverified(pairId: number | null): number
  /**
   * Replaces the findings of one mailbox that came from this check group; those of `doubt` are kept by who adds to them.
   * With `checks` those of other checks stay, since nobody has looked at what they say.
   */
  replaceFindings(
    mailboxId: number,
    group: 'verify' | 'run' | 'listing' | 'doubt',
    findings: readonly Finding[],
    checks?: readonly string[],
  ): void
  findings(pairId: number | null): readonly Finding[]

  totals(scope: { readonly pairId?: number; readonly mailboxId?: number }): Totals
  /** Quarantined and skipped rows, in order after `afterId`. */
  exceptions(pairId: number | null, afterId: number, limit: number): readonly MessageRecord[]
  /** Rows whose append was ever in doubt, of a mailbox. */
  doubted(mailboxId: number): readonly MessageRecord[]

  /** The slowest append seen, in milliseconds; 0 before the first. */
  slowestAppend(): number
  noteAppend(milliseconds: number): void
  /** True when a person has said of this that it is meant. */
  isConfirmed(id: string): boolean
  noteConfirmed(id: string, at: number): void
  /** What was asked for when the pair was last worked through (`scopeOf`); null where it never was. */
  scope(pairId: number): string | null
  noteScope(pairId: number, scope: string): void
  /** Writes down that a run begins; returns its number. */
  beginRun(kind: string, at: number): number
  endRun(run: number, at: number, outcome: string): void
  /** The pair waits until `until` (milliseconds since 1970); of two waits the longer one counts. Ends with the run. */
  noteWait(pairId: number, reason: string, until: number): void
  /** The last wait of each pair in this run, over or not. */
  waits(): readonly Wait[]
  /** What made pairs wait, counted over all runs. */
  limitsMet(): readonly LimitMet[]

  close(): void
}

/** What a process that does not work on the project may ask of its ledger, also while another one does. */
export type LedgerReader = Pick<
  Ledger,
  | 'pairs'
  | 'mailbox'
  | 'mailboxes'
  | 'unverified'
  | 'fidelity'
  | 'findings'
  | 'totals'
  | 'exceptions'
  | 'waits'
  | 'limitsMet'
  | 'delivered'
  | 'close'
>
