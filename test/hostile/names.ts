/** One awkward name of a mailbox. */
export interface HostileName {
  /** What is awkward about it. */
  readonly note: string
  /** One element a level. */
  readonly path: readonly string[]
}

/**
 * Names that arrive but cannot come home as they were: one that stands in for another character already; control
 * characters and levels of dots alone, which no mailbox that we make may have; two that differ in how an accent is
 * composed, which are kept apart by a number, since a server may take them for one; and what is longer than the other
 * server takes.
 */
export const ONE_WAY = /(?:^|[^a-z])(?:w1|tab|bell|del|caf|yyy|zzz)|^(?:\.{1,2}|&ICQ(?:gJA)?-)$/
/** The same, between a server that keeps everything below the inbox and one that does not. */
export const ONE_WAY_BELOW = /^(INBOX[./])?Child/

/**
 * Every case of a name that servers and tools are known to stumble over. A server that does not take one leaves it
 * out of the test; every other one has to arrive under the name that the plan printed, and to come home by its own.
 */
export function hostileNames(): HostileName[] {
  const named = (note: string, ...path: readonly string[]): HostileName => ({ note, path })
  return [
    named('plain', 'Plain'),
    named('levels', 'One', 'Two', 'Three'),
    named('a level between that was never made', 'Gap', 'Below'),
    named('forty levels', ...Array.from({ length: 40 }, (_, i) => `n${i}`)),
    named('a dot', 'v1.2'),
    named('dots at both ends', '.hidden.'),
    named('a slash', 'this/that'),
    named('two slashes', 'this//that'),
    named('a slash first', '/this'),
    named('a dot alone', '.'),
    named('two dots alone', '..'),
    named('a backslash', 'this\\that'),
    named('quotes', 'say "hello"'),
    named('percent', '100%'),
    named('star', 'a*b'),
    named('percent as a level', '%'),
    named('an ampersand', 'R&D'),
    named('what looks like modified UTF-7', '&AOk-'),
    named('umlauts', 'Müller Straße'),
    named('a look-alike (Cyrillic a)', 'Pl\u0430in'),
    named('composed accent', 'caf\u00e9'),
    named('decomposed accent', 'cafe\u0301'),
    named('emoji', '📬 Post'),
    named('Japanese', '日本語'),
    named('right to left', 'דואר'),
    named('leading blank', ' lead'),
    named('trailing blank', 'trail '),
    named('two blanks within', 'two  blanks'),
    named('a blank alone', ' '),
    named('brackets', '[Sub] {x} (y)'),
    named('a tilde first', '~home'),
    named('a hash first', '#news'),
    named('a caret', 'a^b'),
    named('a bar, a colon, angles', 'a|b:c<d>e?f'),
    named('apostrophe and comma', "O'Brien, Inc."),
    named('a Maildir word', 'cur'),
    named('another Maildir word', 'new', 'tmp'),
    named('capitals', 'CASE'),
    named('small letters', 'case'),
    named('below the inbox', 'INBOX', 'Child'),
    named('below the inbox, deeper', 'INBOX', 'Child', 'Grandchild'),
    named('the same name outside of the inbox', 'Child'),
    named('inbox as a lower level', 'Old', 'INBOX'),
    named('200 characters', 'x'.repeat(200)),
    named('240 characters', 'y'.repeat(240)),
    named('450 characters', 'z'.repeat(450)),
    named('200 bytes of umlauts', 'ü'.repeat(70)),
    named('a long path', ...Array.from({ length: 4 }, (_, i) => `${i}`.repeat(60))),
    named('NIL', 'NIL'),
    named('a number', '123'),
    named('soft hyphen', 'soft\u00adhyphen'),
    named('stand-in for a dot', 'w1\u20242'),
    named('line feed', 'bell\nhere'),
    named('carriage return and line feed', 'bell\r\nthere'),
    named('tab', 'tab\there'),
    named('control character', 'bell\u0007'),
    named('delete', 'del\u007f'),
    named('Sent', 'Sent'),
    named('Sent by another name', 'Gesendete Objekte'),
    named('Trash and what lies below', 'Trash', 'Old'),
  ]
}
