import type { Totals } from './states.ts'

/** What a run tells while it goes on. Ids and numbers only; whoever shows it looks names up. */
export type EngineEvent =
  | { readonly event: 'run-started'; readonly pairs: number }
  | { readonly event: 'pair-started'; readonly pair: number }
  | { readonly event: 'pair-finished'; readonly pair: number; readonly totals: Totals }
  | { readonly event: 'pair-failed'; readonly pair: number; readonly kind: string; readonly message: string }
  | {
      readonly event: 'mailbox-listed'
      readonly pair: number
      readonly mailbox: number
      readonly discovered: number
    }
  | {
      readonly event: 'batch-landed'
      readonly pair: number
      readonly mailbox: number
      readonly messages: number
      readonly bytes: number
      readonly adopted: number
    }
  | {
      readonly event: 'message-quarantined'
      readonly pair: number
      readonly mailbox: number
      readonly message: number
    }
  | {
      readonly event: 'waiting'
      readonly pair: number
      readonly reason: string
      readonly milliseconds: number
      /** What went wrong, where anything did. */
      readonly message?: string | undefined
    }
  /** How many lanes of a pair may work, since the server throttled or stands more again. */
  | { readonly event: 'lanes-changed'; readonly pair: number; readonly allowed: number; readonly most: number }
  | { readonly event: 'reconnected'; readonly pair: number; readonly end: 'source' | 'destination' }
  | {
      readonly event: 'reconciled'
      readonly pair: number
      readonly mailbox: number
      readonly landed: number
      readonly pending: number
    }
  | { readonly event: 'verified'; readonly pair: number; readonly mailbox: number; readonly checked: number }

/** Takes events; must not throw and must not block. */
export type EventSink = (event: EngineEvent) => void
