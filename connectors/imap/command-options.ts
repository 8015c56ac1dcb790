import type { FetchRow } from './fetch-row.ts'
import type { Untagged } from './response.ts'

/** What a command is given beside its text. */
export interface CommandOptions {
  /** Untagged responses to take, by keyword in capitals. */
  readonly take?: Readonly<Record<string, (response: Untagged) => void>>
  /** FETCH responses; dropped without it. */
  readonly onRow?: (row: FetchRow) => void
  /** Where a literal of so many bytes is put; else in a buffer of its own. */
  readonly room?: (bytes: number) => Buffer
  /** Literals above it are counted and thrown away. */
  readonly literalLimit?: number
  /** A literal larger than anything that is asked for was announced: what its response had said before. The connection is lost. */
  readonly onBeyond?: (text: string) => void
  /** Called before the piece that ends the command is handed to the socket: from then on the outcome may be unknown. */
  readonly onHandingOver?: () => void
  /** Keeps that piece back until a server that dies of the rest has had the time for it. */
  readonly holdsBack?: boolean
  /** Answers what the server asks in the middle of the command (SASL): a line without its end. */
  readonly answer?: (challenge: string) => string
  /** After its OK nothing more is expected in the clear. */
  readonly endsCleartext?: boolean
  /** A command that goes ahead of this one without a wait for its reply, which is left alone. */
  readonly ahead?: string
}
