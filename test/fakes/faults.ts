/** What a fault waits for: the name of a command (`APPEND`, `UID FETCH`), text that begins it, or `CONNECT`. */
export type Trigger = string | RegExp

/** What becomes of a command at the server when its client is cut off. */
export type Aftermath =
  /** The server's connection is cut as well. */
  | 'cut'
  /** The server gets to carry out what it was sent. */
  | 'finish'
  /** The server gets the last line of the command so many milliseconds after the client has gone. */
  | { readonly lateBy: number }

/** Where in a command a connection is cut. */
export type CutPoint =
  /** Before anything of it reaches the server. */
  | 'before'
  /** After so many bytes of its literals have passed. */
  | { readonly literalByte: number }
  /** Everything but the line end that would complete it. */
  | 'before-last-line'
  /** The whole of it has passed, nothing of the reply comes back. */
  | 'after-last-byte'
  /** After the server has carried it out, before its tagged reply is passed on. */
  | 'before-reply'
  /** After so many bytes of the response, wherever that is. */
  | { readonly responseByte: number }

/** One thing to go wrong with one command. */
export type Fault =
  | { readonly kind: 'cut'; readonly on: Trigger; readonly at: CutPoint; readonly server: Aftermath }
  /** Both connections stay open, and nothing passes any more. */
  | {
      readonly kind: 'stall'
      readonly on: Trigger
      readonly at: 'before' | 'before-reply' | { readonly literalByte: number } | { readonly responseByte: number }
    }
  /** The tagged reply comes so much later, or when `until` resolves. */
  | { readonly kind: 'hold'; readonly on: Trigger; readonly until: number | Promise<void> }
  /** The command does not reach the server; this is its answer (`NO [OVERQUOTA] …`, tagged here). */
  | { readonly kind: 'answer'; readonly on: Trigger; readonly text: string }
  /** Lines of the server's, sent as they are in the middle of a literal or before a command is passed on; then the connection ends. */
  | { readonly kind: 'bye'; readonly on: Trigger; readonly text: string; readonly literalByte: number }
  /** Bytes that are no IMAP, sent before the tagged reply. */
  | { readonly kind: 'garbage'; readonly on: Trigger; readonly bytes: Buffer }
  /** The first literal of the response is announced with so many bytes more, or fewer. */
  | { readonly kind: 'lie'; readonly on: Trigger; readonly by: number }

/** The server dies of a literal that holds these bytes, in either direction, as often as it comes. */
export interface Poison {
  readonly marker: string
  readonly direction: 'to-server' | 'to-client'
}

/** Cuts the connection in the middle of a command. */
export function cut(on: Trigger, at: CutPoint, server: Aftermath = 'cut'): Fault {
  return { kind: 'cut', on, at, server }
}

/** Leaves both connections open and passes nothing on: a peer that is gone without a word. */
export function stall(on: Trigger, at: Extract<Fault, { kind: 'stall' }>['at']): Fault {
  return { kind: 'stall', on, at }
}

/** Holds the tagged reply back. */
export function hold(on: Trigger, until: number | Promise<void>): Fault {
  return { kind: 'hold', on, until }
}

/** Answers for the server. `text` begins with `NO` or `BAD`; for the trigger `CONNECT` it is the whole greeting. */
export function answer(on: Trigger, text: string): Fault {
  return { kind: 'answer', on, text }
}

/** Ends the session with `* BYE …` after so many bytes of the command's literals. */
export function bye(on: Trigger, text: string, literalByte = 0): Fault {
  return { kind: 'bye', on, text, literalByte }
}

/** Sends what is no IMAP. */
export function garbage(on: Trigger, bytes: string | Buffer): Fault {
  return { kind: 'garbage', on, bytes: Buffer.from(bytes) }
}

/** Announces the first literal of the response with another size than it has. */
export function lie(on: Trigger, by: number): Fault {
  return { kind: 'lie', on, by }
}

/** True when the fault waits for this command. */
export function isTriggered(trigger: Trigger, command: { readonly name: string; readonly text: string }): boolean {
  return typeof trigger === 'string' ? trigger === command.name : trigger.test(command.text)
}
