/**
 * What a mail service wants of its IMAP clients beyond the protocol. A preset or a setting says it; none of it follows from what
 * a server announces.
 */
export interface ImapManners {
  /** Commands that a connection may have refused before it is made anew: some servers end it themselves at so many. */
  readonly refusals?: number | undefined
  /** A connection on which the server throttled is ended; its successor is opened when the time has passed. */
  readonly reconnectWhenThrottled?: boolean | undefined
  /** Flags that an APPEND sets for IMAP alone; a STORE sets them for everybody. */
  readonly lateFlags?: readonly string[] | undefined
  /** Larger messages are refused, whatever the server announces. */
  readonly maxMessageBytes?: number | undefined
  /** Messages with a longer line are refused; bytes, the line end not counted. */
  readonly maxLineBytes?: number | undefined
  /** Which keywords are stored: all that the server keeps, none, or these. Exchange shows them as categories. */
  readonly keywords?: 'all' | 'none' | readonly string[] | undefined
  /** False where `Trash` and `trash` are one mailbox. */
  readonly caseSensitive?: boolean | undefined
  /** False where names neither begin nor end in a blank. */
  readonly blanksAtEnds?: boolean | undefined
  /** Characters that no name may hold, beside the delimiter. */
  readonly notInNames?: string | undefined
  /** In the place of a message that it cannot read the server hands out a note of its own, which is not to be taken for mail. */
  readonly standsIn?: boolean | undefined
  /**
   * What to do when a token is refused that its service had just given out. The refusal is then the mailbox's own and keeps no
   * other account back.
   */
  readonly refusedTokenHint?: string | undefined
}
